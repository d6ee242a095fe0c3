/** The statements with which a capture is written. Each row gets its checksum here. */
import type { Statement } from 'better-sqlite3';
import type { CaptureDatabase } from './database.ts';
import { rowChecksum, shapeOf, type SqlRow, type TableName } from './table-rows.ts';

export interface WriterStatements {
  readonly info: { readonly run: (key: string, value: string) => void };
  readonly schema: { readonly run: (name: string, yaml: string) => void };
  readonly connection: RowWriter;
  readonly stream: RowWriter;
  readonly block: RowWriter;
  readonly segment: RowWriter;
  readonly journal: RowWriter;
  readonly clearJournal: Statement;
  readonly event: RowWriter;
  readonly gap: RowWriter;
  readonly account: RowWriter;
}

/** Stores a row, given by its columns. One with the same key is replaced. */
interface RowWriter {
  readonly run: (row: SqlRow) => void;
}

export function prepareWriting(database: CaptureDatabase): WriterStatements {
  const writerOf = (table: TableName): RowWriter => prepareInsert(database, table);
  const info = writerOf('capture_info');
  const schema = writerOf('protocol_schema');
  return {
    info: { run: (key, value) => info.run({ key, value }) },
    schema: { run: (name, yaml) => schema.run({ name, yaml }) },
    connection: writerOf('connection'),
    stream: writerOf('stream'),
    block: writerOf('block'),
    segment: writerOf('segment'),
    journal: writerOf('journal'),
    clearJournal: database.prepare('DELETE FROM journal'),
    event: writerOf('event'),
    gap: writerOf('gap'),
    account: writerOf('account'),
  };
}

/** A column `id` that the row does not give is numbered by SQLite. */
const NUMBERED: ReadonlySet<TableName> = new Set(['segment', 'journal', 'gap']);

function prepareInsert(database: CaptureDatabase, table: TableName): RowWriter {
  const columns = Object.keys(shapeOf(table).columns)
    .filter((column) => !(column === 'id' && NUMBERED.has(table)))
    .concat('row_crc32');
  const values = columns.map((column) => `@${column}`).join(', ');
  const statement = database.prepare(
    `INSERT OR REPLACE INTO ${table} (${columns.join(', ')}) VALUES (${values})`,
  );
  return {
    run: (row) => {
      statement.run({ ...row, row_crc32: rowChecksum(table, row) });
    },
  };
}
