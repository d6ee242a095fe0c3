/**
 * What a segment consists of, as one small blob: where each chunk begins and when it arrived, and where in the
 * store the bytes lie. Steps instead of values, columns instead of rows, deflated: a chunk costs two or three bytes,
 * nearly all of them its time.
 */
import { decode, encode } from '@msgpack/msgpack';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { fromPlanes, toPlanes } from './byte-planes.ts';
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
  const [ordinalSteps, timeSteps, lengths, runSteps, runLengths] = columns;
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
  return {
    ordinals: fromSteps(ordinalSteps, first.ordinal),
    timesNs: fromSteps(timeSteps, first.timeNs),
    lengths,
    runs,
  };
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

type Columns = readonly [Column, Column, Column, Column, Column];
type Column = readonly number[];

function decodeColumns(bytes: Uint8Array): Columns | undefined {
  let value: unknown;
  try {
    value = decode(inflateRawSync(bytes, { maxOutputLength: TABLE_BYTES_MAX }));
  } catch {
    return undefined; // Damage is reported by the caller, which knows the place.
  }
  if (!Array.isArray(value)) return undefined;
  const [chunkCount, runCount, ...planes]: unknown[] = value;
  const column = (index: number, count: unknown): Column | undefined => {
    const bin = planes[index];
    const isSound = bin instanceof Uint8Array && typeof count === 'number';
    return isSound ? fromPlanes(bin, count) : undefined;
  };
  const [a, b, c] = [0, 1, 2].map((index) => column(index, chunkCount));
  const [d, e] = [3, 4].map((index) => column(index, runCount));
  if (!a || !b || !c || !d || !e) return undefined;
  return [a, b, c, d, e];
}
