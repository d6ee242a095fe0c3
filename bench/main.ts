/**
 * `npm run bench -- decode|replay|shim|shim-memory|diff`: prints medians, spread and ratios; all but decode print JSON with
 * `--json`.
 * `--quick` only shows that a benchmark works.
 */
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { decodeContests } from './decode.ts';
import {
  benchByHand,
  benchDiff,
  describeByHand,
  describeDiffGoals,
  describeMeasures,
  type DiffEffort,
  hasTshark,
} from './diff.ts';
import { compete, type Effort, type Outcome, type Spread } from './harness.ts';
import { describeMachine, machineLine } from './machine.ts';
import { benchReplay, describeReplay, type ReplayEffort } from './replay.ts';
import { benchMemory, describeMemory, type MemoryEffort } from './shim-memory.ts';
import {
  describeGoals,
  describeOutcome,
  describeSustained,
  goalsOf,
  standingsOf,
} from './shim-report.ts';
import { benchShim, type ShimEffort } from './shim.ts';

const QUICK: Effort & { readonly frames: number } = { samples: 2, sampleMs: 1, frames: 50 };
const FULL: Effort & { readonly frames: number } = { samples: 201, sampleMs: 4, frames: 500 };
const SHIM_QUICK: ShimEffort = {
  rounds: 1,
  roundTrips: 50,
  pacedRoundTrips: 10,
  frames: 2_000,
  sustainedMs: 100,
};
const SHIM_FULL: ShimEffort = {
  rounds: 21,
  roundTrips: 2_000,
  pacedRoundTrips: 300,
  frames: 20_000,
  sustainedMs: 10_000,
};
const REPLAY_QUICK: ReplayEffort = { rounds: 1, frames: 2_000, timedSeconds: 1 };
const REPLAY_FULL: ReplayEffort = { rounds: 11, frames: 400_000, timedSeconds: 60 };
const MEMORY_QUICK: MemoryEffort = {
  durationMs: 1_000,
  framesPerSecond: 2_000,
  sampleEveryMs: 50,
  visitMs: 20,
  restMs: 50,
};
const MEMORY_FULL: MemoryEffort = {
  durationMs: 600_000,
  framesPerSecond: 10_000,
  sampleEveryMs: 1_000,
  visitMs: 100,
  restMs: 60_000,
};
const DIFF_QUICK: DiffEffort = { frames: 4_000, sizes: [1], tsharkFrames: 200, only: '' };
const DIFF_FULL: DiffEffort = {
  frames: 2_000_000,
  sizes: [0.25, 0.5, 1],
  tsharkFrames: 20_000,
  only: '',
};

const { values, positionals } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    /** shim, diff: only contests whose name contains it. */
    only: { type: 'string', default: '' },
    rounds: { type: 'string' },
    /** replay: of a turn at `max`. diff: of the largest captures; at least four. */
    frames: { type: 'string' },
    /** diff: of the capture that tshark dissects. */
    'tshark-frames': { type: 'string' },
    /** shim-memory, and the timed part of replay. */
    seconds: { type: 'string' },
  },
  allowPositionals: true,
});
const BENCHMARKS: ReadonlyMap<string, () => Promise<void>> = new Map([
  ['decode', async () => decode(values.quick ? QUICK : FULL)],
  ['replay', async () => replay(values.quick ? REPLAY_QUICK : REPLAY_FULL)],
  ['shim', async () => shim(values.quick ? SHIM_QUICK : SHIM_FULL)],
  ['shim-memory', async () => shimMemory(values.quick ? MEMORY_QUICK : MEMORY_FULL)],
  ['diff', async () => diff(values.quick ? DIFF_QUICK : DIFF_FULL)],
]);
const [name = 'decode'] = positionals;
const benchmark = BENCHMARKS.get(name);
if (benchmark === undefined) {
  console.error(
    `no benchmark is called "${name}"; there are: ${[...BENCHMARKS.keys()].join(', ')}`,
  );
  process.exitCode = 2;
} else {
  await benchmark();
}

