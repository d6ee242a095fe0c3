/** A file of which any part can be read; what is read one after the other is read ahead. */
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { OperatingError, reasonOf } from '../lib/operating-error.ts';

const WINDOW_BYTES = 1_048_576;

export class InputFile {
  readonly path: string;
  readonly size: number;
  readonly #file: number;
  #window = Buffer.alloc(0);
  #windowAt = 0;

  /** Throws INPUT_UNREADABLE. */
  constructor(path: string) {
    this.path = path;
    try {
      this.#file = openSync(path, 'r');
      this.size = fstatSync(this.#file).size;
    } catch (error) {
      throw unreadable(path, error);
    }
  }

  /** As many bytes as there are, `length` at most; valid until the next call. Throws INPUT_UNREADABLE. */
  read(at: number, length: number): Uint8Array {
    const end = Math.min(this.size, at + length);
    if (at < this.#windowAt || end > this.#windowAt + this.#window.length) this.#load(at, end);
    return this.#window.subarray(at - this.#windowAt, Math.max(at, end) - this.#windowAt);
  }

  close(): void {
    closeSync(this.#file);
  }

  #load(at: number, end: number): void {
    const wanted = Math.max(end - at, Math.min(WINDOW_BYTES, this.size - at), 0);
    const window = Buffer.alloc(wanted);
    let filled = 0;
    try {
      while (filled < wanted) {
        const taken = readSync(this.#file, window, filled, wanted - filled, at + filled);
        if (taken === 0) break;
        filled += taken;
      }
    } catch (error) {
      throw unreadable(this.path, error);
    }
    this.#window = window.subarray(0, filled);
    this.#windowAt = at;
  }
}

/** The bytes of a file in order, `-` for standard input; `onRead` hears how many there were so far. */
export async function* streamBytes(
  path: string,
  onRead: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const input: AsyncIterable<Uint8Array> =
    path === '-' ? process.stdin : createReadStream(path, { highWaterMark: WINDOW_BYTES });
  let read = 0;
  try {
    for await (const piece of input) {
      yield piece;
      read += piece.length;
      onRead(read);
    }
  } catch (error) {
    // What is wrong with the content is thrown through here as well.
    throw error instanceof OperatingError ? error : unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): OperatingError {
  return new OperatingError('INPUT_UNREADABLE', `cannot read ${path}: ${reasonOf(error)}`, {
    hint: 'Check the path, and that you may read the file.',
    cause: error,
  });
}
