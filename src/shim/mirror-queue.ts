/**
 * What waits for the mirror relay of one connection, and the ledger of what it was never sent. The mirror may
 * be slow, stopped or gone; the client must never notice. So what does not fit is dropped, whole frames only,
 * and every byte is accounted for: client bytes = bytes the mirror's socket took + bytes in gaps.
 *
 * Pure: the owner hands over one piece at a time (`next`), and says when the socket took it (`taken`).
 */
import { assert } from '../lib/assert.ts';
import { FrameBorders } from '../wire/frame-borders.ts';
import type { HeaderLayout } from '../wire/types.ts';

export interface MirrorLimits {
  /** Bytes that may wait for the mirror of one connection before whole frames are dropped. */
  readonly queueBytesMax: number;
}

export const DEFAULT_MIRROR_LIMITS: MirrorLimits = { queueBytesMax: 8 * 1024 * 1024 };

/** Bytes of all connections together that may wait for mirrors: a thousand stalled ones must not eat the memory. */
export class MirrorBudget {
  readonly bytesMax: number;
  #bytes = 0;
  #nowMs = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A clock that its owner turns: exact enough for what waits, and free on the path of every chunk. */
  get nowMs(): number {
    return this.#nowMs;
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  fits(bytes: number): boolean {
    return this.#bytes + bytes <= this.bytesMax;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }
}

export const DEFAULT_MIRROR_BUDGET_BYTES: number = 256 * 1024 * 1024;

export type MirrorGapReason = 'mirror-slow' | 'mirror-unreachable' | 'mirror-closed';

/** Consecutive bytes of the client stream that the mirror was not sent. Known by `offset` while it grows. */
export interface MirrorGap {
  readonly reason: MirrorGapReason;
  readonly offset: number;
  readonly bytes: number;
  /** Frames that ended in it; undefined where bytes had been queued already and nobody counted. */
  readonly frames: number | undefined;
}

interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** When it came, by the clock of the budget. */
  readonly sinceMs: number;
}

/** Sending goes on when the queue has fallen to this part of its limit, so that it does not flutter. */
const RESUME_PART = 0.5;

export class MirrorQueue {
  readonly #limits: MirrorLimits;
  readonly #budget: MirrorBudget;
  readonly #borders: FrameBorders;
  readonly #waiting: Piece[] = [];
  /** Handed over, not taken yet. */
  #sending: Piece | undefined;
  #queuedBytes = 0;
  #takenBytes = 0;
  /** Stream offset behind the last byte seen. */
  #offset = 0;
  #open: { reason: MirrorGapReason; offset: number; bytes: number; frames: number } | undefined;
  #reported = -1;
  #closed: MirrorGap[] = [];
  #down: MirrorGapReason | undefined;

  constructor(layout: HeaderLayout, limits: MirrorLimits, budget: MirrorBudget) {
    this.#limits = limits;
    this.#budget = budget;
    this.#borders = new FrameBorders(layout);
  }

