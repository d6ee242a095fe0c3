/**
 * The bytes of a stream that no span has covered yet, in one piece. Looks straight at a chunk while
 * nothing is pending, and copies only what a frame border cuts, so agreeing traffic is not copied at all.
 */
export class PendingBytes {
  #storage: Buffer = Buffer.alloc(0);
  /** View of the pending bytes: into the storage, or into the last chunk. */
  #window: Buffer = Buffer.alloc(0);
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
    if (this.#window.length > 0 && !this.#ownsWindow) this.#own(this.#window.length);
  }

  /** Moves the window into the storage with room for `bytes`; doubling keeps appending linear. */
  #own(bytes: number): void {
    const start = this.#ownsWindow ? this.#window.byteOffset - this.#storage.byteOffset : -1;
    if (start >= 0 && start + bytes <= this.#storage.length) return;
    const storage =
      bytes * 2 <= this.#storage.length
        ? this.#storage
        : Buffer.allocUnsafeSlow(Math.max(4096, bytes * 2));
    storage.set(this.#window, 0);
    this.#storage = storage;
    this.#window = storage.subarray(0, this.#window.length);
    this.#ownsWindow = true;
  }
}