async function shim(defaults: ShimEffort): Promise<void> {
  const effort = { ...defaults, rounds: Number(values.rounds ?? defaults.rounds) };
  const before = describeMachine();
  if (!values.json) {
    console.log(`shim: ${effort.rounds} rounds in turn; ${machineLine(before)}`);
  }
  const results = await benchShim(effort, values.only, (outcome) => {
    if (!values.json) console.log(describeOutcome(outcome));
  });
  const goals = goalsOf(results);
  if (values.json) {
    const standings = results.outcomes.map((outcome) => standingsOf(outcome));
    const { sustained, gapBytes } = results;
    console.log(
      JSON.stringify({
        benchmark: 'shim',
        before,
        after: describeMachine(),
        effort,
        standings,
        sustained,
        gapBytes,
        goals,
      }),
    );
  } else {
    if (results.sustained.length > 0) console.log(describeSustained(results.sustained));
    console.log(describeGoals(goals));
    console.log(`load at the end ${describeMachine().load.toFixed(1)}`);
    if (!results.hasSocat)
      console.log('socat is left out: it is not installed (apt-get install socat).');
  }
}

async function replay(defaults: ReplayEffort): Promise<void> {
  const effort = {
    ...defaults,
    rounds: Number(values.rounds ?? defaults.rounds),
    frames: Number(values.frames ?? defaults.frames),
    timedSeconds: Number(values.seconds ?? defaults.timedSeconds),
  };
  const machine = describeMachine();
  const results = await benchReplay(effort);
  if (values.json) {
    console.log(JSON.stringify({ benchmark: 'replay', machine, effort, ...results }));
  } else {
    console.log(`replay: ${effort.rounds} rounds in turn; ${machineLine(machine)}`);
    console.log(describeReplay(results));
  }
}

async function shimMemory(defaults: MemoryEffort): Promise<void> {
  const durationMs =
    values.seconds === undefined ? defaults.durationMs : Number(values.seconds) * 1e3;
  const machine = describeMachine();
  const result = await benchMemory({ ...defaults, durationMs });
  if (values.json) console.log(JSON.stringify({ benchmark: 'shim-memory', machine, ...result }));
  else console.log(`shim-memory: ${machineLine(machine)}\n${describeMemory(result)}`);
}

async function diff(defaults: DiffEffort): Promise<void> {
  const frames = Number(values.frames ?? defaults.frames);
  const tsharkFrames = Number(values['tshark-frames'] ?? defaults.tsharkFrames);
  const effort = { ...defaults, frames, tsharkFrames, only: values.only };
  const machine = describeMachine();
  if (!values.json) console.log(`diff: ${machineLine(machine)}`);
  const measures = benchDiff(effort, (measure) => {
    if (!values.json) console.log(describeMeasures([measure]));
  });
  const isByHand = values.only === '' || values.only === 'tshark';
  const byHand = isByHand ? benchByHand(effort.tsharkFrames) : undefined;
  if (values.json) console.log(JSON.stringify({ benchmark: 'diff', machine, measures, byHand }));
  else {
    if (measures.length > 0) {
      console.log(describeMeasures(measures));
      console.log(describeDiffGoals(measures));
    }
    if (byHand !== undefined) console.log(describeByHand(byHand, measures));
    else if (!hasTshark()) console.log('tshark is left out: it is not installed.');
    console.log(`load at the end ${describeMachine().load.toFixed(1)}`);
  }
}

async function decode(effort: Effort & { readonly frames: number }): Promise<void> {
  const collects =
    globalThis.gc === undefined ? 'without --expose-gc' : 'collected before each contest';
  console.log(
    `decode: ${effort.samples} samples of ${effort.sampleMs} ms in turn, ${effort.frames} frames, ${collects}; ` +
      machineLine(describeMachine()),
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
