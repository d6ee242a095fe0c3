/**
 * Every image of every page that a capture file and the -wal beside it hold: the current ones, and those that were
 * current before. Opens both for reading only, and without SQLite, which would write files of its own beside them.
 * Holds a few numbers a page of the log, and one page at a time.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { OperatingError, systemErrorCode, reasonOf } from '../lib/operating-error.ts';
import { findRow } from './found-rows.ts';
import { FILE_HEADER_BYTES, readPageHeader, u16, u32 } from './sqlite-pages.ts';
import { type ReadAt, readWal, type WalContent, type WalFrame } from './wal-frames.ts';

/** Where an image is: which page, and in which frame of the log; -1: in the file itself. */
export interface ImagePlace {
  readonly page: number;
  readonly frame: number;
}

export interface PageImage extends ImagePlace {
  readonly bytes: Uint8Array;
  /** What other pages are to be read from together with this one. */
  readonly view: PageView;
  /** No newer image of the page exists. */
  readonly isCurrent: boolean;
}

/** Index of the last frame of the log that counts; -1: the file alone. */
export type PageView = number;

/** View of everything that was committed. */
export const NEWEST: PageView = Number.MAX_SAFE_INTEGER;

/** What the first hundred bytes say, whether or not they are true. */
export interface FileHeader {
  readonly isSqlite: boolean;
  readonly pageBytes: number;
  readonly applicationId: number;
  readonly userVersion: number;
}

const SQLITE_MAGIC = 'SQLite format 3\0';
const PAGE_SIZES: readonly number[] = [512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536];
/** What the recorder uses, when nothing in the file says another. */
const PAGE_BYTES_USUAL = 8_192;
/** The largest page, and how many pieces of that size are looked at to find out how large pages are. */
const REGION_BYTES = 65_536;
const REGIONS_SAMPLED = 64;

export class PageImages {
  readonly header: FileHeader;
  readonly pageBytes: number;
  /** Pages are numbered from 1 to this. */
  readonly pageCount: number;
  readonly wal: WalContent | undefined;
  readonly #readFile: ReadAt;
  readonly #readLog: ReadAt;
  readonly #filePages: number;
  readonly #isTorn: boolean;
  readonly #descriptors: readonly number[];
  /** Frames that are or were part of the database, by page, oldest first. */
  readonly #framesOf = new Map<number, WalFrame[]>();

