/**
 * A file that is there whole or not at all, and that never takes the place of another: written under another name in
 * the same directory, and given its own at the end.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { OperatingError, systemErrorCode, reasonOf } from '../lib/operating-error.ts';

export function temporaryNameOf(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

/** File systems without links: there the file could be taken in the instant between looking and naming. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Gives a finished file its name. `existing` makes the error for a name that is taken. */
export function giveName(fresh: string, path: string, existing: () => OperatingError): void {
  try {
    linkSync(fresh, path);
    rmSync(fresh, { force: true });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'EEXIST') throw existing();
    if (code === undefined || !NO_LINKS.has(code)) throw unwritable(path, error);
    if (existsSync(path)) throw existing();
    renameSync(fresh, path);
  }
}

const BATCH_BYTES = 1_048_576;

export class NewFile {
  readonly #path: string;
  readonly #fresh: string;
  readonly #file: number;
  #batch: Uint8Array[] = [];
  #waiting = 0;
  #bytes = 0;

  /** Throws OUTPUT_EXISTS or OUTPUT_UNWRITABLE. */
  constructor(path: string) {
    if (existsSync(path)) throw existing(path);
    this.#path = path;
    this.#fresh = temporaryNameOf(path);
    this.#file = guarded(path, () => openSync(this.#fresh, 'w'));
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The bytes are kept until they are written with more of them. */
  write(bytes: Uint8Array): void {
    this.#batch.push(bytes);
    this.#waiting += bytes.length;
    this.#bytes += bytes.length;
    if (this.#waiting >= BATCH_BYTES) this.#flush();
  }

  finish(): void {
    this.#flush();
    guarded(this.#path, () => fsyncSync(this.#file));
    closeSync(this.#file);
    giveName(this.#fresh, this.#path, () => existing(this.#path));
  }

  /** Leaves nothing behind. */
  abandon(): void {
    try {
      closeSync(this.#file);
    } catch {
      // It is closed already: what failed was to name it.
    }
    rmSync(this.#fresh, { force: true });
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#batch);
    this.#batch = [];
    this.#waiting = 0;
    guarded(this.#path, () => {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    });
  }
}

function existing(path: string): OperatingError {
  return new OperatingError('OUTPUT_EXISTS', `${path} exists already`, {
    hint: 'Name another file, or remove this one first: nothing is overwritten.',
  });
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): OperatingError {
  return new OperatingError('OUTPUT_UNWRITABLE', `cannot write ${path}: ${reasonOf(error)}`, {
    hint: 'Check that the directory exists, that you may write to it, and that the disk is not full.',
    cause: error,
  });
}
