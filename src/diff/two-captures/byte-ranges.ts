/** Ranges of a stream in ascending order, neighbours joined, and never too many of them. */
import type { ByteRange } from '../../capture/types.ts';

/** Beyond this, what lies between two ranges is added to them: coarser, but still all that was asked for. */
const RANGES_MAX = 10_000;

export class ByteRanges {
  readonly #ranges: { offset: number; bytes: number }[] = [];
  /** How many ranges were added, before any were joined. */
  count = 0;
  bytes = 0;

  /** Must not begin before the last one. */
  add(offset: number, bytes: number): void {
    this.count += 1;
    this.bytes += bytes;
    const last = this.#ranges.at(-1);
    const isNext = last !== undefined && last.offset + last.bytes === offset;
    if (last !== undefined && (isNext || this.#ranges.length === RANGES_MAX)) {
      last.bytes = offset + bytes - last.offset;
    } else this.#ranges.push({ offset, bytes });
  }

  get ranges(): readonly ByteRange[] {
    return this.#ranges;
  }
}