  /** Throws CAPTURE_NOT_FOUND or CAPTURE_UNREADABLE. */
  constructor(path: string) {
    const logPath = `${path}-wal`;
    // A log may have survived its file.
    const file = existsSync(logPath) && !existsSync(path) ? undefined : openForReading(path);
    const log = existsSync(logPath) ? openForReading(logPath) : undefined;
    this.#descriptors = [file, log].filter((each) => each !== undefined);
    const fileBytes = file === undefined ? 0 : fstatSync(file).size;
    const logBytes = log === undefined ? 0 : fstatSync(log).size;
    this.#readFile = readerOf(file, path);
    this.#readLog = readerOf(log, logPath);
    this.header = readFileHeader(this.#readFile(0, FILE_HEADER_BYTES));
    this.pageBytes = this.#findPageBytes(fileBytes);
    const wal = readWal(this.#readLog, logBytes, this.pageBytes);
    this.wal = wal?.pageBytes === this.pageBytes ? wal : undefined;
    this.#filePages = Math.ceil(fileBytes / this.pageBytes);
    const frames = this.wal?.frames ?? [];
    // What SQLite would not read any more may still be true: rows prove themselves.
    this.#isTorn = frames.some(({ state }) => state === 'torn');
    for (const frame of frames) {
      if (!this.#isInLog(frame)) continue;
      const known = this.#framesOf.get(frame.page);
      if (known === undefined) this.#framesOf.set(frame.page, [frame]);
      else known.push(frame);
    }
    this.pageCount = Math.max(this.#filePages, this.wal?.databasePages ?? 0);
  }

  get fileBytes(): number {
    return this.#filePages * this.pageBytes;
  }

  close(): void {
    for (const descriptor of this.#descriptors) closeSync(descriptor);
  }

  /** Undefined outside of the file. The bytes are the caller's to keep. */
  read({ page, frame }: ImagePlace): Uint8Array | undefined {
    const inLog = this.wal?.frames[frame];
    return inLog === undefined ? this.#inFile(page) : this.#readLog(inLog.bytesAt, this.pageBytes);
  }

  /** The page as it is in a view. */
  at(page: number, view: PageView): Uint8Array | undefined {
    return this.read({ page, frame: this.#frameIn(page, view) });
  }

  /** The view has the current image of the page. */
  isNewest(page: number, view: PageView): boolean {
    return this.#frameIn(page, view) === this.#frameIn(page, NEWEST);
  }

  current(page: number): PageImage | undefined {
    const place = { page, frame: this.#frameIn(page, NEWEST) };
    const bytes = this.read(place);
    return bytes === undefined ? undefined : { ...place, bytes, view: NEWEST, isCurrent: true };
  }

  /** All images but the current ones: what the log has replaced, and what it has left from before. */
  *former(): Generator<PageImage> {
    for (const page of this.#framesOf.keys()) yield* this.#former({ page, frame: -1 }, -1);
    for (const { index, page, state, transactionEnd } of this.wal?.frames ?? []) {
      if ((state === 'open' && !this.#isTorn) || this.#framesOf.get(page)?.at(-1)?.index === index)
        continue;
      yield* this.#former({ page, frame: index }, state === 'old' ? -1 : transactionEnd);
    }
  }

  *#former(place: ImagePlace, view: PageView): Generator<PageImage> {
    const bytes = this.read(place);
    if (bytes !== undefined) yield { ...place, bytes, view, isCurrent: false };
  }

  #isInLog({ state }: WalFrame): boolean {
    return state === 'committed' || state === 'broken' || (this.#isTorn && state !== 'old');
  }

  #frameIn(page: number, view: PageView): number {
    return this.#framesOf.get(page)?.findLast(({ index }) => index <= view)?.index ?? -1;
  }

  #inFile(page: number): Uint8Array | undefined {
    if (page < 1 || page > this.#filePages) return undefined;
    const bytes = this.#readFile((page - 1) * this.pageBytes, this.pageBytes);
    if (bytes.length === this.pageBytes) return bytes;
    const padded = new Uint8Array(this.pageBytes); // The file ends within its last page.
    padded.set(bytes);
    return padded;
  }

  /** The size with which the most rows prove themselves; the header's own word goes first. */
  #findPageBytes(fileBytes: number): number {
    const said = this.header.pageBytes;
    const inLog = u32(this.#readLog(8, 4), 0);
    const sizes = [said, inLog, PAGE_BYTES_USUAL, ...PAGE_SIZES];
    const counts = new Map(
      sizes.filter((size) => PAGE_SIZES.includes(size)).map((size) => [size, 0]),
    );
    const regions = Math.ceil(fileBytes / REGION_BYTES);
    for (let region = 0; region < regions; region += Math.ceil(regions / REGIONS_SAMPLED)) {
      const bytes = this.#readFile(region * REGION_BYTES, REGION_BYTES);
      for (const [size, count] of counts) counts.set(size, count + countRows(bytes, size, region));
    }
    const entries = [...counts];
    const most = Math.max(...entries.map(([, count]) => count));
    return entries.find(([, count]) => count === most)?.[0] ?? PAGE_BYTES_USUAL;
  }
}

/** Rows that prove themselves in some pages, taken as pages of that size; those with overflow pages left out. */
function countRows(bytes: Uint8Array, pageBytes: number, region: number): number {
  let count = 0;
  for (let at = 0; at + pageBytes <= bytes.length; at += pageBytes) {
    const page = bytes.subarray(at, at + pageBytes);
    const header = readPageHeader(page, region === 0 && at === 0 ? 1 : 2);
    if (header?.kind !== 'table-leaf') continue;
    count += header.cells.filter((cell) => findRow(page, cell, () => undefined)).length;
  }
  return count;
}

function readFileHeader(bytes: Uint8Array): FileHeader {
  return {
    isSqlite: Buffer.from(bytes.subarray(0, 16)).toString('latin1') === SQLITE_MAGIC,
    pageBytes: u16(bytes, 16) === 1 ? 65_536 : u16(bytes, 16),
    applicationId: u32(bytes, 68),
    userVersion: u32(bytes, 60),
  };
}

function readerOf(descriptor: number | undefined, path: string): ReadAt {
  if (descriptor === undefined) return () => new Uint8Array();
  return (at, bytes) => {
    const target = new Uint8Array(bytes);
    let filled = 0;
    while (filled < bytes) {
      const read = guarded(path, () =>
        readSync(descriptor, target, filled, bytes - filled, at + filled),
      );
      if (read === 0) return target.subarray(0, filled);
      filled += read;
    }
    return target;
  };
}

function openForReading(path: string): number {
  return guarded(path, () => {
    const descriptor = openSync(path, 'r');
    if (fstatSync(descriptor).isFile()) return descriptor;
    closeSync(descriptor);
    throw new OperatingError('CAPTURE_UNREADABLE', `${path} is not a file`, {
      hint: 'Give the path of a capture, as written by relaydiff record or import.',
    });
  });
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof OperatingError) throw error;
    const isMissing = systemErrorCode(error) === 'ENOENT';
    throw new OperatingError(
      isMissing ? 'CAPTURE_NOT_FOUND' : 'CAPTURE_UNREADABLE',
      isMissing ? `${path} does not exist` : `cannot read ${path}: ${reasonOf(error)}`,
      { hint: 'Check the path, and that the file may be read.', cause: error },
    );
  }
}
