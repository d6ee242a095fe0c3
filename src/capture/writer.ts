/**
 * Writes a capture. Collects what happened and stores it in one transaction a flush, one segment a stream;
 * what is flushed survives a kill. Knows bytes and times, not what they mean, and has no clock or thread of
 * its own: the caller decides when to flush.
 */
import { encode } from '@msgpack/msgpack';
import type { Statement } from 'better-sqlite3';
import { crc32 } from 'node:zlib';
import { assert, defined } from '../lib/assert.ts';
import { type ChunkEntry, encodeChunkTable } from './chunk-table.ts';
import { type CaptureDatabase, createDatabase, guardedWrite } from './database.ts';
import type { CaptureEvent, ConnectionRow, Gap, StreamKind } from './types.ts';

/** A segment is what a reader holds of a stream at a time. */
const SEGMENT_BYTES_MAX = 262_144;

export interface CaptureStart {
  readonly origin: string;
  readonly writer: string;
  readonly startedUnixNs: bigint;
  readonly dialect: string;
  readonly notes: Readonly<Record<string, string>>;
  readonly protocolSchemas: ReadonlyMap<string, string>;
}

export interface ChunkToWrite {
  readonly connection: number;
  readonly stream: StreamKind;
  readonly ordinal: number;
  readonly timeNs: bigint;
  /** Position in its stream; jumps behind a recording gap. */
  readonly offset: number;
  /** Kept until the next flush. */
  readonly bytes: Uint8Array;
}

interface OpenSegment {
  readonly streamId: number;
  readonly offset: number;
  readonly entries: ChunkEntry[];
  readonly pieces: Uint8Array[];
  bytes: number;
}

interface Statements {
  readonly info: Statement;
  readonly schema: Statement;
  readonly connection: Statement;
  readonly stream: Statement;
  readonly segment: Statement;
  readonly event: Statement;
  readonly gap: Statement;
}

export class CaptureWriter {
  readonly path: string;
  readonly #database: CaptureDatabase;
  readonly #statements: Statements;
  readonly #streamIds = new Map<string, number>();
  readonly #open = new Map<number, OpenSegment>();
  #full: OpenSegment[] = [];
  #rows: (() => void)[] = [];
  #lastTimeNs = 0n;

  private constructor(path: string, database: CaptureDatabase) {
    this.path = path;
    this.#database = database;
    this.#statements = prepare(database);
  }

  /** Throws CAPTURE_EXISTS or CAPTURE_UNWRITABLE. */
  static create(path: string, start: CaptureStart): CaptureWriter {
    const writer = new CaptureWriter(path, createDatabase(path));
    writer.#setInfo('origin', start.origin);
    writer.#setInfo('writer', start.writer);
    writer.#setInfo('started_unix_ns', String(start.startedUnixNs));
    writer.#setInfo('dialect', start.dialect);
    writer.#setInfo('sealed', '0');
    for (const [name, value] of Object.entries(start.notes)) writer.#setInfo(`note.${name}`, value);
    for (const [name, yaml] of start.protocolSchemas) {
      writer.#rows.push(() => writer.#statements.schema.run(name, yaml));
    }
    writer.flush();
    return writer;
  }

