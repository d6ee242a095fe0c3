/**
 * What a segment consists of, as one small blob: where each chunk begins and when it arrived, and where in the
 * store the bytes lie. Steps instead of values, columns instead of rows, deflated: a chunk costs two or three bytes,
 * nearly all of them its time.
 */
import { decode, encode } from '@msgpack/msgpack';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { arePlanes, fromPlanes, toPlanes } from './byte-planes.ts';
import type { Runs } from './deduplicator.ts';

/** Columns of the chunks, all of the same length, and where their bytes are. */
export interface SegmentTable {
  readonly ordinals: readonly number[];
  readonly timesNs: readonly number[];
  readonly lengths: readonly number[];
  readonly runs: Runs;
}

/** The first chunk's own columns: steps are relative to them. */
export interface FirstChunk {
  readonly ordinal: number;
  readonly timeNs: number;
}

const DEFLATE_LEVEL = 3;
export const SEGMENT_CHUNKS_MAX = 16_384;
/** No table of a segment inflates to more; one that does is damaged. */
const TABLE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * MessagePack: count of chunks, count of runs, then byte planes: steps of the ordinal, of the time, lengths; steps
 * from the end of one run to the start of the next, lengths of the runs.
 */
export function encodeSegmentTable(table: SegmentTable): Uint8Array {
  const { ordinals, timesNs, lengths, runs } = table;
  const runCount = runs.length / 2;
  const runSteps: number[] = [];
  const runLengths: number[] = [];
  let end = 0;
  for (let index = 0; index < runs.length; index += 2) {
    const start = runs[index] ?? 0;
    const length = runs[index + 1] ?? 0;
    runSteps.push(start - end);
    runLengths.push(length);
    end = start + length;
  }
  const columns = [stepsOf(ordinals), stepsOf(timesNs), lengths, runSteps, runLengths];
  const blob = encode([lengths.length, runCount, ...columns.map(toPlanes)]);
  return deflateRawSync(blob, { level: DEFLATE_LEVEL });
}

/** Returns undefined when the bytes are no table: the file was damaged. */
export function decodeSegmentTable(bytes: Uint8Array, first: FirstChunk): SegmentTable | undefined {
  const columns = decodeColumns(bytes);
  if (columns === undefined) return undefined;
  const { chunkCount, runCount, planes } = columns;
  const lengths = fromPlanes(planes[2], chunkCount);
  const runSteps = fromPlanes(planes[3], runCount);
  const runLengths = fromPlanes(planes[4], runCount);
  const runs: number[] = [];
  let end = 0;
  for (const [index, length] of runLengths.entries()) {
    const start = end + (runSteps[index] ?? 0);
    if (start < 0 || length <= 0) return undefined;
    runs.push(start, length);
    end = start + length;
  }
  if (lengths.some((length) => length <= 0) || sumOf(lengths) !== sumOf(runLengths))
    return undefined;
  return new DecodedTable(columns, first, lengths, runs);
}

/** Most readers ask for one of the two columns of steps at most, so each is worked out when it is asked for. */
class DecodedTable implements SegmentTable {
  readonly lengths: readonly number[];
  readonly runs: Runs;
  readonly #columns: Columns;
  readonly #first: FirstChunk;
  #ordinals: readonly number[] | undefined;
  #timesNs: readonly number[] | undefined;

  constructor(columns: Columns, first: FirstChunk, lengths: readonly number[], runs: Runs) {
    this.#columns = columns;
    this.#first = first;
    this.lengths = lengths;
    this.runs = runs;
  }

  get ordinals(): readonly number[] {
    const { planes, chunkCount } = this.#columns;
    this.#ordinals ??= fromSteps(fromPlanes(planes[0], chunkCount), this.#first.ordinal);
    return this.#ordinals;
  }

  get timesNs(): readonly number[] {
    const { planes, chunkCount } = this.#columns;
    this.#timesNs ??= fromSteps(fromPlanes(planes[1], chunkCount), this.#first.timeNs);
    return this.#timesNs;
  }
}

/** The first step is 0: the segment's row has the first value. */
function stepsOf(values: readonly number[]): readonly number[] {
  const steps: number[] = [];
  let previous = values[0] ?? 0;
  for (const value of values) {
    steps.push(value - previous);
    previous = value;
  }
  return steps;
}

function fromSteps(steps: readonly number[], first: number): readonly number[] {
  let value = first;
  return steps.map((step) => (value += step));
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

interface Columns {
  readonly chunkCount: number;
  readonly runCount: number;
  readonly planes: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
}

function decodeColumns(bytes: Uint8Array): Columns | undefined {
  let value: unknown;
  try {
    value = decode(inflateRawSync(bytes, { maxOutputLength: TABLE_BYTES_MAX }));
  } catch {
    return undefined; // Damage is reported by the caller, which knows the place.
  }
  if (!Array.isArray(value)) return undefined;
  const [chunkCount, runCount, ...columns]: unknown[] = value;
  if (!isCount(chunkCount) || !isCount(runCount)) return undefined;
  const [a, b, c, d, e] = columns.map((column, index) => {
    const isSound =
      column instanceof Uint8Array && arePlanes(column, index < 3 ? chunkCount : runCount);
    return isSound ? column : undefined;
  });
  if (!a || !b || !c || !d || !e) return undefined;
  // No length is 0, so that each has a byte at least: a damaged count must not make us count for hours.
  if (c.length < chunkCount || e.length < runCount) return undefined;
  return { chunkCount, runCount, planes: [a, b, c, d, e] };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
