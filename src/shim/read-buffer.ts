/**
 * Where the bytes of one socket are read into: the same buffer again and again, until somebody keeps what is in it. A
 * new buffer for each read, and the queue of a stream that they pass through, cost as much as the read itself.
 */

/** What one read returns at most; the system's own choice for a read of a socket in Node. */
const BUFFER_BYTES = 65_536;

export class ReadBuffer {
  #bytes: Uint8Array | undefined;

  /** For the next read. */
  next(): Uint8Array {
    this.#bytes ??= Buffer.allocUnsafeSlow(BUFFER_BYTES);
    return this.#bytes;
  }

  /** What was read last is still needed, so that the next read goes elsewhere. */
  keep(): void {
    this.#bytes = undefined;
  }
}
