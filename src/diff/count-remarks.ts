/**
 * Counts remarks over all messages that the two sides delivered: by kind and message, each side by itself, and
 * how many pairs have one on one side only. Nothing here reaches the verdict.
 */
import type { Side } from '../capture/types.ts';
import { defined } from '../lib/assert.ts';
import { eachRemark } from '../protocol/remarks.ts';
import { REMARK_KINDS, type RemarkKind } from '../protocol/remark-kind.ts';
import type { FetchedBytes, WantedItems } from './fetch-bytes.ts';
import type { Judged } from './count-result.ts';
import type { Dialects } from './read-capture.ts';
import { type Item, otherSide } from './records.ts';
import { kindsIn, NO_REMARKS, without } from './remark-kinds.ts';
import type { RetiredConnection, RetiredOnly, RetiredRemark } from './scan/retired.ts';
import type { RemarkCount } from './types.ts';

/** Rows with a message of their own; hostile traffic has no end of messages, which share a row for each kind. */
const ROWS_MAX = 200;

interface Example {
  readonly connection: number;
  readonly side: Side;
  readonly item: RetiredRemark['first'];
}

interface Row {
  readonly kind: RemarkKind;
  /** undefined: all messages beyond ROWS_MAX. */
  readonly subject: string | undefined;
  readonly counts: Record<Side, number>;
  /** Pairs of which only the message of this side has it. */
  readonly only: Record<Side, number>;
  /** A message of which the other side's has it not, where there is one; otherwise the first. */
  example: Example;
}

export class RemarkCounter {
  /** Of each connection, in the order of connections. */
  readonly #found: ReadonlyMap<number, OfConnection>;
  #rows: ReadonlyMap<string, Row> | undefined;

  constructor(connections: readonly { readonly id: number }[]) {
    const none = (): OfConnection => ({ old: new Map(), new: new Map(), only: new Map() });
    this.#found = new Map(connections.map(({ id }) => [id, none()]));
  }

