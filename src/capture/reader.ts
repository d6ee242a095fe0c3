/**
 * Reads a capture as it was at the moment of opening. Holds one segment and a few blocks at a time, whatever the
 * size of the file, and checks each against its CRC: what it returns is what was recorded, or it throws
 * CAPTURE_DAMAGED. Opens sealed files, files whose recorder was killed, and files that are being recorded alike.
 */
import { crc32 } from 'node:zlib';
import type { Statement } from 'better-sqlite3';
import { OperatingError } from '../lib/operating-error.ts';
import { BlockReader, type BlockRow } from './block-reader.ts';
import { type CaptureDatabase, guarded, openDatabase, RECOVER_HINT } from './database.ts';
import { decodeJournal } from './journal.ts';
import { chunksIn, restOf } from './chunk-runs.ts';
import {
  accountOf,
  type AccountRecord,
  connectionOf,
  type ConnectionRecord,
  eventOf,
  type EventRecord,
  gapOf,
  type GapRecord,
  type StreamName,
} from './rows.ts';
import { endsOf, SegmentCollector, type SegmentData } from './segment-collector.ts';
import { decodeSegmentTable, type SegmentTable } from './segment-table.ts';
import type {
  CaptureEvent,
  CaptureInfo,
  CaptureReader,
  Chunk,
  ChunkRun,
  ConnectionRow,
  Gap,
  StreamAccount,
  StreamEnd,
  StreamKind,
  StreamRow,
} from './types.ts';

/** Throws CAPTURE_NOT_FOUND, CAPTURE_UNREADABLE, NOT_A_CAPTURE, CAPTURE_NEWER or CAPTURE_DAMAGED. */
export function openCaptureFile(path: string): CaptureReader {
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
}

/** A segment as it is read, from its own row or from the journal. */
interface Segment {
  readonly table: SegmentTable;
  /** How people find it. */
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
  /** Of its bytes; undefined in the journal, which is checked as a whole. */
  readonly crc32: number | undefined;
}

const NOTE_PREFIX = 'note.';
const EVENTS_A_PAGE = 1_000;

class SqliteCaptureReader implements CaptureReader {
  readonly path: string;
  readonly info: CaptureInfo;
  readonly #database: CaptureDatabase;
  readonly #blocks = new BlockReader((position) => this.#loadBlock(position));
  /** What is not in segments yet, by stream. */
  readonly #journal: ReadonlyMap<number, readonly SegmentData[]>;
  /** Asked thousands of times, so they are prepared once. */
  #segmentFrom: Statement<[number, number], SegmentRecord> | undefined;
  #blockAt: Statement<[number], BlockRow> | undefined;
  #restarts: ReadonlyMap<string, readonly number[]> | undefined;

  constructor(path: string, database: CaptureDatabase) {
    this.path = path;
    this.#database = database;
    // A recorder may be writing: everything is read as it is now.
    guarded(path, () => database.exec('BEGIN'));
    this.#journal = this.#readJournal();
    this.info = this.#readInfo();
  }

