/** Runs inputs through the laws, one by one, and keeps account of time and memory. */
import type { Dialect } from '../../src/protocol/types.ts';
import { makeInput } from './inputs.ts';
import { checkLaws } from './laws.ts';
import { makeRandom } from './random.ts';

const SLOW_MS = 250;
/** A mebibyte of TLVs without value is half a million objects. */
const SLOW_NS_PER_BYTE = 1_000;
/** After a collection, over what there was when all code was warm. */
const GROWTH_BYTES_MAX = 67_108_864;
const WARM_RUNS = 50_000;
const RETRIES = 3;

export interface Found {
  readonly run: number;
  readonly dialect: string;
  readonly input: Uint8Array;
  readonly what: string;
}

export interface Account {
  runs: number;
  bytes: number;
  slowestMs: number;
  slowest: string;
  heapBytesMax: number;
  /** Heap and buffers after a collection; undefined when collections cannot be asked for. */
  keptBytesAtStart: number | undefined;
  keptBytes: number | undefined;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly first: number;
  readonly runs: number;
  readonly dialects: readonly Dialect[];
  readonly reportEvery: number;
  readonly report: (account: Account) => void;
}

/** Stops at the first input that breaks a law; undefined when there is none. */
export function fuzz(options: FuzzOptions): {
  readonly account: Account;
  readonly found: Found | undefined;
} {
  const account = newAccount();
  const { seed, first, runs, dialects, reportEvery, report } = options;
  for (let run = first; run < first + runs; run++) {
    const dialect = dialects[run % dialects.length]!;
    const input = makeInput(dialect, makeRandom(seed, run));
    const what = tryInput(dialect, input, { seed, run, account });
    if (what !== undefined) return { account, found: { run, dialect: dialect.name, input, what } };
    account.runs++;
    account.bytes += input.length;
    const isReport = account.runs % reportEvery === 0;
    if (isReport || account.runs === WARM_RUNS) measureMemory(account);
    if (isReport) report(account);
    const grown = (account.keptBytes ?? 0) - (account.keptBytesAtStart ?? Infinity);
    if (grown > GROWTH_BYTES_MAX) {
      return {
        account,
        found: { run, dialect: dialect.name, input, what: `memory grew by ${grown} bytes` },
      };
    }
  }
  measureMemory(account);
  return { account, found: undefined };
}

function newAccount(): Account {
  return {
    runs: 0,
    bytes: 0,
    slowestMs: 0,
    slowest: 'none',
    heapBytesMax: 0,
    keptBytesAtStart: undefined,
    keptBytes: undefined,
  };
}

/** What is wrong with the input, or undefined. A slow one is tried again: the machine may have been busy. */
function tryInput(
  dialect: Dialect,
  input: Uint8Array,
  { seed, run, account }: { seed: number; run: number; account: Account },
): string | undefined {
  let bestMs = Infinity;
  const limitMs = Math.max(SLOW_MS, (input.length * SLOW_NS_PER_BYTE) / 1e6);
  for (let attempt = 0; attempt <= RETRIES; attempt++) {
    const startMs = performance.now();
    try {
      // The laws draw from numbers of their own, so that a kept input is judged alike.
      checkLaws(dialect, input, makeRandom(seed ^ 0x5eed, run));
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    bestMs = Math.min(bestMs, performance.now() - startMs);
    if (bestMs <= limitMs / 10) break;
  }
  if (bestMs > account.slowestMs) {
    account.slowestMs = bestMs;
    account.slowest = `run ${run}, ${dialect.name}, ${input.length} bytes`;
  }
  return bestMs > limitMs
    ? `${bestMs.toFixed(0)} ms, at most ${limitMs.toFixed(0)} allowed`
    : undefined;
}

function measureMemory(account: Account): void {
  account.heapBytesMax = Math.max(account.heapBytesMax, process.memoryUsage().heapUsed);
  if (globalThis.gc === undefined || account.runs < WARM_RUNS) return;
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  account.keptBytes = heapUsed + arrayBuffers;
  account.keptBytesAtStart ??= account.keptBytes;
}
