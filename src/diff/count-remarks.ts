/**
 * Counts remarks over all messages that the two sides delivered: by kind and message, each side by itself, and
 * how many pairs have one on one side only. Nothing here reaches the verdict.
 */
import type { Side } from '../capture/types.ts';
import { defined } from '../lib/assert.ts';
import { eachRemark } from '../protocol/remarks.ts';
import type { RemarkKind } from '../protocol/remark-kind.ts';
import type { FetchedBytes, WantedItems } from './fetch-bytes.ts';
import type { Judged } from './count-result.ts';
import type { Dialects } from './read-capture.ts';
import { otherSide } from './records.ts';
import type { ConnectionItems } from './read-capture.ts';
import type { RetiredRemark } from './scan/retired.ts';
import { kindsIn, without } from './remark-kinds.ts';
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
  readonly #rows = new Map<string, Row>();

  constructor(judged: readonly Judged[]) {
    for (const each of judged) this.#countPairs(each);
    for (const { items } of judged) {
      for (const side of ['old', 'new'] as const) {
        // Which message is met first decides which rows there are, and what the examples are.
        const found = [...remarksOfItems(items, side), ...(items.retired?.remarks[side] ?? [])];
        found.sort((left, right) => left.first.index - right.first.index);
        for (const { kind, subject, count, first } of found) {
          const example: Example = { connection: items.id, side, item: first };
          this.#row(kind, subject, example).counts[side] += count;
        }
      }
    }
  }

  /** The bytes that `result` needs. */
  addWanted(wanted: WantedItems): void {
    for (const { example } of this.#rows.values()) {
      wanted.addPlace(example.connection, example.side, example.item);
    }
  }

  /** What only one side of pairs has comes first, then what most messages have. */
  result(bytes: FetchedBytes, dialects: Dialects): readonly RemarkCount[] {
    return [...this.#rows.values()]
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

  /** Pairs come first, so that their messages become the examples. */
  #countPairs({ items: { id }, judgement }: Judged): void {
    for (const pairs of [judgement.pairs, judgement.changed]) {
      for (const pair of pairs) {
        // Equal bytes in one dialect are one content.
        if (pair.old.content === pair.new.content) continue;
        for (const side of ['old', 'new'] as const) {
          const item = pair[side];
          const others = pair[otherSide(side)].content.remarks;
          for (const kind of kindsIn(without(item.content.remarks, others))) {
            const { length, subject } = item.content;
            const example: Example = { connection: id, side, item: { ...item, length } };
            this.#row(kind, subject, example).only[side]++;
          }
        }
      }
    }
  }

  #row(kind: RemarkKind, subject: string, example: Example): Row {
    const known = this.#rows.get(`${kind} ${subject}`);
    if (known !== undefined) return known;
    const isOther = this.#rows.size >= ROWS_MAX;
    const key = isOther ? kind : `${kind} ${subject}`;
    let row = this.#rows.get(key);
    if (row === undefined) {
      const none = { old: 0, new: 0 };
      row = {
        kind,
        subject: isOther ? undefined : subject,
        counts: { ...none },
        only: { ...none },
        example,
      };
      this.#rows.set(key, row);
    }
    return row;
  }
}

/** Without what the scan has counted. */
function remarksOfItems(items: ConnectionItems, side: Side): Iterable<RetiredRemark> {
  const found = new Map<string, RetiredRemark>();
  for (const item of items[side]) {
    if (item.backbone?.isPair === true) continue;
    const { remarks, subject, length } = item.content;
    for (const kind of kindsIn(remarks)) {
      const key = `${kind} ${subject}`;
      const known = found.get(key);
      if (known === undefined)
        found.set(key, { kind, subject, count: 1, first: { ...item, length } });
      else known.count++;
    }
  }
  return found.values();
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
