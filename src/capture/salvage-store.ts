/**
 * The rows that were found in a damaged capture, put in order. They are kept in a temporary database of SQLite's own,
 * which goes to disk when it grows and is gone when it is closed; blocks are kept by their place. Of several versions
 * of a row, the live one counts; without one, the one that says the most.
 */
import Database from 'better-sqlite3';
import { assertNever, defined } from '../lib/assert.ts';
import { digestOf } from './chain.ts';
import type { CaptureDatabase } from './database.ts';
import { decodeJournal } from './journal.ts';
import type { PlacedRow, RowPlace } from './salvage-scan.ts';
import type { SqlRow, SqlValue, TableName } from './table-rows.ts';
import type { StreamKind } from './types.ts';

const SCHEMA = `
  CREATE TABLE capture_info (key TEXT PRIMARY KEY, value, live) WITHOUT ROWID;
  CREATE TABLE protocol_schema (name TEXT PRIMARY KEY, yaml, live) WITHOUT ROWID;
  CREATE TABLE connection (id INTEGER PRIMARY KEY, label, opened_ns, live);
  CREATE TABLE stream (id INTEGER PRIMARY KEY, connection_id, kind, first_offset, live);
  CREATE TABLE block (start INTEGER PRIMARY KEY, size, page, frame, cell_at, view, chain, live);
  CREATE TABLE segment (id, stream_id, stream_offset, byte_count, chunk_count, first_ordinal, first_time_ns,
    last_time_ns, crc32, chunk_table, chain, live, PRIMARY KEY (stream_id, stream_offset)) WITHOUT ROWID;
  CREATE TABLE waiting (stream_id, stream_offset, byte_count, ordinal, time_ns, runs, live,
    PRIMARY KEY (stream_id, stream_offset)) WITHOUT ROWID;
  CREATE TABLE event (ordinal INTEGER PRIMARY KEY, time_ns, connection_id, stream, kind, details, live);
  CREATE TABLE gap (id, stream_id, place, reason, stream_offset, byte_count, frame_count, first_header,
    last_header, first_time_ns, last_time_ns, live, PRIMARY KEY (stream_id, place, stream_offset)) WITHOUT ROWID;
  CREATE TABLE account (stream_id INTEGER PRIMARY KEY, seen_bytes, mirrored_bytes, live);
  CREATE INDEX segment_id ON segment (id);
  CREATE TABLE piece (stream_id, stream_offset, rank, PRIMARY KEY (stream_id, stream_offset, rank)) WITHOUT ROWID;`;

type Kept = Exclude<TableName, 'journal'> | 'waiting';

/** The columns of the key, the others, and which of two versions says more. */
const KEPT: Readonly<
  Record<
    Kept,
    { readonly key: readonly string[]; readonly rest: readonly string[]; readonly more: string }
  >
> = {
  // `sealed` turns from 0 to 1, and a duration grows.
  capture_info: { key: ['key'], rest: ['value'], more: 'value' },
  protocol_schema: { key: ['name'], rest: ['yaml'], more: 'yaml' },
  connection: { key: ['id'], rest: ['label', 'opened_ns'], more: 'id' },
  stream: { key: ['id'], rest: ['connection_id', 'kind', 'first_offset'], more: 'id' },
  block: {
    key: ['start'],
    rest: ['size', 'page', 'frame', 'cell_at', 'view', 'chain'],
    more: 'size',
  },
  segment: {
    key: ['stream_id', 'stream_offset'],
    rest: [
      'id',
      'byte_count',
      'chunk_count',
      'first_ordinal',
      'first_time_ns',
      'last_time_ns',
      'crc32',
      'chunk_table',
      'chain',
    ],
    more: 'byte_count',
  },
  waiting: {
    key: ['stream_id', 'stream_offset'],
    rest: ['byte_count', 'ordinal', 'time_ns', 'runs'],
    more: 'byte_count',
  },
  event: {
    key: ['ordinal'],
    rest: ['time_ns', 'connection_id', 'stream', 'kind', 'details'],
    more: 'ordinal',
  },
  gap: {
    key: ['stream_id', 'place', 'stream_offset'],
    rest: [
      'id',
      'reason',
      'byte_count',
      'frame_count',
      'first_header',
      'last_header',
      'first_time_ns',
      'last_time_ns',
    ],
    more: 'byte_count',
  },
  account: { key: ['stream_id'], rest: ['seen_bytes', 'mirrored_bytes'], more: 'seen_bytes' },
};

export interface FoundStream {
  readonly id: number;
  readonly connection: number;
  readonly kind: StreamKind;
  readonly firstOffset: number;
}

