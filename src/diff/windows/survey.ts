/**
 * The first reading of a capture that is analysed in windows: learns of the whole what each window must know. How slow
 * the relays were at most, where each lane begins and ends, how often there is what did not agree, and what became of
 * the messages that no window holds.
 */
import type { Side } from '../../capture/types.ts';
import type { Dialect } from '../../protocol/types.ts';
import { isRightBeforeLeaving } from '../causes/sender-left.ts';
import type { KeptSendings } from '../causes/explain.ts';
import { asSentTo, type Sending } from '../client-facts.ts';
import { ContentTable, keyOf, Subjects } from '../content-table.ts';
import { Publishers } from '../publishers.ts';
import type { Content } from '../records.ts';
import { remarkKindsOf } from '../remark-kinds.ts';
import type { Agreement } from '../scan/agreement-scan.ts';
import type { WalkedSpan } from '../scan/stream-walk.ts';
import { bytesOf, sendingOf, type SpanRecord, spanOf } from './records-of-spans.ts';
import type { DeliveringStream, WindowSink } from './window-reader.ts';

export interface SurveyContext {
  readonly dialect: Dialect;
  readonly agreement: Agreement;
  /** undefined: it stayed to the end. */
  readonly clientLeftNs: (connection: number) => number | undefined;
}

/** Messages of no window that no rule of causes can tell apart. */
export interface AgreedSendings extends KeptSendings {
  readonly kept: Record<Side, number>;
  /** Pairs of deliveries of them. */
  pairs: number;
}

interface Extent {
  first: number;
  last: number;
}

interface Copies {
  readonly senders: Set<number>;
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
  readonly publishers = new Publishers();
  readonly slowestNs: Record<Side, number> = { old: 0, new: 0 };
  readonly hasDelivered: Record<Side, boolean> = { old: false, new: false };
  readonly #context: SurveyContext;
  readonly #firstNs = new Map<string, number>();
  readonly #extents = new Map<string, Map<number, Extent>>();
  readonly #copies = new Map<string, Copies>();
  readonly #kinds = new Map<string, AgreedSendings>();
  readonly #table = new ContentTable({ reference: undefined, remarks: true });
  readonly #subjects = new Subjects();
  #recent: SpanRecord[] = [];
  /** Others wrote between its pieces, as the relay of a side was sent them. */
  readonly #interleaved: Readonly<Record<Side, WeakSet<SpanRecord>>> = {
    old: new WeakSet(),
    new: new WeakSet(),
  };

  constructor(context: SurveyContext) {
    this.#context = context;
  }

  sent(record: SpanRecord): void {
    const { dialect, agreement } = this.#context;
    this.#recent.push(record);
    if (this.#recent.length > 2 * RECENT_MAX) this.#recent = this.#recent.slice(-RECENT_MAX);
    this.#noteInterleaved(record);
    if (!record.isFrame) return;
    const bytes = bytesOf(record);
    const { connection } = record.row;
    this.publishers.noteRole(bytes, dialect.header, connection);
    if (agreement.odd.has(bytes)) this.#copiesOf(record.key)?.senders.add(connection);
  }

  delivered(
    { row, side }: DeliveringStream,
    { span, index, arrivalNs }: WalkedSpan,
    sent: readonly SpanRecord[],
  ): void {
    const { agreement, dialect } = this.#context;
    const [only] = sent;
    if (only !== undefined && sent.length === 1) {
      this.slowestNs[side] = Math.max(this.slowestNs[side], arrivalNs - only.arrivalNs);
    }
    this.hasDelivered[side] = true;
    const name = `${row.connection} ${side}`;
    if (!this.#firstNs.has(name)) this.#firstNs.set(name, arrivalNs);
    const { relay_domain: domainAt, source: sourceAt } = dialect.header.offsets;
    const role = ((span.bytes[domainAt] ?? 0) << 8) | (span.bytes[sourceAt] ?? 0);
    this.#extend(name, span.kind === 'frame' ? agreement.lanes.of(role) : NO_LANE, index);
    if (!agreement.odd.has(span.bytes)) return;
    const copies = this.#copiesOf(only?.key ?? keyOf(span.bytes));
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
    for (const { row, key } of records) {
      const kind = row.kind === 'old' ? kindOf.get(key) : undefined;
      if (kind !== undefined) kind.pairs++;
    }
  }

  window(): void {
    // What is in a window is counted when it is judged.
  }

  get agreedSendings(): Iterable<AgreedSendings> {
    return this.#kinds.values();
  }

  /** When a side delivered its first bytes to a client; undefined: it delivered none. */
  firstNs(connection: number, side: Side): number | undefined {
    return this.#firstNs.get(`${connection} ${side}`);
  }

  extentOf(connection: number, side: Side, lane: number): Readonly<Extent> {
    return this.#extents.get(`${connection} ${side}`)?.get(lane) ?? NOWHERE;
  }

  /** Who sent this, if it did not agree somewhere. */
  sendersOf(key: string): Iterable<number> {
    return this.#copies.get(key)?.senders ?? [];
  }

  copiesOf(connection: number, side: Side, key: string): number | undefined {
    return this.#copies.get(key)?.delivered.get(`${connection} ${side}`);
  }

  #copiesOf(key: string): Copies | undefined {
    let copies = this.#copies.get(key);
    if (copies === undefined && this.#copies.size < COPIES_MAX) {
      this.#copies.set(key, (copies = { senders: new Set(), delivered: new Map() }));
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
    const { dialect } = this.#context;
    const bytes = bytesOf(record);
    const isInterleaved = {
      old: this.#interleaved.old.has(record),
      new: this.#interleaved.new.has(record),
    };
    const key = this.#nameOf(record, bytes, isInterleaved);
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
    isInterleaved: Readonly<Record<Side, boolean>>,
  ): string {
    const { dialect } = this.#context;
    const { header } = dialect;
    const sending = sendingOf(record);
    const written = this.#flagsOf(sending, isInterleaved.old);
    const writtenToNew =
      record.toNew === undefined ? '' : this.#flagsOf(asSentTo('new', sending), isInterleaved.new);
    const domain = bytes[header.offsets.relay_domain];
    const shape = this.#subjects.shapeOf(bytes.subarray(header.sizeBytes));
    const remarks = remarkKindsOf(dialect, bytes);
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
