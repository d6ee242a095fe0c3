/**
 * The write-ahead log beside an SQLite file, taken apart without SQLite: which frames are committed, which are left
 * from before, which are broken. SQLite itself ends at the first broken frame; here each frame is checked against
 * the one before it, so that those behind a broken one are known to be good. Pure but for the reads it is given.
 */
import { u32 } from './sqlite-pages.ts';

/** Reads up to so many bytes; fewer at the end of the file. */
export type ReadAt = (at: number, bytes: number) => Uint8Array;

export interface WalFrame {
  readonly index: number;
  /** The page that it holds. */
  readonly page: number;
  /** Where the page begins in the log. */
  readonly bytesAt: number;
  /**
   * `committed`: current, and its checksum is right.   `broken`: lies among committed ones, its checksum is wrong.
   * `open`: behind the last commit, of a transaction that has none.   `torn`: the same, its checksum is wrong: its
   * writer was stopped at that moment, or it is damaged.   `old`: left from before the log began anew.
   */
  readonly state: 'committed' | 'broken' | 'open' | 'torn' | 'old';
  /** Index of the frame that ends its transaction; its own outside of one. */
  readonly transactionEnd: number;
}

export interface WalContent {
  readonly pageBytes: number;
  readonly frames: readonly WalFrame[];
  /** False when SQLite takes nothing from the log, whatever is in it. */
  readonly headerIsTrue: boolean;
  /** Size of the file in pages after the last committed transaction; 0 without one. */
  readonly databasePages: number;
}

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x37_7f_06_82;
const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 65_536;

interface Checksum {
  readonly first: number;
  readonly second: number;
}

interface RawFrame {
  readonly page: number;
  readonly commitPages: number;
  readonly hasSalt: boolean;
  readonly isTrue: boolean;
}

/** `pageBytesExpected` is taken when the log's own header is not to be trusted. */
export function readWal(
  read: ReadAt,
  sizeBytes: number,
  pageBytesExpected: number,
): WalContent | undefined {
  if (sizeBytes < HEADER_BYTES + FRAME_HEADER_BYTES) return undefined;
  const header = read(0, HEADER_BYTES);
  const stored = checksumAt(header, 24);
  const isBigEndian = u32(header, 0) === MAGIC + 1;
  const computed = checksumOver({ first: 0, second: 0 }, header.subarray(0, 24), isBigEndian);
  const pageBytesSaid = u32(header, 8);
  const headerIsTrue =
    isSame(stored, computed) && (isBigEndian || u32(header, 0) === MAGIC) && isSize(pageBytesSaid);
  const pageBytes = headerIsTrue ? pageBytesSaid : pageBytesExpected;
  const raw: RawFrame[] = [];
  let before: readonly Checksum[] = [stored];
  // Of a header that is damaged, the salt may be as well; that of the first frame is as good.
  const salt = (headerIsTrue ? header.subarray(16, 24) : read(HEADER_BYTES + 8, 8)).slice();
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  for (let at = HEADER_BYTES; at + frameBytes <= sizeBytes; at += frameBytes) {
    const bytes = read(at, frameBytes);
    const own = checksumAt(bytes, 16);
    const links = before.map((previous) =>
      checksumOver(
        checksumOver(previous, bytes.subarray(0, 8), isBigEndian),
        bytes.subarray(FRAME_HEADER_BYTES),
        isBigEndian,
      ),
    );
    raw.push({
      page: u32(bytes, 0),
      commitPages: u32(bytes, 4),
      hasSalt: Buffer.compare(bytes.subarray(8, 16), salt) === 0,
      isTrue: links.some((link) => isSame(link, own)),
    });
    before = links[0] === undefined ? [own] : [own, links[0]];
  }
  return { pageBytes, headerIsTrue, ...judge(raw, frameBytes) };
}

function judge(
  raw: readonly RawFrame[],
  frameBytes: number,
): Pick<WalContent, 'frames' | 'databasePages'> {
  const lastCommit = raw.findLastIndex(
    ({ hasSalt, isTrue, commitPages }) => hasSalt && isTrue && commitPages > 0,
  );
  let transactionEnd = lastCommit;
  const frames = raw.map((frame, index) => ({ frame, index }));
  const judged = frames.toReversed().map(({ frame, index }): WalFrame => {
    const isCurrent = index <= lastCommit;
    if (isCurrent && frame.hasSalt && frame.isTrue && frame.commitPages > 0) transactionEnd = index;
    return {
      index,
      page: frame.page,
      bytesAt: HEADER_BYTES + index * frameBytes + FRAME_HEADER_BYTES,
      state: stateOf(frame, isCurrent),
      transactionEnd: isCurrent ? transactionEnd : index,
    };
  });
  return { frames: judged.toReversed(), databasePages: raw[lastCommit]?.commitPages ?? 0 };
}

function stateOf({ hasSalt, isTrue }: RawFrame, isCurrent: boolean): WalFrame['state'] {
  if (isCurrent) return hasSalt && isTrue ? 'committed' : 'broken';
  if (!hasSalt) return 'old';
  return isTrue ? 'open' : 'torn';
}

function isSize(pageBytes: number): boolean {
  return (
    pageBytes >= PAGE_BYTES_MIN &&
    pageBytes <= PAGE_BYTES_MAX &&
    (pageBytes & (pageBytes - 1)) === 0
  );
}

function checksumAt(bytes: Uint8Array, at: number): Checksum {
  return { first: u32(bytes, at), second: u32(bytes, at + 4) };
}

function isSame(left: Checksum, right: Checksum): boolean {
  return left.first === right.first && left.second === right.second;
}

/** Over pairs of 32-bit words, in the order of bytes that the log's magic number says. */
function checksumOver(start: Checksum, bytes: Uint8Array, isBigEndian: boolean): Checksum {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let { first, second } = start;
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    first = (first + view.getUint32(at, !isBigEndian) + second) >>> 0;
    second = (second + view.getUint32(at + 4, !isBigEndian) + first) >>> 0;
  }
  return { first, second };
}
