/**
 * What waits for the mirror relay of one connection, and the ledger of what it was never sent. The mirror may
 * be slow, stopped or gone, and come back; the client must never notice. So what does not fit is dropped,
 * whole frames only, and every byte is accounted for: client bytes = bytes the mirror's socket took + bytes
 * in gaps.
 *
 * Pure: the owner hands over one piece at a time (`next`), and says when the socket took it (`taken`).
 */
import { assert } from '../lib/assert.ts';
import { FrameBorders, FrameCount, type FrameTally } from '../wire/frame-borders.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { PieceQueue } from './piece-queue.ts';

export interface MirrorLimits {
  /** What may wait for the mirror of one connection: bytes, and about 256 more a chunk. */
  readonly queueBytesMax: number;
}

export const DEFAULT_MIRROR_LIMITS: MirrorLimits = { queueBytesMax: 8 * 1024 * 1024 };

/** About what a waiting chunk takes in memory besides its bytes; clients may write a byte at a time. */
export const PIECE_COST_BYTES = 256;

/** What may wait for the mirrors of all connections together: a thousand stalled ones must not eat the memory. */
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

/** `not-selected`: the operator asked for a part of the traffic only. */
export type MirrorGapReason =
  | 'mirror-slow'
  | 'mirror-unreachable'
  | 'mirror-closed'
  | 'not-selected';

/** Consecutive bytes of the client stream that the mirror was not sent. Known by `offset` while it grows. */
export interface MirrorGap extends FrameTally {
  readonly reason: MirrorGapReason;
  readonly offset: number;
  readonly bytes: number;
}

interface OpenGap {
  readonly reason: MirrorGapReason;
  readonly offset: number;
  /** From here on nothing was sent: a gap of another reason may lie before this one. */
  readonly lostFrom: number;
  readonly count: FrameCount;
  bytes: number;
  reportedBytes: number;
}

/** Sending goes on when the queue has fallen to this part of its limit, so that it does not flutter. */
const RESUME_PART = 0.5;

export class MirrorQueue {
  readonly #layout: HeaderLayout;
  readonly #limits: MirrorLimits;
  readonly #budget: MirrorBudget;
  /** Of the client stream; its owner pushes each chunk to it before it is added here. */
  readonly #borders: FrameBorders;
  readonly #waiting = new PieceQueue();
  #isSending = false;
  #queuedCostBytes = 0;
  #takenBytes = 0;
  /** Stream offset behind the last byte that was added. */
  #end = 0;
  /** Defined while nothing is queued. May hold no byte yet. */
  #open: OpenGap | undefined;
  #closed: MirrorGap[] = [];
  #isShut = false;

  constructor(
    layout: HeaderLayout,
    borders: FrameBorders,
    limits: MirrorLimits,
    budget: MirrorBudget,
  ) {
    this.#layout = layout;
    this.#borders = borders;
    this.#limits = limits;
    this.#budget = budget;
  }

  /** What the mirror's socket took. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  get isIdle(): boolean {
    return this.#waiting.isEmpty;
  }

  /** When the oldest bytes came that the mirror has not taken; undefined when nothing waits. */
  get waitingSinceMs(): number | undefined {
    return this.#waiting.isEmpty ? undefined : this.#waiting.first.sinceMs;
  }

  /** Takes in what the client sent, which the borders know already. */
  add(chunk: Uint8Array): void {
    const start = this.#end;
    this.#end = this.#borders.offset;
    if (this.#open === undefined) {
      if (this.#fits(chunk.length)) this.#queue(start, chunk);
      else this.#beginGap(chunk, start);
    } else if (this.#isShut || !this.#mayResume(chunk.length)) {
      this.#drop(chunk, this.#open);
    } else {
      this.#endGap(chunk, start, this.#open);
    }
  }

  /** The next piece to write, when none is under way. */
  next(): Uint8Array | undefined {
    if (this.#isSending || this.#waiting.isEmpty) return undefined;
    this.#isSending = true;
    return this.#waiting.first.bytes;
  }

  /** The socket took the piece that was handed over. */
  taken(): void {
    assert(this.#isSending, 'the mirror took a piece that was handed over');
    const { length } = this.#waiting.first.bytes;
    this.#isSending = false;
    this.#takenBytes += length;
    this.#release(length + PIECE_COST_BYTES);
    this.#waiting.dropFirst();
  }

  /**
   * Nothing is sent until `reopen`, and what waits never will be. What the socket was handed and has not
   * taken counts as not sent. Called again for another reason, the rest is missing for that one.
   */
  shut(reason: MirrorGapReason): void {
    this.#isShut = true;
    this.#isSending = false;
    const last = this.#giveUpWaiting(reason);
    this.#open = this.#gapFromNowOn(reason, last);
    this.#release(this.#queuedCostBytes);
    this.#waiting.clear();
  }

  /** The mirror is there again: sending goes on at the next frame border. */
  reopen(): void {
    this.#isShut = false;
  }

  /** Gaps that were closed since the last call, and the open one when it has grown. */
  takeGaps(): readonly MirrorGap[] {
    const gaps = this.#closed;
    if (gaps.length > 0) this.#closed = [];
    const open = this.#open;
    if (open === undefined || open.bytes === open.reportedBytes) return gaps;
    open.reportedBytes = open.bytes;
    return [...gaps, gapOf(open)];
  }

  #queue(offset: number, bytes: Uint8Array): void {
    const border = this.#borders.firstBorder ?? Number.POSITIVE_INFINITY;
    const sinceMs = this.#budget.nowMs;
    this.#waiting.add({ offset, bytes, border: Math.max(offset, border), sinceMs });
    const costBytes = bytes.length + PIECE_COST_BYTES;
    this.#queuedCostBytes += costBytes;
    this.#budget.add(costBytes);
  }

  #release(costBytes: number): void {
    this.#queuedCostBytes -= costBytes;
    this.#budget.add(-costBytes);
  }

  /** One chunk fits always, as far as all connections together leave room: any client must get through. */
  #fits(bytes: number): boolean {
    const costBytes = bytes + PIECE_COST_BYTES;
    const isRoom =
      this.#queuedCostBytes === 0 ||
      this.#queuedCostBytes + costBytes <= this.#limits.queueBytesMax;
    return isRoom && this.#budget.fits(costBytes);
  }

