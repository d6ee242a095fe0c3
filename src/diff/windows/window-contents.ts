/** Makes of the spans of one window what the analysis reads of a capture, with what is known of the rest. */
import type { ArrivedSpan, ConnectionRow, Side } from '../../capture/types.ts';
import { defined } from '../../lib/assert.ts';
import type { Span } from '../../wire/types.ts';
import { ClientFacts, type HiddenGap } from '../client-facts.ts';
import { ContentTable } from '../content-table.ts';
import type { BytesOfItems } from '../fetch-bytes.ts';
import type { Identity } from '../identity.ts';
import type {
  Around,
  CaptureContents,
  CaptureRows,
  ConnectionItems,
  WindowFacts,
} from '../read-capture.ts';
import type { GapRoom } from '../recording-gaps.ts';
import type { Content, Item, SideItems } from '../records.ts';
import type { Lanes } from '../scan/lanes.ts';
import { indexBehind, makeItem } from '../make-item.ts';
import { type SentMessages, splitJoined } from '../split-joined.ts';
import { type Given, noteGiven } from './kept-windows.ts';
import { bytesOf, RecordedFrame, sendingOf, type SpanRecord, spanOf } from './records-of-spans.ts';
import { type Bounds, RoomsOfGaps } from './rooms-of-gaps.ts';
import { NO_LANE, type Survey } from './survey.ts';

export interface WindowSource {
  readonly identity: Identity;
  readonly rows: CaptureRows;
  readonly connections: readonly ConnectionRow[];
  readonly lanes: Lanes;
  readonly survey: Survey;
  readonly isTapped: boolean;
  readonly unseenFromNs: number;
}

/** What windows tell each other. */
interface Passed {
  /** Of each stream of a side, the last span that was given away. */
  readonly given: Given;
  readonly rooms: RoomsOfGaps;
}

interface OfConnection {
  readonly old: SpanRecord[];
  readonly new: SpanRecord[];
}

/** Windows must come in order: each knows where the one before it ended. */
export class WindowContents {
  readonly #source: WindowSource;
  readonly #passed: Passed;

  constructor(source: WindowSource) {
    this.#source = source;
    this.#passed = { given: new Map(), rooms: new RoomsOfGaps(source.survey.gaps) };
  }

  /** What agreed, and is in no window. */
  pass(records: readonly SpanRecord[]): void {
    noteGiven(this.#passed.given, records);
  }

  /** The same, of what was kept of it. */
  passTo(given: Given): void {
    for (const [stream, index] of given) this.#passed.given.set(stream, index);
  }

  /** What is not passed over: it lies among what is. */
  look(records: readonly SpanRecord[]): CaptureContents {
    return new Window(this.#source, this.#passed).read(records);
  }

  read(records: readonly SpanRecord[]): CaptureContents {
    const window = new Window(this.#source, this.#passed);
    const contents = window.read(records);
    this.pass(records);
    return contents;
  }
}

class Window implements WindowFacts {
  readonly #source: WindowSource;
  readonly #passed: Passed;
  readonly #table: ContentTable;
  readonly #connections = new Map<number, OfConnection>();
  readonly #items = new Map<number, SideItems>();
  /** Of items that are no whole span, by `placeName`. */
  readonly #pieces = new Map<string, Uint8Array>();

  constructor(source: WindowSource, passed: Passed) {
    this.#source = source;
    this.#passed = passed;
    this.#table = new ContentTable({ identity: source.identity, remarks: true, hasKeys: true });
  }

  read(records: readonly SpanRecord[]): CaptureContents {
    const { survey, isTapped, unseenFromNs, rows, connections } = this.#source;
    const facts = new ClientFacts(isTapped, unseenFromNs);
    const publishers = survey.publishers.ofWindow();
    const sent: SpanRecord[] = [];
    for (const record of records) {
      const { row } = record;
      if (row.kind === 'client') sent.push(record);
      else this.#of(row.connection)[row.kind].push(record);
    }
    sent.sort((left, right) => left.row.id - right.row.id || left.index - right.index);
    let last: SpanRecord | undefined;
    for (const record of sent) {
      // One may be among what was sent before the window, too.
      const isAgain = record.row === last?.row && record.index === last.index;
      last = record;
      if (isAgain) continue;
      const content = this.#contentOf(record);
      facts.noteSending(content, sendingOf(record, survey.gaps.unmirrored(record)));
      publishers.note(content, record.row.connection);
    }
    facts.sortSendings();
    for (const side of ['old', 'new'] as const) {
      facts.noteDelay(side, survey.slowestNs[side]);
      facts.noteDelay(side, survey.earliestNs[side]);
      if (survey.hasDelivered[side]) facts.noteMoreDeliveries(side);
    }
    const noteElsewhere = (content: Content, key: string): void => {
      const { senders = [], isUnmirrored = false } = survey.originOf(key) ?? {};
      for (const connection of senders) {
        publishers.note(content, connection);
        facts.noteSentElsewhere(content, isUnmirrored);
      }
    };
    for (const of of this.#connections.values()) {
      for (const side of ['old', 'new'] as const) {
        of[side].sort((left, right) => left.index - right.index);
        for (const record of of[side]) {
          if (!record.isCounted) noteElsewhere(this.#contentOf(record), record.key);
        }
      }
    }
    const items = connections.flatMap(({ id, label }): ConnectionItems[] => {
      const of = this.#connections.get(id);
      if (of === undefined) return [];
      const [old, neu] = [this.#itemsOf(id, 'old', facts), this.#itemsOf(id, 'new', facts)];
      this.#items.set(id, { old, new: neu });
      return [{ id, label, clientFrames: 0, old, new: neu }];
    });
    return { connections: items, facts, publishers, rows, window: this };
  }

  get bytes(): BytesOfItems {
    return {
      of: (connection, side, { index }) => {
        const piece = this.#pieces.get(placeName(connection, side, index));
        if (piece !== undefined) return piece;
        const records = this.#connections.get(connection)?.[side] ?? [];
        return bytesOf(defined(records[placeOf(records, index)], 'bytes of an item'));
      },
    };
  }

  gapRooms(connection: number): readonly GapRoom[] {
    const { lanes } = this.#source;
    return this.#passed.rooms.of(connection, {
      bounds: (side) => this.#boundsOf(connection, side),
      items: (side) => this.#items.get(connection)?.[side] ?? [],
      laneOf: ({ item }) => {
        const lane = this.#laneOf(item.content);
        return lane !== NO_LANE && lanes.isPure(lane) ? lane : undefined;
      },
    });
  }

  hiddenGaps(connection: number): readonly HiddenGap[] {
    return this.#passed.rooms.hidden(connection);
  }

  #laneOf({ head, isFrame }: Content): number {
    const { lanes } = this.#source;
    return isFrame && head !== undefined ? lanes.of((head.domain << 8) | head.source) : NO_LANE;
  }

  #boundsOf(connection: number, side: Side): Bounds {
    const records = this.#connections.get(connection)?.[side];
    const streams = this.#source.rows.streamsOf.get(connection);
    const stream = streams?.find(({ kind }) => kind === side);
    const given = this.#passed.given.get(stream?.id ?? -1) ?? -1;
    return { first: records?.[0]?.index ?? given + 1, last: records?.at(-1)?.index ?? given };
  }

  around(connection: number, side: Side, { content }: Item): Around {
    const { first, last } = this.#boundsOf(connection, side);
    const { first: firstOfAll, last: lastOfAll } = this.#source.survey.extentOf(
      connection,
      side,
      this.#laneOf(content),
    );
    return {
      before: firstOfAll < first ? Math.max(0, first - 0.5) : undefined,
      behind: lastOfAll > last ? last + 0.5 : undefined,
    };
  }

