/** Reads the rows of a capture that is being verified: each is checked against its checksum before anybody uses it. */
import { OperatingError } from '../lib/operating-error.ts';
import { type CaptureDatabase, guarded } from './database.ts';
import { rowChecksum, shapeOf, type SqlRow, type SqlValue, type TableName } from './table-rows.ts';
import type { Findings } from './verify-findings.ts';

export class RowReader {
  readonly #path: string;
  readonly #database: CaptureDatabase;
  readonly #findings: Findings;

  constructor(path: string, database: CaptureDatabase, findings: Findings) {
    this.#path = path;
    this.#database = database;
    this.#findings = findings;
  }

  /** The true rows of a table in order of its key, as T; the others become findings. */
  *read<T>(table: TableName): Generator<T> {
    const [keyColumn = '', kind] = Object.entries(shapeOf(table).columns)[0] ?? [];
    const isOrdered = kind === 'rowid';
    const order = isOrdered ? ` ORDER BY ${keyColumn}` : '';
    let last: number | undefined;
    for (const row of this.query<T & SqlRow>(table, `SELECT * FROM ${table}${order}`)) {
      const key = row[keyColumn] ?? null;
      if (isOrdered) {
        if (last !== undefined && Number(key) <= last) {
          this.#damage(table, key, `comes behind row ${last}: the tree of the table is damaged`);
          return;
        }
        last = Number(key);
      }
      if (rowChecksum(table, row) === row['row_crc32']) yield row;
      else this.#damage(table, key, 'is not as it was written: its checksum is wrong');
    }
  }

  /** Rows of a query; ends with a finding where the file is damaged. */
  *query<T>(table: TableName, sql: string, ...parameters: readonly number[]): Generator<T> {
    let end: (() => void) | undefined;
    try {
      const statement = guarded(this.#path, () => this.#database.prepare<number[], T>(sql));
      const rows = statement.iterate(...parameters);
      end = () => rows.return?.();
      for (;;) {
        const next = guarded(this.#path, () => rows.next());
        if (next.done === true) return;
        yield next.value;
      }
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const message = `table ${table} cannot be read to its end: ${error.message}`;
      this.#findings.damage({ check: 'row', table, message });
    } finally {
      end?.();
    }
  }

  /** The first row of a query. */
  first<T>(table: TableName, sql: string, ...parameters: readonly number[]): T | undefined {
    for (const row of this.query<T>(table, sql, ...parameters)) return row;
    return undefined;
  }

  #damage(table: TableName, key: SqlValue, what: string): void {
    const row = typeof key === 'number' || typeof key === 'string' ? key : undefined;
    this.#findings.damage({
      check: 'row',
      table,
      ...(row === undefined ? {} : { row }),
      message: `row ${String(row ?? '(no key)')} of table ${table} ${what}`,
    });
  }
}
