/**
 * Collects the chunks of many streams into segments: what a reader holds of a stream at a time. Used by the writer
 * for what it records, and by the reader for what a killed writer had not yet put into segments.
 */
import { assert } from '../lib/assert.ts';
import type { Runs } from './deduplicator.ts';
import { SEGMENT_CHUNKS_MAX, type SegmentTable } from './segment-table.ts';

const SEGMENT_BYTES_MAX = 262_144;

/** Consecutive chunks of one stream, at least one. */
export interface SegmentData extends SegmentTable {
  readonly streamId: number;
  /** Position of the first byte in its stream. */
  readonly offset: number;
  readonly bytes: number;
  /** CRC-32 of the bytes; 0 where they were not at hand. */
  readonly crc32: number;
}

/** A chunk as it is stored: its bytes are runs of the store. */
export interface PlacedChunk {
  readonly streamId: number;
  readonly ordinal: number;
  /** ns since time 0; exact for a hundred days. */
  readonly timeNs: number;
  readonly offset: number;
  readonly length: number;
  readonly runs: Runs;
}

interface OpenSegment extends SegmentData {
  bytes: number;
  crc32: number;
  readonly ordinals: number[];
  readonly timesNs: number[];
  readonly lengths: number[];
  readonly runs: number[];
}

export class SegmentCollector {
  readonly #open = new Map<number, OpenSegment>();
  #full: SegmentData[] = [];
  #bytes = 0;
  #chunks = 0;

  /** Of everything collected. */
  get bytes(): number {
    return this.#bytes;
  }

  get chunks(): number {
    return this.#chunks;
  }

  /** `checksum` goes on with the CRC-32 of the segment over the bytes of the chunk, where they are at hand. */
  add(chunk: PlacedChunk, checksum?: (crc32: number) => number): void {
    const segment = this.#segmentFor(chunk);
    segment.ordinals.push(chunk.ordinal);
    segment.timesNs.push(chunk.timeNs);
    segment.lengths.push(chunk.length);
    addRuns(segment.runs, chunk.runs);
    segment.bytes += chunk.length;
    segment.crc32 = checksum?.(segment.crc32) ?? 0;
    this.#bytes += chunk.length;
    this.#chunks += 1;
  }

  /** All segments so far, each stream's in order. */
  segments(): readonly SegmentData[] {
    return [...this.#full, ...this.#open.values()];
  }

  clear(): void {
    this.#full = [];
    this.#open.clear();
    this.#bytes = 0;
    this.#chunks = 0;
  }

  #segmentFor({ streamId, offset, length }: PlacedChunk): OpenSegment {
    const known = this.#open.get(streamId);
    if (known !== undefined) {
      const continues = known.offset + known.bytes === offset;
      const fits =
        known.bytes + length <= SEGMENT_BYTES_MAX && known.lengths.length < SEGMENT_CHUNKS_MAX;
      if (continues && fits) return known;
      this.#full.push(known);
    }
    const segment: OpenSegment = {
      streamId,
      offset,
      bytes: 0,
      crc32: 0,
      ordinals: [],
      timesNs: [],
      lengths: [],
      runs: [],
    };
    this.#open.set(streamId, segment);
    return segment;
  }
}

/** Runs that continue each other become one. */
function addRuns(runs: number[], added: Runs): void {
  for (let index = 0; index < added.length; index += 2) {
    const start = added[index] ?? 0;
    const length = added[index + 1] ?? 0;
    const lastLength = runs.at(-1) ?? 0;
    const lastEnd = (runs.at(-2) ?? -1) + lastLength;
    if (lastEnd === start) runs[runs.length - 1] = lastLength + length;
    else runs.push(start, length);
  }
}

/** Ordinal of the first chunk of a segment, and when the first and the last one arrived. */
export function endsOf(segment: SegmentData): {
  readonly firstOrdinal: number;
  readonly firstTimeNs: number;
  readonly lastTimeNs: number;
} {
  const [firstOrdinal] = segment.ordinals;
  const [firstTimeNs] = segment.timesNs;
  const lastTimeNs = segment.timesNs.at(-1);
  assert(
    firstOrdinal !== undefined && firstTimeNs !== undefined && lastTimeNs !== undefined,
    'a segment has a chunk',
  );
  return { firstOrdinal, firstTimeNs, lastTimeNs };
}
