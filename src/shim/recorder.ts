/**
 * The spool between the forwarding thread and the writer thread. Takes copies, never waits, holds a bounded
 * amount; what does not fit becomes a recording gap with its exact place. Counts everything that it was
 * given, so that bytes seen = bytes handed to the writer + bytes in gaps, for each stream.
 */
import { type CaptureEvent, type Gap, STREAM_KINDS, type StreamKind } from '../capture/types.ts';
import {
  BatchBuilder,
  CHUNK_COST_BYTES,
  type RecordBatch,
  ROW_COST_BYTES,
} from './record-batch.ts';
import { GapTotals } from './gap-totals.ts';
import { ConnectionWatch } from './connection-watch.ts';
import type { GapAccount, StreamAccount } from './status.ts';

export interface SpoolLimits {
  /** What may wait for the disk: bytes, and about 256 more a chunk and 1,024 a row. */
  readonly spoolBytesMax: number;
  readonly batchBytesMax: number;
}

export const DEFAULT_SPOOL_LIMITS: SpoolLimits = {
  spoolBytesMax: 64 * 1024 * 1024,
  batchBytesMax: 256 * 1024,
};

/** The writer as the recorder sees it: takes batches, and tells later which cost is on disk. */
export interface BatchSink {
  send(batch: RecordBatch): void;
}

interface OpenGap {
  readonly offset: number;
  readonly firstTimeNs: bigint;
  bytes: number;
  lastTimeNs: bigint;
  reportedBytes: number;
}

interface StreamState extends Omit<StreamAccount, 'frames'> {
  readonly connection: number;
  readonly stream: StreamKind;
  gap: OpenGap | undefined;
}

type MirrorGapFacts = Pick<Gap, 'connection' | 'reason' | 'offset' | 'bytes' | 'frames'>;

export class Recorder {
  readonly #sink: BatchSink;
  readonly #limits: SpoolLimits;
  readonly #now: () => bigint;
  readonly #batch: BatchBuilder;
  /** By connection and stream kind, while the connection lives. */
  readonly #streams = new Map<number, Partial<Record<StreamKind, StreamState>>>();
  readonly #totals: Readonly<Record<StreamKind, StreamAccount>> = {
    client: { seenBytes: 0, recordedBytes: 0, gapBytes: 0, frames: 0 },
    old: { seenBytes: 0, recordedBytes: 0, gapBytes: 0, frames: undefined },
    new: { seenBytes: 0, recordedBytes: 0, gapBytes: 0, frames: undefined },
  };
  readonly #gapTotals = new GapTotals();
  readonly #watch = new ConnectionWatch(performance.now());
  /** The mirror gap that grows, by connection. */
  readonly #mirrorGaps = new Map<number, Gap>();
  #mirrorGapBytes = 0;
  /** Since the last event that could be kept, and in all. */
  #lostEvents = 0;
  #lostEventsTotal = 0;
  #ordinal = 0;
  #inFlightCostBytes = 0;

  /** `now` gives monotonic ns since the start of the capture. */
  constructor(sink: BatchSink, now: () => bigint, limits: SpoolLimits = DEFAULT_SPOOL_LIMITS) {
    this.#sink = sink;
    this.#now = now;
    this.#limits = limits;
    this.#batch = new BatchBuilder(limits.batchBytesMax);
  }

  /** Of all connections, those that are over included. */
  get totals(): Readonly<Record<StreamKind, Readonly<StreamAccount>>> {
    return this.#totals;
  }

  /** What the mirror was not sent, all connections together. */
  get mirrorGapBytes(): number {
    return this.#mirrorGapBytes;
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
    return this.spooledCostBytes + ROW_COST_BYTES > 2 * this.#limits.spoolBytesMax;
  }

  addConnection(id: number, label: string): void {
    this.#batch.addConnection({ id, label, openedNs: this.#now() });
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
    const lastTimeNs = this.#now();
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
    this.#mirrorGapBytes += gap.bytes - (known?.bytes ?? 0);
    this.#gapTotals.add('mirror', gap.reason, {
      gaps: known === undefined ? 1 : 0,
      bytes: gap.bytes - (known?.bytes ?? 0),
      frames: (gap.frames ?? 0) - (known?.frames ?? 0),
    });
    this.#batch.addGap(complete);
  }

  /** `frames`: how many ended in it; undefined where they are not counted. */
  addChunk(connection: number, stream: StreamKind, bytes: Uint8Array, frames?: number): void {
    const timeNs = this.#now();
    const state = this.#stream(connection, stream);
    const offset = state.seenBytes;
    state.seenBytes += bytes.length;
    const totals = this.#totals[stream];
    totals.seenBytes += bytes.length;
    if (frames !== undefined) totals.frames = (totals.frames ?? 0) + frames;
    this.#ordinal += 1;
    const costBytes = bytes.length + CHUNK_COST_BYTES;
    if (this.spooledCostBytes + costBytes > this.#limits.spoolBytesMax) {
      this.#lose(state, offset, bytes.length, timeNs);
      return;
    }
    this.#closeGap(state);
    if (!this.#batch.fits(bytes.length)) this.send();
    this.#batch.addChunk({ connection, stream, ordinal: this.#ordinal, timeNs, offset, bytes });
    state.recordedBytes += bytes.length;
    totals.recordedBytes += bytes.length;
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
    this.#batch.addEvent({ ...event, ordinal: this.#ordinal, timeNs: this.#now() });
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

  #lose(state: StreamState, offset: number, bytes: number, timeNs: bigint): void {
    state.gapBytes += bytes;
    this.#totals[state.stream].gapBytes += bytes;
    const gaps = state.gap === undefined ? 1 : 0;
    this.#gapTotals.add('recording', 'spool-full', { gaps, bytes, frames: 0 });
    state.gap ??= { offset, bytes: 0, firstTimeNs: timeNs, lastTimeNs: timeNs, reportedBytes: 0 };
    state.gap.bytes += bytes;
    state.gap.lastTimeNs = timeNs;
  }

  #closeGap(state: StreamState): void {
    if (state.gap === undefined) return;
    this.#reportGap(state, state.gap);
    state.gap = undefined;
  }

  #reportGap({ connection, stream }: StreamState, gap: OpenGap): void {
    if (gap.bytes === gap.reportedBytes) return;
    gap.reportedBytes = gap.bytes;
    const { offset, bytes, firstTimeNs, lastTimeNs } = gap;
    this.#batch.addGap({
      connection,
      stream,
      where: 'recording',
      reason: 'spool-full',
      frames: undefined,
      offset,
      bytes,
      firstTimeNs,
      lastTimeNs,
    });
  }
}
