/**
 * Reads a capture. Holds one segment at a time, whatever the size of the file, and checks each against its
 * CRC: what it returns is what was recorded, or it throws CAPTURE_DAMAGED. Opens sealed files and files whose
 * recorder was killed alike.
 */
import { decode } from '@msgpack/msgpack';
import { crc32 } from 'node:zlib';
import { OperatingError } from '../lib/operating-error.ts';
import { decodeChunkTable } from './chunk-table.ts';
import { type CaptureDatabase, guarded, openDatabase } from './database.ts';
import type {
  CaptureEvent,
  CaptureInfo,
  CaptureReader,
  Chunk,
  ConnectionRow,
  EventKind,
  Gap,
  StreamKind,
  StreamRow,
} from './types.ts';

/** Throws CAPTURE_NOT_FOUND, CAPTURE_UNREADABLE, NOT_A_CAPTURE, CAPTURE_NEWER or CAPTURE_DAMAGED. */
export function openCapture(path: string): CaptureReader {
  const database = openDatabase(path);
  try {
    return new SqliteCaptureReader(path, database);
  } catch (error) {
    database.close();
    throw error;
  }
}

interface SegmentRecord {
  readonly id: number;
  readonly stream_offset: number;
  readonly byte_count: number;
  readonly first_ordinal: number;
  readonly first_time_ns: number;
  readonly crc32: number;
  readonly chunk_table: Uint8Array;
  readonly bytes: Uint8Array;
}

interface EventRecord {
  readonly ordinal: number;
  readonly time_ns: number;
  readonly connection_id: number | null;
  readonly stream: StreamKind | null;
  readonly kind: EventKind;
  readonly details: Uint8Array;
}

interface GapRecord {
  readonly connection_id: number;
  readonly kind: StreamKind;
  readonly place: Gap['where'];
  readonly reason: string;
  readonly stream_offset: number;
  readonly byte_count: number;
  readonly frame_count: number | null;
  readonly first_time_ns: number;
  readonly last_time_ns: number;
}

const NOTE_PREFIX = 'note.';
const EVENTS_A_PAGE = 1_000;

class SqliteCaptureReader implements CaptureReader {
  readonly path: string;
  readonly info: CaptureInfo;
  readonly #database: CaptureDatabase;

  constructor(path: string, database: CaptureDatabase) {
    this.path = path;
    this.#database = database;
    this.info = this.#readInfo();
  }

