/**
 * The bytes that a capture stored last, in memory: what is recorded next is compared with them. Positions count
 * all bytes ever appended; the oldest ones are forgotten. Does not know streams or frames.
 */
import { assert } from '../lib/assert.ts';

/** How far a delivery may lag behind what was stored first and still be stored as a reference. */
const KEPT_BYTES = 16 * 1024 * 1024;
const FIRST_STORAGE_BYTES = 64 * 1024;

export class RecentBytes {
  readonly #keptBytes: number;
  #storage: Buffer = Buffer.alloc(FIRST_STORAGE_BYTES);
  /** Position of the first byte of the storage. */
  #begin = 0;
  #bytes = 0;

  constructor(keptBytes: number = KEPT_BYTES) {
    this.#keptBytes = keptBytes;
  }

  /** Position of the oldest byte that is still known. */
  get begin(): number {
    return this.#begin;
  }

  /** Position behind the newest byte. */
  get end(): number {
    return this.#begin + this.#bytes;
  }

  /** Returns the position of the first byte. */
  append(bytes: Uint8Array): number {
    const position = this.end;
    this.#makeRoom(bytes.length);
    this.#storage.set(bytes, this.#bytes);
    this.#bytes += bytes.length;
    return position;
  }

  /** Whether the bytes from `position` on are those of `bytes` between `from` and `to`. */
  holds(position: number, bytes: Uint8Array, from: number, to: number): boolean {
    const start = position - this.#begin;
    if (start < 0 || start + to - from > this.#bytes) return false;
    return this.#storage.compare(bytes, from, to, start, start + to - from) === 0;
  }

  /** Grows up to twice what is kept, so that old bytes are moved once for as many new ones. */
  #makeRoom(bytes: number): void {
    if (this.#bytes + bytes <= this.#storage.length) return;
    const kept = Math.min(this.#bytes, this.#keptBytes);
    const wanted = Math.max(FIRST_STORAGE_BYTES, (kept + bytes) * 2);
    const next = wanted > this.#storage.length ? Buffer.alloc(wanted) : this.#storage;
    this.#storage.copy(next, 0, this.#bytes - kept, this.#bytes);
    this.#begin += this.#bytes - kept;
    this.#storage = next;
    this.#bytes = kept;
    assert(this.#bytes + bytes <= next.length, 'recent bytes have room after making it');
  }
}
