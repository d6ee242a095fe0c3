/** `npm run bench -- decode`: prints medians, spread and ratios. `--quick` only shows that the benchmark works. */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { decodeContests } from './decode.ts';
import { compete, type Effort, type Outcome, type Spread } from './harness.ts';

const QUICK: Effort & { readonly frames: number } = { samples: 2, sampleMs: 1, frames: 50 };
const FULL: Effort & { readonly frames: number } = { samples: 201, sampleMs: 4, frames: 500 };

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const [name = 'decode'] = positionals;
if (name !== 'decode') {
  console.error(`no benchmark is called "${name}"; there is: decode`);
  process.exitCode = 2;
} else {
  await decode(values.quick ? QUICK : FULL);
}

async function decode(effort: Effort & { readonly frames: number }): Promise<void> {
  const collects =
    globalThis.gc === undefined ? 'without --expose-gc' : 'collected before each contest';
  console.log(
    `decode: ${effort.samples} samples of ${effort.sampleMs} ms in turn, ${effort.frames} frames, ${collects}; ` +
      `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}`,
  );
  const { contests, hasKaitai } = await decodeContests(effort.frames);
  if (!hasKaitai) console.log('Kaitai is left out: kaitai-struct-compiler is not installed.');
  for (const contest of contests) console.log(report(compete(contest, effort)));
}

function report({ contest, standings, hash }: Outcome): string {
  const bytes = (contest.bytes / contest.frames).toFixed(0);
  const [baseline] = contest.contenders;
  const table = new Table({
    head: [
      '',
      'ns a frame',
      'p10 .. p90',
      'frames a second',
      `times ${baseline?.name}`,
      'p10 .. p90',
    ],
    style: { head: [], border: [] },
  });
  for (const { name, nsPerFrame, framesPerSecond, timesBaseline } of standings) {
    table.push([
      name,
      nsPerFrame.median.toFixed(0),
      range(nsPerFrame, 0),
      `${(framesPerSecond / 1e6).toFixed(2)} million`,
      timesBaseline.median.toFixed(2),
      range(timesBaseline, 2),
    ]);
  }
  return `\n${contest.name} (${bytes} bytes a frame, hash ${hash})\n${table.toString()}`;
}

function range({ p10, p90 }: Spread, digits: number): string {
  return `${p10.toFixed(digits)} .. ${p90.toFixed(digits)}`;
}
