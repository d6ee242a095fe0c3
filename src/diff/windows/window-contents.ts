/** Makes of the spans of one window what the analysis reads of a capture, with what is known of the rest. */
import type { ArrivedSpan, ConnectionRow, Side } from '../../capture/types.ts';
import { defined } from '../../lib/assert.ts';
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
import type { Content, Item } from '../records.ts';
import type { Lanes } from '../scan/lanes.ts';
import { indexBehind, makeItem } from '../make-item.ts';
import { type SentMessages, splitJoined } from '../split-joined.ts';
import { type Given, noteGiven } from './kept-windows.ts';
import { bytesOf, type SpanRecord, spanOf } from './records-of-spans.ts';
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
    for (const [name, index] of given) this.#passed.given.set(name, index);
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
  readonly #keys = new Map<number, string>();
  readonly #frames = new Map<string, SpanRecord>();

  constructor(source: WindowSource, passed: Passed) {
    this.#source = source;
    this.#passed = passed;
    this.#table = new ContentTable({ identity: source.identity, remarks: true, hasNames: true });
  }

  read(records: readonly SpanRecord[]): CaptureContents {
    const { survey, isTapped, unseenFromNs, rows, connections } = this.#source;
    const facts = new ClientFacts(isTapped, unseenFromNs);
    const publishers = survey.publishers.ofWindow();
    const sent = new Map<string, SpanRecord>();
    for (const record of records) {
      const { row, index } = record;
      // One may be among what was sent before the window, too.
      if (row.kind === 'client') sent.set(`${row.id} ${index}`, record);
      else this.#of(row.connection)[row.kind].push(record);
    }
    const inOrder = [...sent.values()].sort(
      (left, right) => left.row.id - right.row.id || left.index - right.index,
    );
    for (const record of inOrder) {
      const { connection } = record.row;
      const content = this.#contentOf(record);
      const { offset, arrivalNs: timeNs } = record;
      const placement = defined(record.placement, 'placement of what was sent');
      const unmirrored = survey.gaps.unmirrored(record);
      facts.noteSending(content, { connection, offset, timeNs, placement, unmirrored });
      publishers.note(content, connection);
    }
    facts.sortSendings();
    for (const side of ['old', 'new'] as const) {
      facts.noteDelay(side, survey.slowestNs[side]);
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
      const [old, neu] = [this.#items('old', of.old, facts), this.#items('new', of.new, facts)];
      return [{ id, label, clientFrames: 0, old, new: neu }];
    });
    return { connections: items, facts, publishers, rows, window: this };
  }

  get bytes(): BytesOfItems {
    return {
      of: (connection, side, { index }) =>
        bytesOf(defined(this.#frames.get(`${connection} ${side} ${index}`), 'bytes of an item')),
    };
  }

  gapRooms(connection: number): readonly GapRoom[] {
    const { lanes } = this.#source;
    return this.#passed.rooms.of(connection, {
      bounds: (side) => this.#boundsOf(connection, side),
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
    const given = this.#passed.given.get(`${connection} ${side}`) ?? -1;
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

  copies(connection: number, side: Side, { id }: Content): number | undefined {
    const key = this.#keys.get(id);
    return key === undefined ? undefined : this.#source.survey.copiesOf(connection, side, key);
  }

  #of(connection: number): OfConnection {
    let of = this.#connections.get(connection);
    if (of === undefined) this.#connections.set(connection, (of = { old: [], new: [] }));
    return of;
  }

  #contentOf(record: SpanRecord): Content {
    const dialect = this.#source.identity.dialectOf(record.row.kind);
    const content = this.#table.intern(spanOf(record), dialect, record.key);
    if (!this.#keys.has(content.id)) this.#keys.set(content.id, record.key);
    return content;
  }

  #items(side: Side, records: readonly SpanRecord[], facts: ClientFacts): readonly Item[] {
    const dialect = this.#source.identity.dialectOf(side);
    const sent: SentMessages = {
      wasSent: (span) => facts.wasSent(this.#table.intern(span, dialect)),
      beginSent: (bytes) => facts.beginsSent(this.#table.peek(bytes, dialect.header)),
    };
    const whole = new Map<number, SpanRecord>();
    const items: Item[] = [];
    for (const record of records) {
      const { row, index, isFrame } = record;
      whole.set(index, record);
      if (isFrame) this.#frames.set(`${row.connection} ${side} ${index}`, record);
    }
    for (const arrived of splitJoined(arrivedOf(records), dialect.header, sent)) {
      const record = whole.get(arrived.index);
      const isWhole = record?.length === arrived.span.bytes.length;
      const content = this.#table.intern(arrived.span, dialect, isWhole ? record.key : undefined);
      const item: Item = {
        ...makeItem(arrived, content, indexBehind(items.at(-1), arrived)),
        isCounted: record?.isCounted === true,
        agreedWith: record?.partner && this.#contentOf(record.partner),
      };
      facts.noteDelivery(content, side, item.arrivalNs);
      items.push(item);
    }
    return items;
  }
}

function* arrivedOf(records: readonly SpanRecord[]): Generator<ArrivedSpan> {
  for (const record of records) {
    const arrivalNs = BigInt(record.arrivalNs);
    yield { span: spanOf(record), index: record.index, arrivalOrdinal: 0, arrivalNs };
  }
}
