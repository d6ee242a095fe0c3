/**
 * The spool between the forwarding thread and the writer thread. Takes copies, never waits, holds a bounded
 * number of bytes; what does not fit becomes a recording gap with its exact place. Counts everything that it
 * was given, so that bytes seen = bytes recorded + bytes in gaps, for each stream.
 */
import type { CaptureEvent, Gap, StreamKind } from '../capture/types.ts';
import { BatchBuilder, type RecordBatch } from './record-batch.ts';

export interface SpoolLimits {
  /** Bytes handed to the writer that are not on disk yet. */
  readonly spoolBytesMax: number;
  readonly batchBytesMax: number;
}

export const DEFAULT_SPOOL_LIMITS: SpoolLimits = {
  spoolBytesMax: 64 * 1024 * 1024,
  batchBytesMax: 256 * 1024,
};

/** The writer as the recorder sees it: takes batches, and tells later how many bytes are on disk. */
export interface BatchSink {
  send(batch: RecordBatch): void;
}

export interface StreamAccount {
  readonly connection: number;
  readonly stream: StreamKind;
  seenBytes: number;
  recordedBytes: number;
  gapBytes: number;
}

interface OpenGap {
  readonly offset: number;
  readonly firstTimeNs: bigint;
  bytes: number;
  lastTimeNs: bigint;
}

export class Recorder {
  readonly #sink: BatchSink;
  readonly #limits: SpoolLimits;
  readonly #now: () => bigint;
  readonly #accounts = new Map<string, StreamAccount>();
  readonly #gaps = new Map<StreamAccount, OpenGap>();
  readonly #mirrorGaps = new Map<string, Gap>();
  #batch: BatchBuilder;
  #ordinal = 0;
  #inFlightBytes = 0;

  /** `now` gives monotonic ns since the start of the capture. */
  constructor(sink: BatchSink, now: () => bigint, limits: SpoolLimits = DEFAULT_SPOOL_LIMITS) {
    this.#sink = sink;
    this.#now = now;
    this.#limits = limits;
    this.#batch = new BatchBuilder(limits.batchBytesMax);
  }

  get accounts(): readonly Readonly<StreamAccount>[] {
    return [...this.#accounts.values()];
  }

  /** What the mirror was not sent, all connections together. */
  get mirrorGapBytes(): number {
    let bytes = 0;
    for (const gap of this.#mirrorGaps.values()) bytes += gap.bytes;
    return bytes;
  }

  get spooledBytes(): number {
    return this.#inFlightBytes + this.#batch.bytes;
  }

  addConnection(id: number, label: string): void {
    this.#batch.addConnection({ id, label, openedNs: this.#now() });
  }

  addEvent(event: Omit<CaptureEvent, 'ordinal' | 'timeNs'>): void {
    this.#ordinal += 1;
    this.#batch.addEvent({ ...event, ordinal: this.#ordinal, timeNs: this.#now() });
  }

  /** A growing gap is reported again and again; it is known by its connection and where it begins. */
  addMirrorGap(gap: Pick<Gap, 'connection' | 'reason' | 'offset' | 'bytes' | 'frames'>): void {
    const lastTimeNs = this.#now();
    const key = `${gap.connection}/${gap.offset}`;
    const known = this.#mirrorGaps.get(key);
    const firstTimeNs = known?.firstTimeNs ?? lastTimeNs;
    const complete = {
      ...gap,
      stream: 'client',
      where: 'mirror',
      firstTimeNs,
      lastTimeNs,
    } as const;
    this.#mirrorGaps.set(key, complete);
    this.#batch.addGap(complete);
  }

  addChunk(connection: number, stream: StreamKind, bytes: Uint8Array): void {
    const timeNs = this.#now();
    const account = this.#account(connection, stream);
    const offset = account.seenBytes;
    account.seenBytes += bytes.length;
    this.#ordinal += 1;
    if (this.spooledBytes + bytes.length > this.#limits.spoolBytesMax) {
      this.#lose(account, offset, bytes.length, timeNs);
      return;
    }
    this.#closeGap(account);
    if (!this.#batch.fits(bytes.length)) this.send();
    this.#batch.addChunk({ connection, stream, ordinal: this.#ordinal, timeNs, offset, bytes });
    account.recordedBytes += bytes.length;
  }

  /** Hands over what has been collected. Open gaps go along, so that they survive a kill. */
  send(): void {
    for (const [account, gap] of this.#gaps) this.#reportGap(account, gap);
    if (this.#batch.isEmpty) return;
    const batch = this.#batch.build();
    this.#inFlightBytes += batch.bytes.length;
    this.#batch = new BatchBuilder(this.#limits.batchBytesMax);
    this.#sink.send(batch);
  }

  /** The writer has this many bytes more on disk. */
  stored(bytes: number): void {
    this.#inFlightBytes -= bytes;
  }

  #account(connection: number, stream: StreamKind): StreamAccount {
    const key = `${connection}/${stream}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = { connection, stream, seenBytes: 0, recordedBytes: 0, gapBytes: 0 };
      this.#accounts.set(key, account);
    }
    return account;
  }

  #lose(account: StreamAccount, offset: number, bytes: number, timeNs: bigint): void {
    account.gapBytes += bytes;
    const gap = this.#gaps.get(account);
    if (gap === undefined) {
      this.#gaps.set(account, { offset, bytes, firstTimeNs: timeNs, lastTimeNs: timeNs });
    } else {
      gap.bytes += bytes;
      gap.lastTimeNs = timeNs;
    }
  }

  #closeGap(account: StreamAccount): void {
    const gap = this.#gaps.get(account);
    if (gap === undefined) return;
    this.#reportGap(account, gap);
    this.#gaps.delete(account);
  }

  #reportGap(account: StreamAccount, gap: OpenGap): void {
    this.#batch.addGap({
      connection: account.connection,
      stream: account.stream,
      where: 'recording',
      reason: 'spool-full',
      frames: undefined,
      ...gap,
    });
  }
}
