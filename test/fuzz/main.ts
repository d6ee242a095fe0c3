/**
 * `npm run fuzz -- --runs 10000000 --seed 1`: seeded fuzzing of frame reader and decoder in every dialect.
 * An input that breaks a law is kept in the corpus, and the exit code is 1. `--first N --runs 1` repeats run N.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { type Account, type Found, fuzz } from './run.ts';

const CORPUS = fileURLToPath(new URL('corpus/', import.meta.url));
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    first: { type: 'string', default: '0' },
    every: { type: 'string', default: '100000' },
    out: { type: 'string', default: CORPUS },
  },
});
const seed = Number(values.seed);
const protocol = loadBuiltInProtocol();
const dialects = protocol.dialectNames.map((name) => protocol.dialect(name));
const startMs = performance.now();

console.log(
  `seed ${seed}, ${values.runs} runs, ${dialects.length} dialects, Node ${process.version}, ` +
    `${cpus().length} x ${cpus()[0]?.model.trim()}`,
);
const { account, found } = fuzz({
  seed,
  first: Number(values.first),
  runs: Number(values.runs),
  dialects,
  reportEvery: Number(values.every),
  report: (current) => console.log(line(current)),
});
console.log(`done: ${line(account)}`);
if (found !== undefined) keep(found);

function line(current: Account): string {
  const seconds = (performance.now() - startMs) / 1_000;
  const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
  const { keptBytes, keptBytesAtStart } = current;
  return [
    `${current.runs} runs`,
    `${mebibytes(current.bytes)} of input`,
    `${seconds.toFixed(0)} s`,
    `${(current.runs / seconds).toFixed(0)} runs/s`,
    `heap at most ${mebibytes(current.heapBytesMax)}`,
    ...(keptBytes === undefined
      ? []
      : [`kept ${mebibytes(keptBytes)} (${mebibytes(keptBytesAtStart ?? 0)} when warm)`]),
    `slowest ${current.slowestMs.toFixed(1)} ms (${current.slowest})`,
  ].join(', ');
}

function keep({ run, dialect, input, what }: Found): void {
  const hash = createHash('sha256').update(input).digest('hex').slice(0, 8);
  const file = join(values.out, `found-${dialect}-${hash}.bin`);
  writeFileSync(file, input);
  console.error(`run ${run} of seed ${seed}, ${dialect}: ${what}\nkept as ${file}`);
  process.exitCode = 1;
}