  add({ items, judgement }: Judged): void {
    const found = defined(this.#found.get(items.id), 'connection');
    for (const side of ['old', 'new'] as const) {
      for (const item of items[side]) {
        // The scan has counted it.
        if (item.isCounted === true) continue;
        const { remarks, subject, length } = item.content;
        if (remarks === NO_REMARKS) continue;
        for (const kind of kindsIn(remarks)) {
          note(found[side], { kind, subject, count: 1, first: { ...item, length } });
        }
      }
    }
    for (const item of items.old) if (item.agreedWith !== undefined) takeBack(found.only, item);
    for (const pairs of [judgement.pairs, judgement.changed]) {
      for (const pair of pairs) {
        // Equal bytes in one dialect are one content.
        if (pair.old.content !== pair.new.content) notePair(found.only, pair);
      }
    }
  }

  addRetired(
    connection: number,
    { remarks, onlyRemarks }: Pick<RetiredConnection, 'remarks' | 'onlyRemarks'>,
  ): void {
    const found = defined(this.#found.get(connection), 'connection');
    for (const side of ['old', 'new'] as const) {
      for (const remark of remarks[side]) note(found[side], { ...remark });
    }
    for (const only of onlyRemarks) noteOnly(found.only, { ...only });
  }

  /** The bytes that `result` needs. */
  addWanted(wanted: WantedItems): void {
    for (const { example } of this.#all().values()) {
      wanted.addPlace(example.connection, example.side, example.item);
    }
  }

  /** What only one side of pairs has comes first, then what most messages have. */
  result(bytes: FetchedBytes, dialects: Dialects): readonly RemarkCount[] {
    return [...this.#all().values()]
      .sort((left, right) => onlyIn(right) - onlyIn(left) || countOf(right) - countOf(left))
      .map((row) => ({
        kind: row.kind,
        subject: row.subject ?? null,
        old: row.counts.old,
        new: row.counts.new,
        onlyOld: row.only.old,
        onlyNew: row.only.new,
        example: exampleOf(row, bytes, dialects),
      }));
  }

  /** Which message is met first decides which rows there are, and what the examples are; pairs come first. */
  #all(): ReadonlyMap<string, Row> {
    if (this.#rows !== undefined) return this.#rows;
    const rows = new Map<string, Row>();
    for (const [connection, { only }] of this.#found) {
      for (const { kind, subject, side, count, first } of inOrder(only.values())) {
        if (count === 0) continue;
        rowOf(rows, kind, subject, { connection, side, item: first }).only[side] += count;
      }
    }
    for (const [connection, found] of this.#found) {
      for (const side of ['old', 'new'] as const) {
        for (const { kind, subject, count, first } of inOrder(found[side].values())) {
          rowOf(rows, kind, subject, { connection, side, item: first }).counts[side] += count;
        }
      }
    }
    this.#rows = rows;
    return rows;
  }
}

interface OfConnection {
  readonly old: Map<string, RetiredRemark>;
  readonly new: Map<string, RetiredRemark>;
  readonly only: Map<string, RetiredOnly>;
}

/** Adds up what is alike; the first one in its stream is the example. */
function note(found: Map<string, RetiredRemark>, remark: RetiredRemark): void {
  const key = `${remark.kind} ${remark.subject}`;
  const known = found.get(key);
  if (known === undefined) found.set(key, remark);
  else add(known, remark);
}

function notePair(
  found: Map<string, RetiredOnly>,
  pair: { readonly old: Item; readonly new: Item },
): void {
  for (const side of ['old', 'new'] as const) {
    const item = pair[side];
    const { length, subject, remarks } = item.content;
    for (const kind of kindsIn(without(remarks, pair[otherSide(side)].content.remarks))) {
      noteOnly(found, { kind, subject, side, count: 1, first: { ...item, length } });
    }
  }
}

/** What the scan has counted of the pair of this item, which is judged again. */
function takeBack(found: Map<string, RetiredOnly>, { content, agreedWith }: Item): void {
  if (agreedWith === undefined || agreedWith.remarks === content.remarks) return;
  const halves = { old: content, new: agreedWith };
  for (const side of ['old', 'new'] as const) {
    const { length, subject, remarks } = halves[side];
    for (const kind of kindsIn(without(remarks, halves[otherSide(side)].remarks))) {
      const first = { index: Infinity, offset: 0, ordinal: 0, length };
      noteOnly(found, { kind, subject, side, count: -1, first });
    }
  }
}

function noteOnly(found: Map<string, RetiredOnly>, remark: RetiredOnly): void {
  const key = `${remark.side} ${remark.kind} ${remark.subject}`;
  const known = found.get(key);
  if (known === undefined) found.set(key, remark);
  else add(known, remark);
}

function add(known: RetiredRemark, { count, first }: RetiredRemark): void {
  known.count += count;
  if (first.index < known.first.index) known.first = first;
}

/** What one message has is in the order of its kinds, whichever of them was met first. */
function inOrder<T extends RetiredRemark>(remarks: Iterable<T>): readonly T[] {
  return [...remarks].sort(
    (left, right) =>
      left.first.index - right.first.index ||
      REMARK_KINDS.indexOf(left.kind) - REMARK_KINDS.indexOf(right.kind),
  );
}

function rowOf(rows: Map<string, Row>, kind: RemarkKind, subject: string, example: Example): Row {
  const known = rows.get(`${kind} ${subject}`);
  if (known !== undefined) return known;
  const isOther = rows.size >= ROWS_MAX;
  const key = isOther ? kind : `${kind} ${subject}`;
  let row = rows.get(key);
  if (row === undefined) {
    const none = { old: 0, new: 0 };
    row = {
      kind,
      subject: isOther ? undefined : subject,
      counts: { ...none },
      only: { ...none },
      example,
    };
    rows.set(key, row);
  }
  return row;
}

function countOf({ counts }: Row): number {
  return counts.old + counts.new;
}

function onlyIn({ only }: Row): number {
  return only.old + only.new;
}

function exampleOf(
  { kind, example: { connection, side, item } }: Row,
  bytes: FetchedBytes,
  dialects: Dialects,
): RemarkCount['example'] {
  let remark: { readonly path: string; readonly detail: string } | undefined;
  eachRemark(dialects[side], bytes.of(connection, side, item), (found, path, detail) => {
    if (found === kind) remark ??= { path, detail: detail() };
  });
  return { connection, side, ordinal: item.ordinal, ...defined(remark, 'remark') };
}
