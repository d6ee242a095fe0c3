/**
 * The spool between the forwarding thread and the writer thread. Takes copies, never waits, holds a bounded
 * amount; what does not fit becomes a recording gap of whole frames with its exact place, or, where the
 * operator asked for it, is not read until there is room (`isBlocking`). Counts everything that it was given,
 * so that bytes seen = bytes handed to the writer + bytes in gaps, for each stream.
 */
import type { CaptureEvent, StreamKind } from '../capture/types.ts';
import type { FrameBorders } from '../wire/frame-borders.ts';
import type { HeaderLayout } from '../wire/types.ts';
import {
  BatchBuilder,
  CHUNK_COST_BYTES,
  type RecordBatch,
  ROW_COST_BYTES,
} from './record-batch.ts';
import { GapTotals } from './gap-totals.ts';
import { ConnectionWatch } from './connection-watch.ts';
import { MirrorGapBooks, type MirrorGapFacts } from './mirror-gap-books.ts';
import type { GapAccount, StreamAccount } from './status.ts';
import { type OpenGap, type StreamBook, StreamBooks } from './stream-books.ts';

/** What happens when the disk cannot keep up: leave frames out, or stop reading from everybody. */
export type OverloadPolicy = 'gap' | 'block';
export const OVERLOAD_POLICIES: readonly OverloadPolicy[] = ['gap', 'block'];

export interface SpoolLimits {
  /** What may wait for the disk: bytes, and about 256 more a chunk and 1,024 a row. */
  readonly spoolBytesMax: number;
  readonly batchBytesMax: number;
}

export const DEFAULT_SPOOL_LIMITS: SpoolLimits = {
  spoolBytesMax: 64 * 1024 * 1024,
  batchBytesMax: 256 * 1024,
};

/** Recording goes on when the spool has fallen to this part of its limit, so that it does not flutter. */
const RESUME_PART = 0.5;
/** With `block`, reading stops at this part: chunks that are on their way still fit. */
const BLOCK_PART = 0.75;

/** The writer as the recorder sees it: takes batches, and tells later which cost is on disk. */
export interface BatchSink {
  send(batch: RecordBatch): void;
}

export interface RecorderOptions {
  readonly layout: HeaderLayout;
  /** Monotonic ns since the start of the capture. */
  readonly now: () => bigint;
  readonly limits: SpoolLimits;
  readonly onOverload: OverloadPolicy;
  /** Reading from all sockets must stop, or may go on; asked for with `block` only. */
  readonly onBlocking: (isBlocking: boolean) => void;
}

export class Recorder {
  readonly #sink: BatchSink;
  readonly #options: RecorderOptions;
  readonly #batch: BatchBuilder;
  readonly #books: StreamBooks;
  readonly #mirrorGaps: MirrorGapBooks;
  readonly #gapTotals = new GapTotals();
  readonly #watch = new ConnectionWatch(performance.now());
  /** Since the last event that could be kept, and in all. */
  #lostEvents = 0;
  #lostEventsTotal = 0;
  #ordinal = 0;
  #inFlightCostBytes = 0;
  #mayBlock: boolean;
  #blockedSinceNs: bigint | undefined;

