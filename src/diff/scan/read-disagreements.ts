/**
 * The second pass over a capture, where something did not agree: makes records of that, and of every other
 * occurrence of the same contents, so that what is said of them is said with all that the capture knows. Gives what
 * `readCapture` gives, without what agreed; the places of both are the same.
 */
import { TAP_ORIGIN } from '../../capture/blind-spots.ts';
import type { ArrivedSpan, CaptureReader, Side, StreamRow } from '../../capture/types.ts';
import type { Dialect } from '../../protocol/types.ts';
import type { Span } from '../../wire/types.ts';
import { ClientFacts, type Sending } from '../client-facts.ts';
import { ContentTable } from '../content-table.ts';
import { type Publisher, Publishers } from '../publishers.ts';
import {
  type CaptureContents,
  type CaptureRows,
  type ConnectionItems,
  findHidden,
  readRows,
  unmirroredOf,
} from '../read-capture.ts';
import type { BackbonePlace, Content, Item } from '../records.ts';
import { indexBehind, makeItem } from '../make-item.ts';
import { type SentMessages, splitJoined } from '../split-joined.ts';
import { unseenSendersFromNs } from '../unseen-senders.ts';
import type { Agreement } from './agreement-scan.ts';
import { mayHoldAnother } from './connection-scan.ts';
import type { Border, RetiredConnection } from './retired.ts';
import { noteRetiredSendings } from './retired-sendings.ts';
import { SentPlacements } from './sent-placements.ts';
import { StreamWalk, type WalkedSpan } from './stream-walk.ts';

export interface DisagreementOptions {
  readonly dialect: Dialect;
  /** Messages whose way through the relays is followed at a time. */
  readonly sentMax: number;
  /** undefined: it stayed to the end. */
  readonly clientLeftNs: (connection: number) => number | undefined;
}

export function readDisagreements(
  reader: CaptureReader,
  agreement: Agreement,
  options: DisagreementOptions,
): CaptureContents {
  const pass = new SecondPass(reader, agreement, options);
  return pass.read();
}

class SecondPass {
  readonly #reader: CaptureReader;
  readonly #agreement: Agreement;
  readonly #options: DisagreementOptions;
  readonly #rows: CaptureRows;
  readonly #table: ContentTable;
  readonly #facts: ClientFacts;
  readonly #publishers: Publishers;

  constructor(reader: CaptureReader, agreement: Agreement, options: DisagreementOptions) {
    const isTapped = reader.info.origin === TAP_ORIGIN;
    this.#reader = reader;
    this.#agreement = agreement;
    this.#options = options;
    this.#rows = readRows(reader);
    this.#table = new ContentTable({ reference: undefined, remarks: true });
    this.#facts = new ClientFacts(isTapped, unseenSendersFromNs(reader));
    this.#publishers = new Publishers(isTapped);
  }

  read(): CaptureContents {
    const { connections, odd } = this.#agreement;
    const pairs = [...connections.values()].reduce((sum, retired) => sum + retired.pairs, 0);
    if (pairs > 0) this.#facts.noteRetiredDeliveries();
    const isAgreed = odd.isEmpty;
    for (const stream of this.#rows.streams) {
      const hasGaps = this.#rows.gapsOf.has(stream.connection);
      if (stream.kind === 'client' && (!isAgreed || hasGaps)) this.#readClient(stream);
    }
    this.#facts.sortSendings();
    const items = this.#reader
      .connections()
      .map(({ id, label }) => this.#readConnection(id, label, isAgreed));
    if (!isAgreed) {
      const { dialect, sentMax, clientLeftNs } = this.#options;
      noteRetiredSendings(this.#reader, {
        dialect,
        clientLeftNs,
        odd,
        facts: this.#facts,
        contentOf: (bytes) => this.#table.intern({ kind: 'frame', offset: 0, bytes }, dialect),
        sentMax,
      });
    }
    return {
      connections: items,
      facts: this.#facts,
      publishers: this.#publishers,
      rows: this.#rows,
      timeline: this.#agreement.timeline.with(this.#agreement.unjudged),
      behind: this.#agreement.behind,
    };
  }

