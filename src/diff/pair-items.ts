/**
 * Pairs the items of one connection by content: what the old relay delivered with what the new one did.
 * What one publisher sent is aligned on its own; its order is owed. Where several clients or nobody known
 * sent something, only what shared-order can prove is out of order, the rest is an order not judged.
 * Answers for pairs of equal bytes only; changed messages are found among the rest by match-changed.
 */
import type { Side } from '../capture/types.ts';
import { defined } from '../lib/assert.ts';
import { type Alignment, alignContents } from './align.ts';
import type { ClientFacts } from './client-facts.ts';
import type { IndexPair } from './pair-by-content.ts';
import type { Publisher, Publishers } from './publishers.ts';
import type { Around } from './read-capture.ts';
import {
  type ChangedPair,
  type Content,
  type Item,
  type ItemPair,
  otherSide,
  type SideItems,
  type Slot,
  type Unpaired,
} from './records.ts';
import type { Originals } from './originals.ts';
import { type CopiedRow, pairCopiesByTime, runAround, runsOf } from './pair-copies.ts';
import { findMovedCopies } from './shared-order.ts';

export interface PairFacts {
  readonly publishers: Publishers;
  readonly facts: ClientFacts;
  readonly originals: Originals;
  readonly window?: WindowOfConnection | undefined;
}

/** Of one connection: see WindowFacts. */
export interface WindowOfConnection {
  around(side: Side, item: Item): Around;
  copies(side: Side, content: Content): number | undefined;
}

export interface PairedItems {
  readonly pairs: readonly ItemPair[];
  /** Messages and what they were before they were changed. */
  readonly changed: readonly ChangedPair[];
  readonly unpaired: readonly Unpaired[];
  /** Both halves of pairs that seem to have moved, of contents that are there several times. */
  readonly halves: readonly Unpaired[];
  /** Pairs of equal frames whose order was too costly to judge, or is owed by nobody known. */
  readonly orderNotJudged: number;
}

interface Row extends CopiedRow {
  readonly publisher: Publisher;
  readonly old: Item[];
  readonly new: Item[];
  /** Of each item, the id of the content that it is, or was before it was changed. */
  readonly keys: { readonly old: number[]; readonly new: number[] };
}

export function pairItems(
  items: SideItems,
  { publishers, facts, originals, window }: PairFacts,
): PairedItems {
  const pairs: ItemPair[] = [];
  const unpaired: Unpaired[] = [];
  const halves: Unpaired[] = [];
  const shared: ItemPair[] = [];
  /** Of each publisher, what kept its order. */
  const skeletons = new Map<number, readonly ItemPair[]>();
  let orderNotJudged = 0;
  for (const row of rowsOf(items, publishers, originals)) {
    const { keys } = row;
    const aligned = alignContents(keys.old, keys.new);
    const alignment = pairCopiesByTime(row, aligned);
    for (const item of unpairedOf(row, alignment, alignment, window)) unpaired.push(item);
    const { connection } = row.publisher;
    if (connection === undefined) {
      // No order is owed among pieces of frames; among frames of a role it is, but by whom?
      orderNotJudged += [...alignment.moved, ...alignment.unordered].filter(
        (pair) => row.old[pair.old]?.content.isFrame,
      ).length;
      for (const pair of pairsOf(row, alignment, false)) shared.push(pair);
    } else {
      const { certain, apart } = takeApart(row, alignment, window);
      for (const half of unpairedOf(row, alignment, apart, window)) halves.push(half);
      const rowPairs = [...pairsOf(row, certain, true)];
      for (const pair of rowPairs) pairs.push(pair);
      skeletons.set(connection, rowPairs.slice(0, alignment.inOrder.length));
      orderNotJudged += alignment.unordered.length;
    }
  }
  const moved = findMovedCopies(shared, skeletons, facts);
  for (const pair of shared) pairs.push(moved.get(pair) ?? pair);
  return { ...sortPairs(pairs), unpaired, halves, orderNotJudged };
}

/** A message and its original have one place, and other bytes. */
function sortPairs(all: readonly ItemPair[]): Pick<PairedItems, 'pairs' | 'changed'> {
  const pairs: ItemPair[] = [];
  const changed: ChangedPair[] = [];
  for (const pair of all) {
    const { old, new: neu, pairing } = pair;
    if (old.content.id === neu.content.id) pairs.push(pair);
    else changed.push({ old, new: neu, isMoved: pairing.kind === 'moved' });
  }
  return { pairs, changed };
}

function rowsOf(items: SideItems, publishers: Publishers, originals: Originals): Iterable<Row> {
  const rows = new Map<string, Row>();
  let row: Row | undefined;
  for (const side of ['old', 'new'] as const) {
    for (const item of items[side]) {
      const original = originals.of(item.content);
      const publisher = publishers.publisherOf(original);
      if (row?.publisher !== publisher) row = rows.get(publisher.name);
      if (row === undefined) {
        row = { publisher, old: [], new: [], keys: { old: [], new: [] } };
        rows.set(publisher.name, row);
      }
      row[side].push(item);
      row.keys[side].push(original.id);
    }
  }
  for (const each of rows.values()) keepTheirOwn(each);
  return rows.values();
}

/** A message that each side has once has not been changed: what is like it is another one. */
function keepTheirOwn({ old, new: neu, keys }: Row): void {
  let exact: Readonly<Record<Side, ReadonlyMap<number, number>>> | undefined;
  for (const side of ['old', 'new'] as const) {
    const items = side === 'old' ? old : neu;
    for (const [at, { content }] of items.entries()) {
      const original = defined(keys[side][at], 'key');
      if (original === content.id) continue;
      exact ??= { old: countContentIds(old), new: countContentIds(neu) };
      const own = exact[side].get(original) ?? 0;
      const other = exact[otherSide(side)].get(original) ?? 0;
      if (own === 1 && other === 1) keys[side][at] = content.id;
    }
  }
}

