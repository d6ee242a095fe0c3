/**
 * The first reading of a capture that is analysed in windows: learns of the whole what each window must know. How slow
 * the relays were at most, where each lane begins and ends, how often there is what did not agree, and what became of
 * the messages that no window holds.
 */
import type { Side } from '../../capture/types.ts';
import { BLOCK_BYTES_MAX, LARGE_BYTES } from '../causes/sending-classes.ts';
import { isRightBeforeLeaving } from '../causes/sender-left.ts';
import type { KeptSendings } from '../causes/explain.ts';
import { asSentTo, type Sending } from '../client-facts.ts';
import { ContentTable, Subjects } from '../content-table.ts';
import type { Identity } from '../identity.ts';
import { type FrameShape, type FrameShapes, frameShapesOf } from '../../protocol/frame-shapes.ts';
import { LatencyHistogram } from '../latency-histogram.ts';
import { Publishers } from '../publishers.ts';
import type { CaptureRows } from '../read-capture.ts';
import type { Content } from '../records.ts';
import type { RemarkKinds } from '../remark-kinds.ts';
import type { Agreement } from '../scan/agreement-scan.ts';
import type { WalkedSpan } from '../scan/stream-walk.ts';
import { GapSurvey } from './gap-survey.ts';
import { bytesOf, sendingOf, type SpanRecord, spanOf } from './records-of-spans.ts';
import type { DeliveringStream, Delivery, WindowSink } from './window-sink.ts';

export interface SurveyContext {
  readonly identity: Identity;
  readonly agreement: Agreement;
  readonly rows: CaptureRows;
  readonly isTapped: boolean;
  /** undefined: it stayed to the end. */
  readonly clientLeftNs: (connection: number) => number | undefined;
}

/** Messages of no window that no rule of causes can tell apart. */
export interface AgreedSendings extends KeptSendings {
  readonly kept: Record<Side, number>;
  /** Pairs of deliveries of them, where these have the same bytes. */
  pairs: number;
}

/** Pairs of messages that are odd in one way. */
export interface KeptPairs {
  readonly content: Content;
  pairs: number;
}

interface Extent {
  first: number;
  last: number;
}

/** What is known of a stream of a side. */
interface OfStream {
  readonly name: string;
  readonly extents: Map<number, Extent>;
  /** Index of its last span. */
  last: number;
  lastRole: number;
  lastLane: number;
  lastExtent: Extent | undefined;
}

interface Copies {
  readonly senders: Set<number>;
  /** One of the relays was not sent it, once at least. */
  isUnmirrored: boolean;
  /** By connection and side. */
  readonly delivered: Map<string, number>;
}

/** Of what is no frame, whoever sent it. */
export const NO_LANE = -1;

const NOWHERE: Readonly<Extent> = { first: Infinity, last: -1 };
/** More than a byte can name: the last stands for none. */
const DOMAINS = 257;
/** Of more nobody counts which is which. */
const KINDS_MAX = 65_536;
/** Spans of clients that are remembered to say who wrote between the pieces of a message. */
const RECENT_MAX = 4_096;
/** Contents of which occurrences are counted in the whole capture. */
const COPIES_MAX = 16_384;

