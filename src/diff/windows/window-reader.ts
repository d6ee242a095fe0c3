/**
 * Reads a capture whose sides disagree here and there, in order of time, and gives it away in pieces: windows around what
 * does not agree, with enough around it to judge by, and what agrees between them. Every span is in one piece; a pair
 * that agreed has both halves in the same. What disagrees everywhere is cut where it is most alike.
 */
import type { CaptureReader, Side, StreamRow } from '../../capture/types.ts';
import type { Span } from '../../wire/types.ts';
import { type Identity, keyOf } from '../identity.ts';
import { otherSide } from '../records.ts';
import type { Agreement } from '../scan/agreement-scan.ts';
import type { Settled } from '../noise/judging.ts';
import type { WalkedSpan } from '../scan/stream-walk.ts';
import { type LayoutOf, walkInOrder, type Wanted } from './merged-walk.ts';
import { Moments } from './moments.ts';
import { recordOf, type SpanRecord } from './records-of-spans.ts';

export interface WindowLimits {
  /** Messages sent before and behind what does not agree that are analysed with it. */
  readonly contextMoments: number;
  /** Spans that are remembered; half of them at most are one window. */
  readonly recordsMax: number;
  /** Of frames too long for a key. */
  readonly bytesMax: number;
  /** Windows of the first reading that those after it need not make again; more of them, and none is kept. */
  readonly keptBytesMax: number;
}

export interface WindowSink {
  /** Everything of some messages that agreed wherever they were delivered. */
  agreed(records: readonly SpanRecord[]): void;
  window(records: readonly SpanRecord[]): void;
  /** Of what is still to come, what comes first. */
  settled?(next: Settled): void;
  /** The bytes are valid during the call. */
  sent?(record: SpanRecord, bytes: Uint8Array): void;
  /** The same. */
  delivered?(stream: DeliveringStream, walked: WalkedSpan, of: Delivery): void;
}

export interface Delivery {
  readonly key: string;
  /** The messages that it may come from. */
  readonly sent: readonly SpanRecord[];
}

export interface DeliveringStream {
  readonly row: StreamRow;
  readonly side: Side;
  readonly isOdd: (index: number) => boolean;
}

export interface WindowContext {
  readonly identity: Identity;
  readonly agreement: Agreement;
  readonly limits: WindowLimits;
  /** A pair that is farther apart is looked at. */
  readonly lateAfterNs: number | undefined;
}

/** A row of pairs of one lane on one connection, as far as one side is ahead. */
interface Ahead {
  side: Side | undefined;
  waiting: (SpanRecord | undefined)[];
  head: number;
}

/** Of a connection: the pairs of which one half has been read. */
interface Halves {
  /** By lane. */
  readonly ahead: Map<number, Ahead>;
  /** How many of them wait for this side. */
  readonly waiting: Record<Side, number>;
}

interface SideStream extends DeliveringStream {
  readonly halves: Halves;
  /** Of each lane, the latest moment. */
  readonly latest: Map<number, number>;
  /** Of the last message that agreed. */
  position: number;
  /** From this moment on it is not known where something odd belongs. */
  unsureFrom: number;
  /** How many moments the last message took to come. */
  lag: number;
  /** What came before anything that is known. */
  early: SpanRecord[];
}

const NOBODY: readonly SpanRecord[] = [];
/** Where no client sends, so many deliveries are a moment. */
const DELIVERIES_A_MOMENT = 64;
/** Of one stream. */
const EARLY_MAX = 1_024;
/** Of what is remembered: if more waits for its other halves, the side that has them is read on before its time. */
const PATIENCE = 4;

export class WindowReader {
  readonly #context: WindowContext;
  readonly #sink: WindowSink;
  readonly #moments = new Moments();
  readonly #streams = new Map<number, SideStream>();
  readonly #halves = new Map<number, Halves>();
  #wanted: Wanted | undefined;
  readonly #sent = new Map<string, SpanRecord[]>();
  /** Of moments that are past: the latest, and those before them, which are forgotten all at once. */
  #past = new Map<string, SpanRecord>();
  #pastBefore = new Map<string, SpanRecord>();
  #sinceSent = 0;
  /** When what old delivered last was read, of what was read in time. */
  #readNs = -Infinity;
  /** Of each connection, how many spans of new were read. */
  readonly #newCounts = new Map<number, number>();
  #lookAt: number;

  constructor(context: WindowContext, sink: WindowSink) {
    this.#context = context;
    this.#sink = sink;
    this.#lookAt = context.limits.recordsMax;
  }