  addConnection(row: ConnectionRow): void {
    this.#rows.push(() =>
      this.#statements.connection.run({ id: row.id, label: row.label, opened_ns: row.openedNs }),
    );
    this.#noteTime(row.openedNs);
  }

  addChunk(chunk: ChunkToWrite): void {
    const streamId = this.#streamId(chunk.connection, chunk.stream);
    let segment = this.#open.get(streamId);
    const continues = segment !== undefined && segment.offset + segment.bytes === chunk.offset;
    const fits = segment !== undefined && segment.bytes + chunk.bytes.length <= SEGMENT_BYTES_MAX;
    if (segment === undefined || !continues || !fits) {
      if (segment !== undefined) this.#full.push(segment);
      segment = { streamId, offset: chunk.offset, entries: [], pieces: [], bytes: 0 };
      this.#open.set(streamId, segment);
    }
    segment.entries.push({
      ordinal: chunk.ordinal,
      timeNs: chunk.timeNs,
      length: chunk.bytes.length,
    });
    segment.pieces.push(chunk.bytes);
    segment.bytes += chunk.bytes.length;
    this.#noteTime(chunk.timeNs);
  }

  addEvent(event: CaptureEvent): void {
    this.#rows.push(() =>
      this.#statements.event.run({
        ordinal: event.ordinal,
        time_ns: event.timeNs,
        connection_id: event.connection ?? null,
        stream: event.stream ?? null,
        kind: event.kind,
        details: Buffer.from(encode(event.details)),
      }),
    );
    this.#noteTime(event.timeNs);
  }

  /** A gap may be added again while it grows: it is known by where it begins. */
  addGap(gap: Gap): void {
    const streamId = this.#streamId(gap.connection, gap.stream);
    this.#rows.push(() =>
      this.#statements.gap.run({
        stream_id: streamId,
        place: gap.where,
        reason: gap.reason,
        stream_offset: gap.offset,
        byte_count: gap.bytes,
        frame_count: gap.frames ?? null,
        first_time_ns: gap.firstTimeNs,
        last_time_ns: gap.lastTimeNs,
      }),
    );
    this.#noteTime(gap.lastTimeNs);
  }

  /** Stores everything that was added since the last flush, or nothing of it. Throws CAPTURE_UNWRITABLE. */
  flush(): void {
    const segments = [...this.#full, ...this.#open.values()];
    const rows = this.#rows;
    if (segments.length === 0 && rows.length === 0) return;
    guardedWrite(this.path, () =>
      this.#database.transaction(() => {
        for (const row of rows) row();
        for (const segment of segments) this.#writeSegment(segment);
      })(),
    );
    this.#full = [];
    this.#open.clear();
    this.#rows = [];
  }

  /** Ends the recording in good order: one file, nothing beside it. */
  seal(): void {
    this.#setInfo('duration_ns', String(this.#lastTimeNs));
    this.#setInfo('sealed', '1');
    this.flush();
    this.#tidyUp();
  }

  /** Folds the files beside the capture into it. When a reader is in the way they stay; nothing is missing. */
  #tidyUp(): void {
    try {
      this.#database.pragma('wal_checkpoint(TRUNCATE)');
      this.#database.pragma('journal_mode = DELETE');
    } catch {
      // The sealing transaction is on disk: the capture is complete with its -wal file beside it.
    } finally {
      this.#database.close();
    }
  }

  #streamId(connection: number, kind: StreamKind): number {
    const key = `${connection}/${kind}`;
    const known = this.#streamIds.get(key);
    if (known !== undefined) return known;
    const id = this.#streamIds.size + 1;
    this.#streamIds.set(key, id);
    this.#rows.push(() => this.#statements.stream.run({ id, connection_id: connection, kind }));
    return id;
  }

  #setInfo(key: string, value: string): void {
    this.#rows.push(() => this.#statements.info.run(key, value));
  }

  #noteTime(timeNs: bigint): void {
    if (timeNs > this.#lastTimeNs) this.#lastTimeNs = timeNs;
  }

  #writeSegment(segment: OpenSegment): void {
    const first = defined(segment.entries[0], 'first chunk of a segment');
    const last = defined(segment.entries.at(-1), 'last chunk of a segment');
    const bytes = Buffer.concat(segment.pieces);
    assert(bytes.length === segment.bytes, 'a segment holds the bytes of its chunks');
    this.#statements.segment.run({
      stream_id: segment.streamId,
      stream_offset: segment.offset,
      byte_count: segment.bytes,
      chunk_count: segment.entries.length,
      first_ordinal: first.ordinal,
      first_time_ns: first.timeNs,
      last_time_ns: last.timeNs,
      crc32: crc32(bytes),
      chunk_table: Buffer.from(encodeChunkTable(segment.entries)),
      bytes,
    });
  }
}

function insertInto(table: string, columns: readonly string[]): string {
  const values = columns.map((column) => `@${column}`).join(', ');
  return `INSERT OR REPLACE INTO ${table} (${columns.join(', ')}) VALUES (${values})`;
}

function prepare(database: CaptureDatabase): Statements {
  const insert = (table: string, ...columns: readonly string[]): Statement =>
    database.prepare(insertInto(table, columns));
  return {
    info: database.prepare('INSERT OR REPLACE INTO capture_info (key, value) VALUES (?, ?)'),
    schema: database.prepare('INSERT INTO protocol_schema (name, yaml) VALUES (?, ?)'),
    connection: insert('connection', 'id', 'label', 'opened_ns'),
    stream: insert('stream', 'id', 'connection_id', 'kind'),
    segment: insert(
      'segment',
      'stream_id',
      'stream_offset',
      'byte_count',
      'chunk_count',
      'first_ordinal',
      'first_time_ns',
      'last_time_ns',
      'crc32',
      'chunk_table',
      'bytes',
    ),
    event: insert('event', 'ordinal', 'time_ns', 'connection_id', 'stream', 'kind', 'details'),
    gap: insert(
      'gap',
      'stream_id',
      'place',
      'reason',
      'stream_offset',
      'byte_count',
      'frame_count',
      'first_time_ns',
      'last_time_ns',
    ),
  };
}
