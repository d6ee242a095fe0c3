/**
 * The agreement scan of one connection. Reads both sides along in step and counts what agrees: in bulk, where both
 * go on with the same bytes, otherwise frame by frame and lane by lane. Marks the places of what does not agree.
 */
import type { CaptureReader, Side, StreamEnd } from '../../capture/types.ts';
import { commonBytes } from '../../lib/bytes.ts';
import { DEFAULT_FRAME_LIMITS, FrameRules } from '../../wire/frame-rules.ts';
import { u32At } from '../../wire/header.ts';
import type { HeaderLayout } from '../../wire/types.ts';
import { type Identity, keyOf } from '../identity.ts';
import type { LatencyHistogram } from '../latency-histogram.ts';
import { otherSide } from '../records.ts';
import type { TimelineCounter } from '../timeline.ts';
import { IndexSet } from './index-set.ts';
import { LaneQueue, type WaitingFrame } from './lane-queue.ts';
import type { Lanes } from './lanes.ts';
import type { OddContents } from './odd-contents.ts';
import { PairArrivals } from './pair-arrivals.ts';
import { countPair, PairRemarks } from './remark-tally.ts';
import type { Place, RetiredConnection } from './retired.ts';
import { StreamWalk, type WalkedSpan } from './stream-walk.ts';

export interface ScanLimits {
  /** Equal frames in a row that show that the sides agree again. */
  readonly runMin: number;
  /** Frames of a connection that may wait for the other side. */
  readonly waitingMax: number;
  /** Contents of a connection that did not agree and are known wherever they occur. */
  readonly contentsMax: number;
}

export interface ScanContext {
  readonly identity: Identity;
  readonly lanes: Lanes;
  readonly remarks: boolean;
  readonly limits: ScanLimits;
  readonly timeline: TimelineCounter;
  readonly behind: LatencyHistogram;
  /** Of all connections. */
  readonly odd: OddContents;
}

export class ConnectionScan {
  readonly #context: ScanContext;
  readonly #rules: FrameRules;
  readonly #walks: Readonly<Record<Side, StreamWalk>>;
  /** What waits in each lane. */
  readonly #lanes = new Map<number, LaneQueue>();
  /** Places that did not agree. */
  readonly #odd = { old: new IndexSet(), new: new IndexSet() };
  readonly #disagreeing: Record<Side, number> = { old: 0, new: 0 };
  #contents = 0;
  readonly #remarks: PairRemarks;
  readonly #arrivals: PairArrivals;
  readonly #waiting: Record<Side, number> = { old: 0, new: 0 };
  #pairs = 0;
  #translated = 0;