  #readClient(stream: StreamRow): void {
    const { odd } = this.#agreement;
    const { dialect } = this.#options;
    const gaps = this.#rows.gapsOf.get(stream.connection) ?? [];
    const unmirrored = unmirroredOf(gaps);
    const placements = new SentPlacements(this.#reader, stream.id, dialect.header);
    /** Bytes that are no frame may lie at a gap. */
    const others: {
      readonly content: Content;
      readonly offset: number;
      readonly timeNs: number;
    }[] = [];
    for (const { span, arrivalNs: timeNs } of walkAll(this.#reader, stream, dialect)) {
      const { bytes, offset } = span;
      const isFrame = span.kind === 'frame';
      const whyUnmirrored = unmirrored(offset, bytes.length);
      const placement = placements.of(span);
      if (isFrame && odd.hasHeadOf(bytes)) odd.addContent(bytes);
      if (isFrame) this.#publishers.noteRole(bytes, dialect.header, stream.connection);
      const isOdd = odd.has(bytes);
      if (!isOdd && isFrame) {
        this.#facts.noteUnmirrored(whyUnmirrored);
        continue;
      }
      const content = this.#table.intern(span, dialect);
      if (!isFrame) others.push({ content, offset, timeNs });
      if (!isOdd) continue;
      const sending: Sending = {
        connection: stream.connection,
        offset,
        timeNs,
        placement,
        unmirrored: whyUnmirrored,
      };
      this.#facts.noteSending(content, sending);
      this.#publishers.note(content, stream.connection);
    }
    this.#facts.hiddenUnmirrored.push(...findHidden(gaps, others));
  }

  #readConnection(id: number, label: string, isAgreed: boolean): ConnectionItems {
    const { connections, clientFrames } = this.#agreement;
    const retired = connections.get(id);
    const old = isAgreed ? NO_SIDE : this.#readSide(id, 'old', retired);
    const neu = isAgreed ? NO_SIDE : this.#readSide(id, 'new', retired);
    const both = isWholeOf(retired) ? { old: old.items, new: neu.items } : withPartners(old, neu);
    const kept = both.old.filter(({ backbone }) => backbone?.isPair).length;
    return {
      id,
      label,
      clientFrames: clientFrames.get(id) ?? 0,
      ...both,
      ...(retired && { retired: { ...retired, pairs: retired.pairs - kept } }),
      hasCopiesBeyond: old.hasBeyond || neu.hasBeyond,
    };
  }

