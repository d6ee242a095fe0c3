/** The last words of a process, however much it says. Pure. */

export interface OutputTail {
  /** The end of what was said; what is no UTF-8 is replaced. */
  readonly text: string;
  /** All that was read of it. */
  readonly bytes: number;
}

export class TailBuffer {
  readonly #bytesMax: number;
  #kept: Buffer = Buffer.alloc(0);
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  add(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    const wanted = chunk.subarray(Math.max(0, chunk.length - this.#bytesMax));
    const before = this.#kept.subarray(
      Math.max(0, this.#kept.length + wanted.length - this.#bytesMax),
    );
    this.#kept = Buffer.concat([before, wanted]);
  }

  get tail(): OutputTail {
    let from = 0;
    // A character that was cut in two is left out.
    if (this.#bytes > this.#kept.length)
      while (from < 3 && isContinuation(this.#kept[from])) from += 1;
    return { text: this.#kept.toString('utf8', from), bytes: this.#bytes };
  }
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
