/**
 * Measures contenders side by side, in processor time: one sample of each in turn (A B C A B C ...), so that a busy
 * machine slows all of them alike, and ratios round by round. All contenders of a contest must read the same values
 * out of the bytes.
 */
import { createHash } from 'node:crypto';

export interface Contender {
  readonly name: string;
  /** Does the work once; what it returns keeps the work from being optimised away. */
  readonly work: () => number;
  /** What the work read, as plain values, in an order that all contenders share. Not timed. */
  readonly values: () => readonly unknown[];
}

export interface Contest {
  readonly name: string;
  /** Frames that one call of `work` reads. */
  readonly frames: number;
  readonly bytes: number;
  /** The first one is what the others are compared with. */
  readonly contenders: readonly Contender[];
}

export interface Standing {
  readonly name: string;
  readonly nsPerFrame: Spread;
  readonly framesPerSecond: number;
  /** Time of the baseline by time of this one, round by round: above 1 is faster. */
  readonly timesBaseline: Spread;
}

export interface Spread {
  readonly p10: number;
  readonly median: number;
  readonly p90: number;
}

export interface Effort {
  readonly samples: number;
  readonly sampleMs: number;
}

export interface Outcome {
  readonly contest: Contest;
  readonly standings: readonly Standing[];
  /** Of the values that were read: it changes when somebody makes the work another one. */
  readonly hash: string;
}

const WARM_SHARE = 3;

export function compete(contest: Contest, effort: Effort): Outcome {
  const hash = commonHash(contest);
  const { contenders, frames } = contest;
  // Once only: a full collection drops the hidden classes of dead objects, and with them the compiled code.
  globalThis.gc?.();
  const repeats = contenders.map((contender) => warm(contender, effort));
  const rounds: number[][] = [];
  for (let sample = 0; sample < effort.samples; sample++) {
    rounds.push(contenders.map(({ work }, index) => timed(work, repeats[index] ?? 1) / frames));
  }
  const standings = contenders.map(({ name }, index): Standing => {
    const own = rounds.map((round) => round[index] ?? Number.NaN);
    const ratios = rounds.map((round) => (round[0] ?? Number.NaN) / (round[index] ?? Number.NaN));
    const nsPerFrame = spread(own);
    const framesPerSecond = 1e9 / nsPerFrame.median;
    return { name, nsPerFrame, framesPerSecond, timesBaseline: spread(ratios) };
  });
  return { contest, standings, hash };
}

function commonHash({ name, contenders }: Contest): string {
  const hashes = contenders.map((contender) =>
    createHash('sha256').update(JSON.stringify(contender.values())).digest('hex').slice(0, 12),
  );
  const [first = ''] = hashes;
  for (const [index, hash] of hashes.entries()) {
    if (hash === first) continue;
    throw new Error(
      `${name}: ${contenders[index]?.name} and ${contenders[0]?.name} read different values`,
    );
  }
  return first;
}

/** Runs until the code is compiled; returns how many calls fill a sample. */
function warm({ work }: Contender, { sampleMs }: Effort): number {
  const wantedNs = sampleMs * 1e6;
  let spentNs = 0;
  let lastNs = 1;
  while (spentNs < wantedNs * WARM_SHARE) {
    lastNs = timed(work, 1);
    spentNs += lastNs;
  }
  return Math.max(1, Math.round(wantedNs / lastNs));
}

let sink = 0;

/** Nanoseconds of processor time of one call, on average: waiting for a busy machine is nobody's work. */
function timed(work: () => number, repeats: number): number {
  const start = process.cpuUsage();
  for (let index = 0; index < repeats; index++) sink += work();
  const { user, system } = process.cpuUsage(start);
  const ns = Math.max(1, ((user + system) * 1_000) / repeats);
  if (Number.isNaN(sink)) throw new Error('the work gave no number');
  return ns;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number): number =>
    sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
  return { p10: at(0.1), median: at(0.5), p90: at(0.9) };
}
