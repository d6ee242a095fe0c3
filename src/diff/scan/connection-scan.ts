/**
 * The agreement scan of one connection. Reads both sides along in step and counts what agrees: in bulk, where both
 * go on with the same bytes, otherwise frame by frame and lane by lane. Keeps the places of what does not agree, and
 * of those only as many as `disagreeingMax`; behind them it still counts what agrees.
 */
import type { CaptureReader, Side, StreamEnd } from '../../capture/types.ts';
import type { Dialect } from '../../protocol/types.ts';
import { commonBytes } from '../../lib/bytes.ts';
import { DEFAULT_FRAME_LIMITS, FrameRules } from '../../wire/frame-rules.ts';
import { u32At } from '../../wire/header.ts';
import type { HeaderLayout } from '../../wire/types.ts';
import { keyOf } from '../content-table.ts';
import type { LatencyHistogram } from '../latency-histogram.ts';
import { otherSide } from '../records.ts';
import type { TimelineCounter } from '../timeline.ts';
import { IndexSet } from './index-set.ts';
import { LaneQueue, type WaitingFrame } from './lane-queue.ts';
import type { Lanes } from './lanes.ts';
import type { OddContents } from './odd-contents.ts';
import { PairArrivals } from './pair-arrivals.ts';
import { countPair, RemarkTally } from './remark-tally.ts';
import type { Border, RetiredConnection, Unjudged } from './retired.ts';
import { StreamWalk, type WalkedSpan } from './stream-walk.ts';

export interface ScanLimits {
  /** Equal frames in a row that show that the sides agree again. */
  readonly runMin: number;
  /** Frames of a connection that may wait for the other side. */
  readonly waitingMax: number;
  /** Places of a connection, both sides together, that may not agree and are kept. */
  readonly disagreeingMax: number;
}

export interface ScanContext {
  readonly dialect: Dialect;
  readonly lanes: Lanes;
  readonly remarks: boolean;
  readonly limits: ScanLimits;
  readonly timeline: TimelineCounter;
  /** Of frames that are not kept although they did not agree. */
  readonly unjudged: TimelineCounter;
  readonly behind: LatencyHistogram;
  /** Of all connections: what the analysis must know wherever it occurs. */
  readonly odd: OddContents;
}

/** The backbone of one lane on this connection, and what waits at its end. */
class Lane {
  pairs = 0;
  readonly last: Record<Side, { index: number; offset: number }> = {
    old: { index: -1, offset: -1 },
    new: { index: -1, offset: -1 },
  };
  readonly borders: Border[] = [];
  /** The last border, while no pair has come behind it. */
  open: Border | undefined;
  readonly queue = new LaneQueue();
}