  read(reader: CaptureReader): void {
    const { agreement, identity } = this.#context;
    const layoutOf: LayoutOf = (kind) => identity.dialectOf(kind).header;
    walkInOrder(reader, layoutOf, ({ row, walked, placement, toNew }) => {
      if (placement === undefined) this.#takeDelivery(row, walked);
      else {
        const { span } = walked;
        const key = identity.keyOf(span, row.kind);
        const bytesKey = this.#bytesKeyOf(span, key);
        const mayBeOdd = agreement.odd.mayHave(span.bytes);
        const known = { key, bytesKey, isCounted: false, placement, toNew, mayBeOdd };
        this.#takeSent(recordOf(row, walked, known), span.bytes);
      }
      this.#giveFull();
      return this.#wanted;
    });
    for (const stream of this.#streams.values()) this.#putEarly(stream, this.#moments.last);
    this.#give(true);
  }

  #giveFull(): void {
    const wanted = this.#wanted;
    if (wanted !== undefined) {
      if ((this.#halves.get(wanted.connection)?.waiting[wanted.side] ?? 0) > 0) return;
      this.#wanted = undefined;
      this.#lookAt = 0;
    }
    const { records, bytes } = this.#moments.size;
    if (records >= this.#lookAt || bytes >= this.#context.limits.bytesMax) this.#give(false);
  }

  #takeSent(record: SpanRecord, bytes: Uint8Array): void {
    const moment = this.#moments.begin();
    this.#sinceSent = 0;
    this.#moments.put(record, moment);
    const same = this.#sent.get(record.key);
    if (same === undefined) this.#sent.set(record.key, [record]);
    else same.push(record);
    this.#sink.sent?.(record, bytes);
  }

  #takeDelivery(row: StreamRow, walked: WalkedSpan): void {
    if (row.kind === 'client') return;
    if (this.#sink.settled !== undefined) this.#noteRead(row, walked);
    const stream = this.#streamOf(row, row.kind);
    const isFrame = walked.span.kind === 'frame';
    if (isFrame && !stream.isOdd(walked.index)) this.#takeAgreed(stream, walked);
    else this.#takeOdd(stream, walked);
  }

  #noteRead({ kind, connection }: StreamRow, { index, arrivalNs }: WalkedSpan): void {
    const isInTime = kind === 'old' && this.#wanted === undefined;
    if (isInTime) this.#readNs = Math.max(this.#readNs, arrivalNs);
    if (kind === 'new') this.#newCounts.set(connection, index + 1);
  }

  #takeAgreed(stream: SideStream, walked: WalkedSpan): void {
    const lane = this.#laneOf(stream, walked.span.bytes);
    const { halves } = stream;
    const ahead = aheadOf(halves.ahead, lane);
    const first = ahead.side === stream.side ? undefined : next(ahead);
    const key = first?.key ?? this.#context.identity.keyOf(walked.span, stream.side);
    const bytesKey = this.#bytesKeyOf(walked.span, key);
    const record = recordOf(stream.row, walked, { key, bytesKey, isCounted: true });
    const sent = this.#sent.get(key) ?? NOBODY;
    this.#noteDelivered(stream, walked, { key, sent });
    if (first === undefined) {
      const moment = this.#momentOf(stream, lane, sent);
      this.#arrive(stream, lane, moment, sent.length === 1);
      this.#moments.put(record, moment);
      const at = this.#moments.at(moment);
      if (at !== undefined) at.open++;
      ahead.side = stream.side;
      ahead.waiting.push(record);
      halves.waiting[otherSide(stream.side)]++;
      return;
    }
    halves.waiting[stream.side]--;
    this.#arrive(stream, lane, Math.max(first.moment, this.#moments.first), sent.length === 1);
    const at = this.#moments.at(first.moment);
    // Its other half is past, and nothing near it was odd.
    if (at === undefined) return;
    at.open--;
    this.#notePair(first, record);
    this.#moments.put(record, first.moment);
    const { lateAfterNs = Infinity } = this.#context;
    const behindNs = (record.arrivalNs - first.arrivalNs) * (stream.side === 'new' ? 1 : -1);
    if (behindNs > lateAfterNs) at.isOdd = true;
  }

  #notePair(first: SpanRecord, second: SpanRecord): void {
    if (this.#context.identity.isOfBytes) return;
    if (first.row.kind === 'old') first.partner = second;
    else second.partner = first;
  }