/** What is known of some bytes of a stream. */
export type Piece =
  | { readonly kind: 'segment'; readonly offset: number; readonly row: SegmentRecord }
  | { readonly kind: 'waiting'; readonly offset: number; readonly row: WaitingRecord }
  | { readonly kind: 'gap'; readonly offset: number; readonly row: GapRecord };

export interface SegmentRecord {
  readonly byte_count: number;
  readonly chunk_count: number;
  readonly first_ordinal: number;
  readonly first_time_ns: number;
  readonly last_time_ns: number;
  readonly crc32: number;
  readonly chunk_table: Uint8Array;
}

/** A chunk of the journal. */
export interface WaitingRecord {
  readonly byte_count: number;
  readonly ordinal: number;
  readonly time_ns: number;
  /** Numbers with blanks between them. */
  readonly runs: string;
}

interface GapRecord {
  readonly byte_count: number;
}

const PIECE_KINDS = ['segment', 'waiting', 'gap'] as const;
const ROWS_A_TRANSACTION = 10_000;

export class SalvageStore {
  readonly #database: CaptureDatabase = new Database('');
  readonly #inserts = new Map<Kept, Database.Statement>();
  readonly #blockBefore: Database.Statement<[number], RowPlace & { readonly start: number }>;
  readonly #nextPiece: Database.Statement<[number, number, number], [number, number]>;
  readonly #segmentAt: Database.Statement<[number, number], SegmentRecord>;
  readonly #waitingAt: Database.Statement<[number, number], WaitingRecord>;
  readonly #gapAt: Database.Statement<[number, number], GapRecord>;
  #inTransaction = 0;
  #rows = 0;

