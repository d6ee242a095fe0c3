/**
 * The first reading of a capture that is analysed in windows: learns of the whole what each window must know. How slow
 * the relays were at most, where each lane begins and ends, how often there is what did not agree, and what became of
 * the messages that no window holds.
 */
import type { Side } from '../../capture/types.ts';
import { defined } from '../../lib/assert.ts';
import { isRightBeforeLeaving } from '../causes/sender-left.ts';
import type { KeptSendings } from '../causes/explain.ts';
import type { Sending } from '../client-facts.ts';
import { ContentTable, Subjects } from '../content-table.ts';
import type { Identity } from '../identity.ts';
import { LatencyHistogram } from '../latency-histogram.ts';
import { Publishers } from '../publishers.ts';
import type { CaptureRows } from '../read-capture.ts';
import type { Content } from '../records.ts';
import { type RemarkKinds, remarkKindsOf } from '../remark-kinds.ts';
import type { Agreement } from '../scan/agreement-scan.ts';
import type { WalkedSpan } from '../scan/stream-walk.ts';
import { GapSurvey } from './gap-survey.ts';
import { bytesOf, type SpanRecord, spanOf } from './records-of-spans.ts';
import type { DeliveringStream, Delivery, WindowSink } from './window-reader.ts';

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
/** The rules ask whether a message is longer than this. */
const LARGE_BYTES = 65_536;
/** The longest block with which a client may name itself. */
const BLOCK_BYTES_MAX = 36;
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
  readonly hasDelivered: Record<Side, boolean> = { old: false, new: false };
  /** How long after a tap had fed them new delivered messages that agreed. */
  readonly behindFed = new LatencyHistogram();
  readonly #context: SurveyContext;
  readonly #firstNs = new Map<string, number>();
  readonly #extents = new Map<string, Map<number, Extent>>();
  readonly #copies = new Map<string, Copies>();
  readonly #kinds = new Map<string, AgreedSendings>();
  readonly #table: ContentTable;
  /** Pairs of deliveries, where those of old may be as odd as what was sent is not: by what is odd about them. */
  readonly #pairsOfOld = new Map<RemarkKinds, KeptPairs>();
  readonly #subjects = new Subjects();
  #recent: SpanRecord[] = [];
  readonly #interleaved = new WeakSet<SpanRecord>();

  constructor(context: SurveyContext) {
    this.#context = context;
    this.publishers = new Publishers(context.isTapped);
    this.gaps = new GapSurvey(context.rows);
    this.#table = new ContentTable({ identity: context.identity, remarks: true });
  }

  sent(record: SpanRecord): void {
    const { identity, agreement } = this.#context;
    this.#recent.push(record);
    if (this.#recent.length > 2 * RECENT_MAX) this.#recent = this.#recent.slice(-RECENT_MAX);
    if (record.placement?.isSplit === true && this.#isInterleaved(record)) {
      this.#interleaved.add(record);
    }
    this.gaps.sent(record);
    if (!record.isFrame) return;
    const bytes = bytesOf(record);
    const { connection } = record.row;
    this.publishers.noteRole(bytes, identity.dialects.old.header, connection);
    const copies = agreement.odd.has(record.key) ? this.#copiesOf(record.key) : undefined;
    copies?.senders.add(connection);
    if (copies !== undefined && this.gaps.unmirrored(record) !== undefined) {
      copies.isUnmirrored = true;
    }
  }

  delivered(
    { row, side, isOdd }: DeliveringStream,
    { span, index, arrivalNs }: WalkedSpan,
    { key, sent }: Delivery,
  ): void {
    const { agreement, identity, isTapped } = this.#context;
    const [only] = sent;
    if (only !== undefined && sent.length === 1) {
      const delayNs = arrivalNs - only.arrivalNs;
      this.slowestNs[side] = Math.max(this.slowestNs[side], delayNs);
      if (isTapped && side === 'new' && !isOdd(index)) this.behindFed.add(delayNs);
    }
    this.hasDelivered[side] = true;
    const name = `${row.connection} ${side}`;
    if (!this.#firstNs.has(name)) this.#firstNs.set(name, arrivalNs);
    const isFrame = span.kind === 'frame';
    const lane = isFrame ? agreement.lanes.of(identity.roleOf(span.bytes, side)) : NO_LANE;
    this.#extend(name, lane, index);
    this.gaps.delivered(row.connection, side, {
      index,
      offset: span.offset,
      length: span.bytes.length,
      isFrame,
      lane: isFrame && !isOdd(index) ? lane : undefined,
    });
    if (!agreement.odd.has(key)) return;
    const copies = this.#copiesOf(key);
    copies?.delivered.set(name, (copies.delivered.get(name) ?? 0) + 1);
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
    const remarks = remarkKindsOf(old, bytesOf(record));
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
    return this.#extents.get(`${connection} ${side}`)?.get(lane) ?? NOWHERE;
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

  #extend(name: string, lane: number, index: number): void {
    let lanes = this.#extents.get(name);
    if (lanes === undefined) this.#extents.set(name, (lanes = new Map()));
    const extent = lanes.get(lane);
    if (extent === undefined) lanes.set(lane, { first: index, last: index });
    else extent.last = index;
  }

  #isInterleaved({ row, placement, arrivalNs }: SpanRecord): boolean {
    const { fromNs } = defined(placement, 'placement of what was sent');
    for (let at = this.#recent.length - 2; at >= 0; at--) {
      const other = this.#recent[at];
      if (other === undefined) break;
      const isOther = other.row.connection !== row.connection;
      if (isOther && other.arrivalNs > fromNs && other.arrivalNs < arrivalNs) return true;
    }
    return false;
  }

  /** undefined: there are too many. */
  #kindOf(record: SpanRecord): AgreedSendings | undefined {
    const dialect = this.#context.identity.dialects.old;
    const bytes = bytesOf(record);
    const isInterleaved = this.#interleaved.has(record);
    const key = this.#nameOf(record, bytes, isInterleaved);
    const known = this.#kinds.get(key);
    if (known !== undefined || this.#kinds.size >= KINDS_MAX) return known;
    const content: Content = this.#table.intern(spanOf(record), dialect);
    const { row, offset, arrivalNs: timeNs } = record;
    const placement = defined(record.placement, 'placement of what was sent');
    const sending: Sending = {
      connection: row.connection,
      offset,
      timeNs,
      placement,
      unmirrored: undefined,
    };
    const kind = { content, sending, isInterleaved, kept: { old: 0, new: 0 }, pairs: 0 };
    this.#kinds.set(key, kind);
    return kind;
  }

  #nameOf(
    { row, arrivalNs, placement, offset }: SpanRecord,
    bytes: Uint8Array,
    isInterleaved: boolean,
  ): string {
    const { identity, clientLeftNs } = this.#context;
    const dialect = identity.dialects.old;
    const { header } = dialect;
    const { isSplit = false, beganInside = false, leadingDomain } = placement ?? {};
    const isLeaving = isRightBeforeLeaving(arrivalNs, clientLeftNs(row.connection));
    const flags = `${bytes.length > LARGE_BYTES} ${isSplit} ${beganInside} ${isInterleaved} ${isLeaving}`;
    const domain = bytes[header.offsets.relay_domain];
    const shape = this.#subjects.shapeOf(bytes.subarray(header.sizeBytes));
    const remarks = remarkKindsOf(dialect, bytes);
    // Short messages may be the block with which a collector names itself.
    const block =
      bytes.length > BLOCK_BYTES_MAX
        ? ''
        : ` ${offset === 0} ${Buffer.from(bytes).toString('latin1')}`;
    return `${flags} ${domain} ${leadingDomain} ${remarks} ${shape}${block}`;
  }
}

function newCopies(): Copies {
  return { senders: new Set(), isUnmirrored: false, delivered: new Map() };
}
