/**
 * Writes a capture: collects what happened and stores it in one transaction a flush; what is flushed survives a
 * kill. Bytes that another stream brought already are not stored again. Knows bytes and times, not what they mean,
 * and has no clock or thread of its own: the caller decides when to flush.
 */
import { encode } from '@msgpack/msgpack';
import { crc32 } from 'node:zlib';
import type { HeaderLayout } from '../wire/types.ts';
import { BLOCK_BYTES_MAX } from './block-reader.ts';
import { blockLink, CHAIN_START, digestOf, segmentLink } from './chain.ts';
import { type CaptureDatabase, createDatabase, guardedWrite } from './database.ts';
import { Deduplicator } from './deduplicator.ts';
import { Journal } from './journal.ts';
import { endsOf, SegmentCollector, type SegmentData } from './segment-collector.ts';
import { encodeSegmentTable } from './segment-table.ts';
import {
  type CaptureEvent,
  type ConnectionRow,
  type Gap,
  type PartInfo,
  STREAM_KINDS,
  type StreamAccount,
  type StreamKind,
} from './types.ts';
import { prepareWriting, type WriterStatements } from './writer-statements.ts';

export interface CaptureStart {
  readonly origin: string;
  readonly writer: string;
  readonly startedUnixNs: bigint;
  readonly dialect: string;
  /** Where frames begin: what is recorded again is looked up by frame. */
  readonly layout: HeaderLayout;
  readonly notes: Readonly<Record<string, string>>;
  readonly protocolSchemas: ReadonlyMap<string, string>;
  /** Of a rotated recording: which of its files this is. */
  readonly part?: PartStart;
}

export interface PartStart extends PartInfo {
  /** Where the streams of living connections go on, by `streamKey`. */
  readonly firstOffsets: ReadonlyMap<string, number>;
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

/** Chunks become segments after this time, or when so many have come together; until then they are journal. */
const SEGMENT_AFTER_NS = 1_000_000_000n;
const SEGMENT_AFTER_BYTES = 16 * 1024 * 1024;
const SEGMENT_AFTER_CHUNKS = 65_536;

export class CaptureWriter {
  readonly path: string;
  readonly #database: CaptureDatabase;
  readonly #statements: WriterStatements;
  readonly #streamIds = new Map<string, number>();
  /** Where streams of living connections begin in this file, and where they end so far. */
  readonly #firstOffsets: ReadonlyMap<string, number>;
  readonly #streamEnds: Map<string, number>;
  readonly #store: Deduplicator;
  readonly #collected = new SegmentCollector();
  /** Chunks since the last flush. */
  readonly #unflushed = new Journal();
  #rows: (() => void)[] = [];
  #blockLink = CHAIN_START;
  #segmentLink = CHAIN_START;
  #segmentedNs: bigint;
  #lastTimeNs: bigint;

  private constructor(path: string, database: CaptureDatabase, start: CaptureStart) {
    this.path = path;
    this.#database = database;
    this.#statements = prepareWriting(database);
    this.#store = new Deduplicator(start.layout);
    this.#firstOffsets = start.part?.firstOffsets ?? new Map();
    this.#streamEnds = new Map(this.#firstOffsets);
    this.#lastTimeNs = start.part?.startNs ?? 0n;
    this.#segmentedNs = this.#lastTimeNs;
  }

  /** Throws CAPTURE_EXISTS or CAPTURE_UNWRITABLE. */
  static create(path: string, start: CaptureStart): CaptureWriter {
    const writer = new CaptureWriter(path, createDatabase(path), start);
    writer.#setInfo('origin', start.origin);
    writer.#setInfo('writer', start.writer);
    writer.#setInfo('started_unix_ns', String(start.startedUnixNs));
    writer.#setInfo('dialect', start.dialect);
    writer.#setInfo('sealed', '0');
    if (start.part !== undefined) {
      writer.#setInfo('set', start.part.set);
      writer.#setInfo('part', String(start.part.number));
      writer.#setInfo('part_start_ns', String(start.part.startNs));
    }
    for (const [name, value] of Object.entries(start.notes)) writer.#setInfo(`note.${name}`, value);
    for (const [name, yaml] of start.protocolSchemas) {
      writer.#rows.push(() => writer.#statements.schema.run(name, yaml));
    }
    writer.flush();
    return writer;
  }