  copies(connection: number, side: Side, { key }: Content): number | undefined {
    return key === undefined ? undefined : this.#source.survey.copiesOf(connection, side, key);
  }

  #of(connection: number): OfConnection {
    let of = this.#connections.get(connection);
    if (of === undefined) this.#connections.set(connection, (of = { old: [], new: [] }));
    return of;
  }

  #contentOf(record: SpanRecord): Content {
    return this.#table.internKeyed(
      record,
      bytesOf,
      this.#source.identity.dialectOf(record.row.kind),
    );
  }

  #contentOfSpan(span: Span, side: Side): Content {
    if (span instanceof RecordedFrame) return this.#contentOf(span.record);
    return this.#table.intern(span, this.#source.identity.dialectOf(side));
  }

  #itemsOf(connection: number, side: Side, facts: ClientFacts): readonly Item[] {
    const records = this.#connections.get(connection)?.[side] ?? [];
    const items: Item[] = [];
    let at = 0;
    let behindNs: number | undefined;
    const options = {
      layout: this.#source.identity.dialectOf(side).header,
      sent: this.#sentOf(side, records, facts),
      endsStream: (records.at(-1)?.index ?? -1) >= this.#source.survey.lastOf(connection, side),
    };
    for (const arrived of splitJoined(arrivedOf(records), options)) {
      while ((records[at]?.index ?? Infinity) < arrived.index) at++;
      const record = defined(records[at], 'record of a span');
      const { span } = arrived;
      const isWhole = span instanceof RecordedFrame || span === record.span;
      const content = isWhole ? this.#contentOf(record) : this.#contentOfSpan(span, side);
      const index = indexBehind(items.at(-1), arrived);
      if (!isWhole) this.#pieces.set(placeName(connection, side, index), span.bytes);
      const { isCounted, isFar, partner } = record;
      const agreedWith = partner && this.#contentOf(partner);
      const item = makeItem(arrived, content, index, { behindNs, isCounted, isFar, agreedWith });
      behindNs = facts.sentOnceNs(content) ?? behindNs;
      facts.noteDelivery(content, side, item.arrivalNs);
      items.push(item);
    }
    return items;
  }

  /** What agreed is one message, whoever sent it: the scan has counted it. */
  #sentOf(side: Side, records: readonly SpanRecord[], facts: ClientFacts): SentMessages {
    const { header } = this.#source.identity.dialectOf(side);
    const agreed = new Set<Span>();
    for (const { span, isCounted } of records) if (span && isCounted) agreed.add(span);
    const isCounted = (span: Span): boolean =>
      span instanceof RecordedFrame ? span.record.isCounted : agreed.has(span);
    return {
      isWhole: (span) => isCounted(span) || facts.wasSent(this.#contentOfSpan(span, side)),
      beginSent: (bytes) => facts.beginsSent(this.#table.peek(bytes, header)),
    };
  }
}

function placeName(connection: number, side: Side, index: number): string {
  return `${connection}/${side}/${index}`;
}

function* arrivedOf(records: readonly SpanRecord[]): Generator<ArrivedSpan> {
  for (const record of records) {
    const arrivalNs = BigInt(record.arrivalNs);
    yield { span: spanOf(record), index: record.index, arrivalOrdinal: 0, arrivalNs };
  }
}

/** Of a span, where the records of its stream are in order. */
function placeOf(records: readonly SpanRecord[], index: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((records[middle]?.index ?? index) < index) low = middle + 1;
    else high = middle;
  }
  return low;
}