  constructor() {
    this.#database.pragma('foreign_keys = OFF');
    this.#database.pragma('journal_mode = OFF');
    this.#database.exec(SCHEMA);
    this.#blockBefore = this.#database.prepare(
      `SELECT start, page, frame, cell_at AS cellAt, view FROM block
       WHERE start <= ? ORDER BY start DESC LIMIT 1`,
    );
    this.#nextPiece = this.#database
      .prepare<[number, number, number], [number, number]>(
        `SELECT stream_offset, rank FROM piece WHERE stream_id = ? AND (stream_offset, rank) > (?, ?)
         ORDER BY stream_offset, rank LIMIT 1`,
      )
      .raw();
    const at = (table: string): string =>
      `SELECT * FROM ${table} WHERE stream_id = ? AND stream_offset = ?`;
    this.#segmentAt = this.#database.prepare(at('segment'));
    this.#waitingAt = this.#database.prepare(at('waiting'));
    this.#gapAt = this.#database.prepare(`${at('gap')} AND place = 'recording'`);
    this.#database.exec('BEGIN');
  }

  /** Rows that were put in, all versions of them. */
  get rows(): number {
    return this.#rows;
  }

  close(): void {
    this.#database.close();
  }

  add({ table, row, isLive, ...place }: PlacedRow): void {
    this.#rows += 1;
    const live = isLive ? 1 : 0;
    if (table === 'journal') this.#addJournal(row, live);
    else if (table !== 'block') this.#insert(table, { ...row, live });
    else this.#insert(table, { ...row, ...placeColumns(place), size: sizeOf(row['bytes']), live });
  }

  /** Called when all rows are in. */
  finish(): void {
    this.#database.exec('COMMIT');
    this.#database.exec(`
      INSERT INTO piece SELECT stream_id, stream_offset, 0 FROM segment;
      INSERT INTO piece SELECT stream_id, stream_offset, 1 FROM waiting;
      INSERT INTO piece SELECT stream_id, stream_offset, 2 FROM gap WHERE place = 'recording';`);
  }

  /** Whether everything that a sealed capture said is here, to the last bit. */
  hasDigest(): boolean {
    const stored = this.info().get('digest');
    return stored !== undefined && stored === digestOf(this.#database);
  }

  info(): ReadonlyMap<string, string> {
    return this.#pairs('SELECT key, value FROM capture_info');
  }

  protocolSchemas(): ReadonlyMap<string, string> {
    return this.#pairs('SELECT name, yaml FROM protocol_schema ORDER BY name');
  }

  /** Rows of a table by the names of its columns, in the order in which they were written. */
  *rowsOf<T>(table: 'connection' | 'event' | 'gap' | 'account'): Generator<T> {
    const order = table === 'gap' ? 'id' : KEPT[table].key.join(', ');
    for (const row of this.#database
      .prepare<[], T>(`SELECT * FROM ${table} ORDER BY ${order}`)
      .iterate())
      yield row;
  }

  streams(): readonly FoundStream[] {
    return this.#database
      .prepare<[], FoundStream>(
        'SELECT id, connection_id AS connection, kind, first_offset AS firstOffset FROM stream ORDER BY id',
      )
      .all();
  }

  /** When the last thing happened, ns. */
  lastTimeNs(): number {
    const times = this.#database
      .prepare<[], [number | null]>(
        `SELECT max(last_time_ns) FROM segment UNION ALL SELECT max(time_ns) FROM waiting
         UNION ALL SELECT max(time_ns) FROM event UNION ALL SELECT max(last_time_ns) FROM gap
         UNION ALL SELECT max(opened_ns) FROM connection`,
      )
      .raw()
      .all();
    return Math.max(0, ...times.map(([time]) => time ?? 0));
  }

  /** By stream. */
  mirrorGapBytes(): ReadonlyMap<number, number> {
    return new Map(
      this.#database
        .prepare<[], [number, number]>(
          "SELECT stream_id, sum(byte_count) FROM gap WHERE place = 'mirror' GROUP BY stream_id",
        )
        .raw()
        .all(),
    );
  }

  /** Connections that are spoken of, and not described. */
  lostConnections(): readonly number[] {
    return this.#database
      .prepare<[], [number]>(
        `SELECT connection_id FROM stream UNION SELECT connection_id FROM event
         WHERE connection_id IS NOT NULL EXCEPT SELECT id FROM connection ORDER BY 1`,
      )
      .raw()
      .all()
      .map(([id]) => id);
  }

  /** Bytes of streams that nobody knows any more, by number of the stream. */
  orphans(): readonly { readonly stream: number; readonly bytes: number }[] {
    return this.#database
      .prepare<[], { stream: number; bytes: number }>(
        `SELECT stream_id AS stream, sum(byte_count) AS bytes FROM
           (SELECT stream_id, byte_count FROM segment UNION ALL SELECT stream_id, byte_count FROM waiting)
         WHERE stream_id NOT IN (SELECT id FROM stream) GROUP BY stream_id ORDER BY stream_id`,
      )
      .all();
  }

  /** The block with the greatest start that is not behind the position. */
  blockBefore(position: number): (RowPlace & { readonly start: number }) | undefined {
    return this.#blockBefore.get(position);
  }

  /** In order of their offset: whole segments before single chunks before gaps. */
  *pieces(stream: number): Generator<Piece> {
    for (let after: [number, number] = [-1, 0]; ; ) {
      const found = this.#nextPiece.get(stream, ...after);
      if (found === undefined) return;
      const [offset, rank] = (after = found);
      const kind = PIECE_KINDS[rank] ?? 'gap';
      switch (kind) {
        case 'segment':
          yield { kind, offset, row: defined(this.#segmentAt.get(stream, offset), kind) };
          break;
        case 'waiting':
          yield { kind, offset, row: defined(this.#waitingAt.get(stream, offset), kind) };
          break;
        case 'gap':
          yield { kind, offset, row: defined(this.#gapAt.get(stream, offset), kind) };
          break;
        default:
          assertNever(kind, 'kind of piece');
      }
    }
  }

  #addJournal(row: SqlRow, live: number): void {
    const chunks = row['chunks'] instanceof Uint8Array ? decodeJournal(row['chunks']) : undefined;
    for (const { streamId, ordinal, timeNs, offset, length, runs } of chunks ?? []) {
      this.#insert('waiting', {
        stream_id: streamId,
        stream_offset: offset,
        byte_count: length,
        ordinal,
        time_ns: timeNs,
        runs: runs.join(' '),
        live,
      });
    }
  }

  #insert(table: Kept, row: Readonly<Record<string, SqlValue>>): void {
    let statement = this.#inserts.get(table);
    if (statement === undefined) {
      statement = this.#database.prepare(insertInto(table));
      this.#inserts.set(table, statement);
    }
    statement.run(row);
    this.#inTransaction += 1;
    if (this.#inTransaction < ROWS_A_TRANSACTION) return;
    this.#inTransaction = 0;
    this.#database.exec('COMMIT; BEGIN');
  }

  #pairs(sql: string): ReadonlyMap<string, string> {
    return new Map(this.#database.prepare<[], [string, string]>(sql).raw().all());
  }
}

function insertInto(table: Kept): string {
  const { key, rest, more } = KEPT[table];
  const columns = [...key, ...rest, 'live'];
  const updates = [...rest, 'live'].map((column) => `${column} = excluded.${column}`);
  return `INSERT INTO ${table} (${columns.join(', ')})
          VALUES (${columns.map((column) => `@${column}`).join(', ')})
          ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${updates.join(', ')}
          WHERE excluded.live > live OR (excluded.live = live AND excluded.${more} > ${more})`;
}

function placeColumns({ page, frame, cellAt, view }: RowPlace): Readonly<Record<string, number>> {
  return { page, frame, cell_at: cellAt, view };
}

function sizeOf(bytes: SqlValue | undefined): number {
  return bytes instanceof Uint8Array ? bytes.length : 0;
}