  /** What the file takes on the disk, but for what is still in the files beside it. */
  get fileBytes(): number {
    const pragma = (name: string): number => Number(this.#database.pragma(name, { simple: true }));
    return pragma('page_count') * pragma('page_size');
  }

  /** Of the last thing that was added. */
  get lastTimeNs(): bigint {
    return this.#lastTimeNs;
  }

  /** Where the streams of connections that have not ended end so far, by `streamKey`. */
  get streamEnds(): ReadonlyMap<string, number> {
    return this.#streamEnds;
  }

  addConnection(row: ConnectionRow): void {
    this.#rows.push(() =>
      this.#statements.connection.run({ id: row.id, label: row.label, opened_ns: row.openedNs }),
    );
    this.#noteTime(row.openedNs);
  }

  /** Only who copies a capture needs this: streams are numbered in the order in which they are first heard of. */
  addStream(connection: number, kind: StreamKind): void {
    this.#streamId(connection, kind);
  }

  addChunk(chunk: ChunkToWrite): void {
    const { ordinal, timeNs, offset, bytes } = chunk;
    const streamId = this.#streamId(chunk.connection, chunk.stream);
    const runs = this.#store.place(streamId, offset, bytes);
    const length = bytes.length;
    const placed = { streamId, ordinal, timeNs: Number(timeNs), offset, length, runs };
    this.#collected.add(placed, (checksum) => crc32(bytes, checksum));
    this.#unflushed.add(placed);
    this.#noteEnd(chunk, offset + length);
    this.#noteTime(timeNs);
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
    if (gap.where === 'recording') this.#noteEnd(gap, gap.offset + gap.bytes);
    this.#rows.push(() =>
      this.#statements.gap.run({
        stream_id: streamId,
        place: gap.where,
        reason: gap.reason,
        stream_offset: gap.offset,
        byte_count: gap.bytes,
        frame_count: gap.frames ?? null,
        first_header: gap.firstHeader ?? null,
        last_header: gap.lastHeader ?? null,
        first_time_ns: gap.firstTimeNs,
        last_time_ns: gap.lastTimeNs,
      }),
    );
    this.#noteTime(gap.lastTimeNs);
  }

  /** What passed on a stream that is over, as its sockets counted it. */
  addAccount(account: StreamAccount): void {
    const streamId = this.#streamId(account.connection, account.stream);
    this.#rows.push(() =>
      this.#statements.account.run({
        stream_id: streamId,
        seen_bytes: account.seenBytes,
        mirrored_bytes: account.mirroredBytes ?? null,
      }),
    );
  }

  /** Nothing more will come of the connection. */
  endConnection(id: number): void {
    for (const kind of STREAM_KINDS) {
      const key = streamKey(id, kind);
      this.#streamEnds.delete(key);
      const streamId = this.#streamIds.get(key);
      if (streamId !== undefined) this.#store.forget(streamId);
    }
  }

  /** Stores everything that was added since the last flush, or nothing of it. Throws CAPTURE_UNWRITABLE. */
  flush(): void {
    this.#flush(this.#isSegmentDue());
  }

  /**
   * Ends the recording in good order: one file, nothing beside it. `notes`: what is known at the end only. Throws
   * CAPTURE_UNWRITABLE.
   */
  seal(notes: Readonly<Record<string, string>> = {}): void {
    for (const [name, value] of Object.entries(notes)) this.#setInfo(`note.${name}`, value);
    this.#setInfo('duration_ns', String(this.#lastTimeNs));
    this.#flush(true);
    guardedWrite(this.path, () =>
      this.#database.transaction(() => {
        this.#statements.info.run('sealed', '1');
        this.#statements.info.run('digest', digestOf(this.#database));
      })(),
    );
    this.#tidyUp();
  }

  /** Ends a capture of which nobody may say that it is all there was: one file, but no seal. Throws CAPTURE_UNWRITABLE. */
  endUnsealed(notes: Readonly<Record<string, string>> = {}): void {
    for (const [name, value] of Object.entries(notes)) this.#setInfo(`note.${name}`, value);
    this.#flush(true);
    this.#tidyUp();
  }

  /** Lets go of the file as it is, for who will remove it. */
  abandon(): void {
    this.#database.close();
  }

  #isSegmentDue(): boolean {
    const { bytes, chunks } = this.#collected;
    return (
      bytes >= SEGMENT_AFTER_BYTES ||
      chunks >= SEGMENT_AFTER_CHUNKS ||
      this.#lastTimeNs - this.#segmentedNs >= SEGMENT_AFTER_NS
    );
  }

  #flush(makesSegments: boolean): void {
    const rows = this.#rows;
    const links = { block: this.#blockLink, segment: this.#segmentLink };
    guardedWrite(this.path, () =>
      this.#database.transaction(() => {
        for (const row of rows) row();
        links.block = this.#writeBlocks(links.block);
        if (makesSegments) links.segment = this.#writeSegments(links.segment);
        else this.#writeJournal();
      })(),
    );
    // Only now: a transaction that failed has stored nothing, and is tried again with what is still here.
    this.#rows = [];
    this.#unflushed.clear();
    this.#store.stored();
    this.#blockLink = links.block;
    if (!makesSegments) return;
    this.#segmentLink = links.segment;
    this.#segmentedNs = this.#lastTimeNs;
    this.#collected.clear();
  }

  #writeBlocks(previous: Uint8Array): Uint8Array {
    const { start, pieces } = this.#store.newPieces;
    const all = Buffer.concat(pieces);
    let chain = previous;
    for (let from = 0; from < all.length; from += BLOCK_BYTES_MAX) {
      const bytes = all.subarray(from, from + BLOCK_BYTES_MAX);
      chain = blockLink(chain, start + from, bytes);
      this.#statements.block.run({ start: start + from, bytes, crc32: crc32(bytes), chain });
    }
    return chain;
  }

  #writeSegments(previous: Uint8Array): Uint8Array {
    let chain = previous;
    for (const segment of this.#collected.segments()) {
      const row = columnsOf(segment);
      chain = segmentLink(chain, row);
      this.#statements.segment.run({ ...row, chain });
    }
    this.#statements.clearJournal.run();
    return chain;
  }

  #writeJournal(): void {
    if (this.#unflushed.isEmpty) return;
    const chunks = this.#unflushed.encode();
    this.#statements.journal.run({ chunks, crc32: crc32(chunks) });
  }

  /** Folds the files beside the capture into it. When a reader is in the way they stay; nothing is missing. */
  #tidyUp(): void {
    try {
      this.#database.pragma('incremental_vacuum');
      this.#database.pragma('wal_checkpoint(TRUNCATE)');
      this.#database.pragma('journal_mode = DELETE');
    } catch {
      // The sealing transaction is on disk: the capture is complete with its -wal file beside it.
    } finally {
      this.#database.close();
    }
  }

  #streamId(connection: number, kind: StreamKind): number {
    const key = streamKey(connection, kind);
    const known = this.#streamIds.get(key);
    if (known !== undefined) return known;
    const id = this.#streamIds.size + 1;
    this.#streamIds.set(key, id);
    const firstOffset = this.#firstOffsets.get(key) ?? 0;
    this.#rows.push(() =>
      this.#statements.stream.run({
        id,
        connection_id: connection,
        kind,
        first_offset: firstOffset,
      }),
    );
    return id;
  }

  #setInfo(key: string, value: string): void {
    this.#rows.push(() => this.#statements.info.run(key, value));
  }

  #noteEnd(stream: { connection: number; stream: StreamKind }, end: number): void {
    const key = streamKey(stream.connection, stream.stream);
    if (end > (this.#streamEnds.get(key) ?? 0)) this.#streamEnds.set(key, end);
  }

  #noteTime(timeNs: bigint): void {
    if (timeNs > this.#lastTimeNs) this.#lastTimeNs = timeNs;
  }
}

export function streamKey(connection: number, kind: StreamKind): string {
  return `${connection}/${kind}`;
}

function columnsOf(segment: SegmentData): Parameters<typeof segmentLink>[1] {
  const { firstOrdinal, firstTimeNs, lastTimeNs } = endsOf(segment);
  return {
    stream_id: segment.streamId,
    stream_offset: segment.offset,
    byte_count: segment.bytes,
    chunk_count: segment.lengths.length,
    first_ordinal: firstOrdinal,
    first_time_ns: firstTimeNs,
    last_time_ns: lastTimeNs,
    crc32: segment.crc32,
    chunk_table: encodeSegmentTable(segment),
  };
}
