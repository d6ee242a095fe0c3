/**
 * Rows of a capture found in a page, whatever the page belongs to: a record counts when it has the shape of a table
 * and the checksums of its row are right. Pure.
 */
import { crc32 } from 'node:zlib';
import {
  type LeafCell,
  type RecordHead,
  readLeafCell,
  readRecordHead,
  readRecordValues,
  valueBytesOf,
} from './sqlite-pages.ts';
import {
  type ColumnKind,
  rowChecksum,
  shapeOf,
  type SqlRow,
  type SqlValue,
  TABLE_NAMES,
  type TableName,
} from './table-rows.ts';

export interface FoundRow {
  readonly table: TableName;
  readonly row: SqlRow;
}

/** Gives the bytes of an overflow chain behind its first page number; undefined when it breaks off. */
export type ReadOverflow = (firstPage: number, bytes: number) => Uint8Array | undefined;

/** Nothing that a recorder stores in a row is longer; a cell that claims more is none. */
const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024;
/** A record's head has one byte a column, more for long blobs, and its own length. */
const HEAD_BYTES_MIN = 4;
const HEAD_BYTES_MAX = 32;
/** The length of a payload and the number of a row, each below 2^53. */
const VARINTS_BYTES_MAX = 16;

/** The row in the cell that begins at `at`, if it is a row of a capture and true. */
export function findRow(
  page: Uint8Array,
  at: number,
  readOverflow: ReadOverflow,
): FoundRow | undefined {
  const cell = readLeafCell(page, at);
  const shape = cell === undefined ? undefined : shapeAt(cell.local);
  if (cell === undefined || shape?.payloadBytes !== cell.payloadBytes) return undefined;
  const payload = payloadOf(cell, readOverflow);
  const values = payload === undefined ? undefined : readRecordValues(payload, shape.head);
  if (values === undefined) return undefined;
  for (const table of shape.tables) {
    const row = toRow(table, cell.rowid, values);
    if (isTrue(table, row, values.at(-1))) return { table, row };
  }
  return undefined;
}

/**
 * Where a cell with a row may begin in bytes that make no sense: in front of everything that looks like the head of a
 * record of a capture, by as much as its length and its number may take.
 */
export function* possibleCells(page: Uint8Array): Generator<number> {
  for (let at = 2; at < page.length; at++) {
    const size = page[at] ?? 0;
    const firstType = page[at + 1] ?? 0;
    if (size < HEAD_BYTES_MIN || size > HEAD_BYTES_MAX) continue;
    // The first column is the number of the row, which is not in the record, or a text.
    if (firstType !== 0 && (firstType < 13 || firstType % 2 === 0)) continue;
    if (shapeAt(page.subarray(at)) === undefined) continue;
    for (let start = at - 2; start >= Math.max(0, at - VARINTS_BYTES_MAX); start--) yield start;
  }
}

interface Shape {
  readonly head: RecordHead;
  readonly payloadBytes: number;
  readonly tables: readonly TableName[];
}

/** The shape of the record that begins with these bytes, if a row of a capture may have it. */
function shapeAt(bytes: Uint8Array): Shape | undefined {
  const size = bytes[0] ?? 0;
  if (size < HEAD_BYTES_MIN || size > HEAD_BYTES_MAX) return undefined;
  const head = readRecordHead(bytes);
  if (head === undefined) return undefined;
  const tables = TABLE_NAMES.filter((table) => hasShape(table, head.types));
  if (tables.length === 0) return undefined;
  const sizes = head.types.map((type) => valueBytesOf(type) ?? PAYLOAD_BYTES_MAX);
  const payloadBytes = sizes.reduce((sum, each) => sum + each, head.valuesAt);
  return payloadBytes < PAYLOAD_BYTES_MAX ? { head, payloadBytes, tables } : undefined;
}

function payloadOf(cell: LeafCell, readOverflow: ReadOverflow): Uint8Array | undefined {
  if (cell.overflowPage === 0) return cell.local;
  const rest = readOverflow(cell.overflowPage, cell.payloadBytes - cell.local.length);
  return rest === undefined ? undefined : Buffer.concat([cell.local, rest]);
}

const KINDS = Object.fromEntries(
  TABLE_NAMES.map((table) => [
    table,
    [...Object.values<ColumnKind>(shapeOf(table).columns), 'integer'] as const,
  ]),
);

function hasShape(table: TableName, types: readonly number[]): boolean {
  const kinds = KINDS[table];
  return (
    kinds?.length === types.length && kinds.every((kind, index) => fits(kind, types[index] ?? 0))
  );
}

function fits(kind: ColumnKind, type: number): boolean {
  switch (kind) {
    case 'rowid':
      return type === 0;
    case 'integer':
      return type >= 1 && type <= 9;
    case 'integer?':
      return type <= 9;
    case 'text':
      return type >= 13 && type % 2 === 1;
    case 'text?':
      return type === 0 || (type >= 13 && type % 2 === 1);
    case 'blob':
      return type >= 12 && type % 2 === 0;
    case 'blob?':
      return type === 0 || (type >= 12 && type % 2 === 0);
  }
}

function toRow(table: TableName, rowid: number, values: readonly SqlValue[]): SqlRow {
  const columns = Object.entries(shapeOf(table).columns);
  const row = columns.map(([column, kind], index): [string, SqlValue] => [
    column,
    kind === 'rowid' ? rowid : (values[index] ?? null),
  ]);
  // Where a table has no number of its own, SQLite's still tells which of two rows is the newer.
  return Object.fromEntries([...row, ['rowid', rowid]]);
}

function isTrue(table: TableName, row: SqlRow, checksum: SqlValue | undefined): boolean {
  if (rowChecksum(table, row) !== checksum) return false;
  const bytes = row['bytes'] ?? row['chunks'];
  return !(bytes instanceof Uint8Array) || crc32(bytes) === row['crc32'];
}