export class ConnectionScan {
  readonly #context: ScanContext;
  readonly #rules: FrameRules;
  readonly #walks: Readonly<Record<Side, StreamWalk>>;
  readonly #lanes = new Map<number, Lane>();
  readonly #disagreeing: Record<Side, number[]> = { old: [], new: [] };
  /** All of them, whether they are kept or not. */
  readonly #odd = { old: new IndexSet(), new: new IndexSet() };
  readonly #endIndex: Record<Side, number> = { old: Infinity, new: Infinity };
  readonly #unjudged: Record<Side, Unjudged> = {
    old: { frames: 0, others: 0 },
    new: { frames: 0, others: 0 },
  };
  readonly #remarks: RemarkTally;
  readonly #arrivals: PairArrivals;
  readonly #waiting: Record<Side, number> = { old: 0, new: 0 };
  #pairs = 0;

  constructor(context: ScanContext) {
    this.#context = context;
    const { header } = context.dialect;
    this.#remarks = new RemarkTally(context.dialect);
    this.#arrivals = new PairArrivals(context.timeline, context.behind);
    this.#rules = new FrameRules(header, DEFAULT_FRAME_LIMITS);
    this.#walks = { old: new StreamWalk(header), new: new StreamWalk(header) };
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
    while (rest.old || rest.new) {
      if (this.#waiting.old + this.#waiting.new === 0) this.#passBulk();
      const side = this.#nextSide(rest);
      // What one side lacks may only not have been recorded yet.
      if (!isEnd && !rest[otherSide(side)] && this.#waiting[side] > 0) break;
      const walked = this.#next(side, isEnd);
      if (walked === undefined) rest[side] = false;
      else this.#take(side, walked);
    }
    for (const side of ['old', 'new'] as const) this.#walks[side].detach();
    if (!isEnd) return;
    for (const lane of this.#lanes.values()) {
      for (const side of ['old', 'new'] as const) this.#drop(lane, side, lane.queue.size(side));
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
    const { frames, others } = this.#unjudged[side];
    return this.#disagreeing[side].length + this.#waiting[side] + frames + others;
  }

  /** As if the recording had ended here; the scan may still go on. */
  result(): RetiredConnection {
    const disagreeing = { old: [...this.#disagreeing.old], new: [...this.#disagreeing.new] };
    const endIndex = { ...this.#endIndex };
    const unjudged = { old: { ...this.#unjudged.old }, new: { ...this.#unjudged.new } };
    const borders = new Map<number, readonly Border[]>();
    for (const [id, lane] of this.#lanes) {
      const all = lane.borders.map((border) => ({ ...border }));
      for (const side of ['old', 'new'] as const) {
        for (const frame of lane.queue.all(side)) {
          const { index } = frame;
          if (index >= endIndex[side]) {
            unjudged[side].frames++;
            continue;
          }
          this.#context.odd.addFrame(frame);
          disagreeing[side].push(index);
          if (lane.open === undefined && all.at(-1)?.pairsBefore !== lane.pairs) {
            all.push(borderBehind(lane));
          }
        }
      }
      if (all.length > 0) borders.set(id, all);
    }
    for (const side of ['old', 'new'] as const) disagreeing[side].sort((a, b) => a - b);
    const isOddOf = (side: Side): ((index: number) => boolean) => {
      const odd = this.#odd[side];
      const read = this.#walks[side].count;
      const waiting = new Set<number>();
      for (const lane of this.#lanes.values()) {
        for (const { index } of lane.queue.all(side)) waiting.add(index);
      }
      return (index) => odd.has(index) || index >= read || waiting.has(index);
    };
    return {
      isOdd: { old: isOddOf('old'), new: isOddOf('new') },
      hasOdd: disagreeing.old.length + disagreeing.new.length > 0,
      pairs: this.#pairs,
      disagreeing,
      endIndex,
      unjudged,
      borders,
      lanePairs: new Map([...this.#lanes].map(([id, { pairs }]) => [id, pairs])),
      remarks: { old: this.#remarks.listed('old'), new: this.#remarks.listed('new') },
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
    const { dialect, lanes, remarks } = this.#context;
    const rules = this.#rules;
    const { relay_domain: domainAt, source: sourceAt } = dialect.header.offsets;
    const first = { old: old.count, new: neu.count };
    const base = { old: old.offset, new: neu.offset };
    let position = 0;
    let frames = 0;
    let role = -1;
    let lane: Lane | undefined;
    for (;;) {
      const length = rules.plainFrameBytes(window, position);
      if (length === 0) break;
      const end = position + length;
      // Two pieces that look like one frame are told by what clients sent.
      if (rules.nextMagic(window, position + 1, end) !== undefined) break;
      const frameRole =
        ((window[position + domainAt] ?? 0) << 8) | (window[position + sourceAt] ?? 0);
      if (lane === undefined || frameRole !== role) {
        role = frameRole;
        lane = this.#lane(lanes.of(role));
      }
      lane.pairs++;
      lane.last.old.index = first.old + frames;
      lane.last.old.offset = base.old + position;
      lane.last.new.index = first.new + frames;
      lane.last.new.offset = base.new + position;
      if (lane.open !== undefined) closeBorder(lane);
      this.#arrivals.add(end, this.#walks);
      const odd = remarks ? this.#remarks.of(window, position, end) : undefined;
      if (odd !== undefined) countPair(odd, length, lane.last.old, lane.last.new);
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
    const { dialect, lanes, remarks } = this.#context;
    if (span.kind !== 'frame' || mayHoldAnother(this.#context.dialect.header, span.bytes)) {
      this.#disagree(side, index, arrivalNs, span.kind === 'frame');
      if (index >= this.#endIndex[side]) return;
      this.#context.odd.addOdd(span.bytes, span.kind === 'frame');
      // It may be of any lane.
      for (const lane of this.#lanes.values()) openBorder(lane);
      return;
    }
    const { bytes, offset } = span;
    const { relay_domain: domainAt, source: sourceAt } = dialect.header.offsets;
    const lane = this.#lane(lanes.of(((bytes[domainAt] ?? 0) << 8) | (bytes[sourceAt] ?? 0)));
    const frame: WaitingFrame = {
      index,
      offset,
      length: bytes.length,
      arrivalNs,
      key: keyOf(bytes),
      mark: this.#context.odd.markOf(bytes),
      // Equal bytes are odd in the same way: one side is enough.
      odd: remarks && side === 'old' ? this.#remarks.of(bytes, 0, bytes.length) : undefined,
    };
    const other = otherSide(side);
    const head = lane.queue.head(other);
    if (head !== undefined && lane.queue.size(side) === 0 && head.key === frame.key) {
      lane.queue.take(other);
      this.#waiting[other]--;
      this.#agree(lane, side === 'old' ? frame : head, side === 'old' ? head : frame);
      return;
    }
    lane.queue.push(side, frame);
    this.#waiting[side]++;
    if (head !== undefined) this.#lookForRun(lane, side);
    if (this.#waiting[side] >= this.#context.limits.waitingMax) this.#giveUp();
  }

  #lookForRun(lane: Lane, side: Side): void {
    const { queue } = lane;
    let found = queue.findRun(side, this.#context.limits.runMin);
    while (found !== undefined) {
      for (const each of ['old', 'new'] as const) this.#drop(lane, each, found[each]);
      this.#takeEqual(lane);
      if (queue.size('old') === 0 || queue.size('new') === 0) return;
      found = queue.findRun(side, this.#context.limits.runMin);
    }
  }

  #takeEqual(lane: Lane): void {
    const { queue } = lane;
    for (;;) {
      const [old, neu] = [queue.head('old'), queue.head('new')];
      if (old === undefined || neu === undefined || old.key !== neu.key) break;
      queue.take('old');
      queue.take('new');
      this.#waiting.old--;
      this.#waiting.new--;
      this.#agree(lane, old, neu);
    }
    queue.forget();
  }

  #drop(lane: Lane, side: Side, count: number): void {
    for (let left = count; left > 0; left--) {
      const frame = lane.queue.take(side);
      if (frame === undefined) break;
      this.#waiting[side]--;
      this.#disagree(side, frame.index, frame.arrivalNs, true);
      if (frame.index >= this.#endIndex[side]) continue;
      this.#context.odd.addFrame(frame);
      openBorder(lane);
    }
    lane.queue.forget();
  }

  /** Too much waits: the older half of the lane where most does will find no partner. */
  #giveUp(): void {
    let largest: Lane | undefined;
    const sizeOf = ({ queue }: Lane): number => queue.size('old') + queue.size('new');
    for (const lane of this.#lanes.values()) {
      if (largest === undefined || sizeOf(lane) > sizeOf(largest)) largest = lane;
    }
    if (largest === undefined) return;
    const { queue } = largest;
    const [old, neu] = [queue.head('old'), queue.head('new')];
    // Of what both sides have, the earlier was delivered when the other side had nothing like it.
    const isOldFirst = (old?.arrivalNs ?? Infinity) <= (neu?.arrivalNs ?? Infinity);
    const side = isOldFirst ? 'old' : 'new';
    this.#drop(largest, side, Math.ceil(queue.size(side) / 2));
    this.#takeEqual(largest);
  }

  #agree(lane: Lane, old: WaitingFrame, neu: WaitingFrame): void {
    this.#pairs++;
    lane.pairs++;
    lane.last.old.index = old.index;
    lane.last.old.offset = old.offset;
    lane.last.new.index = neu.index;
    lane.last.new.offset = neu.offset;
    if (lane.open !== undefined) closeBorder(lane);
    this.#arrivals.addSingle(old.arrivalNs, neu.arrivalNs);
    if (old.odd !== undefined) countPair(old.odd, old.length, old, neu);
  }

  #disagree(side: Side, index: number, arrivalNs: number, isFrame: boolean): void {
    this.#odd[side].add(index);
    const { old, new: neu } = this.#disagreeing;
    const isFull = old.length + neu.length >= this.#context.limits.disagreeingMax;
    if (isFull && this.#endIndex.old === Infinity) this.#close();
    if (index < this.#endIndex[side]) this.#disagreeing[side].push(index);
    else {
      this.#unjudged[side][isFrame ? 'frames' : 'others']++;
      if (isFrame) this.#context.unjudged.add(side, arrivalNs);
    }
  }

  /** From here on nothing more is kept; what waits already is. */
  #close(): void {
    for (const side of ['old', 'new'] as const) this.#endIndex[side] = this.#walks[side].count;
  }

  #lane(id: number): Lane {
    let lane = this.#lanes.get(id);
    if (lane === undefined) this.#lanes.set(id, (lane = new Lane()));
    return lane;
  }
}

/** Whether another header seems to begin inside a frame. */
export function mayHoldAnother({ magic, offsets }: HeaderLayout, frame: Uint8Array): boolean {
  const last = frame.length - 4;
  for (let at = offsets.magic + 1; at <= last; at++) {
    if (frame[at] === (magic & 0xff) && u32At(frame, at) === magic) return true;
  }
  return false;
}

function borderBehind({ pairs, last }: Lane): Border {
  const after = pairs === 0 ? undefined : { old: { ...last.old }, new: { ...last.new } };
  return { pairsBefore: pairs, after, before: undefined };
}

function openBorder(lane: Lane): void {
  if (lane.open !== undefined) return;
  lane.open = borderBehind(lane);
  lane.borders.push(lane.open);
}

function closeBorder(lane: Lane): void {
  if (lane.open === undefined) return;
  lane.open.before = { old: { ...lane.last.old }, new: { ...lane.last.new } };
  lane.open = undefined;
}