  #takeOdd(stream: SideStream, walked: WalkedSpan): void {
    const { span } = walked;
    const key = this.#context.identity.keyOf(span, stream.side);
    const bytesKey = this.#bytesKeyOf(span, key);
    const record = recordOf(stream.row, walked, { key, bytesKey, isCounted: false });
    const sent = this.#sent.get(key) ?? NOBODY;
    this.#noteDelivered(stream, walked, { key, sent });
    const [only] = sent;
    const isKnown = only !== undefined && sent.length === 1;
    if (!isKnown && stream.position < 0 && stream.early.length < EARLY_MAX) {
      stream.early.push(record);
      return;
    }
    const near = stream.position < 0 ? this.#moments.last : stream.position;
    const moment = Math.max(isKnown ? only.moment : near, this.#moments.first);
    if (only !== undefined && sent.length === 1 && record.isFrame) {
      this.#arrive(stream, this.#laneOf(stream, span.bytes), moment, true);
    } else {
      stream.unsureFrom = Math.min(stream.unsureFrom, moment);
      const past = this.#past.get(key) ?? this.#pastBefore.get(key);
      if (past !== undefined && sent.length === 0) this.#moments.put({ ...past }, moment);
    }
    this.#putOdd(record, moment);
  }

  #putOdd(record: SpanRecord, moment: number): void {
    this.#moments.put(record, moment);
    const at = this.#moments.at(moment);
    if (at !== undefined) at.isOdd = true;
  }

  #putEarly(stream: SideStream, moment: number): void {
    for (const record of stream.early) this.#putOdd(record, Math.max(moment, this.#moments.first));
    stream.early = [];
  }

  /** Whence a message that agreed comes, where that is not known for certain: no earlier than the one before it. */
  #momentOf(stream: SideStream, lane: number, sent: readonly SpanRecord[]): number {
    const { first, last } = this.#moments;
    const latest = stream.latest.get(lane) ?? first;
    const [only] = sent;
    if (only !== undefined && sent.length === 1) return only.moment;
    if (only !== undefined) {
      return Math.min(Math.max(latest, only.moment), sent.at(-1)?.moment ?? last);
    }
    if (++this.#sinceSent >= DELIVERIES_A_MOMENT) {
      this.#moments.begin();
      this.#sinceSent = 0;
    }
    return Math.max(first, latest, this.#moments.last - stream.lag);
  }

  /** A message of this moment has come, in order or not. */
  #arrive(stream: SideStream, lane: number, moment: number, isSure: boolean): void {
    if (stream.early.length > 0) this.#putEarly(stream, moment);
    const latest = stream.latest.get(lane) ?? -1;
    if (moment < latest) this.#moments.tie(moment, latest);
    else stream.latest.set(lane, moment);
    stream.position = moment;
    if (isSure) stream.lag = this.#moments.last - moment;
    if (moment > stream.unsureFrom) this.#moments.tie(stream.unsureFrom, moment);
    stream.unsureFrom = Infinity;
  }

  #noteDelivered(stream: SideStream, walked: WalkedSpan, delivery: Delivery): void {
    for (const one of delivery.sent) one[stream.side] = true;
    this.#sink.delivered?.(stream, walked, delivery);
  }

  /** Gives away what is far enough behind. */
  #give(isEnd: boolean): void {
    const { limits } = this.#context;
    const moments = this.#moments;
    const { contextMoments } = limits;
    // What is behind this is too near to be sure of: streams are read up to different moments.
    const until = isEnd ? moments.last + 1 : moments.before(moments.size.records >>> 1);
    let hasGiven = false;
    for (;;) {
      const odd = moments.firstOdd(until);
      if (odd === undefined) {
        this.#giveAgreed(isEnd ? moments.last : until - contextMoments - 1);
        break;
      }
      this.#giveAgreed(odd - contextMoments - 1);
      const cut = this.#cutBehind(odd, { until, isEnd, mayForce: !hasGiven });
      if (cut === undefined) break;
      if (!isEnd && moments.hasOpen(cut)) {
        if (this.#isOverfull()) this.#wanted = this.#farthest();
        break;
      }
      this.#sink.window(this.#take(cut));
      hasGiven = true;
      if (isEnd && moments.size.records === 0) break;
    }
    this.#settle();
    const { records } = moments.size;
    this.#lookAt = Math.max(limits.recordsMax, records + (limits.recordsMax >>> 2));
  }

  #isOverfull(): boolean {
    const { recordsMax, bytesMax } = this.#context.limits;
    const { records, bytes } = this.#moments.size;
    return records > PATIENCE * recordsMax || bytes > PATIENCE * bytesMax;
  }

  /** The side of a connection for which most waits. */
  #farthest(): Wanted | undefined {
    let farthest: Wanted | undefined;
    let most = 0;
    for (const [connection, { waiting }] of this.#halves) {
      for (const side of ['old', 'new'] as const) {
        if (waiting[side] <= most) continue;
        most = waiting[side];
        farthest = { connection, side };
      }
    }
    return farthest;
  }

  /**
   * undefined: it may go on, and there is room. `mayForce`: where there is none, what belongs together is cut; of what a
   * window has been given away already, the little that is left before `until` has no good place for that.
   */
  #cutBehind(
    odd: number,
    { until, isEnd, mayForce }: { until: number; isEnd: boolean; mayForce: boolean },
  ): number | undefined {
    const { contextMoments, recordsMax, bytesMax } = this.#context.limits;
    const moments = this.#moments;
    const cut = moments.endOfIsland(odd, until, contextMoments);
    if (cut !== undefined) return cut;
    const { records, bytes } = moments.size;
    const isFull = records >= recordsMax || bytes >= bytesMax;
    if (isEnd && !(isFull && records > recordsMax)) return moments.last;
    return isFull && (mayForce || isEnd) ? moments.bestCut(until, contextMoments) : undefined;
  }

  #giveAgreed(wanted: number): void {
    const moments = this.#moments;
    // Where pairs are judged one by one, both halves must be there.
    const isHalved = this.#context.identity.noise !== undefined;
    const open = isHalved ? moments.firstOpen(wanted) : undefined;
    if (open !== undefined && this.#isOverfull()) this.#wanted = this.#farthest();
    const until = Math.min(wanted, (open ?? Infinity) - 1);
    if (until >= moments.first) this.#sink.agreed(this.#take(until));
  }

  #settle(): void {
    if (this.#sink.settled === undefined) return;
    let oldNs = Infinity;
    const newIndexes = new Map<number, number>();
    const early = [...this.#streams.values()].flatMap((stream) => stream.early);
    for (const records of [this.#moments.records(), early]) {
      for (const { row, arrivalNs, index } of records) {
        if (row.kind === 'old') oldNs = Math.min(oldNs, arrivalNs);
        if (row.kind !== 'new') continue;
        newIndexes.set(row.connection, Math.min(index, newIndexes.get(row.connection) ?? Infinity));
      }
    }
    const read = this.#readNs;
    this.#sink.settled({
      oldNs: Math.min(oldNs, read),
      newIndex: (connection) => newIndexes.get(connection) ?? this.#newCounts.get(connection) ?? 0,
    });
  }

  #take(until: number): readonly SpanRecord[] {
    const records = this.#moments.take(until);
    for (const record of records) {
      if (record.row.kind !== 'client') continue;
      const same = this.#sent.get(record.key);
      if (same?.[0] !== record) continue;
      if (same.length === 1) this.#sent.delete(record.key);
      else same.shift();
      // Nobody asks for what agreed everywhere.
      if (!record.mayBeOdd) continue;
      this.#past.set(record.key, record);
      if (this.#past.size * 2 < this.#context.limits.recordsMax) continue;
      this.#pastBefore = this.#past;
      this.#past = new Map();
    }
    return records;
  }

  #streamOf(row: StreamRow, side: Side): SideStream {
    let stream = this.#streams.get(row.id);
    if (stream === undefined) {
      const retired = this.#context.agreement.connections.get(row.connection);
      let halves = this.#halves.get(row.connection);
      if (halves === undefined) {
        halves = { ahead: new Map(), waiting: { old: 0, new: 0 } };
        this.#halves.set(row.connection, halves);
      }
      stream = {
        row,
        side,
        isOdd: retired?.isOdd[side] ?? ((): boolean => true),
        halves,
        latest: new Map(),
        position: -1,
        unsureFrom: Infinity,
        lag: 0,
        early: [],
      };
      this.#streams.set(row.id, stream);
    }
    return stream;
  }

  #laneOf({ side }: SideStream, frame: Uint8Array): number {
    const { agreement, identity } = this.#context;
    return agreement.lanes.of(identity.roleOf(frame, side));
  }

  #bytesKeyOf({ bytes }: Span, key: string): string {
    return this.#context.identity.isOfBytes ? key : keyOf(bytes);
  }
}

function aheadOf(all: Map<number, Ahead>, lane: number): Ahead {
  let ahead = all.get(lane);
  if (ahead === undefined) all.set(lane, (ahead = { side: undefined, waiting: [], head: 0 }));
  return ahead;
}

/** The half that waits for this one. */
function next(ahead: Ahead): SpanRecord | undefined {
  const record = ahead.waiting[ahead.head];
  if (record === undefined) return undefined;
  ahead.waiting[ahead.head++] = undefined;
  if (ahead.head === ahead.waiting.length || ahead.head > 1_024) {
    ahead.waiting.splice(0, ahead.head);
    ahead.head = 0;
  }
  return record;
}
