/** The chunks of one recording as those of two: with the times of the first, and where need be only a part of them. */
import type { ByteRange, Chunk, ChunkRun } from '../../capture/types.ts';
import type { TimeMap } from './time-map.ts';

/**
 * A run whose times are those of the first recording. Ordinals of two recordings tell nothing about each other; times do.
 * Nobody asks for the times of what is only compared, so they are worked out when somebody does.
 */
export class LaidRun implements ChunkRun {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly lengths: readonly number[];
  readonly #run: ChunkRun;
  readonly #times: TimeMap | undefined;
  #timesNs: readonly number[] | undefined;
  #ordersNs: readonly number[] | undefined;

  constructor(run: ChunkRun, times: TimeMap | undefined) {
    this.offset = run.offset;
    this.bytes = run.bytes;
    this.lengths = run.lengths;
    this.#run = run;
    this.#times = times;
  }

  get ordinals(): readonly number[] {
    return this.timesNs;
  }

  get timesNs(): readonly number[] {
    const { timesNs } = this.#run;
    return (this.#timesNs ??= this.#times?.mapAll(timesNs) ?? timesNs);
  }

  get ordersNs(): readonly number[] {
    const { timesNs } = this.#run;
    return (this.#ordersNs ??= this.#times?.ordersOf(timesNs) ?? timesNs);
  }
}

/** What is left out closes up. */
export function* within(chunks: Iterable<Chunk>, ranges: readonly ByteRange[]): Generator<Chunk> {
  let at = 0;
  let offset = 0;
  for (const chunk of chunks) {
    const end = chunk.offset + chunk.bytes.length;
    for (let range = ranges[at]; range !== undefined && range.offset < end; range = ranges[at]) {
      const from = Math.max(range.offset, chunk.offset);
      const to = Math.min(range.offset + range.bytes, end);
      if (to > from) {
        yield {
          ...chunk,
          offset,
          bytes: chunk.bytes.subarray(from - chunk.offset, to - chunk.offset),
        };
        offset += to - from;
      }
      if (range.offset + range.bytes > end) break;
      at += 1;
    }
  }
}