  #readSide(connection: number, side: Side, retired: RetiredConnection | undefined): SideOfItems {
    const { dialect } = this.#options;
    const sent: SentMessages = {
      wasSent: (span) => this.#facts.wasSent(this.#table.intern(span, dialect)),
      beginSent: (bytes) => this.#facts.beginsSent(this.#table.peek(bytes, dialect.header)),
    };
    const items: Item[] = [];
    let hasBeyond = false;
    const endIndex = retired?.endIndex[side] ?? Infinity;
    for (const stream of this.#rows.streamsOf.get(connection) ?? []) {
      if (stream.kind !== side) continue;
      const chosen = new Chosen(this.#agreement, retired, side, dialect);
      const spans = chosen.of(walkAll(this.#reader, stream, dialect));
      for (const arrived of splitJoined(spans, dialect.header, sent)) {
        const content = this.#table.intern(arrived.span, dialect);
        const item: Item = {
          ...makeItem(arrived, content, indexBehind(items.at(-1), arrived)),
          backbone: chosen.placeOf(arrived, this.#publishers.publisherOf(content)),
        };
        this.#facts.noteDelivery(content, side, item.arrivalNs);
        if (item.ordinal < endIndex) items.push(item);
        else hasBeyond = true;
      }
    }
    return { items, hasBeyond };
  }
}

interface SideOfItems {
  readonly items: readonly Item[];
  /** There are some of the same contents where nothing is judged any more. */
  readonly hasBeyond: boolean;
}

const NO_SIDE: SideOfItems = { items: [], hasBeyond: false };

function isWholeOf(retired: RetiredConnection | undefined): boolean {
  return (
    retired === undefined ||
    (retired.endIndex.old === Infinity && retired.endIndex.new === Infinity)
  );
}

/** Of pairs that agreed and that the end of what is kept has cut in two, neither half is kept. */
function withPartners(
  { items: old }: SideOfItems,
  { items: neu }: SideOfItems,
): Record<Side, readonly Item[]> {
  const nameOf = ({ backbone }: Item): string => `${backbone?.lane} ${backbone?.pairsBefore}`;
  const pairsOf = (items: readonly Item[]): ReadonlySet<string> =>
    new Set(items.filter(({ backbone }) => backbone?.isPair).map(nameOf));
  const [ofOld, ofNew] = [pairsOf(old), pairsOf(neu)];
  const isWhole = (item: Item, others: ReadonlySet<string>): boolean =>
    item.backbone?.isPair !== true || others.has(nameOf(item));
  return {
    old: old.filter((item) => isWhole(item, ofNew)),
    new: neu.filter((item) => isWhole(item, ofOld)),
  };
}

/** The spans of a side that are to become items, and where among what agreed they lie. */
class Chosen {
  readonly #agreement: Agreement;
  readonly #disagreeing: readonly number[];
  readonly #borders: ReadonlyMap<number, ReadonlyMap<number, Border>>;
  readonly #dialect: Dialect;
  readonly #endIndex: number;
  /** Pairs of each lane so far. */
  readonly #pairs = new Map<number, number>();
  /** Those of them that are chosen. */
  readonly #kept = new Map<number, number>();
  readonly #lanePairs: ReadonlyMap<number, number>;
  /** Of spans that are chosen and may not be items yet. */
  readonly #before = new Map<number, Before>();

  constructor(
    agreement: Agreement,
    retired: RetiredConnection | undefined,
    side: Side,
    dialect: Dialect,
  ) {
    this.#agreement = agreement;
    this.#disagreeing = retired?.disagreeing[side] ?? [];
    this.#endIndex = retired?.endIndex[side] ?? Infinity;
    this.#dialect = dialect;
    this.#lanePairs = retired?.lanePairs ?? new Map();
    this.#borders = new Map(
      [...(retired?.borders ?? [])].map(([lane, borders]) => [
        lane,
        new Map(borders.map((border) => [border.pairsBefore, border])),
      ]),
    );
  }

  *of(spans: Iterable<WalkedSpan>): Generator<ArrivedSpan> {
    const { odd } = this.#agreement;
    let at = 0;
    for (const { span, index, arrivalNs } of spans) {
      const lane = span.kind === 'frame' ? this.#laneOf(span.bytes) : undefined;
      const isDisagreeing = this.#disagreeing[at] === index;
      if (isDisagreeing) at++;
      if (isDisagreeing || odd.has(span.bytes)) {
        // Pieces may be of any lane.
        const isPlain = lane !== undefined && !this.#mayBeTwo(span.bytes);
        const isPair = !isDisagreeing && index < this.#endIndex;
        this.#before.set(index, {
          lane,
          isPair,
          pairs: isPlain ? one(this.#pairs, lane) : new Map(this.#pairs),
          kept: isPlain ? one(this.#kept, lane) : new Map(this.#kept),
        });
        if (isPair && lane !== undefined) add(this.#kept, lane);
        yield { span: owned(span), index, arrivalOrdinal: 0, arrivalNs: BigInt(arrivalNs) };
      }
      if (!isDisagreeing && lane !== undefined) add(this.#pairs, lane);
    }
  }

  placeOf({ index, span }: ArrivedSpan, { connection }: Publisher): BackbonePlace {
    const before = this.#before.get(index);
    const { lanes } = this.#agreement;
    const sender = connection === undefined ? undefined : lanes.ofConnection(connection);
    const lane = span.kind === 'frame' ? before?.lane : sender;
    if (lane === undefined) return NOWHERE;
    const pairsBefore = before?.pairs.get(lane) ?? 0;
    return {
      lane,
      isPure: lanes.isPure(lane),
      pairsBefore,
      keptBefore: before?.kept.get(lane) ?? 0,
      isPair: before?.isPair ?? false,
      isLast: pairsBefore + 1 === this.#lanePairs.get(lane),
      border: this.#borders.get(lane)?.get(pairsBefore),
    };
  }

  #mayBeTwo(frame: Uint8Array): boolean {
    return mayHoldAnother(this.#dialect.header, frame);
  }

  #laneOf(frame: Uint8Array): number {
    const { relay_domain: domainAt, source: sourceAt } = this.#dialect.header.offsets;
    return this.#agreement.lanes.of(((frame[domainAt] ?? 0) << 8) | (frame[sourceAt] ?? 0));
  }
}

interface Before {
  readonly lane: number | undefined;
  readonly isPair: boolean;
  /** By lane. */
  readonly pairs: ReadonlyMap<number, number>;
  readonly kept: ReadonlyMap<number, number>;
}

/** Of pieces that may be anybody's. */
const NOWHERE: BackbonePlace = {
  lane: -1,
  isPure: false,
  pairsBefore: 0,
  keptBefore: 0,
  isPair: false,
  isLast: false,
  border: undefined,
};

function one(counts: ReadonlyMap<number, number>, lane: number): ReadonlyMap<number, number> {
  return new Map([[lane, counts.get(lane) ?? 0]]);
}

function add(counts: Map<number, number>, lane: number): void {
  counts.set(lane, (counts.get(lane) ?? 0) + 1);
}

function owned(span: Span): Span {
  return { ...span, bytes: Uint8Array.prototype.slice.call(span.bytes) };
}

function* walkAll(
  reader: CaptureReader,
  stream: StreamRow,
  { header }: Dialect,
): Generator<WalkedSpan> {
  const walk = new StreamWalk(header);
  walk.attach(reader, stream);
  for (let next = walk.nextToEnd(); next !== undefined; next = walk.nextToEnd()) yield next;
}
