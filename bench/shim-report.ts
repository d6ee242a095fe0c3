/** Shows what the shim benchmark measured, and which of its goals are met. */
import Table from 'cli-table3';
import type { Spread } from './harness.ts';
import type { ContenderName } from './shim-contenders.ts';
import {
  type Measure,
  MEASURES,
  ratioOf,
  type ShimOutcome,
  type ShimResults,
  spreadOf,
  type Sustained,
} from './shim.ts';

export interface Goal {
  readonly goal: string;
  readonly contest: string;
  readonly measured: number;
  readonly limit: number;
  readonly met: boolean;
}

const PLAIN = { style: { head: [], border: [] } };

export function describeOutcome(outcome: ShimOutcome): string {
  const measures = MEASURES.filter((measure) => hasMeasure(outcome, measure));
  const compared = measures.filter((measure) => measure !== 'cpu µs' && measure !== 'p99.9 µs');
  const baseline = outcome.contenders.includes('socat') ? 'socat' : 'pass-through';
  const head = ['', ...measures, ...compared.map((measure) => `${measure} by ${baseline}'s`)];
  const table = new Table({ ...PLAIN, head });
  for (const name of outcome.contenders) {
    table.push([
      name,
      ...measures.map((measure) => middle(spreadOf(outcome, name, measure), measure)),
      ...compared.map((measure) => ratio(ratioOf(outcome, { of: name, by: baseline, measure }))),
    ]);
  }
  return `\n${outcome.name}\n${table.toString()}`;
}

export function describeSustained(sustained: readonly Sustained[]): string {
  const table = new Table({
    ...PLAIN,
    head: ['flat out', 'recorded frames/s', 'until sealed', 'bytes/frame', 'gaps'],
  });
  for (const each of sustained) {
    table.push([
      each.name,
      count(perSecond(each.recordedFrames, each.loadMs)),
      count(perSecond(each.recordedFrames, each.untilSealedMs)),
      (each.fileBytes / each.recordedFrames).toFixed(1),
      count(each.recordingGapBytes + each.mirrorGapBytes),
    ]);
  }
  return `\n${table.toString()}`;
}

export function describeGoals(goals: readonly Goal[]): string {
  const table = new Table({ ...PLAIN, head: ['goal', 'contest', 'measured', ''] });
  for (const { goal, contest, measured, met } of goals) {
    const shown = measured > 1_000 ? count(measured) : measured.toFixed(2);
    table.push([goal, contest, shown, met ? 'met' : 'MISSED']);
  }
  return `\n${table.toString()}`;
}

/** For machines: the spread of every measure, and of its ratio to every other contender. */
export function standingsOf(outcome: ShimOutcome): unknown {
  const { name, contenders, rounds } = outcome;
  const measures = MEASURES.filter((measure) => hasMeasure(outcome, measure));
  const spreads = (spread: (measure: Measure) => Spread): Readonly<Record<string, Spread>> =>
    Object.fromEntries(
      measures
        .map((measure) => [measure, spread(measure)] as const)
        .filter(([, { median }]) => Number.isFinite(median)),
    );
  const ratiosTo = (of: ContenderName): Readonly<Record<string, unknown>> =>
    Object.fromEntries(
      contenders.map((by) => [by, spreads((measure) => ratioOf(outcome, { of, by, measure }))]),
    );
  return {
    name,
    rounds: rounds.length,
    contenders: contenders.map((of) => ({
      name: of,
      measures: spreads((measure) => spreadOf(outcome, of, measure)),
      ratios: ratiosTo(of),
    })),
  };
}

const LEVEL_WITH_SOCAT = 1.1;
const LEVEL_WITH_MIRROR = 1.05;
const SHARE_OF_PASS_THROUGH = 0.8;
const RECORDED_FRAMES_A_SECOND = 250_000;

export function goalsOf({ outcomes, sustained, gapBytes }: ShimResults): readonly Goal[] {
  const goals: Goal[] = [];
  const atMost = (goal: string, contest: string, measured: number, limit: number): void => {
    goals.push({ goal, contest, measured, limit, met: measured <= limit });
  };
  const atLeast = (goal: string, contest: string, measured: number, limit: number): void => {
    goals.push({ goal, contest, measured, limit, met: measured >= limit });
  };
  for (const outcome of outcomes) {
    const ratioBy = (of: ContenderName, by: ContenderName, measure: Measure): number =>
      ratioOf(outcome, { of, by, measure }).median;
    for (const measure of ['p50 µs', 'p99 µs'] as const) {
      if (!hasMeasure(outcome, measure)) continue;
      if (outcome.contenders.includes('socat')) {
        const byCat = ratioBy('shim', 'socat', measure);
        atMost(
          `shim by socat at most ${LEVEL_WITH_SOCAT}, ${measure}`,
          outcome.name,
          byCat,
          LEVEL_WITH_SOCAT,
        );
      }
      const stopped = ratioBy('mirror stopped', 'shim', measure);
      atMost(
        `mirror stopped by shim at most ${LEVEL_WITH_MIRROR}, ${measure}`,
        outcome.name,
        stopped,
        LEVEL_WITH_MIRROR,
      );
    }
    if (!hasMeasure(outcome, 'frames/s')) continue;
    atLeast(
      `shim by pass-through at least ${SHARE_OF_PASS_THROUGH}`,
      outcome.name,
      ratioBy('shim', 'pass-through', 'frames/s'),
      SHARE_OF_PASS_THROUGH,
    );
    atLeast(
      `mirror stopped by shim at least ${(1 / LEVEL_WITH_MIRROR).toFixed(2)}`,
      outcome.name,
      ratioBy('mirror stopped', 'shim', 'frames/s'),
      1 / LEVEL_WITH_MIRROR,
    );
  }
  for (const each of sustained) {
    const rate = perSecond(each.recordedFrames, each.loadMs);
    atLeast(
      `recorded frames/s at least ${count(RECORDED_FRAMES_A_SECOND)}`,
      each.name,
      rate,
      RECORDED_FRAMES_A_SECOND,
    );
    atMost('no gaps, bytes', each.name, each.recordingGapBytes + each.mirrorGapBytes, 0);
  }
  if (outcomes.length > 0) atMost('no gaps, bytes', 'all contests of the shim', gapBytes, 0);
  return goals;
}

function hasMeasure({ rounds }: ShimOutcome, measure: Measure): boolean {
  return rounds.some((turns) => turns.some((turn) => turn[measure] !== undefined));
}

function perSecond(frames: number, ms: number): number {
  return frames / (ms / 1e3);
}

/** The middle round, and in brackets the undisturbed ones: their best tenth. */
function middle({ p10, median, p90 }: Spread, measure: Measure): string {
  const digits = (value: number): string => (value >= 1_000 ? count(value) : value.toFixed(1));
  if (Number.isNaN(median)) return '';
  return `${digits(median)} (${digits(measure === 'frames/s' ? p90 : p10)})`;
}

function ratio({ p10, median, p90 }: Spread): string {
  return `${median.toFixed(2)} (${p10.toFixed(2)} .. ${p90.toFixed(2)})`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}
