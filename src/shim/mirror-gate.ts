/**
 * Decides which bytes of a client go to the mirror relay. The mirror may be slow, stopped or gone; the
 * client must never notice. So what the mirror cannot take in time is dropped, whole frames only, and
 * accounted for in one gap. Pure: the caller does the sending and knows how much is still queued.
 */
import { FrameReader } from '../wire/frame-reader.ts';
import type { HeaderLayout } from '../wire/types.ts';

export interface MirrorLimits {
  /** Bytes that may wait for the mirror of one connection before whole frames are dropped. */
  readonly queueBytesMax: number;
}

export const DEFAULT_MIRROR_LIMITS: MirrorLimits = { queueBytesMax: 8 * 1024 * 1024 };

/** What was dropped in one go: consecutive bytes of the client stream. */
export interface MirrorGap {
  readonly reason: MirrorGapReason;
  readonly offset: number;
  bytes: number;
  /** undefined when the gap took in bytes that had been queued already: nobody counted their frames. */
  frames: number | undefined;
}

export type MirrorGapReason = 'mirror-slow' | 'mirror-unreachable' | 'mirror-closed';

/** Sending goes on when the queue has fallen to this part of its limit, so that it does not flutter. */
const RESUME_PART = 0.5;

export class MirrorGate {
  readonly #limits: MirrorLimits;
  readonly #frames: FrameReader;
  /** Stream offset behind the last byte seen. */
  #offset = 0;
  #gap: MirrorGap | undefined;
  #down: MirrorGapReason | undefined;

  constructor(layout: HeaderLayout, limits: MirrorLimits = DEFAULT_MIRROR_LIMITS) {
    this.#limits = limits;
    this.#frames = new FrameReader(layout);
  }

  /** The gap that is open, if any; it is the caller's to report each time it grew. */
  get gap(): Readonly<MirrorGap> | undefined {
    return this.#gap;
  }

  /** From now on nothing is sent any more, and the last `unsentBytes` that were to be sent never were. */
  shut(reason: MirrorGapReason, unsentBytes: number): void {
    if (this.#down !== undefined) return;
    this.#down = reason;
    if (unsentBytes === 0) return;
    const queuedEnd = this.#gap?.offset ?? this.#offset;
    this.#gap = {
      reason,
      offset: queuedEnd - unsentBytes,
      bytes: unsentBytes + (this.#gap?.bytes ?? 0),
      frames: undefined,
    };
  }

  /** Returns the part of the chunk to send, which may be empty, and the gap that ended with it. */
  take(
    chunk: Uint8Array,
    queuedBytes: number,
  ): { readonly send: Uint8Array; readonly ended: Readonly<MirrorGap> | undefined } {
    const start = this.#offset;
    const borders = this.#bordersIn(chunk);
    if (this.#gap === undefined) {
      const overloaded = queuedBytes + chunk.length > this.#limits.queueBytesMax;
      if (this.#down === undefined && !overloaded) return { send: chunk, ended: undefined };
      return { send: this.#startDropping(chunk, start, borders), ended: undefined };
    }
    const resumed = this.#resumeAt(queuedBytes, borders);
    this.#drop(start, resumed ?? start + chunk.length, borders);
    if (resumed === undefined) return { send: chunk.subarray(0, 0), ended: undefined };
    const ended = this.#gap;
    this.#gap = undefined;
    return { send: chunk.subarray(resumed - start), ended };
  }

  /** Frame borders in the chunk, its own start included when it is one; stream offsets, ascending. */
  #bordersIn(chunk: Uint8Array): readonly number[] {
    const start = this.#offset;
    const borders: number[] = this.#frames.offset === start ? [start] : [];
    for (const span of this.#frames.push(chunk)) {
      const end = span.offset + span.bytes.length;
      if (end > start) borders.push(end);
    }
    this.#offset = start + chunk.length;
    return borders;
  }

  /** The mirror gets the rest of a frame that it has begun to get, then nothing. */
  #startDropping(chunk: Uint8Array, start: number, borders: readonly number[]): Uint8Array {
    const end = start + chunk.length;
    const from = this.#down === undefined ? borders[0] : start;
    if (from === undefined || from === end) return chunk;
    this.#gap = { reason: this.#down ?? 'mirror-slow', offset: from, bytes: 0, frames: 0 };
    this.#drop(from, end, borders);
    return chunk.subarray(0, from - start);
  }

  #drop(from: number, to: number, borders: readonly number[]): void {
    if (this.#gap === undefined) return;
    this.#gap.bytes += to - from;
    if (this.#gap.frames === undefined) return;
    this.#gap.frames += borders.filter((border) => border > from && border <= to).length;
  }

  #resumeAt(queuedBytes: number, borders: readonly number[]): number | undefined {
    if (this.#down !== undefined) return undefined;
    if (queuedBytes > this.#limits.queueBytesMax * RESUME_PART) return undefined;
    return borders[0];
  }
}
