/**
 * Pairs the items of one connection by content: what the old relay delivered with what the new one did.
 * What one publisher sent is aligned on its own; its order is owed. Where several clients or nobody known
 * sent something, only what shared-order can prove is out of order, the rest is an order not judged.
 * Answers for pairs of equal bytes only; changed messages are found among the rest by match-changed.
 */
import { defined } from '../lib/assert.ts';
import { type Alignment, alignContents, DEFAULT_ALIGN_LIMITS } from './align.ts';
import { isNext, fixedPlaces, movedAcross, slotAmong } from './backbone.ts';
import type { ClientFacts } from './client-facts.ts';
import type { IndexPair } from './pair-by-content.ts';
import type { Publisher, Publishers } from './publishers.ts';
import type { Item, ItemPair, SideItems, Unpaired } from './records.ts';
import { findMovedCopies } from './shared-order.ts';

export interface PairedItems {
  readonly pairs: readonly ItemPair[];
  readonly unpaired: readonly Unpaired[];
  /** Pairs of equal frames whose order was too costly to judge, or is owed by nobody known. */
  readonly orderNotJudged: number;
}

interface Row {
  readonly publisher: Publisher;
  readonly old: Item[];
  readonly new: Item[];
}

export function pairItems(
  items: SideItems,
  publishers: Publishers,
  facts: ClientFacts,
): PairedItems {
  const pairs: ItemPair[] = [];
  const unpaired: Unpaired[] = [];
  const shared: ItemPair[] = [];
  /** Of each publisher, what kept its order. */
  const skeletons = new Map<number, readonly ItemPair[]>();
  let orderNotJudged = 0;
  for (const row of rowsOf(items, publishers)) {
    const alignment = alignContents(
      row.old.map((item) => item.content.id),
      row.new.map((item) => item.content.id),
      DEFAULT_ALIGN_LIMITS,
      fixedPlaces(row),
    );
    for (const item of unpairedOf(row, alignment)) unpaired.push(item);
    const { connection } = row.publisher;
    if (connection === undefined) {
      // No order is owed among pieces of frames; among frames of a role it is, but by whom?
      orderNotJudged += [...alignment.moved, ...alignment.unordered].filter(
        (pair) => row.old[pair.old]?.content.isFrame,
      ).length;
      for (const pair of pairsOf(row, alignment, false)) shared.push(pair);
    } else {
      const rowPairs = [...pairsOf(row, alignment, true)];
      for (const pair of rowPairs) pairs.push(pair);
      skeletons.set(connection, rowPairs.slice(0, alignment.inOrder.length));
      orderNotJudged += alignment.unordered.length;
    }
  }
  const moved = findMovedCopies(shared, skeletons, facts);
  for (const pair of shared) pairs.push(moved.get(pair) ?? pair);
  return { pairs, unpaired, orderNotJudged };
}

function rowsOf(items: SideItems, publishers: Publishers): Iterable<Row> {
  const rows = new Map<string, Row>();
  for (const side of ['old', 'new'] as const) {
    for (const item of items[side]) {
      const publisher = publishers.publisherOf(item.content);
      let row = rows.get(publisher.name);
      if (row === undefined) rows.set(publisher.name, (row = { publisher, old: [], new: [] }));
      row[side].push(item);
    }
  }
  return rows.values();
}

/** The pairs in order come first. */
function* pairsOf(row: Row, alignment: Alignment, isOrderOwed: boolean): Generator<ItemPair> {
  const pick = (pair: IndexPair): { old: Item; new: Item } => ({
    old: defined(row.old[pair.old], 'old item'),
    new: defined(row.new[pair.new], 'new item'),
  });
  for (const pair of alignment.inOrder) yield { ...pick(pair), pairing: { kind: 'in-order' } };
  for (const pair of alignment.unordered) yield { ...pick(pair), pairing: { kind: 'in-order' } };
  for (const pair of alignment.moved) {
    const items = pick(pair);
    const pairing: ItemPair['pairing'] = isOrderOwed
      ? { kind: 'moved', distance: movedAcross(items, pair.distance) }
      : { kind: 'in-order' };
    yield { ...items, pairing };
  }
}

function* unpairedOf(row: Row, alignment: Alignment): Generator<Unpaired> {
  if (alignment.oldOnly.length + alignment.newOnly.length === 0) return;
  const counts = { old: countContents(row.old), new: countContents(row.new) };
  const runs = runsOf(row, alignment.inOrder);
  for (const side of ['old', 'new'] as const) {
    const other = side === 'old' ? 'new' : 'old';
    const only = side === 'old' ? alignment.oldOnly : alignment.newOnly;
    let neighbour = 0;
    for (const index of only) {
      while ((alignment.inOrder[neighbour]?.[side] ?? index) < index) neighbour++;
      const item = defined(row[side][index], 'unpaired item');
      const { id } = item.content;
      // Among equal neighbours any one may be the one without a partner: its place is that of them all.
      const slot = slotAmong(item, side, {
        first: runs.first(neighbour - 1, id),
        neighbour,
        last: runs.last(neighbour, id),
        itemAt: (at) => row[other][alignment.inOrder[at]?.[other] ?? -1],
      });
      const isCopy = counts[other].has(id);
      yield { side, item, slot, isCopy, copies: counts[side].get(id) ?? 1 };
    }
  }
}

function countContents(items: readonly Item[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const { content } of items) counts.set(content.id, (counts.get(content.id) ?? 0) + 1);
  return counts;
}

interface Runs {
  /** The first pair of the run of this content that `at` ends; `at + 1` when it is another content. */
  first(at: number, content: number): number;
  /** The last pair of the run of this content that `at` begins; `at - 1` when it is another content. */
  last(at: number, content: number): number;
}

/** Runs of equal contents among the pairs in order. */
function runsOf(row: Row, inOrder: readonly IndexPair[]): Runs {
  const itemAt = (at: number): Item | undefined => row.old[inOrder[at]?.old ?? -1];
  const contentAt = (at: number): number | undefined => itemAt(at)?.content.id;
  const goesOn = (at: number): boolean =>
    contentAt(at) === contentAt(at + 1) && isNext(itemAt(at), itemAt(at + 1));
  const starts = new Int32Array(inOrder.length);
  const ends = new Int32Array(inOrder.length);
  for (let at = 0; at < inOrder.length; at++) {
    starts[at] = at > 0 && goesOn(at - 1) ? (starts[at - 1] ?? at) : at;
  }
  for (let at = inOrder.length - 1; at >= 0; at--) {
    ends[at] = at + 1 < inOrder.length && goesOn(at) ? (ends[at + 1] ?? at) : at;
  }
  return {
    first: (at, content) => (contentAt(at) === content ? (starts[at] ?? at) : at + 1),
    last: (at, content) => (contentAt(at) === content ? (ends[at] ?? at) : at - 1),
  };
}
