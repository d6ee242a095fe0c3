/**
 * What the shim costs: round trips and frames a second of one client and one relay, directly, through socat, through the
 * shim with recording off, through the shim, and through the shim with its mirror stopped. They take turns (A B C ... A B
 * C ...), and every ratio is taken within a round, so that a busy machine falls on all of them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Spread, spread } from './harness.ts';
import {
  type Contender,
  type ContenderName,
  startContenders,
  startShimIn,
} from './shim-contenders.ts';
import { coalesce, LoadClient, makeFrames } from './shim-load.ts';
import { cpuNs, hasSocat, parseSummary, type ShimSummary, untilQuiet } from './shim-processes.ts';

export interface ShimEffort {
  readonly rounds: number;
  readonly roundTrips: number;
  /** Of the contest with a pause between them. */
  readonly pacedRoundTrips: number;
  /** Of a turn of throughput. */
  readonly frames: number;
  /** How long the shim alone is loaded without a pause. */
  readonly sustainedMs: number;
}

export const MEASURES = ['p50 µs', 'p99 µs', 'p99.9 µs', 'frames/s', 'cpu µs'] as const;
export type Measure = (typeof MEASURES)[number];
/** What one turn gave. `cpu µs`: processor time a message of what stands between, all its threads. */
type Turn = Readonly<Partial<Record<Measure, number>>>;

interface ShimContest {
  readonly name: string;
  readonly messages: number;
  readonly turn: (client: LoadClient) => Promise<Turn>;
}

export interface ShimOutcome {
  readonly name: string;
  readonly contenders: readonly ContenderName[];
  /** By round, then in the order of the contenders. */
  readonly rounds: readonly (readonly Turn[])[];
}

/** The shim alone, flat out, with both relays. */
export interface Sustained {
  readonly name: string;
  readonly loadMs: number;
  /** From the first frame until the capture was sealed. */
  readonly untilSealedMs: number;
  /** In all three streams. */
  readonly recordedFrames: number;
  readonly fileBytes: number;
  readonly recordingGapBytes: number;
  readonly mirrorGapBytes: number;
}

export interface ShimResults {
  readonly hasSocat: boolean;
  readonly outcomes: readonly ShimOutcome[];
  readonly sustained: readonly Sustained[];
  /** Bytes that the shim with both relays did not record or mirror in the contests. */
  readonly gapBytes: number;
}

/** More than a recorder looks back on, which is 16 MiB in at most twice the memory. */
const DISTINCT_BYTES = 48 * 1024 * 1024;
const ROUND_TRIP_FRAMES = 4_096;
/** A busy publisher of market data. */
const PACE_MS = 1;

