/**
 * The status in a file that is replaced as a whole: a reader sees one status or the next one, never a half.
 * Overwrites nothing that is not a status file. One writing at a time; while it lasts, newer ones replace
 * each other.
 */
import { type Stats } from 'node:fs';
import { lstat, open, rename, rm, writeFile } from 'node:fs/promises';
import { OperatingError, systemErrorCode, reasonOf } from '../lib/operating-error.ts';
import { STATUS_FORMAT } from './status.ts';

/** What each status file begins with, written by `JSON.stringify`. */
const BEGINNING = `{"format":${JSON.stringify(STATUS_FORMAT)}`;

export class StatusFile {
  readonly #path: string;
  readonly #temporary: string;
  readonly #onTrouble: (message: string) => void;
  #waiting: string | undefined;
  #writing: Promise<void> | undefined;
  #isInTrouble = false;

  private constructor(path: string, onTrouble: (message: string) => void) {
    this.#path = path;
    this.#temporary = `${path}.${process.pid}.tmp`;
    this.#onTrouble = onTrouble;
  }

  /** Throws OUTPUT_UNWRITABLE when the file cannot be written, or is something else than a status file. */
  static async open(path: string, onTrouble: (message: string) => void): Promise<StatusFile> {
    const file = new StatusFile(path, onTrouble);
    try {
      await checkReplaceable(path);
      // Proves that it can be written, before anything is recorded.
      await file.#writeTemporary('');
      await rm(file.#temporary);
    } catch (error) {
      if (error instanceof OperatingError) throw error;
      throw unwritable(path, error);
    }
    return file;
  }

  /** Never throws: trouble is told once, and once more when it is over. */
  write(json: string): void {
    this.#waiting = json;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Waits for the last status to be written. */
  async close(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting !== undefined) {
      const json = this.#waiting;
      this.#waiting = undefined;
      await this.#replace(json);
    }
  }

  /** A file of our own: what somebody else put there under that name is not written through. */
  async #writeTemporary(json: string): Promise<void> {
    await rm(this.#temporary, { force: true });
    await writeFile(this.#temporary, json, { flag: 'wx' });
  }

  async #replace(json: string): Promise<void> {
    try {
      await this.#writeTemporary(json);
      await checkReplaceable(this.#path);
      await rename(this.#temporary, this.#path);
      if (this.#isInTrouble) this.#onTrouble(`the status file ${this.#path} is written again`);
      this.#isInTrouble = false;
    } catch (error) {
      if (!this.#isInTrouble) {
        this.#onTrouble(`cannot write the status file, recording goes on: ${reasonOf(error)}`);
      }
      this.#isInTrouble = true;
      // When not even this works there is nothing left to do; the next status tries again.
      await rm(this.#temporary, { force: true }).catch(() => undefined);
    }
  }
}

/** A rename replaces whatever is there: a socket or a directory must not go that way. */
async function checkIsFile(path: string): Promise<Stats | undefined> {
  const found = await lstat(path).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found?.isFile() === false) throw new Error(`${path} is no plain file`);
  return found;
}

async function checkReplaceable(path: string): Promise<void> {
  const found = await checkIsFile(path);
  if (found === undefined || found.size === 0) return;
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BEGINNING.length), 0);
    if (buffer.subarray(0, bytesRead).toString('latin1') === BEGINNING) return;
  } finally {
    await file.close();
  }
  throw new Error(`${path} exists and is no status file`);
}

function unwritable(path: string, error: unknown): OperatingError {
  return new OperatingError(
    'OUTPUT_UNWRITABLE',
    `cannot write the status file ${path}: ${reasonOf(error)}`,
    {
      hint: 'Name a file for --status-file that does not exist yet, in a directory you may write to.',
      cause: error,
    },
  );
}
