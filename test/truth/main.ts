/**
 * `npm run truth -- --scenarios 1000 --seed 1`: faults that are known are put into clean traffic, and what the differ
 * says is held against them. Prints precision and recall by kind of fault, once with a single fault in each scenario,
 * once with up to a hundred in one stream. A scenario that fails is printed with the command that repeats it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { describe, runScenarios } from './run.ts';
import { FAULT_KINDS, type ScenarioSize } from './scenario.ts';
import { tableOf } from './table.ts';

const { values } = parseArgs({
  options: {
    scenarios: { type: 'string', default: '1000' },
    /** Scenarios with up to a hundred faults; a tenth of the others by default. */
    many: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    first: { type: 'string', default: '0' },
    size: { type: 'string' },
    kind: { type: 'string' },
    context: { type: 'string' },
    window: { type: 'string' },
  },
});
const GOALS: Readonly<Record<ScenarioSize, number>> = { single: 1, many: 0.99 };

const seed = Number(values.seed);
const first = Number(values.first);
const kind = FAULT_KINDS.find((one) => one === values.kind);
/** With --context MESSAGES or --window SPANS: in windows, as captures are that are too large for one. */
const scan =
  values.context === undefined && values.window === undefined
    ? undefined
    : {
        wholeBytesMax: 0,
        windows: {
          contextMoments: Number(values.context ?? 16),
          recordsMax: Number(values.window ?? 100_000),
          bytesMax: 67_108_864,
          keptBytesMax: 67_108_864,
        },
      };
const protocol = loadBuiltInProtocol();
const dialects = protocol.dialectNames.map((name) => protocol.dialect(name));
const directory = mkdtempSync(join(tmpdir(), 'relaydiff-truth-'));
const scenarios = Number(values.scenarios);
const counts: Readonly<Record<ScenarioSize, number>> = {
  single: scenarios,
  many: values.many === undefined ? Math.ceil(scenarios / 10) : Number(values.many),
};
try {
  for (const size of ['single', 'many'] as const) {
    if (values.size !== undefined && values.size !== size) continue;
    run(size, values.size === undefined ? counts[size] : scenarios);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function run(size: ScenarioSize, runs: number): void {
  const startMs = performance.now();
  const account = runScenarios({
    seed,
    first,
    runs,
    size,
    dialects,
    directory,
    kind,
    scan,
    report: (failure) => {
      const only = kind === undefined ? '' : ` --kind ${kind}`;
      console.error(describe(failure));
      console.error(
        `  again: npm run truth -- --size ${size} --seed ${seed} --first ${failure.run} --scenarios 1${only}`,
      );
    },
  });
  const seconds = (performance.now() - startMs) / 1_000;
  const what =
    size === 'single' ? 'with one fault or none' : 'with up to a hundred faults in one stream';
  console.log(
    `${account.scenarios} scenarios ${what}, seed ${seed}, ${account.frames} frames, ${seconds.toFixed(0)} s: ${account.failed} failed\n`,
  );
  const { text, precision, recall } = tableOf(account, size);
  console.log(`${text}\n`);
  const isFailed = size === 'single' && account.failed > 0;
  if (isFailed || precision < GOALS[size] || recall < GOALS[size]) process.exitCode = 1;
}
