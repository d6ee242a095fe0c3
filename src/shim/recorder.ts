/**
 * The spool between the forwarding thread and the writer thread. Takes copies, never waits, holds a bounded
 * amount; what does not fit becomes a recording gap of whole frames with its exact place, or, where the
 * operator asked for it, is not read until there is room (`isBlocking`). Counts everything that it was given,
 * so that bytes seen = bytes handed to the writer + bytes in gaps, for each stream.
 */
import { type CaptureEvent, type Gap, STREAM_KINDS, type StreamKind } from '../capture/types.ts';
import { type FrameBorders, FrameCount } from '../wire/frame-borders.ts';
import type { HeaderLayout } from '../wire/types.ts';
import {
  BatchBuilder,
  CHUNK_COST_BYTES,
  type RecordBatch,
  ROW_COST_BYTES,
} from './record-batch.ts';
import { GapTotals } from './gap-totals.ts';
import { ConnectionWatch } from './connection-watch.ts';
import type { GapAccount, StreamAccount } from './status.ts';

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

/** The one reason why bytes are not recorded. */
const SPOOL_FULL = 'spool-full';
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

interface OpenGap {
  readonly offset: number;
  readonly firstTimeNs: bigint;
  readonly count: FrameCount;
  bytes: number;
  lastTimeNs: bigint;
  reportedBytes: number;
  reportedFrames: number;
}

interface StreamState extends Omit<StreamAccount, 'frames'> {
  readonly connection: number;
  readonly stream: StreamKind;
  gap: OpenGap | undefined;
}

type MirrorGapFacts = Omit<Gap, 'stream' | 'where' | 'firstTimeNs' | 'lastTimeNs'>;

