/**
 * What a row of each table of a capture consists of, and the CRC-32 by which every row proves itself. Shared by
 * those who write rows, verify them, and find them again in the pages of a damaged file.
 */
import { crc32 } from 'node:zlib';

/** `rowid`: the column is the row's number in SQLite, not a part of its record. */
export type ColumnKind = 'rowid' | 'integer' | 'integer?' | 'text' | 'text?' | 'blob' | 'blob?';
export type SqlValue = null | number | bigint | string | Uint8Array;
export type SqlRow = Readonly<Record<string, SqlValue>>;

interface TableShape {
  /** In the order of the table, `row_crc32` excepted, which is the last one everywhere. */
  readonly columns: Readonly<Record<string, ColumnKind>>;
  /** Not covered by the checksum: numbers that SQLite gives, and bytes that have a CRC-32 of their own. */
  readonly unchecked: readonly string[];
}

export const TABLE_NAMES = [
  'capture_info',
  'protocol_schema',
  'connection',
  'stream',
  'block',
  'segment',
  'journal',
  'event',
  'gap',
  'account',
] as const;
export type TableName = (typeof TABLE_NAMES)[number];

const TABLES: Readonly<Record<TableName, TableShape>> = {
  capture_info: { columns: { key: 'text', value: 'text' }, unchecked: [] },
  protocol_schema: { columns: { name: 'text', yaml: 'text' }, unchecked: [] },
  connection: { columns: { id: 'rowid', label: 'text', opened_ns: 'integer' }, unchecked: [] },
  stream: {
    columns: { id: 'rowid', connection_id: 'integer', kind: 'text', first_offset: 'integer' },
    unchecked: [],
  },
  block: {
    columns: { start: 'rowid', bytes: 'blob', crc32: 'integer', chain: 'blob' },
    unchecked: ['bytes'],
  },
  segment: {
    columns: {
      id: 'rowid',
      stream_id: 'integer',
      stream_offset: 'integer',
      byte_count: 'integer',
      chunk_count: 'integer',
      first_ordinal: 'integer',
      first_time_ns: 'integer',
      last_time_ns: 'integer',
      crc32: 'integer',
      chunk_table: 'blob',
      chain: 'blob',
    },
    unchecked: ['id'],
  },
  journal: {
    columns: { id: 'rowid', chunks: 'blob', crc32: 'integer' },
    unchecked: ['id', 'chunks'],
  },
  event: {
    columns: {
      ordinal: 'rowid',
      time_ns: 'integer',
      connection_id: 'integer?',
      stream: 'text?',
      kind: 'text',
      details: 'blob',
    },
    unchecked: [],
  },
  gap: {
    columns: {
      id: 'rowid',
      stream_id: 'integer',
      place: 'text',
      reason: 'text',
      stream_offset: 'integer',
      byte_count: 'integer',
      frame_count: 'integer?',
      first_header: 'blob?',
      last_header: 'blob?',
      first_time_ns: 'integer',
      last_time_ns: 'integer',
    },
    unchecked: ['id'],
  },
  account: {
    columns: { stream_id: 'rowid', seen_bytes: 'integer', mirrored_bytes: 'integer?' },
    unchecked: [],
  },
};

export function shapeOf(table: TableName): TableShape {
  return TABLES[table];
}

/** CRC-32 over the name of the table and the values that it covers, each with its type and length. */
export function rowChecksum(table: TableName, row: SqlRow): number {
  const { columns, unchecked } = shapeOf(table);
  let checksum = crc32(`${table}\n`);
  for (const column of Object.keys(columns)) {
    if (!unchecked.includes(column)) checksum = checksumOn(checksum, row[column] ?? null);
  }
  return checksum;
}

function checksumOn(checksum: number, value: SqlValue): number {
  if (value === null) return crc32('null\n', checksum);
  if (value instanceof Uint8Array) return crc32(value, crc32(`blob ${value.length}\n`, checksum));
  const type = typeof value === 'string' ? `text ${value.length}` : 'integer';
  return crc32(`${type} ${String(value)}\n`, checksum);
}