export class Survey implements WindowSink {
  readonly publishers: Publishers;
  readonly gaps: GapSurvey;
  readonly slowestNs: Record<Side, number> = { old: 0, new: 0 };
  readonly earliestNs: Record<Side, number> = { old: 0, new: 0 };
  readonly hasDelivered: Record<Side, boolean> = { old: false, new: false };
  /** How long after a tap had fed them new delivered messages that agreed. */
  readonly behindFed = new LatencyHistogram();
  readonly #context: SurveyContext;
  readonly #firstNs = new Map<string, number>();
  readonly #byName = new Map<string, OfStream>();
  readonly #ofStreams = new Map<DeliveringStream, OfStream>();
  readonly #copies = new Map<string, Copies>();
  readonly #kinds = new Map<string, AgreedSendings>();
  readonly #table: ContentTable;
  /** Pairs of deliveries, where those of old may be as odd as what was sent is not: by what is odd about them. */
  readonly #pairsOfOld = new Map<RemarkKinds, KeptPairs>();
  readonly #subjects = new Subjects();
  /** Clients speak the dialect of old. */
  readonly #shapes: FrameShapes;
  /** By all that tells kinds apart but flags that are rare; of frames that have a shape. */
  readonly #usualKinds = new Map<FrameShape, Map<number, AgreedSendings>>();
  #recent: SpanRecord[] = [];
  /** Others wrote between its pieces, as the relay of a side was sent them. */
  readonly #interleaved: Readonly<Record<Side, WeakSet<SpanRecord>>> = {
    old: new WeakSet(),
    new: new WeakSet(),
  };

  constructor(context: SurveyContext) {
    this.#context = context;
    this.publishers = new Publishers(context.isTapped);
    this.gaps = new GapSurvey(context.rows);
    this.#table = new ContentTable({ identity: context.identity, remarks: true });
    this.#shapes = frameShapesOf(context.identity.dialects.old);
  }

  sent(record: SpanRecord, bytes: Uint8Array): void {
    const { identity, agreement } = this.#context;
    this.#recent.push(record);
    if (this.#recent.length > 2 * RECENT_MAX) this.#recent = this.#recent.slice(-RECENT_MAX);
    this.#noteInterleaved(record);
    this.gaps.sent(record);
    if (!record.isFrame) return;
    const { connection } = record.row;
    this.publishers.noteRole(bytes, identity.dialects.old.header, connection);
    if (!record.mayBeOdd || !agreement.odd.has(record.key)) return;
    const copies = this.#copiesOf(record.key);
    copies?.senders.add(connection);
    if (copies !== undefined && this.gaps.unmirrored(record) !== undefined) {
      copies.isUnmirrored = true;
    }
  }

  delivered(
    stream: DeliveringStream,
    { span, index, arrivalNs }: WalkedSpan,
    { key, sent }: Delivery,
  ): void {
    const { row, side, isOdd } = stream;
    const { agreement, identity, isTapped } = this.#context;
    const only = sent.length === 1 ? sent[0] : undefined;
    if (only !== undefined) {
      const delayNs = arrivalNs - only.arrivalNs;
      this.slowestNs[side] = Math.max(this.slowestNs[side], delayNs);
      this.earliestNs[side] = Math.min(this.earliestNs[side], delayNs);
      if (isTapped && side === 'new' && !isOdd(index)) this.behindFed.add(delayNs);
    }
    const known = this.#ofStreams.get(stream) ?? this.#openStream(stream, arrivalNs);
    const { bytes } = span;
    const isFrame = span.kind === 'frame';
    const role = isFrame ? identity.roleOf(bytes, side) : NO_LANE;
    const lane = this.#extend(known, role, index);
    this.gaps.delivered(row.connection, side, {
      index,
      offset: span.offset,
      length: bytes.length,
      isFrame,
      lane: isFrame && !isOdd(index) ? lane : undefined,
    });
    if (!agreement.odd.mayHave(bytes) || !agreement.odd.has(key)) return;
    const copies = this.#copiesOf(key);
    copies?.delivered.set(known.name, (copies.delivered.get(known.name) ?? 0) + 1);
  }

  agreed(records: readonly SpanRecord[]): void {
    const kindOf = new Map<string, AgreedSendings>();
    for (const record of records) {
      if (record.row.kind !== 'client' || !record.isFrame) continue;
      const kind = this.#kindOf(record);
      if (kind === undefined) continue;
      kindOf.set(record.key, kind);
      for (const side of ['old', 'new'] as const) if (record[side]) kind.kept[side]++;
    }
    for (const record of records) {
      if (record.row.kind !== 'old') continue;
      if (!this.#context.identity.isOfBytes) {
        this.#noteOfOld(record);
        continue;
      }
      const kind = kindOf.get(record.key);
      if (kind !== undefined) kind.pairs++;
    }
  }

  #noteOfOld(record: SpanRecord): void {
    const { old } = this.#context.identity.dialects;
    const bytes = bytesOf(record);
    const remarks = this.#shapes.kindsOf(bytes, 0, bytes.length);
    const known = this.#pairsOfOld.get(remarks);
    if (known !== undefined) known.pairs++;
    else {
      const content = this.#table.intern(spanOf(record), old);
      this.#pairsOfOld.set(remarks, { content, pairs: 1 });
    }
  }

  window(): void {
    // What is in a window is counted when it is judged.
  }

  get agreedSendings(): Iterable<AgreedSendings> {
    return this.#kinds.values();
  }

  /** What old delivered and new left as it was. */
  get agreedPairs(): Iterable<KeptPairs> {
    return this.#context.identity.isOfBytes ? this.#kinds.values() : this.#pairsOfOld.values();
  }

  /** When a side delivered its first bytes to a client; undefined: it delivered none. */
  firstNs(connection: number, side: Side): number | undefined {
    return this.#firstNs.get(`${connection} ${side}`);
  }

  extentOf(connection: number, side: Side, lane: number): Readonly<Extent> {
    return this.#byName.get(`${connection} ${side}`)?.extents.get(lane) ?? NOWHERE;
  }

  /** Of the spans of a side; -1: it has none. */
  lastOf(connection: number, side: Side): number {
    return this.#byName.get(`${connection} ${side}`)?.last ?? -1;
  }

  /** Of what did not agree somewhere. */
  originOf(key: string): Readonly<Pick<Copies, 'senders' | 'isUnmirrored'>> | undefined {
    return this.#copies.get(key);
  }

  copiesOf(connection: number, side: Side, key: string): number | undefined {
    return this.#copies.get(key)?.delivered.get(`${connection} ${side}`);
  }

  #copiesOf(key: string): Copies | undefined {
    let copies = this.#copies.get(key);
    if (copies === undefined && this.#copies.size < COPIES_MAX) {
      this.#copies.set(key, (copies = newCopies()));
    }
    return copies;
  }

  #openStream(stream: DeliveringStream, arrivalNs: number): OfStream {
    const { row, side } = stream;
    const name = `${row.connection} ${side}`;
    this.hasDelivered[side] = true;
    if (!this.#firstNs.has(name)) this.#firstNs.set(name, arrivalNs);
    const opened: OfStream = {
      name,
      extents: this.#byName.get(name)?.extents ?? new Map<number, Extent>(),
      last: -1,
      lastRole: NaN,
      lastLane: NO_LANE,
      lastExtent: undefined,
    };
    this.#ofStreams.set(stream, opened);
    this.#byName.set(name, opened);
    return opened;
  }

  /** The lane. `role`: NO_LANE of what is no frame. */
  #extend(stream: OfStream, role: number, index: number): number {
    if (role !== stream.lastRole) {
      const lane = role === NO_LANE ? NO_LANE : this.#context.agreement.lanes.of(role);
      stream.lastRole = role;
      stream.lastLane = lane;
      stream.lastExtent = stream.extents.get(lane);
      if (stream.lastExtent === undefined) {
        stream.lastExtent = { first: index, last: index };
        stream.extents.set(lane, stream.lastExtent);
      }
    }
    if (stream.lastExtent !== undefined) stream.lastExtent.last = index;
    stream.last = index;
    return stream.lastLane;
  }

  #noteInterleaved(record: SpanRecord): void {
    if (record.placement?.isSplit !== true && record.toNew === undefined) return;
    const sending = sendingOf(record);
    for (const side of ['old', 'new'] as const) {
      const seen = asSentTo(side, sending);
      if (seen?.placement.isSplit !== true) continue;
      if (this.#hasOthersBetween(seen)) this.#interleaved[side].add(record);
    }
  }

  #hasOthersBetween({ connection, placement, timeNs }: Sending): boolean {
    for (let at = this.#recent.length - 2; at >= 0; at--) {
      const other = this.#recent[at];
      if (other === undefined) break;
      const isOther = other.row.connection !== connection;
      if (isOther && other.arrivalNs > placement.fromNs && other.arrivalNs < timeNs) return true;
    }
    return false;
  }

  /** undefined: there are too many. */
  #kindOf(record: SpanRecord): AgreedSendings | undefined {
    const bytes = bytesOf(record);
    const shape = this.#shapes.shapeOf(bytes, 0, bytes.length);
    const remarks = this.#shapes.kindsOf(bytes, 0, bytes.length, shape);
    if (shape === undefined || bytes.length <= BLOCK_BYTES_MAX || !this.#isUsual(record)) {
      return this.#kindNamed(record, bytes, remarks);
    }
    let kinds = this.#usualKinds.get(shape);
    if (kinds === undefined) this.#usualKinds.set(shape, (kinds = new Map()));
    const name = remarks * DOMAINS + (record.placement?.leadingDomain ?? DOMAINS - 1);
    let kind = kinds.get(name);
    if (kind === undefined) {
      kind = this.#kindNamed(record, bytes, remarks);
      if (kind !== undefined) kinds.set(name, kind);
    }
    return kind;
  }

  /** Nearly all are like this, and then shape, remarks and the leading domain name them. */
  #isUsual({ row, arrivalNs, placement, toNew }: SpanRecord): boolean {
    if (placement === undefined || toNew === 'unknown') return false;
    const leftNs = this.#context.clientLeftNs(row.connection);
    return [{ placement, timeNs: arrivalNs }, toNew].every(
      (sent) =>
        sent === undefined ||
        (!sent.placement.isSplit &&
          !sent.placement.beganInside &&
          sent.placement.leadingDomain === placement.leadingDomain &&
          !isRightBeforeLeaving(sent.timeNs, leftNs)),
    );
  }

  #kindNamed(
    record: SpanRecord,
    bytes: Uint8Array,
    remarks: RemarkKinds,
  ): AgreedSendings | undefined {
    const { old: dialect } = this.#context.identity.dialects;
    const isInterleaved = {
      old: this.#interleaved.old.has(record),
      new: this.#interleaved.new.has(record),
    };
    const key = this.#nameOf(record, bytes, { isInterleaved, remarks });
    const known = this.#kinds.get(key);
    if (known !== undefined || this.#kinds.size >= KINDS_MAX) return known;
    const content: Content = this.#table.intern(spanOf(record), dialect);
    const sending = sendingOf(record);
    const kind = { content, sending, isInterleaved, kept: { old: 0, new: 0 }, pairs: 0 };
    this.#kinds.set(key, kind);
    return kind;
  }

  #nameOf(
    record: SpanRecord,
    bytes: Uint8Array,
    {
      isInterleaved,
      remarks,
    }: {
      readonly isInterleaved: Readonly<Record<Side, boolean>>;
      readonly remarks: RemarkKinds;
    },
  ): string {
    const { header } = this.#context.identity.dialects.old;
    const sending = sendingOf(record);
    const written = this.#flagsOf(sending, isInterleaved.old);
    const writtenToNew =
      record.toNew === undefined ? '' : this.#flagsOf(asSentTo('new', sending), isInterleaved.new);
    const domain = bytes[header.offsets.relay_domain];
    const shape = this.#subjects.shapeOf(bytes.subarray(header.sizeBytes));
    // Short messages may be the block with which a collector names itself.
    const block =
      bytes.length > BLOCK_BYTES_MAX
        ? ''
        : ` ${record.offset === 0} ${Buffer.from(bytes).toString('latin1')}`;
    const isLarge = bytes.length > LARGE_BYTES;
    return `${isLarge} ${written} ${writtenToNew} ${domain} ${remarks} ${shape}${block}`;
  }

  /** How it was written to a relay, as far as rules of causes look. */
  #flagsOf(sending: Sending | undefined, isInterleaved: boolean): string {
    if (sending === undefined) return 'unknown';
    const { isSplit, beganInside, leadingDomain } = sending.placement;
    const leftNs = this.#context.clientLeftNs(sending.connection);
    const isLeaving = isRightBeforeLeaving(sending.timeNs, leftNs);
    return `${isSplit} ${beganInside} ${isInterleaved} ${isLeaving} ${leadingDomain}`;
  }
}

function newCopies(): Copies {
  return { senders: new Set(), isUnmirrored: false, delivered: new Map() };
}