  #mayResume(bytes: number): boolean {
    return (
      this.#borders.firstBorder !== undefined &&
      this.#queuedCostBytes <= this.#limits.queueBytesMax * RESUME_PART &&
      this.#fits(bytes)
    );
  }

  /** The mirror gets the rest of a frame that it has begun to get; then nothing more. */
  #beginGap(chunk: Uint8Array, start: number): void {
    const border = this.#borders.firstBorder;
    const from = border ?? this.#end;
    if (from > start) this.#queue(start, chunk.subarray(0, from - start));
    if (from === this.#end) return;
    const gap = this.#newGap('mirror-slow', from, from);
    gap.bytes = this.#end - from;
    this.#borders.countWhole(chunk, gap.count);
    this.#open = gap;
  }

  #drop(chunk: Uint8Array, gap: OpenGap): void {
    gap.bytes += chunk.length;
    this.#borders.countCarried(gap.lostFrom, gap.count);
    this.#borders.countWhole(chunk, gap.count);
  }

  #endGap(chunk: Uint8Array, start: number, gap: OpenGap): void {
    const from = this.#borders.firstBorder ?? this.#end;
    gap.bytes += from - start;
    this.#borders.countCarried(gap.lostFrom, gap.count);
    this.#close(gap);
    this.#open = undefined;
    if (from < this.#end) this.#queue(from, chunk.subarray(from - start));
  }

  /** `last`: the gap that what waited has become, up to where the stream is or to the open gap. */
  #gapFromNowOn(reason: MirrorGapReason, last: OpenGap | undefined): OpenGap {
    const end = this.#end;
    const open = this.#open;
    if (open === undefined) return last ?? this.#newGap(reason, end, end);
    if (open.reason === reason && last === undefined) return open;
    this.#close(open);
    return this.#newGap(reason, end, open.lostFrom);
  }

  #newGap(reason: MirrorGapReason, offset: number, lostFrom: number): OpenGap {
    const count = new FrameCount(this.#layout);
    return { reason, offset, lostFrom, count, bytes: 0, reportedBytes: 0 };
  }

  #close(gap: OpenGap): void {
    if (gap.bytes !== gap.reportedBytes) this.#closed.push(gapOf(gap));
  }

  /** Makes gaps of what waits, one for each range without a hole. Returns the one that ends where the stream does. */
  #giveUpWaiting(reason: MirrorGapReason): OpenGap | undefined {
    let gap: OpenGap | undefined;
    let borders: FrameBorders | undefined;
    for (const { offset, bytes, border } of this.#waiting.pieces()) {
      if (gap !== undefined && gap.offset + gap.bytes < offset) {
        this.#close(gap);
        gap = undefined;
      }
      if (gap === undefined) {
        gap = this.#newGap(reason, offset, offset);
        borders = undefined;
      }
      gap.bytes += bytes.length;
      // The beginning of the range may be the rest of a frame that the mirror has begun to get.
      if (borders === undefined && border >= offset + bytes.length) continue;
      const rest: Uint8Array = borders === undefined ? bytes.subarray(border - offset) : bytes;
      borders ??= new FrameBorders(this.#layout, border);
      borders.push(rest);
      borders.countCarried(gap.lostFrom, gap.count);
      borders.countWhole(rest, gap.count);
    }
    if (gap !== undefined && this.#open !== undefined) this.#close(gap);
    return gap;
  }
}

function gapOf({ reason, offset, bytes, count }: OpenGap): MirrorGap {
  return { reason, offset, bytes, ...count.tally };
}
