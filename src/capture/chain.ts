/**
 * The chained checksums of a capture. Each block and each segment carries the SHA-256 of the one before it and of
 * itself, so that one that was changed, lost or put elsewhere is noticed; the seal's digest covers the last links and
 * all other rows, and with them the whole file. Shared by those who write and those who verify.
 */
import { createHash } from 'node:crypto';
import type { CaptureDatabase } from './database.ts';

/** What the first link follows. */
export const CHAIN_START: Uint8Array = new Uint8Array(32);

export function blockLink(previous: Uint8Array, start: number, bytes: Uint8Array): Uint8Array {
  return link(previous, [start], bytes);
}

/** The columns of a segment's row, in the order of the table, without `id` and `chain`. */
export interface SegmentColumns {
  readonly stream_id: number;
  readonly stream_offset: number;
  readonly byte_count: number;
  readonly chunk_count: number;
  readonly first_ordinal: number;
  readonly first_time_ns: number;
  readonly last_time_ns: number;
  readonly crc32: number;
  readonly chunk_table: Uint8Array;
}

export function segmentLink(previous: Uint8Array, row: SegmentColumns): Uint8Array {
  const numbers = [
    row.stream_id,
    row.stream_offset,
    row.byte_count,
    row.chunk_count,
    row.first_ordinal,
    row.first_time_ns,
    row.last_time_ns,
    row.crc32,
  ];
  return link(previous, numbers, row.chunk_table);
}

function link(previous: Uint8Array, numbers: readonly number[], bytes: Uint8Array): Uint8Array {
  const head = Buffer.alloc(numbers.length * 8);
  for (const [index, number] of numbers.entries()) head.writeDoubleLE(number, index * 8);
  return createHash('sha256').update(previous).update(head).update(bytes).digest();
}

/** Every table with the order of its rows; blocks and segments by their last links. */
const DIGESTED: readonly string[] = [
  "SELECT key, value FROM capture_info WHERE key != 'digest' ORDER BY key",
  'SELECT name, yaml FROM protocol_schema ORDER BY name',
  'SELECT id, label, opened_ns FROM connection ORDER BY id',
  'SELECT id, connection_id, kind, first_offset FROM stream ORDER BY id',
  'SELECT ordinal, time_ns, connection_id, stream, kind, details FROM event ORDER BY ordinal',
  `SELECT id, stream_id, place, reason, stream_offset, byte_count, frame_count, first_time_ns,
          last_time_ns FROM gap ORDER BY id`,
  'SELECT stream_id, seen_bytes, mirrored_bytes FROM account ORDER BY stream_id',
  'SELECT count(*), coalesce(max(start), 0) FROM block',
  'SELECT chain FROM block ORDER BY start DESC LIMIT 1',
  'SELECT count(*), coalesce(max(id), 0) FROM segment',
  'SELECT chain FROM segment ORDER BY id DESC LIMIT 1',
];

/** SHA-256 over everything that the capture says, as hex; `sealed` must have its final value already. */
export function digestOf(database: CaptureDatabase): string {
  const hash = createHash('sha256');
  for (const sql of DIGESTED) {
    hash.update(`${sql}\n`);
    for (const row of database.prepare<[], unknown[]>(sql).raw().iterate()) {
      for (const value of row) {
        hash.update(value instanceof Uint8Array ? value : `${typeof value} ${String(value)}\n`);
      }
    }
  }
  return hash.digest('hex');
}