function countContentIds(items: readonly Item[]): ReadonlyMap<number, number> {
  return countKeys(items.map(({ content }) => content.id));
}

const IN_ORDER: ItemPair['pairing'] = { kind: 'in-order' };

/** The pairs in order come first. */
function* pairsOf(row: Row, alignment: Alignment, isOrderOwed: boolean): Generator<ItemPair> {
  const pick = (pair: IndexPair, pairing: ItemPair['pairing']): ItemPair => ({
    old: defined(row.old[pair.old], 'old item'),
    new: defined(row.new[pair.new], 'new item'),
    pairing,
  });
  for (const pair of alignment.inOrder) yield pick(pair, IN_ORDER);
  for (const pair of alignment.unordered) yield pick(pair, IN_ORDER);
  for (const pair of alignment.moved) {
    yield isOrderOwed
      ? pick(pair, { kind: 'moved', distance: pair.distance })
      : pick(pair, IN_ORDER);
  }
}

type LeftOver = Pick<Alignment, 'oldOnly' | 'newOnly'>;

/** What moved for certain, and the halves of what moved or was changed and copied. */
function takeApart(
  row: Row,
  alignment: Alignment,
  window: WindowOfConnection | undefined,
): { readonly certain: Alignment; readonly apart: LeftOver } {
  if (alignment.moved.length === 0) {
    return { certain: alignment, apart: { oldOnly: [], newOnly: [] } };
  }
  const counts = { old: countKeys(row.keys.old), new: countKeys(row.keys.new) };
  const isRepeated = (pair: IndexPair): boolean => {
    const id = defined(row.keys.old[pair.old], 'key');
    const here = (counts.old.get(id) ?? 0) + (counts.new.get(id) ?? 0);
    const { content } = defined(row.old[pair.old], 'old item');
    const all = (window?.copies('old', content) ?? 0) + (window?.copies('new', content) ?? 0);
    return Math.max(here, all) > 2;
  };
  const uncertain = alignment.moved.filter(
    (pair) => pair.distance !== undefined && isRepeated(pair),
  );
  const left = new Set(uncertain);
  const inOrderOf = (side: Side): readonly number[] =>
    uncertain.map((pair) => pair[side]).sort((one, other) => one - other);
  return {
    certain: { ...alignment, moved: alignment.moved.filter((pair) => !left.has(pair)) },
    apart: { oldOnly: inOrderOf('old'), newOnly: inOrderOf('new') },
  };
}

function* unpairedOf(
  row: Row,
  alignment: Alignment,
  { oldOnly, newOnly }: LeftOver,
  window: WindowOfConnection | undefined,
): Generator<Unpaired> {
  if (oldOnly.length + newOnly.length === 0) return;
  const lacked = new Set<number>();
  for (const index of oldOnly) lacked.add(defined(row.old[index], 'unpaired item').content.id);
  for (const index of newOnly) lacked.add(defined(row.new[index], 'unpaired item').content.id);
  const counts = { old: countContents(row.old, lacked), new: countContents(row.new, lacked) };
  const runs = runsOf(row, alignment.inOrder);
  for (const side of ['old', 'new'] as const) {
    const other = side === 'old' ? 'new' : 'old';
    const only = side === 'old' ? oldOnly : newOnly;
    let neighbour = 0;
    for (const index of only) {
      while ((alignment.inOrder[neighbour]?.[side] ?? index) < index) neighbour++;
      const item = defined(row[side][index], 'unpaired item');
      const { id } = item.content;
      const key = defined(row.keys[side][index], 'key');
      // Among equal neighbours any one may be the one without a partner: its place is that of them all.
      const itemAt = (at: number): Item | undefined =>
        row[other][alignment.inOrder[at]?.[other] ?? -1];
      const { first, last } = runAround(runs, neighbour, key);
      const within = {
        after: itemAt(first - 1)?.index ?? -1,
        before: itemAt(last + 1)?.index ?? Number.POSITIVE_INFINITY,
      };
      const slot = window === undefined ? within : widened(within, window.around(other, item));
      const isInRun = first <= last;
      const inAll = {
        own: window?.copies(side, item.content) ?? 0,
        other: window?.copies(other, item.content) ?? 0,
      };
      const isHere = counts[other].has(id);
      const isElsewhere = !isHere && inAll.other > 0 && inAll.other >= inAll.own;
      const isCopy = isHere || (inAll.other > 0 && !isElsewhere);
      const isOrderOwed = row.publisher.connection !== undefined;
      const copies = Math.max(counts[side].get(id) ?? 1, inAll.own);
      yield {
        side,
        item,
        slot,
        rank: neighbour,
        isInRun,
        isOrderOwed,
        isCopy,
        isElsewhere,
        copies,
      };
    }
  }
}

/** Where a window ends, the stream goes on. */
function widened({ after, before }: Slot, around: Around): Slot {
  return {
    after: after < 0 ? (around.before ?? after) : after,
    before: before === Infinity ? (around.behind ?? before) : before,
  };
}

function countKeys(keys: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/** How many there are of some contents. */
function countContents(
  items: readonly Item[],
  contents: ReadonlySet<number>,
): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const { content } of items) {
    if (contents.has(content.id)) counts.set(content.id, (counts.get(content.id) ?? 0) + 1);
  }
  return counts;
}