  protocolSchemas(): ReadonlyMap<string, string> {
    const rows = this.#all<{ name: string; yaml: string }>(
      'SELECT name, yaml FROM protocol_schema ORDER BY name',
    );
    return new Map(rows.map((row) => [row.name, row.yaml]));
  }

  connections(): readonly ConnectionRow[] {
    const rows = this.#all<{ id: number; label: string; opened_ns: number }>(
      'SELECT id, label, opened_ns FROM connection ORDER BY id',
    );
    return rows.map((row) => ({
      id: row.id,
      label: row.label,
      openedNs: BigInt(row.opened_ns),
    }));
  }

  streams(): readonly StreamRow[] {
    return this.#all<StreamRow>(
      `SELECT stream.id, connection_id AS connection, kind,
              coalesce(sum(byte_count), 0) AS bytes, coalesce(sum(chunk_count), 0) AS chunks
       FROM stream LEFT JOIN segment ON segment.stream_id = stream.id
       GROUP BY stream.id ORDER BY stream.id`,
    );
  }

  gaps(): readonly Gap[] {
    const rows = this.#all<GapRecord>(
      `SELECT connection_id, kind, place, reason, stream_offset, byte_count, frame_count,
              first_time_ns, last_time_ns
       FROM gap JOIN stream ON stream.id = gap.stream_id ORDER BY gap.id`,
    );
    return rows.map((row) => ({
      connection: row.connection_id,
      stream: row.kind,
      where: row.place,
      reason: row.reason,
      offset: row.stream_offset,
      bytes: row.byte_count,
      frames: row.frame_count ?? undefined,
      firstTimeNs: BigInt(row.first_time_ns),
      lastTimeNs: BigInt(row.last_time_ns),
    }));
  }

  *events(): Generator<CaptureEvent> {
    let after = -1;
    for (;;) {
      const rows = this.#all<EventRecord>(
        'SELECT * FROM event WHERE ordinal > ? ORDER BY ordinal LIMIT ?',
        after,
        EVENTS_A_PAGE,
      );
      for (const row of rows) yield this.#event(row);
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.ordinal;
    }
  }

  *chunks(streamId: number): Generator<Chunk> {
    let from = 0;
    for (;;) {
      const row = this.#all<SegmentRecord>(
        `SELECT id, stream_offset, byte_count, first_ordinal, first_time_ns, crc32, chunk_table, bytes
         FROM segment WHERE stream_id = ? AND stream_offset >= ? ORDER BY stream_offset LIMIT 1`,
        streamId,
        from,
      )[0];
      if (row === undefined) return;
      yield* this.#chunksOf(row);
      from = row.stream_offset + row.byte_count;
    }
  }

  close(): void {
    this.#database.close();
  }

  *#chunksOf(row: SegmentRecord): Generator<Chunk> {
    const entries = decodeChunkTable(row.chunk_table, {
      ordinal: row.first_ordinal,
      timeNs: BigInt(row.first_time_ns),
    });
    const total = entries?.reduce((sum, entry) => sum + entry.length, 0);
    const isWhole =
      row.byte_count > 0 && row.byte_count === row.bytes.length && total === row.byte_count;
    if (entries === undefined || !isWhole || crc32(row.bytes) !== row.crc32) {
      throw this.#damaged(`segment ${row.id} does not hold the bytes that were written`);
    }
    let position = 0;
    for (const entry of entries) {
      yield {
        ordinal: entry.ordinal,
        timeNs: entry.timeNs,
        offset: row.stream_offset + position,
        bytes: row.bytes.subarray(position, position + entry.length),
      };
      position += entry.length;
    }
  }

  #event(row: EventRecord): CaptureEvent {
    return {
      ordinal: row.ordinal,
      timeNs: BigInt(row.time_ns),
      connection: row.connection_id ?? undefined,
      stream: row.stream ?? undefined,
      kind: row.kind,
      details: this.#details(row),
    };
  }

  #details(row: EventRecord): CaptureEvent['details'] {
    const details = decodeDetails(row.details);
    if (details === undefined) {
      throw this.#damaged(`the details of event ${row.ordinal} are not readable`);
    }
    return details;
  }

  #readInfo(): CaptureInfo {
    const rows = this.#all<{ key: string; value: string }>('SELECT key, value FROM capture_info');
    const values = new Map(rows.map((row) => [row.key, row.value]));
    const value = (key: string): string => {
      const found = values.get(key);
      if (found === undefined) throw this.#damaged(`it does not say its ${key}`);
      return found;
    };
    const notes = [...values].filter(([key]) => key.startsWith(NOTE_PREFIX));
    return {
      origin: value('origin'),
      writer: value('writer'),
      startedUnixNs: BigInt(value('started_unix_ns')),
      dialect: value('dialect'),
      sealed: value('sealed') === '1',
      durationNs: BigInt(values.get('duration_ns') ?? this.#lastTimeNs()),
      notes: Object.fromEntries(notes.map(([key, text]) => [key.slice(NOTE_PREFIX.length), text])),
    };
  }

  /** Of a capture that was not sealed. */
  #lastTimeNs(): number {
    const rows = this.#all<{ last: number }>(
      `SELECT max(coalesce((SELECT max(last_time_ns) FROM segment), 0),
                  coalesce((SELECT max(time_ns) FROM event), 0)) AS last`,
    );
    return rows[0]?.last ?? 0;
  }

  #all<T>(sql: string, ...parameters: readonly (string | number)[]): readonly T[] {
    return guarded(this.path, () =>
      this.#database.prepare<(string | number)[], T>(sql).all(...parameters),
    );
  }

  #damaged(what: string): OperatingError {
    return new OperatingError('CAPTURE_DAMAGED', `${this.path} is damaged: ${what}`, {
      hint: 'Keep a copy; what plain sqlite3 can still read is true.',
    });
  }
}

function decodeDetails(bytes: Uint8Array): CaptureEvent['details'] | undefined {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch {
    return undefined; // The caller knows the place and reports it.
  }
  return isDetails(value) ? value : undefined;
}

function isDetails(value: unknown): value is CaptureEvent['details'] {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((item) => typeof item === 'string' || typeof item === 'number')
  );
}
