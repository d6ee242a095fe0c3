/**
 * How much work doubtful bytes may cause. Each false header costs a TLV walk and a checksum over up to the largest
 * frame, and hostile bytes can hold one every few bytes; so work is paid for, and every byte of the stream earns
 * the same. What cannot be paid is not trusted. A function of the bytes alone, never of time or of chunks.
 *
 * The unit is a byte that a checksum reads.
 */

/** Enough for a few dozen false headers of the largest frames in a row. */
const SAVED_MAX = 67_108_864;
/** Times what the stream is long, all doubts together may read; about 20 ns a byte. */
const EARNED_PER_BYTE = 64;

export class DoubtBudget {
  #saved = SAVED_MAX;

  get isFull(): boolean {
    return this.#saved === SAVED_MAX;
  }

  earn(streamBytes: number): void {
    this.#saved = Math.min(SAVED_MAX, this.#saved + streamBytes * EARNED_PER_BYTE);
  }

  /** What was spent on a question that the next bytes answered without it. */
  giveBack(work: number): void {
    this.#saved += work;
  }

  /** False, and nothing is spent, when there is not enough. */
  spend(work: number): boolean {
    if (work > this.#saved) return false;
    this.#saved -= work;
    return true;
  }
}