/** Only contests whose name contains `only`; `onOutcome` hears of each when it is over. */
export async function benchShim(
  effort: ShimEffort,
  only: string,
  onOutcome: (outcome: ShimOutcome) => void,
): Promise<ShimResults> {
  const directory = mkdtempSync(join(tmpdir(), 'relaydiff-bench-'));
  try {
    const { outcomes, gapBytes } = await contend(directory, { effort, only, onOutcome });
    const sustained: Sustained[] = [];
    for (const load of LOADS.filter(({ name }) => `sustained, ${name}`.includes(only))) {
      sustained.push(await sustain(directory, load, effort.sustainedMs));
    }
    return { hasSocat: hasSocat(), outcomes, sustained, gapBytes };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function contend(
  directory: string,
  options: {
    readonly effort: ShimEffort;
    readonly only: string;
    readonly onOutcome: (outcome: ShimOutcome) => void;
  },
): Promise<Pick<ShimResults, 'outcomes' | 'gapBytes'>> {
  const { effort, only, onOutcome } = options;
  const contests = contestsOf(effort).filter(({ name }) => name.includes(only));
  if (contests.length === 0) return { outcomes: [], gapBytes: 0 };
  const contenders = await startContenders(directory);
  const outcomes: ShimOutcome[] = [];
  let gapBytes = 0;
  try {
    for (const contest of contests) {
      const outcome = await run(contest, contenders, effort.rounds);
      outcomes.push(outcome);
      onOutcome(outcome);
    }
  } finally {
    for (const { name, stop } of contenders) {
      const printed = await stop();
      if (name === 'shim') gapBytes = gapBytesOf(parseSummary(printed));
    }
  }
  return { outcomes, gapBytes };
}

function contestsOf(effort: ShimEffort): readonly ShimContest[] {
  return [
    roundTrip({ frameBytes: 128, count: effort.roundTrips, paceMs: 0 }),
    roundTrip({ frameBytes: 64, count: effort.roundTrips, paceMs: 0 }),
    roundTrip({ frameBytes: 100, count: effort.roundTrips, paceMs: 0 }),
    roundTrip({ frameBytes: 128, count: effort.pacedRoundTrips, paceMs: PACE_MS }),
    ...LOADS.map(({ name, writes, frameBytes }): ShimContest => {
      const bytes = effort.frames * frameBytes;
      return {
        name: `throughput, ${name}`,
        messages: effort.frames,
        turn: async (client) => {
          const pumped = await client.pump(writes(), (sentBytes) => sentBytes < bytes);
          return { 'frames/s': pumped.bytes / frameBytes / (pumped.elapsedMs / 1e3) };
        },
      };
    }),
  ];
}

interface Load {
  readonly name: string;
  readonly frameBytes: number;
  readonly writes: () => readonly Uint8Array[];
}

const LOADS: readonly Load[] = [64, 100].flatMap((frameBytes) => [
  {
    name: `${frameBytes} bytes, one write a frame`,
    frameBytes,
    writes: once(() => makeFrames(frameBytes, Math.ceil(DISTINCT_BYTES / frameBytes))),
  },
  {
    name: `${frameBytes} bytes, coalesced`,
    frameBytes,
    writes: once(() => coalesce(makeFrames(frameBytes, Math.ceil(DISTINCT_BYTES / frameBytes)))),
  },
]);

/** Made when first asked for. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

function roundTrip(options: {
  readonly frameBytes: number;
  readonly count: number;
  readonly paceMs: number;
}): ShimContest {
  const { frameBytes, count, paceMs } = options;
  const frames = makeFrames(frameBytes, ROUND_TRIP_FRAMES);
  const pace = paceMs === 0 ? 'back to back' : `one every ${paceMs} ms`;
  return {
    name: `round trip, ${frameBytes} bytes, ${pace}`,
    messages: count,
    turn: async (client) => {
      const latenciesUs = (await client.roundTrips(frames, { count, paceMs })).toSorted();
      const at = (share: number): number => latenciesUs[Math.floor(share * count)] ?? Number.NaN;
      return { 'p50 µs': at(0.5), 'p99 µs': at(0.99), 'p99.9 µs': at(0.999) };
    },
  };
}

async function run(
  contest: ShimContest,
  contenders: readonly Contender[],
  roundCount: number,
): Promise<ShimOutcome> {
  const clients = await Promise.all(contenders.map(async ({ path }) => LoadClient.connect(path)));
  const rounds: (readonly Turn[])[] = [];
  // The first round is for the compilers.
  for (let round = 0; round <= roundCount; round++) {
    const turns: Turn[] = [];
    for (const [index, contender] of contenders.entries()) {
      const client = clients[index];
      if (client !== undefined) turns.push(await takeTurn(contest, contender, client));
    }
    if (round > 0) rounds.push(turns);
  }
  for (const client of clients) await client.close();
  return { name: contest.name, contenders: contenders.map(({ name }) => name), rounds };
}

/** Ends when everybody is quiet again: the next turn must not pay for this one. */
async function takeTurn(
  { turn, messages }: ShimContest,
  { between, pids }: Contender,
  client: LoadClient,
): Promise<Turn> {
  const before = between === undefined ? 0 : cpuNs(between.pid);
  const result = await turn(client);
  await untilQuiet(pids);
  if (between === undefined) return result;
  return { ...result, 'cpu µs': (cpuNs(between.pid) - before) / 1e3 / messages };
}

async function sustain(parent: string, load: Load, durationMs: number): Promise<Sustained> {
  const shim = await startShimIn(join(parent, load.name.replaceAll(/\W+/g, '-')));
  const client = await LoadClient.connect(shim.path);
  const startMs = performance.now();
  const { elapsedMs } = await client.pump(load.writes(), (_, sinceMs) => sinceMs < durationMs);
  await client.close();
  const { streams, ...summary } = parseSummary(await shim.stop());
  const recordedBytes = Object.values(streams).reduce((sum, each) => sum + each.recordedBytes, 0);
  return {
    name: `sustained, ${load.name}`,
    loadMs: elapsedMs,
    untilSealedMs: performance.now() - startMs,
    recordedFrames: recordedBytes / load.frameBytes,
    fileBytes: summary.fileBytes,
    recordingGapBytes: summary.recordingGapBytes,
    mirrorGapBytes: summary.mirrorGapBytes,
  };
}

function gapBytesOf({ recordingGapBytes, mirrorGapBytes }: ShimSummary): number {
  return recordingGapBytes + mirrorGapBytes;
}

/** A measure of one contender in all rounds. */
export function spreadOf(
  { rounds, contenders }: ShimOutcome,
  name: ContenderName,
  measure: Measure,
): Spread {
  const index = contenders.indexOf(name);
  return spread(rounds.map((turns) => turns[index]?.[measure] ?? Number.NaN));
}

/** A measure of one contender by that of another, round by round. */
export function ratioOf(
  { rounds, contenders }: ShimOutcome,
  {
    of,
    by,
    measure,
  }: { readonly of: ContenderName; readonly by: ContenderName; readonly measure: Measure },
): Spread {
  const [top, bottom] = [contenders.indexOf(of), contenders.indexOf(by)];
  return spread(
    rounds.map(
      (turns) => (turns[top]?.[measure] ?? Number.NaN) / (turns[bottom]?.[measure] ?? Number.NaN),
    ),
  );
}