  protocolSchemas(): ReadonlyMap<string, string> {
    const rows = this.#all<{ name: string; yaml: string }>(
      'SELECT name, yaml FROM protocol_schema ORDER BY name',
    );
    return new Map(rows.map((row) => [row.name, row.yaml]));
  }

  connections(): readonly ConnectionRow[] {
    return this.#all<ConnectionRecord>(
      'SELECT id, label, opened_ns FROM connection ORDER BY id',
    ).map(connectionOf);
  }

  streams(): readonly StreamRow[] {
    const rows = this.#all<StreamRow>(
      `SELECT stream.id, connection_id AS connection, kind, first_offset AS firstOffset,
              coalesce(sum(byte_count), 0) AS bytes, coalesce(sum(chunk_count), 0) AS chunks
       FROM stream LEFT JOIN segment ON segment.stream_id = stream.id
       GROUP BY stream.id ORDER BY stream.id`,
    );
    return rows.map((row) => {
      const waiting = this.#journal.get(row.id) ?? [];
      return {
        ...row,
        bytes: waiting.reduce((sum, segment) => sum + segment.bytes, row.bytes),
        chunks: waiting.reduce((sum, segment) => sum + segment.lengths.length, row.chunks),
      };
    });
  }

  streamEnds(): readonly StreamEnd[] {
    const rows = this.#all<StreamEnd>(
      `SELECT id, connection_id AS connection, kind,
              coalesce((SELECT stream_offset + byte_count FROM segment WHERE stream_id = stream.id
                        ORDER BY stream_offset DESC LIMIT 1), first_offset) AS endOffset
       FROM stream ORDER BY id`,
    );
    return rows.map((row) => {
      const last = this.#journal.get(row.id)?.at(-1);
      return last === undefined ? row : { ...row, endOffset: last.offset + last.bytes };
    });
  }

  accounts(): readonly StreamAccount[] {
    return this.#all<AccountRecord & StreamName>(
      `SELECT connection_id AS connection, kind AS stream, seen_bytes, mirrored_bytes
       FROM account JOIN stream ON stream.id = account.stream_id ORDER BY stream_id`,
    ).map((row) => accountOf(row, row));
  }

  gaps(): readonly Gap[] {
    return this.#all<GapRecord & StreamName>(
      `SELECT connection_id AS connection, kind AS stream, place, reason, stream_offset, byte_count,
              frame_count, first_header, last_header, first_time_ns, last_time_ns
       FROM gap JOIN stream ON stream.id = gap.stream_id ORDER BY gap.id`,
    ).map((row) => gapOf(row, row));
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

  restarts(connection: number, kind: StreamKind): readonly number[] {
    this.#restarts ??= this.#readRestarts();
    return this.#restarts.get(`${connection}/${kind}`) ?? [];
  }

  chunks(streamId: number): Generator<Chunk> {
    return chunksIn(this.runs(streamId));
  }

  *runs(streamId: number, fromOffset = 0): Generator<ChunkRun> {
    let from = fromOffset;
    const begun = fromOffset === 0 ? undefined : this.#segmentBefore(streamId, fromOffset);
    const restOfBegun = begun && restOf(this.#run(this.#segment(begun)), fromOffset);
    if (begun !== undefined && restOfBegun !== undefined) {
      yield restOfBegun;
      from = begun.stream_offset + begun.byte_count;
    }
    for (;;) {
      const row = this.#loadSegment(streamId, from);
      if (row === undefined) break;
      yield this.#run(this.#segment(row));
      from = row.stream_offset + row.byte_count;
    }
    for (const waiting of this.#journal.get(streamId) ?? []) {
      const run = this.#run({
        ...waiting,
        table: waiting,
        name: `journal at ordinal ${endsOf(waiting).firstOrdinal}`,
        crc32: undefined,
      });
      const rest = restOf(run, from);
      if (rest !== undefined) yield rest;
    }
  }

  close(): void {
    this.#database.close();
  }

  /** What was read from the journal may have become the middle of a segment. */
  #segmentBefore(streamId: number, offset: number): SegmentRecord | undefined {
    const [row] = this.#all<SegmentRecord>(
      `SELECT id, stream_offset, byte_count, first_ordinal, first_time_ns, crc32, chunk_table
       FROM segment WHERE stream_id = ? AND stream_offset < ? ORDER BY stream_offset DESC LIMIT 1`,
      streamId,
      offset,
    );
    return row !== undefined && row.stream_offset + row.byte_count > offset ? row : undefined;
  }

  #readRestarts(): ReadonlyMap<string, readonly number[]> {
    const rows = this.#all<EventRecord>(
      "SELECT * FROM event WHERE kind = 'upstream-open' ORDER BY ordinal",
    );
    const restarts = new Map<string, number[]>();
    for (const row of rows) {
      const { offset } = this.#event(row).details;
      if (typeof offset !== 'number') continue;
      const key = `${row.connection_id}/${row.stream}`;
      const offsets = restarts.get(key);
      if (offsets === undefined) restarts.set(key, [offset]);
      else offsets.push(offset);
    }
    return restarts;
  }

  #segment(row: SegmentRecord): Segment {
    const name = `segment ${row.id}`;
    const table = decodeSegmentTable(row.chunk_table, {
      ordinal: row.first_ordinal,
      timeNs: row.first_time_ns,
    });
    if (table === undefined) throw this.#damaged(`${name} has no readable chunk table`);
    return {
      table,
      name,
      offset: row.stream_offset,
      bytes: row.byte_count,
      crc32: row.crc32,
    };
  }

  #run(segment: Segment): ChunkRun {
    const { offset, table } = segment;
    const { lengths, runs } = table;
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const isWhole = total > 0 && total === segment.bytes;
    const read = isWhole ? this.#blocks.read(runs, total) : undefined;
    if (read === undefined || (segment.crc32 ?? read.crc32) !== read.crc32) {
      throw this.#damaged(`${segment.name} does not hold the bytes that were written`);
    }
    return {
      offset,
      bytes: read.bytes,
      lengths,
      get ordinals() {
        return table.ordinals;
      },
      get timesNs() {
        return table.timesNs;
      },
    };
  }

  #loadSegment(streamId: number, from: number): SegmentRecord | undefined {
    return guarded(this.path, () => {
      this.#segmentFrom ??= this.#database.prepare(
        `SELECT id, stream_offset, byte_count, first_ordinal, first_time_ns, crc32, chunk_table
         FROM segment WHERE stream_id = ? AND stream_offset >= ? ORDER BY stream_offset LIMIT 1`,
      );
      return this.#segmentFrom.get(streamId, from);
    });
  }

  #loadBlock(position: number): BlockRow | undefined {
    return guarded(this.path, () => {
      this.#blockAt ??= this.#database.prepare(
        'SELECT start, bytes, crc32 FROM block WHERE start <= ? ORDER BY start DESC LIMIT 1',
      );
      return this.#blockAt.get(position);
    });
  }

  #readJournal(): ReadonlyMap<number, readonly SegmentData[]> {
    const collected = new SegmentCollector();
    const rows = this.#all<{ id: number; chunks: Uint8Array; crc32: number }>(
      'SELECT id, chunks, crc32 FROM journal ORDER BY id',
    );
    for (const row of rows) {
      const chunks = crc32(row.chunks) === row.crc32 ? decodeJournal(row.chunks) : undefined;
      if (chunks === undefined) throw this.#damaged(`row ${row.id} of its journal is not readable`);
      for (const chunk of chunks) collected.add(chunk);
    }
    const byStream = new Map<number, SegmentData[]>();
    for (const segment of collected.segments()) {
      const known = byStream.get(segment.streamId);
      if (known === undefined) byStream.set(segment.streamId, [segment]);
      else known.push(segment);
    }
    return byStream;
  }

  #event(row: EventRecord): CaptureEvent {
    const { details, ...event } = eventOf(row);
    if (details === undefined) {
      throw this.#damaged(`the details of event ${row.ordinal} are not readable`);
    }
    return { ...event, details };
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
      part: partOf(values),
      notes: Object.fromEntries(notes.map(([key, text]) => [key.slice(NOTE_PREFIX.length), text])),
    };
  }

  /** Of a capture that was not sealed: what its writer would say if it were sealed now. */
  #lastTimeNs(): number {
    const rows = this.#all<{ last: number }>(
      `SELECT max(coalesce((SELECT max((SELECT last_time_ns FROM segment WHERE stream_id = stream.id
                                        ORDER BY stream_offset DESC LIMIT 1)) FROM stream), 0),
                  coalesce((SELECT max(last_time_ns) FROM gap), 0),
                  coalesce((SELECT max(opened_ns) FROM connection), 0),
                  coalesce((SELECT max(time_ns) FROM event), 0)) AS last`,
    );
    const inJournal = [...this.#journal.values()]
      .flat()
      .map((segment) => endsOf(segment).lastTimeNs);
    return Math.max(rows[0]?.last ?? 0, ...inJournal);
  }

  #all<T>(sql: string, ...parameters: readonly (string | number)[]): readonly T[] {
    return guarded(this.path, () =>
      this.#database.prepare<(string | number)[], T>(sql).all(...parameters),
    );
  }

  #damaged(what: string): OperatingError {
    return new OperatingError('CAPTURE_DAMAGED', `${this.path} is damaged: ${what}`, {
      hint: RECOVER_HINT,
    });
  }
}

function partOf(values: ReadonlyMap<string, string>): CaptureInfo['part'] {
  const set = values.get('set');
  return set === undefined
    ? undefined
    : {
        set,
        number: Number(values.get('part')),
        startNs: BigInt(values.get('part_start_ns') ?? 0),
      };
}
