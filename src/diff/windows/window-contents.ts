/** Makes of the spans of one window what the analysis reads of a capture, with what is known of the rest. */
import type { ArrivedSpan, ConnectionRow, Side } from '../../capture/types.ts';
import type { Dialect } from '../../protocol/types.ts';
import { defined } from '../../lib/assert.ts';
import { ClientFacts } from '../client-facts.ts';
import { ContentTable } from '../content-table.ts';
import type { BytesOfItems } from '../fetch-bytes.ts';
import type {
  Around,
  CaptureContents,
  CaptureRows,
  ConnectionItems,
  WindowFacts,
} from '../read-capture.ts';
import type { Content, Item } from '../records.ts';
import type { Lanes } from '../scan/lanes.ts';
import { indexBehind, makeItem } from '../make-item.ts';
import { type SentMessages, splitJoined } from '../split-joined.ts';
import { type Given, noteGiven } from './kept-windows.ts';
import { bytesOf, sendingOf, type SpanRecord, spanOf } from './records-of-spans.ts';
import { NO_LANE, type Survey } from './survey.ts';

export interface WindowSource {
  readonly dialect: Dialect;
  readonly rows: CaptureRows;
  readonly connections: readonly ConnectionRow[];
  readonly lanes: Lanes;
  readonly survey: Survey;
  readonly unseenFromNs: number;
}

interface OfConnection {
  readonly old: SpanRecord[];
  readonly new: SpanRecord[];
}

/** Windows must come in order: each knows where the one before it ended. */
export class WindowContents {
  readonly #source: WindowSource;
  /** Of each stream of a side, the last span that was given away. */
  readonly #given: Given = new Map();

  constructor(source: WindowSource) {
    this.#source = source;
  }

  /** What agreed, and is in no window. */
  pass(records: readonly SpanRecord[]): void {
    noteGiven(this.#given, records);
  }

  /** The same, of what was kept of it. */
  passTo(given: Given): void {
    for (const [name, index] of given) this.#given.set(name, index);
  }

  read(records: readonly SpanRecord[]): CaptureContents {
    const window = new Window(this.#source, this.#given);
    const contents = window.read(records);
    this.pass(records);
    return contents;
  }
}

class Window implements WindowFacts {
  readonly #source: WindowSource;
  readonly #given: ReadonlyMap<string, number>;
  readonly #table = new ContentTable({ reference: undefined, remarks: true, hasNames: true });
  readonly #connections = new Map<number, OfConnection>();
  readonly #keys = new Map<number, string>();
  readonly #frames = new Map<string, SpanRecord>();

  constructor(source: WindowSource, given: ReadonlyMap<string, number>) {
    this.#source = source;
    this.#given = given;
  }

  read(records: readonly SpanRecord[]): CaptureContents {
    const { survey, unseenFromNs, rows, connections } = this.#source;
    const facts = new ClientFacts(false, unseenFromNs);
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
      const content = this.#contentOf(record);
      facts.noteSending(content, sendingOf(record));
      publishers.note(content, record.row.connection);
    }
    facts.sortSendings();
    for (const side of ['old', 'new'] as const) {
      facts.noteDelay(side, survey.slowestNs[side]);
      if (survey.hasDelivered[side]) facts.noteMoreDeliveries(side);
    }
    const noteElsewhere = (content: Content, key: string): void => {
      for (const connection of survey.sendersOf(key)) {
        publishers.note(content, connection);
        facts.noteSentElsewhere(content);
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

  around(connection: number, side: Side, { content }: Item): Around {
    const { lanes, survey } = this.#source;
    const { head, isFrame } = content;
    const lane =
      isFrame && head !== undefined ? lanes.of((head.domain << 8) | head.source) : NO_LANE;
    const records = this.#connections.get(connection)?.[side];
    const given = this.#given.get(`${connection} ${side}`) ?? -1;
    const first = records?.[0]?.index ?? given + 1;
    const last = records?.at(-1)?.index ?? given;
    const { first: firstOfAll, last: lastOfAll } = survey.extentOf(connection, side, lane);
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
    const content = this.#table.intern(spanOf(record), this.#source.dialect);
    if (!this.#keys.has(content.id)) this.#keys.set(content.id, record.key);
    return content;
  }

  #items(side: Side, records: readonly SpanRecord[], facts: ClientFacts): readonly Item[] {
    const { dialect } = this.#source;
    const sent: SentMessages = {
      wasSent: (span) => facts.wasSent(this.#table.intern(span, dialect)),
      beginSent: (bytes) => facts.beginsSent(this.#table.peek(bytes, dialect.header)),
    };
    const counted = new Set<number>();
    const items: Item[] = [];
    for (const record of records) {
      const { row, index, isCounted, isFrame } = record;
      if (isCounted) counted.add(index);
      if (isFrame) this.#frames.set(`${row.connection} ${side} ${index}`, record);
    }
    for (const arrived of splitJoined(arrivedOf(records), dialect.header, sent)) {
      const content = this.#table.intern(arrived.span, dialect);
      const item: Item = {
        ...makeItem(arrived, content, indexBehind(items.at(-1), arrived)),
        isCounted: counted.has(arrived.index),
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
