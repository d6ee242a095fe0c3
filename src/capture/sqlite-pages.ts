/**
 * The pages of an SQLite file, taken apart without SQLite: headers of b-tree pages, cells, records. Pure and total:
 * whatever the bytes are, the answer is a value or undefined. Source of the facts: sqlite.org/fileformat2.html.
 */
import type { SqlValue } from './table-rows.ts';

export type PageKind = 'table-leaf' | 'table-interior';

export interface PageHeader {
  readonly kind: PageKind;
  /** Where each cell begins, in the order of their keys. */
  readonly cells: readonly number[];
  /** Of an interior page. */
  readonly rightChild: number;
  readonly contentStart: number;
  readonly firstFreeblock: number;
  readonly fragmentedBytes: number;
  /** Behind the cell pointers. */
  readonly headerEnd: number;
}

/** A cell of a table leaf; its payload goes on in overflow pages when `local` is shorter. */
export interface LeafCell {
  readonly rowid: number;
  readonly payloadBytes: number;
  readonly local: Uint8Array;
  /** 0: none. */
  readonly overflowPage: number;
  /** Bytes of the page that it takes. */
  readonly sizeBytes: number;
}

/** The header of the file itself stands before that of page 1. */
export const FILE_HEADER_BYTES = 100;
const KINDS: Readonly<Record<number, PageKind>> = { 5: 'table-interior', 13: 'table-leaf' };
const LEAF_HEADER_BYTES = 8;
const INTERIOR_HEADER_BYTES = 12;
const CELL_BYTES_MIN = 4;

export function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

export function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 65_536 + u16(bytes, at + 2);
}

/** Undefined for pages of indexes, overflow pages, and what is no page. */
export function readPageHeader(page: Uint8Array, pageNumber: number): PageHeader | undefined {
  const at = pageNumber === 1 ? FILE_HEADER_BYTES : 0;
  const kind = KINDS[page[at] ?? 0];
  if (kind === undefined) return undefined;
  const isLeaf = kind === 'table-leaf';
  const pointersAt = at + (isLeaf ? LEAF_HEADER_BYTES : INTERIOR_HEADER_BYTES);
  const cellCount = u16(page, at + 3);
  const headerEnd = pointersAt + 2 * cellCount;
  const contentStart = u16(page, at + 5) || 65_536;
  if (headerEnd > page.length || contentStart < headerEnd || contentStart > page.length)
    return undefined;
  const cells: number[] = [];
  for (let index = 0; index < cellCount; index++) cells.push(u16(page, pointersAt + 2 * index));
  return {
    kind,
    cells,
    rightChild: isLeaf ? 0 : u32(page, at + 8),
    contentStart,
    firstFreeblock: u16(page, at + 1),
    fragmentedBytes: page[at + 7] ?? 0,
    headerEnd,
  };
}

/** A child of an interior page, and the greatest rowid that may be below it. */
export interface Child {
  readonly page: number;
  readonly highest: number;
}

/** From left to right; undefined when a cell lies outside of the page. */
export function childrenOf(page: Uint8Array, header: PageHeader): readonly Child[] | undefined {
  const children: Child[] = [];
  for (const at of header.cells) {
    const key = at < header.headerEnd ? undefined : readVarint(page, at + 4);
    if (key === undefined) return undefined;
    children.push({ page: u32(page, at), highest: key.value });
  }
  return [...children, { page: header.rightChild, highest: Number.MAX_SAFE_INTEGER }];
}

export function readLeafCell(page: Uint8Array, at: number): LeafCell | undefined {
  const payload = readVarint(page, at);
  if (payload === undefined) return undefined;
  const rowid = readVarint(page, payload.end);
  if (rowid === undefined) return undefined;
  const localBytes = localBytesOf(payload.value, page.length);
  const localEnd = rowid.end + localBytes;
  const hasOverflow = localBytes < payload.value;
  const end = localEnd + (hasOverflow ? 4 : 0);
  if (end > page.length) return undefined;
  return {
    rowid: rowid.value,
    payloadBytes: payload.value,
    local: page.subarray(rowid.end, localEnd),
    overflowPage: hasOverflow ? u32(page, localEnd) : 0,
    sizeBytes: Math.max(end - at, CELL_BYTES_MIN),
  };
}