  constructor(context: ScanContext) {
    this.#context = context;
    const { dialects } = context.identity;
    this.#remarks = new PairRemarks(dialects);
    this.#arrivals = new PairArrivals(context.timeline, context.behind);
    // Only where both sides have one layout.
    this.#rules = new FrameRules(dialects.old.header, DEFAULT_FRAME_LIMITS);
    this.#walks = {
      old: new StreamWalk(dialects.old.header),
      new: new StreamWalk(dialects.new.header),
    };
  }

  /** Reads on, as far as this reader knows the streams. `isEnd`: they go no further. */
  advance(reader: CaptureReader, streams: readonly StreamEnd[], isEnd: boolean): void {
    const rest: Record<Side, boolean> = { old: false, new: false };
    for (const side of ['old', 'new'] as const) {
      const stream = streams.find(({ kind }) => kind === side);
      if (stream === undefined) continue;
      this.#walks[side].attach(reader, stream);
      rest[side] = true;
    }
    const { isOfBytes } = this.#context.identity;
    while (rest.old || rest.new) {
      if (isOfBytes && this.#waiting.old + this.#waiting.new === 0) this.#passBulk();
      const side = this.#nextSide(rest);
      // What one side lacks may only not have been recorded yet.
      if (!isEnd && !rest[otherSide(side)] && this.#waiting[side] > 0) break;
      const walked = this.#next(side, isEnd);
      if (walked === undefined) rest[side] = false;
      else this.#take(side, walked);
    }
    for (const side of ['old', 'new'] as const) this.#walks[side].detach();
    if (!isEnd) return;
    for (const queue of this.#lanes.values()) {
      for (const side of ['old', 'new'] as const) this.#drop(queue, side, queue.size(side));
    }
  }

  #nextSide(rest: Readonly<Record<Side, boolean>>): Side {
    const { old, new: neu } = this.#waiting;
    const wanted = old <= neu ? 'old' : 'new';
    return rest[wanted] ? wanted : otherSide(wanted);
  }

  #next(side: Side, isEnd: boolean): WalkedSpan | undefined {
    const walk = this.#walks[side];
    return isEnd ? walk.nextToEnd() : walk.next();
  }

  /** Equal frames of both sides. */
  get pairs(): number {
    return this.#pairs;
  }

  /** What has not found the same on the other side. */
  open(side: Side): number {
    return this.#disagreeing[side] + this.#waiting[side];
  }

  /** As if the recording had ended here; the scan may still go on. */
  result(): RetiredConnection {
    const { contentsMax } = this.#context.limits;
    let contents = this.#contents;
    for (const queue of this.#lanes.values()) {
      for (const side of ['old', 'new'] as const) {
        for (const frame of queue.all(side)) {
          if (++contents <= contentsMax) this.#context.odd.add(frame);
        }
      }
    }
    const isOddOf = (side: Side): ((index: number) => boolean) => {
      const odd = this.#odd[side];
      const read = this.#walks[side].count;
      const waiting = new Set<number>();
      for (const queue of this.#lanes.values()) {
        for (const { index } of queue.all(side)) waiting.add(index);
      }
      return (index) => odd.has(index) || index >= read || waiting.has(index);
    };
    return {
      isOdd: { old: isOddOf('old'), new: isOddOf('new') },
      hasOdd: this.open('old') + this.open('new') > 0,
      hasMoreContents: contents > contentsMax,
      pairs: this.#pairs,
      translated: this.#translated,
      remarks: { old: this.#remarks.listed('old'), new: this.#remarks.listed('new') },
      onlyRemarks: this.#remarks.only(),
    };
  }

  /** Passes over equal bytes as long as they are frames beyond doubt. */
  #passBulk(): void {
    const { old, new: neu } = this.#walks;
    for (;;) {
      const left = old.ahead();
      const right = left.length === 0 ? left : neu.ahead();
      const length = Math.min(left.length, right.length);
      if (length === 0) return;
      const equal = commonBytes(left, right, length);
      const passed = this.#passFrames(left.subarray(0, equal));
      if (passed === 0) return;
    }
  }

  #passFrames(window: Buffer): number {
    const { old, new: neu } = this.#walks;
    const { remarks } = this.#context;
    const rules = this.#rules;
    const first = { old: old.count, new: neu.count };
    const base = { old: old.offset, new: neu.offset };
    let position = 0;
    let frames = 0;
    for (;;) {
      const length = rules.plainFrameBytes(window, position);
      if (length === 0) break;
      const end = position + length;
      // Two pieces that look like one frame are told by what clients sent.
      if (rules.nextMagic(window, position + 1, end) !== undefined) break;
      this.#arrivals.add(end, this.#walks);
      const odd = remarks ? this.#remarks.of('old', window, position, end) : undefined;
      if (odd !== undefined) {
        const placeOf = (side: Side): Place => ({
          index: first[side] + frames,
          offset: base[side] + position,
        });
        countPair(odd, length, placeOf('old'), placeOf('new'));
      }
      position = end;
      frames++;
    }
    this.#arrivals.flush();
    old.pass(position, frames);
    neu.pass(position, frames);
    this.#pairs += frames;
    return frames;
  }

  #take(side: Side, { span, index, arrivalNs }: WalkedSpan): void {
    const { identity, lanes, odd, remarks } = this.#context;
    const key = identity.keyOf(span, side);
    const mark = odd.markOf(span.bytes);
    if (span.kind !== 'frame' || mayHoldAnother(identity.dialectOf(side).header, span.bytes)) {
      this.#noteOdd({ key, mark });
      this.#disagree(side, index);
      return;
    }
    const { bytes, offset } = span;
    const queue = this.#lane(lanes.of(identity.roleOf(bytes, side)));
    // Equal bytes are odd in the same way: one side is enough.
    const isLookedAt = remarks && (side === 'old' || !identity.isOfBytes);
    const frame: WaitingFrame = {
      index,
      offset,
      length: bytes.length,
      arrivalNs,
      key,
      bytesKey: identity.isOfBytes ? key : keyOf(bytes),
      mark,
      odd: isLookedAt ? this.#remarks.of(side, bytes, 0, bytes.length) : undefined,
    };
    const other = otherSide(side);
    const head = queue.head(other);
    if (head !== undefined && queue.size(side) === 0 && head.key === frame.key) {
      queue.take(other);
      this.#waiting[other]--;
      this.#agree(side === 'old' ? frame : head, side === 'old' ? head : frame);
      return;
    }
    queue.push(side, frame);
    this.#waiting[side]++;
    if (head !== undefined) this.#lookForRun(queue, side);
    if (this.#waiting[side] >= this.#context.limits.waitingMax) this.#giveUp();
  }

  #lookForRun(queue: LaneQueue, side: Side): void {
    let found = queue.findRun(side, this.#context.limits.runMin);
    while (found !== undefined) {
      for (const each of ['old', 'new'] as const) this.#drop(queue, each, found[each]);
      this.#takeEqual(queue);
      if (queue.size('old') === 0 || queue.size('new') === 0) return;
      found = queue.findRun(side, this.#context.limits.runMin);
    }
  }

  #takeEqual(queue: LaneQueue): void {
    for (;;) {
      const [old, neu] = [queue.head('old'), queue.head('new')];
      if (old === undefined || neu === undefined || old.key !== neu.key) break;
      queue.take('old');
      queue.take('new');
      this.#waiting.old--;
      this.#waiting.new--;
      this.#agree(old, neu);
    }
    queue.forget();
  }

  #drop(queue: LaneQueue, side: Side, count: number): void {
    for (let left = count; left > 0; left--) {
      const frame = queue.take(side);
      if (frame === undefined) break;
      this.#waiting[side]--;
      this.#noteOdd(frame);
      this.#disagree(side, frame.index);
    }
    queue.forget();
  }

  /** Too much waits: the older half of the lane where most does will find no partner. */
  #giveUp(): void {
    let largest: LaneQueue | undefined;
    const sizeOf = (queue: LaneQueue): number => queue.size('old') + queue.size('new');
    for (const queue of this.#lanes.values()) {
      if (largest === undefined || sizeOf(queue) > sizeOf(largest)) largest = queue;
    }
    if (largest === undefined) return;
    const [old, neu] = [largest.head('old'), largest.head('new')];
    // Of what both sides have, the earlier was delivered when the other side had nothing like it.
    const isOldFirst = (old?.arrivalNs ?? Infinity) <= (neu?.arrivalNs ?? Infinity);
    const side = isOldFirst ? 'old' : 'new';
    this.#drop(largest, side, Math.ceil(largest.size(side) / 2));
    this.#takeEqual(largest);
  }

  #agree(old: WaitingFrame, neu: WaitingFrame): void {
    this.#pairs++;
    this.#arrivals.addSingle(old.arrivalNs, neu.arrivalNs);
    const { isOfBytes, isOneDialect } = this.#context.identity;
    if (!isOneDialect || old.bytesKey !== neu.bytesKey) this.#translated++;
    if (!isOfBytes) this.#remarks.addPair(old, neu);
    else if (old.odd !== undefined) countPair(old.odd, old.length, old, neu);
  }

  #disagree(side: Side, index: number): void {
    this.#odd[side].add(index);
    this.#disagreeing[side]++;
  }

  #noteOdd(content: { readonly key: string; readonly mark: number }): void {
    if (++this.#contents <= this.#context.limits.contentsMax) this.#context.odd.add(content);
    else this.#context.odd.addMark(content.mark);
  }

  #lane(id: number): LaneQueue {
    let queue = this.#lanes.get(id);
    if (queue === undefined) this.#lanes.set(id, (queue = new LaneQueue()));
    return queue;
  }
}

/** Whether another header seems to begin inside a frame. */
function mayHoldAnother({ magic, offsets }: HeaderLayout, frame: Uint8Array): boolean {
  const last = frame.length - 4;
  for (let at = offsets.magic + 1; at <= last; at++) {
    if (frame[at] === (magic & 0xff) && u32At(frame, at) === magic) return true;
  }
  return false;
}
