/** The statements with which a capture is written. */
import type { Statement } from 'better-sqlite3';
import type { CaptureDatabase } from './database.ts';

export interface WriterStatements {
  readonly info: Statement;
  readonly schema: Statement;
  readonly connection: Statement;
  readonly stream: Statement;
  readonly block: Statement;
  readonly segment: Statement;
  readonly journal: Statement;
  readonly clearJournal: Statement;
  readonly event: Statement;
  readonly gap: Statement;
  readonly account: Statement;
}

const COLUMNS = {
  connection: ['id', 'label', 'opened_ns'],
  stream: ['id', 'connection_id', 'kind', 'first_offset'],
  block: ['start', 'bytes', 'crc32', 'chain'],
  segment: [
    'stream_id',
    'stream_offset',
    'byte_count',
    'chunk_count',
    'first_ordinal',
    'first_time_ns',
    'last_time_ns',
    'crc32',
    'chunk_table',
    'chain',
  ],
  journal: ['chunks', 'crc32'],
  event: ['ordinal', 'time_ns', 'connection_id', 'stream', 'kind', 'details'],
  gap: [
    'stream_id',
    'place',
    'reason',
    'stream_offset',
    'byte_count',
    'frame_count',
    'first_header',
    'last_header',
    'first_time_ns',
    'last_time_ns',
  ],
  account: ['stream_id', 'seen_bytes', 'mirrored_bytes'],
} as const;

export function prepareWriting(database: CaptureDatabase): WriterStatements {
  const insert = (table: keyof typeof COLUMNS): Statement => {
    const columns = COLUMNS[table];
    const values = columns.map((column) => `@${column}`).join(', ');
    return database.prepare(
      `INSERT OR REPLACE INTO ${table} (${columns.join(', ')}) VALUES (${values})`,
    );
  };
  return {
    info: database.prepare('INSERT OR REPLACE INTO capture_info (key, value) VALUES (?, ?)'),
    schema: database.prepare('INSERT INTO protocol_schema (name, yaml) VALUES (?, ?)'),
    connection: insert('connection'),
    stream: insert('stream'),
    block: insert('block'),
    segment: insert('segment'),
    journal: insert('journal'),
    clearJournal: database.prepare('DELETE FROM journal'),
    event: insert('event'),
    gap: insert('gap'),
    account: insert('account'),
  };
}