  constructor(sink: BatchSink, options: RecorderOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#mayBlock = options.onOverload === 'block';
    this.#batch = new BatchBuilder(options.limits.batchBytesMax);
    this.#books = new StreamBooks(options.layout, this.#gapTotals, (gap) =>
      this.#batch.addGap(gap),
    );
    this.#mirrorGaps = new MirrorGapBooks(this.#gapTotals);
  }

  /** Of all connections, those that are over included. */
  get totals(): Readonly<Record<StreamKind, Readonly<StreamAccount>>> {
    return this.#books.totals;
  }

  /** What the mirror was not sent although it should have been, all connections together. */
  get mirrorGapBytes(): number {
    return this.#mirrorGaps.bytes;
  }

  /** What the mirror was not sent because only a part of the traffic was asked for. */
  get notSelectedBytes(): number {
    return this.#mirrorGaps.notSelectedBytes;
  }

  get gapTotals(): readonly GapAccount[] {
    return this.#gapTotals.accounts;
  }

  get lostEvents(): number {
    return this.#lostEventsTotal;
  }

  /** Every event passes here, so here is known who is connected. */
  get watch(): ConnectionWatch {
    return this.#watch;
  }

  get spooledCostBytes(): number {
    return this.#inFlightCostBytes + this.#batch.costBytes;
  }

  /** Not even small rows fit any more: the disk has been stuck for long. */
  get isOverloaded(): boolean {
    return this.spooledCostBytes + ROW_COST_BYTES > 2 * this.#options.limits.spoolBytesMax;
  }

  /** Nobody is read from, until there is room again. */
  get isBlocking(): boolean {
    return this.#blockedSinceNs !== undefined;
  }

  addConnection(id: number, label: string): void {
    this.#batch.addConnection({ id, label, openedNs: this.#options.now() });
  }

  /** Events are small, so they may use as much again as the spool; beyond that they are counted. */
  addEvent(event: Omit<CaptureEvent, 'ordinal' | 'timeNs'>): void {
    this.#watch.note(event);
    if (this.isOverloaded) {
      this.#lostEvents += 1;
      this.#lostEventsTotal += 1;
      return;
    }
    this.#addEvent(event);
    if (this.#lostEvents === 0) return;
    const details = { lostEvents: this.#lostEvents };
    this.#lostEvents = 0;
    this.#addEvent({ connection: undefined, stream: undefined, kind: 'note', details });
  }

  /** The whole gap so far: a growing one is reported again and again. */
  addMirrorGap(gap: MirrorGapFacts): void {
    this.#batch.addGap(this.#mirrorGaps.note(gap, this.#options.now()));
  }

  /** `borders`: of this stream, with this chunk as the last one. */
  addChunk(connection: number, stream: StreamKind, bytes: Uint8Array, borders: FrameBorders): void {
    const timeNs = this.#options.now();
    const book = this.#books.of(connection, stream);
    const offset = book.seenBytes;
    this.#books.see(book, bytes.length, borders.endedFrames);
    this.#ordinal += 1;
    const read: ReadBytes = { offset, timeNs, bytes };
    if (book.gap !== undefined) this.#addBehindGap(book, book.gap, read, borders);
    else if (this.#fits(bytes.length)) this.#record(book, read);
    else this.#beginGap(book, read, borders);
    if (this.#mayBlock && !this.isBlocking && this.#isFilledTo(BLOCK_PART)) this.#block();
  }

  /**
   * The connection is over: closes its books. `mirroredBytes`: client bytes that the mirror's socket took; undefined
   * when there was to be no mirror.
   */
  endConnection(connection: number, mirroredBytes: number | undefined): void {
    for (const { stream, seenBytes } of this.#books.close(connection)) {
      const mirrored = stream === 'client' ? mirroredBytes : undefined;
      this.#batch.addAccount({ connection, stream, seenBytes, mirroredBytes: mirrored });
    }
    this.#batch.endConnection(connection);
    this.#mirrorGaps.close(connection);
    this.#watch.endConnection(connection);
  }

  /** Hands over what has been collected. Open gaps go along when they grew, so that they survive a kill. */
  send(): void {
    if (!this.isOverloaded) this.#books.reportOpenGaps();
    if (this.#batch.costBytes === 0) return;
    const batch = this.#batch.take();
    this.#inFlightCostBytes += batch.costBytes;
    this.#sink.send(batch);
  }

  /** The writer has batches of this cost on disk. */
  stored(costBytes: number): void {
    this.#inFlightCostBytes -= costBytes;
    if (this.isBlocking && !this.#isFilledTo(RESUME_PART)) this.#unblock();
  }

  /** From now on what does not fit is a gap: there is no disk to wait for any more, or no time. */
  neverBlock(): void {
    this.#mayBlock = false;
    if (this.isBlocking) this.#unblock();
  }

  #block(): void {
    this.#blockedSinceNs = this.#options.now();
    this.#note({ overload: 'reading stopped' });
    this.#options.onBlocking(true);
  }

  #unblock(): void {
    const stoppedNs = this.#options.now() - (this.#blockedSinceNs ?? 0n);
    this.#blockedSinceNs = undefined;
    this.#note({ overload: 'reading resumed', stoppedMs: Number(stoppedNs / 1_000_000n) });
    this.#options.onBlocking(false);
  }

  #note(details: CaptureEvent['details']): void {
    this.addEvent({ connection: undefined, stream: undefined, kind: 'note', details });
  }

  #isFilledTo(part: number): boolean {
    return this.spooledCostBytes > this.#options.limits.spoolBytesMax * part;
  }

  /** While reading can be stopped everything that was read is taken: at most a chunk more than the limit. */
  #fits(bytes: number): boolean {
    const costBytes = this.spooledCostBytes + bytes + CHUNK_COST_BYTES;
    return this.#mayBlock || costBytes <= this.#options.limits.spoolBytesMax;
  }

  #record(book: StreamBook, { offset, timeNs, bytes }: ReadBytes): void {
    const { connection, stream } = book;
    if (!this.#batch.fits(bytes.length)) this.send();
    this.#batch.addChunk({ connection, stream, ordinal: this.#ordinal, timeNs, offset, bytes });
    this.#books.recorded(book, bytes.length);
  }

  /** The rest of a frame of which a part is recorded is recorded too, unless even that is too much. */
  #beginGap(book: StreamBook, read: ReadBytes, borders: FrameBorders): void {
    const { offset, timeNs, bytes } = read;
    const border = (borders.firstBorder ?? borders.offset) - borders.chunkOffset;
    const restBytes = this.isOverloaded ? 0 : border;
    if (restBytes > 0) {
      this.#record(book, { offset, timeNs, bytes: bytes.subarray(0, restBytes) });
    }
    if (restBytes === bytes.length) return;
    const gap = this.#books.openGap(book, offset + restBytes, timeNs);
    this.#books.lose(book, gap, bytes.length - restBytes, timeNs);
    borders.countWhole(bytes, gap.count);
  }

  #addBehindGap(book: StreamBook, gap: OpenGap, read: ReadBytes, borders: FrameBorders): void {
    const { offset, timeNs, bytes } = read;
    borders.countCarried(gap.offset, gap.count);
    const mayGoOn = !this.#isFilledTo(RESUME_PART) && this.#fits(bytes.length);
    if (borders.firstBorder === undefined || !mayGoOn) {
      this.#books.lose(book, gap, bytes.length, timeNs);
      borders.countWhole(bytes, gap.count);
      return;
    }
    const lostBytes = borders.firstBorder - borders.chunkOffset;
    if (lostBytes > 0) this.#books.lose(book, gap, lostBytes, timeNs);
    this.#books.closeGap(book);
    if (lostBytes === bytes.length) return;
    this.#record(book, { offset: offset + lostBytes, timeNs, bytes: bytes.subarray(lostBytes) });
  }

  #addEvent(event: Omit<CaptureEvent, 'ordinal' | 'timeNs'>): void {
    this.#ordinal += 1;
    this.#batch.addEvent({ ...event, ordinal: this.#ordinal, timeNs: this.#options.now() });
  }
}

/** What one read returned, or a part of it. */
interface ReadBytes {
  readonly offset: number;
  readonly timeNs: bigint;
  readonly bytes: Uint8Array;
}