export class Recorder {
  readonly #sink: BatchSink;
  readonly #options: RecorderOptions;
  readonly #batch: BatchBuilder;
  /** By connection and stream kind, while the connection lives. */
  readonly #streams = new Map<number, Partial<Record<StreamKind, StreamState>>>();
  readonly #totals: Readonly<Record<StreamKind, StreamAccount>> = {
    client: { seenBytes: 0, recordedBytes: 0, gapBytes: 0, frames: 0 },
    old: { seenBytes: 0, recordedBytes: 0, gapBytes: 0, frames: 0 },
    new: { seenBytes: 0, recordedBytes: 0, gapBytes: 0, frames: 0 },
  };
  readonly #gapTotals = new GapTotals();
  readonly #watch = new ConnectionWatch(performance.now());
  /** The mirror gap that grows, by connection. */
  readonly #mirrorGaps = new Map<number, Gap>();
  #mirrorGapBytes = 0;
  #notSelectedBytes = 0;
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
  }

  /** Of all connections, those that are over included. */
  get totals(): Readonly<Record<StreamKind, Readonly<StreamAccount>>> {
    return this.#totals;
  }

  /** What the mirror was not sent although it should have been, all connections together. */
  get mirrorGapBytes(): number {
    return this.#mirrorGapBytes;
  }

  /** What the mirror was not sent because only a part of the traffic was asked for. */
  get notSelectedBytes(): number {
    return this.#notSelectedBytes;
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

  /** A growing gap is reported again and again; it is known by its connection and where it begins. */
  addMirrorGap(gap: MirrorGapFacts): void {
    const lastTimeNs = this.#options.now();
    const last = this.#mirrorGaps.get(gap.connection);
    const known = last?.offset === gap.offset ? last : undefined;
    const firstTimeNs = known?.firstTimeNs ?? lastTimeNs;
    const complete = {
      ...gap,
      stream: 'client',
      where: 'mirror',
      firstTimeNs,
      lastTimeNs,
    } as const;
    this.#mirrorGaps.set(gap.connection, complete);
    this.#noteMirrorGap(gap, known);
    this.#batch.addGap(complete);
  }

  /** `borders`: of this stream, with this chunk as the last one. */
  addChunk(connection: number, stream: StreamKind, bytes: Uint8Array, borders: FrameBorders): void {
    const timeNs = this.#options.now();
    const state = this.#stream(connection, stream);
    const offset = state.seenBytes;
    state.seenBytes += bytes.length;
    const totals = this.#totals[stream];
    totals.seenBytes += bytes.length;
    totals.frames += borders.endedFrames;
    this.#ordinal += 1;
    const read: ReadBytes = { offset, timeNs, bytes };
    if (state.gap !== undefined) this.#addBehindGap(state, state.gap, read, borders);
    else if (this.#fits(bytes.length)) this.#record(state, read);
    else this.#beginGap(state, read, borders);
    if (this.#mayBlock && !this.isBlocking && this.#isFilledTo(BLOCK_PART)) this.#block();
  }

  /** The connection is over: closes its books. `mirroredBytes`: client bytes that the mirror's socket took. */
  endConnection(connection: number, mirroredBytes: number): void {
    for (const state of Object.values(this.#streams.get(connection) ?? {})) {
      this.#closeGap(state);
      this.#batch.addAccount({
        connection,
        stream: state.stream,
        seenBytes: state.seenBytes,
        mirroredBytes: state.stream === 'client' ? mirroredBytes : undefined,
      });
    }
    this.#batch.endConnection(connection);
    this.#streams.delete(connection);
    this.#mirrorGaps.delete(connection);
    this.#watch.endConnection(connection);
  }

  /** Hands over what has been collected. Open gaps go along when they grew, so that they survive a kill. */
  send(): void {
    if (!this.isOverloaded) this.#reportOpenGaps();
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

  #noteMirrorGap(gap: MirrorGapFacts, known: Gap | undefined): void {
    const bytes = gap.bytes - (known?.bytes ?? 0);
    if (gap.reason === 'not-selected') {
      this.#notSelectedBytes += bytes;
      return;
    }
    this.#mirrorGapBytes += bytes;
    this.#gapTotals.add('mirror', gap.reason, {
      gaps: known === undefined ? 1 : 0,
      bytes,
      frames: (gap.frames ?? 0) - (known?.frames ?? 0),
    });
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

  #record(state: StreamState, { offset, timeNs, bytes }: ReadBytes): void {
    const { connection, stream } = state;
    if (!this.#batch.fits(bytes.length)) this.send();
    this.#batch.addChunk({ connection, stream, ordinal: this.#ordinal, timeNs, offset, bytes });
    state.recordedBytes += bytes.length;
    this.#totals[stream].recordedBytes += bytes.length;
  }

  /** The rest of a frame of which a part is recorded is recorded too, unless even that is too much. */
  #beginGap(state: StreamState, read: ReadBytes, borders: FrameBorders): void {
    const { offset, timeNs, bytes } = read;
    const border = (borders.firstBorder ?? borders.offset) - borders.chunkOffset;
    const restBytes = this.isOverloaded ? 0 : border;
    if (restBytes > 0) {
      this.#record(state, { offset, timeNs, bytes: bytes.subarray(0, restBytes) });
    }
    if (restBytes === bytes.length) return;
    state.gap = {
      offset: offset + restBytes,
      firstTimeNs: timeNs,
      lastTimeNs: timeNs,
      count: new FrameCount(this.#options.layout),
      bytes: 0,
      reportedBytes: 0,
      reportedFrames: 0,
    };
    this.#lose(state, state.gap, { ...read, bytes: bytes.subarray(restBytes) });
    borders.countWhole(bytes, state.gap.count);
  }

  #addBehindGap(state: StreamState, gap: OpenGap, read: ReadBytes, borders: FrameBorders): void {
    const { offset, timeNs, bytes } = read;
    borders.countCarried(gap.offset, gap.count);
    const mayGoOn = !this.#isFilledTo(RESUME_PART) && this.#fits(bytes.length);
    if (borders.firstBorder === undefined || !mayGoOn) {
      this.#lose(state, gap, read);
      borders.countWhole(bytes, gap.count);
      return;
    }
    const lostBytes = borders.firstBorder - borders.chunkOffset;
    if (lostBytes > 0) this.#lose(state, gap, { ...read, bytes: bytes.subarray(0, lostBytes) });
    this.#closeGap(state);
    if (lostBytes === bytes.length) return;
    this.#record(state, {
      offset: offset + lostBytes,
      timeNs,
      bytes: bytes.subarray(lostBytes),
    });
  }

  #reportOpenGaps(): void {
    for (const streams of this.#streams.values()) {
      for (const kind of STREAM_KINDS) {
        const state = streams[kind];
        if (state?.gap !== undefined) this.#reportGap(state, state.gap);
      }
    }
  }

  #addEvent(event: Omit<CaptureEvent, 'ordinal' | 'timeNs'>): void {
    this.#ordinal += 1;
    this.#batch.addEvent({ ...event, ordinal: this.#ordinal, timeNs: this.#options.now() });
  }

  #stream(connection: number, stream: StreamKind): StreamState {
    let streams = this.#streams.get(connection);
    if (streams === undefined) this.#streams.set(connection, (streams = {}));
    return (streams[stream] ??= {
      connection,
      stream,
      seenBytes: 0,
      recordedBytes: 0,
      gapBytes: 0,
      gap: undefined,
    });
  }

  #lose(state: StreamState, gap: OpenGap, { timeNs, bytes }: ReadBytes): void {
    const gaps = gap.bytes === 0 ? 1 : 0;
    this.#gapTotals.add('recording', SPOOL_FULL, { gaps, bytes: bytes.length, frames: 0 });
    state.gapBytes += bytes.length;
    this.#totals[state.stream].gapBytes += bytes.length;
    gap.bytes += bytes.length;
    gap.lastTimeNs = timeNs;
  }

  #closeGap(state: StreamState): void {
    if (state.gap === undefined) return;
    this.#reportGap(state, state.gap);
    state.gap = undefined;
  }

  #reportGap({ connection, stream }: StreamState, gap: OpenGap): void {
    if (gap.bytes === gap.reportedBytes) return;
    gap.reportedBytes = gap.bytes;
    const frames = gap.count.frames - gap.reportedFrames;
    gap.reportedFrames = gap.count.frames;
    this.#gapTotals.add('recording', SPOOL_FULL, { gaps: 0, bytes: 0, frames });
    const { offset, bytes, firstTimeNs, lastTimeNs } = gap;
    this.#batch.addGap({
      connection,
      stream,
      where: 'recording',
      reason: SPOOL_FULL,
      ...gap.count.tally,
      offset,
      bytes,
      firstTimeNs,
      lastTimeNs,
    });
  }
}

/** What one read returned, or a part of it. */
interface ReadBytes {
  readonly offset: number;
  readonly timeNs: bigint;
  readonly bytes: Uint8Array;
}