function localBytesOf(payloadBytes: number, pageBytes: number): number {
  const most = pageBytes - 35;
  if (payloadBytes <= most) return payloadBytes;
  const least = Math.floor(((pageBytes - 12) * 32) / 255) - 23;
  const rest = least + ((payloadBytes - least) % (pageBytes - 4));
  return rest <= most ? rest : least;
}

/**
 * Whether cells, free blocks, fragments and the gap between pointers and cells make up a leaf page exactly. When they
 * do not, it has lost a cell.
 */
export function isAccountedFor(page: Uint8Array, header: PageHeader): boolean {
  let used = header.contentStart + header.fragmentedBytes;
  for (const at of header.cells) {
    const cell = at < header.contentStart ? undefined : readLeafCell(page, at);
    if (cell === undefined) return false;
    used += cell.sizeBytes;
  }
  for (let at = header.firstFreeblock, before = 0; at !== 0; at = u16(page, at)) {
    if (at <= before || at + CELL_BYTES_MIN > page.length) return false;
    used += u16(page, at + 2);
    before = at;
  }
  return used === page.length;
}

interface Varint {
  readonly value: number;
  readonly end: number;
}

/** Undefined when it is cut off, negative or beyond 53 bits: no number of a capture is. */
function readVarint(bytes: Uint8Array, at: number): Varint | undefined {
  let value = 0;
  for (let index = 0; index < 8; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) return undefined;
    value = value * 128 + (byte & 0x7f);
    if (value > Number.MAX_SAFE_INTEGER) return undefined;
    if (byte < 0x80) return { value, end: at + index + 1 };
  }
  return undefined;
}

/** The serial types of a record, and where its values begin. */
export interface RecordHead {
  readonly types: readonly number[];
  readonly valuesAt: number;
}

export function readRecordHead(bytes: Uint8Array): RecordHead | undefined {
  const size = readVarint(bytes, 0);
  if (size === undefined || size.value > bytes.length) return undefined;
  const types: number[] = [];
  let at = size.end;
  while (at < size.value) {
    const type = readVarint(bytes, at);
    if (type === undefined) return undefined;
    types.push(type.value);
    at = type.end;
  }
  return at === size.value ? { types, valuesAt: at } : undefined;
}

const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8, undefined, 0, 0] as const;

/** Undefined for the types that no capture has: floating point, and those that SQLite has reserved. */
export function valueBytesOf(type: number): number | undefined {
  return type < 12 ? INTEGER_BYTES[type] : (type - (type % 2 === 0 ? 12 : 13)) / 2;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Undefined when the bytes are not exactly the values that the head announces. */
export function readRecordValues(
  bytes: Uint8Array,
  { types, valuesAt }: RecordHead,
): readonly SqlValue[] | undefined {
  const values: SqlValue[] = [];
  let at = valuesAt;
  for (const type of types) {
    const size = valueBytesOf(type);
    if (size === undefined || at + size > bytes.length) return undefined;
    const value = readValue(bytes.subarray(at, at + size), type);
    if (value === undefined) return undefined;
    values.push(value);
    at += size;
  }
  return at === bytes.length ? values : undefined;
}

function readValue(bytes: Uint8Array, type: number): SqlValue | undefined {
  if (type === 0) return null;
  if (type >= 12) return type % 2 === 0 ? bytes : readText(bytes);
  if (type >= 8) return type - 8;
  const { buffer, byteOffset, length } = bytes;
  const view = Buffer.from(buffer, byteOffset, length);
  const value = length === 8 ? Number(view.readBigInt64BE()) : view.readIntBE(0, length);
  return Number.isSafeInteger(value) ? value : undefined;
}

function readText(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined; // No text: the record is not what it seems.
  }
}
