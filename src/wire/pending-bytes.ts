/**
 * The bytes of a stream that no span has covered yet, in one piece. Looks straight at a chunk while
 * nothing is pending, and copies only what a frame border cuts, so agreeing traffic is not copied at all.
 */

/** Storage up to this is kept for the next bytes; what one large frame needed is given back. */
const KEPT_BYTES = 65_536;
const STORAGE_BYTES_MIN = 4_096;
const EMPTY = Buffer.alloc(0);

export class PendingBytes {
  #storage: Buffer = EMPTY;
  /** View of the pending bytes: into the storage, or into the last chunk. */
  #window: Buffer = EMPTY;
  #ownsWindow = true;

  get window(): Buffer {
    return this.#window;
  }

  append(chunk: Uint8Array): void {
    if (this.#window.length === 0) {
      this.#window = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      this.#ownsWindow = false;
      return;
    }
    const length = this.#window.length;
    this.#own(length + chunk.byteLength);
    const start = this.#window.byteOffset - this.#storage.byteOffset;
    this.#storage.set(chunk, start + length);
    this.#window = this.#storage.subarray(start, start + length + chunk.byteLength);
  }

  /** Forgets the first bytes. What stays of a chunk is copied: the chunk belongs to the caller. */
  drop(lengthBytes: number): void {
    this.#window = this.#window.subarray(lengthBytes);
    if (this.#window.length === 0) this.#giveBack();
    else if (!this.#ownsWindow) this.#own(this.#window.length);
  }

  #giveBack(): void {
    // A view of nothing would keep the chunk alive.
    this.#window = EMPTY;
    if (this.#storage.length > KEPT_BYTES) this.#storage = EMPTY;
  }

  /** Moves the window into the storage with room for `bytes`; doubling keeps appending linear. */
  #own(bytes: number): void {
    const start = this.#ownsWindow ? this.#window.byteOffset - this.#storage.byteOffset : -1;
    if (start >= 0 && start + bytes <= this.#storage.length) return;
    const storage = this.#isFit(bytes)
      ? this.#storage
      : Buffer.allocUnsafeSlow(Math.max(STORAGE_BYTES_MIN, bytes * 2));
    storage.set(this.#window, 0);
    this.#storage = storage;
    this.#window = storage.subarray(0, this.#window.length);
    this.#ownsWindow = true;
  }

  /** Large enough, and not far too large. */
  #isFit(bytes: number): boolean {
    const { length } = this.#storage;
    return bytes * 2 <= length && (length <= KEPT_BYTES || length <= bytes * 16);
  }
}
