/** Reads runs of the store of bytes, a few blocks at a time. Each block is checked against its CRC. */
import { CrcCells } from './crc-cells.ts';
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

interface KeptBlock {
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
  readonly cells: CrcCells;
}

/** What runs hold. */
export interface ReadRuns {
  readonly bytes: Uint8Array;
  readonly crc32: number;
}

export class BlockReader {
  readonly #load: (position: number) => BlockRow | undefined;
  /** By start; the one used last is last. */
  readonly #kept = new Map<number, KeptBlock>();
  #latest: KeptBlock | undefined;

  /** `load` gives the block with the greatest start that is not behind the position. */
  constructor(load: (position: number) => BlockRow | undefined) {
    this.#load = load;
  }

  /** The bytes of the runs, back to back; undefined when the store does not hold them as they were written. */
  read(runs: Runs, totalBytes: number): ReadRuns | undefined {
    const bytes = Buffer.allocUnsafe(totalBytes);
    let filled = 0;
    let crc32 = 0;
    for (let index = 0; index < runs.length; index += 2) {
      let start = runs[index] ?? 0;
      const end = start + (runs[index + 1] ?? 0);
      while (start < end) {
        const block = this.#blockAt(start);
        if (block === undefined) return undefined;
        const from = start - block.start;
        const to = Math.min(end, block.end) - block.start;
        if (filled + to - from > totalBytes) return undefined;
        bytes.set(block.bytes.subarray(from, to), filled);
        crc32 = block.cells.goOn(crc32, from, to);
        filled += to - from;
        start += to - from;
      }
    }
    return filled === totalBytes ? { bytes, crc32 } : undefined;
  }

  #blockAt(position: number): KeptBlock | undefined {
    if (this.#latest !== undefined && isIn(this.#latest, position)) return this.#latest;
    for (const block of this.#kept.values()) if (isIn(block, position)) return this.#keep(block);
    const row = this.#load(position);
    if (row === undefined) return undefined;
    const { start, bytes } = row;
    const block = { start, end: start + bytes.length, bytes, cells: new CrcCells(bytes) };
    return isIn(block, position) && block.cells.crc32 === row.crc32 ? this.#keep(block) : undefined;
  }

  #keep(block: KeptBlock): KeptBlock {
    this.#kept.delete(block.start);
    this.#kept.set(block.start, block);
    this.#latest = block;
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > BLOCKS_KEPT && oldest.done !== true) this.#kept.delete(oldest.value);
    return block;
  }
}

function isIn({ start, end }: KeptBlock, position: number): boolean {
  return start <= position && position < end;
}
