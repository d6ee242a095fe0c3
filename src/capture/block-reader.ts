/** Reads runs of the store of bytes, a few blocks at a time. Each block is checked against its CRC. */
import { crc32 } from 'node:zlib';
import type { Runs } from './deduplicator.ts';

/** Blocks are at most this long, so that a reader's memory is bounded. */
export const BLOCK_BYTES_MAX = 262_144;

export interface BlockRow {
  readonly start: number;
  readonly bytes: Uint8Array;
  readonly crc32: number;
}

/** What repeats what one or two publishers sent needs one or two blocks at a time; some more for those who lag. */
const BLOCKS_KEPT = 16;

export class BlockReader {
  readonly #load: (position: number) => BlockRow | undefined;
  /** By start; the one used last is last. */
  readonly #kept = new Map<number, Uint8Array>();
  #latest: { readonly start: number; readonly bytes: Uint8Array } | undefined;

  /** `load` gives the block with the greatest start that is not behind the position. */
  constructor(load: (position: number) => BlockRow | undefined) {
    this.#load = load;
  }

  /** The bytes of the runs, back to back; undefined when the store does not hold them as they were written. */
  read(runs: Runs, totalBytes: number): Uint8Array | undefined {
    const result = Buffer.allocUnsafe(totalBytes);
    let filled = 0;
    for (let index = 0; index < runs.length; index += 2) {
      let start = runs[index] ?? 0;
      const end = start + (runs[index + 1] ?? 0);
      while (start < end) {
        const block = this.#blockAt(start);
        if (block === undefined) return undefined;
        const from = start - block.start;
        const taken = Math.min(end - start, block.bytes.length - from);
        result.set(block.bytes.subarray(from, from + taken), filled);
        filled += taken;
        start += taken;
      }
    }
    return result;
  }

  #blockAt(position: number): { readonly start: number; readonly bytes: Uint8Array } | undefined {
    const isIn = (block: { start: number; bytes: Uint8Array } | undefined): boolean =>
      block !== undefined && block.start <= position && position < block.start + block.bytes.length;
    if (isIn(this.#latest)) return this.#latest;
    for (const [start, bytes] of this.#kept) {
      if (!isIn({ start, bytes })) continue;
      this.#keep(start, bytes);
      return this.#latest;
    }
    const row = this.#load(position);
    if (row === undefined || !isIn(row) || crc32(row.bytes) !== row.crc32) return undefined;
    this.#keep(row.start, row.bytes);
    return this.#latest;
  }

  #keep(start: number, bytes: Uint8Array): void {
    this.#kept.delete(start);
    this.#kept.set(start, bytes);
    this.#latest = { start, bytes };
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > BLOCKS_KEPT && oldest.done !== true) this.#kept.delete(oldest.value);
  }
}