  /** What the mirror's socket took. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  get isIdle(): boolean {
    return this.#sending === undefined && this.#waiting.length === 0;
  }

  /** When the oldest bytes came that the mirror has not taken; undefined when nothing waits. */
  get waitingSinceMs(): number | undefined {
    return (this.#sending ?? this.#waiting[0])?.sinceMs;
  }

  /** Takes in what the client sent. Returns how many frames ended in it. */
  add(chunk: Uint8Array): number {
    const start = this.#offset;
    const end = start + chunk.length;
    this.#offset = end;
    const borders = this.#borders.push(chunk);
    this.#pass(chunk, start, end, borders);
    return endsBetween(borders, start, end);
  }

  #pass(chunk: Uint8Array, start: number, end: number, borders: readonly number[]): void {
    const from = this.#open === undefined ? start : this.#resumeAt(chunk, borders);
    if (from === undefined) {
      this.#drop(start, end, borders);
      return;
    }
    if (this.#open !== undefined) this.#closeGap(start, from, borders);
    const keep = this.#keepUntil(from, end, borders);
    if (keep > from) this.#queue(from, chunk.subarray(from - start, keep - start));
    if (keep < end) this.#openGap(keep, end, borders);
  }

  /** The next piece to write, when none is under way. */
  next(): Uint8Array | undefined {
    if (this.#sending !== undefined) return undefined;
    this.#sending = this.#waiting.shift();
    return this.#sending?.bytes;
  }

  /** The socket took the piece that was handed over. */
  taken(): void {
    assert(this.#sending !== undefined, 'the mirror took a piece that was handed over');
    this.#takenBytes += this.#sending.bytes.length;
    this.#release(this.#sending.bytes.length);
    this.#sending = undefined;
  }

  /** From now on nothing is sent, and what waits never will be. */
  shut(reason: MirrorGapReason): void {
    if (this.#down !== undefined) return;
    this.#down = reason;
    const unsent = this.#sending === undefined ? this.#waiting : [this.#sending, ...this.#waiting];
    for (const gap of joined(unsent)) this.#closed.push({ reason, frames: undefined, ...gap });
    this.#release(this.#queuedBytes);
    this.#sending = undefined;
    this.#waiting.length = 0;
  }

  /** Gaps that were closed since the last call, and the open one when it has grown. */
  takeGaps(): readonly MirrorGap[] {
    const gaps = this.#closed;
    this.#closed = [];
    if (this.#open !== undefined && this.#open.bytes !== this.#reported) {
      this.#reported = this.#open.bytes;
      gaps.push({ ...this.#open });
    }
    return gaps;
  }

  #release(bytes: number): void {
    this.#queuedBytes -= bytes;
    this.#budget.add(-bytes);
  }

  #queue(offset: number, bytes: Uint8Array): void {
    this.#waiting.push({ offset, bytes, sinceMs: this.#budget.nowMs });
    this.#queuedBytes += bytes.length;
    this.#budget.add(bytes.length);
  }

  #fits(bytes: number, part: number): boolean {
    const queued = this.#queuedBytes + bytes;
    return queued <= this.#limits.queueBytesMax * part && this.#budget.fits(bytes);
  }

  /** Up to where the chunk is sent. The mirror gets the rest of a frame that it has begun to get. */
  #keepUntil(from: number, end: number, borders: readonly number[]): number {
    if (this.#down !== undefined) return from;
    if (this.#fits(end - from, 1)) return end;
    return borders.find((border) => border >= from) ?? end;
  }

  /** Where in the chunk sending goes on after a gap: at a frame border, when there is room for the rest. */
  #resumeAt(chunk: Uint8Array, borders: readonly number[]): number | undefined {
    if (this.#down !== undefined || !this.#fits(chunk.length, RESUME_PART)) return undefined;
    return borders[0];
  }

  #openGap(from: number, to: number, borders: readonly number[]): void {
    this.#open = { reason: this.#down ?? 'mirror-slow', offset: from, bytes: 0, frames: 0 };
    this.#reported = -1;
    this.#drop(from, to, borders);
  }

  #closeGap(start: number, resumed: number, borders: readonly number[]): void {
    this.#drop(start, resumed, borders);
    if (this.#open !== undefined) this.#closed.push({ ...this.#open });
    this.#open = undefined;
  }

  #drop(from: number, to: number, borders: readonly number[]): void {
    if (this.#open === undefined) return;
    this.#open.bytes += to - from;
    this.#open.frames += endsBetween(borders, from, to);
  }
}

/** A border behind the first byte is the end of a frame. */
function endsBetween(borders: readonly number[], from: number, to: number): number {
  let ends = 0;
  for (const border of borders) if (border > from && border <= to) ends += 1;
  return ends;
}

/** Pieces that lie next to each other as one range. */
function joined(pieces: readonly Piece[]): readonly { offset: number; bytes: number }[] {
  const ranges: { offset: number; bytes: number }[] = [];
  for (const { offset, bytes } of pieces) {
    const last = ranges.at(-1);
    if (last !== undefined && last.offset + last.bytes === offset) last.bytes += bytes.length;
    else ranges.push({ offset, bytes: bytes.length });
  }
  return ranges;
}
