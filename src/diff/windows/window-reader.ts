/**
 * Reads a capture whose sides disagree here and there, in order of time, and gives it away in pieces: windows around what
 * does not agree, with enough around it to judge by, and what agrees between them. Every span is in one piece; a pair
 * that agreed has both halves in the same. What disagrees everywhere is cut where it is most alike.
 */
import type { CaptureReader, StreamRow } from '../../capture/types.ts';
import type { Span } from '../../wire/types.ts';
import { keyOf } from '../identity.ts';
import { otherSide } from '../records.ts';
import type { WalkedSpan } from '../scan/stream-walk.ts';
import { type LayoutOf, walkInOrder, type Wanted } from './merged-walk.ts';
import { Moments } from './moments.ts';
import { recordOf, type SpanRecord } from './records-of-spans.ts';
import { SentRecords } from './sent-records.ts';
import { aheadOf, nextWaiting, type SideStream, SideStreams } from './side-streams.ts';
import type { Delivery, WindowContext, WindowSink } from './window-sink.ts';

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
  readonly #streams: SideStreams;
  #wanted: Wanted | undefined;
  readonly #sent: SentRecords;
  #sinceSent = 0;
  /** When what old delivered last was read, of what was read in time. */
  #readNs = -Infinity;
  /** Of each connection, how many spans of new were read. */
  readonly #newCounts = new Map<number, number>();
  #lookAt: number;

  constructor(context: WindowContext, sink: WindowSink) {
    this.#context = context;
    this.#sink = sink;
    this.#streams = new SideStreams(context.agreement);
    this.#sent = new SentRecords(context.limits.recordsMax);
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
    for (const stream of this.#streams.all()) this.#putEarly(stream, this.#moments.last);
    this.#give(true);
  }

  #giveFull(): void {
    const wanted = this.#wanted;
    if (wanted !== undefined) {
      if (this.#streams.isWaitedFor(wanted)) return;
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
    this.#sent.add(record);
    this.#sink.sent?.(record, bytes);
  }

  #takeDelivery(row: StreamRow, walked: WalkedSpan): void {
    if (row.kind === 'client') return;
    if (this.#sink.settled !== undefined) this.#noteRead(row, walked);
    const stream = this.#streams.of(row, row.kind);
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
    const first = ahead.side === stream.side ? undefined : nextWaiting(ahead);
    const key = first?.key ?? this.#context.identity.keyOf(walked.span, stream.side);
    const bytesKey = this.#bytesKeyOf(walked.span, key);
    const record = recordOf(stream.row, walked, { key, bytesKey, isCounted: true });
    const sent = this.#sent.of(key);
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
    this.#arrive(stream, lane, first.moment, sent.length === 1);
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
    const sent = this.#sent.of(key);
    this.#noteDelivered(stream, walked, { key, sent });
    const [only] = sent;
    const isKnown = only !== undefined && sent.length === 1;
    if (!isKnown && stream.position < 0 && stream.early.length < EARLY_MAX) {
      stream.early.push(record);
      return;
    }
    const near = stream.position < 0 ? this.#moments.last : stream.position;
    const sentAt = isKnown ? only.moment : near;
    const moment = Math.max(sentAt, this.#moments.first);
    if (only !== undefined && sent.length === 1 && record.isFrame) {
      this.#arrive(stream, this.#laneOf(stream, span.bytes), sentAt, true);
    } else {
      stream.unsureFrom = Math.min(stream.unsureFrom, moment);
      const past = this.#sent.pastOf(key);
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

  /** A message of this moment, which may be past, has come, in order or not. */
  #arrive(stream: SideStream, lane: number, sentAt: number, isSure: boolean): void {
    const moment = Math.max(sentAt, this.#moments.first);
    if (stream.early.length > 0) this.#putEarly(stream, moment);
    const latest = stream.latest.get(lane) ?? -1;
    if (moment < latest) {
      this.#moments.tie(moment, latest);
      if (sentAt < moment) this.#moments.reachBack(latest);
    } else stream.latest.set(lane, moment);
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
        if (this.#isOverfull()) this.#wanted = this.#streams.farthest();
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

  /** Where all that is read is out of turn, nothing would ever be given away. */
  #isCrowded(): boolean {
    const { recordsMax, bytesMax } = this.#context.limits;
    const { records, bytes } = this.#moments.size;
    return 2 * records > 3 * recordsMax || 2 * bytes > 3 * bytesMax;
  }

  #isOverfull(): boolean {
    const { recordsMax, bytesMax } = this.#context.limits;
    const { records, bytes } = this.#moments.size;
    return records > PATIENCE * recordsMax || bytes > PATIENCE * bytesMax;
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
    if (open !== undefined && this.#isOverfull()) this.#wanted = this.#streams.farthest();
    const agreed = Math.min(wanted, (open ?? Infinity) - 1);
    // How far a message moved is counted in the window that has both of its places.
    const until = this.#isCrowded() ? agreed : moments.lastUntied(agreed);
    if (until >= moments.first) this.#sink.agreed(this.#take(until));
  }

  #settle(): void {
    if (this.#sink.settled === undefined) return;
    let oldNs = Infinity;
    const newIndexes = new Map<number, number>();
    const early = [...this.#streams.all()].flatMap((stream) => stream.early);
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
      if (record.row.kind === 'client') this.#sent.pass(record);
    }
    return records;
  }

  #laneOf({ side }: SideStream, frame: Uint8Array): number {
    const { agreement, identity } = this.#context;
    return agreement.lanes.of(identity.roleOf(frame, side));
  }

  #bytesKeyOf({ bytes }: Span, key: string): string {
    return this.#context.identity.isOfBytes ? key : keyOf(bytes);
  }
}
