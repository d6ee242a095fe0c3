/**
 * Pairs the items of one connection by content: what the old relay delivered with what the new one did.
 * Frames are aligned for each publisher on its own, bytes that are no frame among themselves. Answers for
 * pairs of equal bytes only; pairs of changed messages are found among the rest by match-changed.
 */
import { defined } from '../lib/assert.ts';
import { type Alignment, alignContents } from './align.ts';
import type { Content, Item, ItemPair, SideItems, Slot, Unpaired } from './records.ts';

export interface PairedItems {
  readonly pairs: readonly ItemPair[];
  readonly unpaired: readonly Unpaired[];
  /** Pairs of equal frames whose order was too costly to judge. */
  readonly orderNotJudged: number;
}

/** Bytes that are no frame have no publisher: they are one row of their own. */
const NO_FRAMES = 'no frames';

interface Row {
  readonly old: Item[];
  readonly new: Item[];
}

export function pairItems(
  items: SideItems,
  publisherOf: (content: Content) => string,
): PairedItems {
  const rows = new Map<string, Row>();
  for (const side of ['old', 'new'] as const) {
    for (const item of items[side]) {
      const publisher = item.content.isFrame ? publisherOf(item.content) : NO_FRAMES;
      let row = rows.get(publisher);
      if (row === undefined) rows.set(publisher, (row = { old: [], new: [] }));
      row[side].push(item);
    }
  }
  const pairs: ItemPair[] = [];
  const unpaired: Unpaired[] = [];
  let orderNotJudged = 0;
  for (const [publisher, row] of rows) {
    const alignment = alignContents(
      row.old.map((item) => item.content.id),
      row.new.map((item) => item.content.id),
    );
    const isFrames = publisher !== NO_FRAMES;
    for (const pair of pairsOf(row, alignment, isFrames)) pairs.push(pair);
    for (const item of unpairedOf(row, alignment)) unpaired.push(item);
    if (isFrames) orderNotJudged += alignment.unordered.length;
  }
  return { pairs, unpaired, orderNotJudged };
}

function* pairsOf(row: Row, alignment: Alignment, isFrames: boolean): Generator<ItemPair> {
  const pick = (pair: { old: number; new: number }): { old: Item; new: Item } => ({
    old: defined(row.old[pair.old], 'old item'),
    new: defined(row.new[pair.new], 'new item'),
  });
  for (const pair of alignment.inOrder) yield { ...pick(pair), pairing: { kind: 'in-order' } };
  for (const pair of alignment.unordered) yield { ...pick(pair), pairing: { kind: 'in-order' } };
  for (const pair of alignment.moved) {
    // Nobody knows who sent bytes that are no frame, so no order is owed among them.
    const pairing: ItemPair['pairing'] = isFrames
      ? { kind: 'moved', distance: pair.distance }
      : { kind: 'in-order' };
    yield { ...pick(pair), pairing };
  }
}

function* unpairedOf(row: Row, alignment: Alignment): Generator<Unpaired> {
  const oldContents = new Set(row.old.map((item) => item.content.id));
  const newContents = new Set(row.new.map((item) => item.content.id));
  for (const side of ['old', 'new'] as const) {
    const other = side === 'old' ? 'new' : 'old';
    const otherContents = side === 'old' ? newContents : oldContents;
    const only = side === 'old' ? alignment.oldOnly : alignment.newOnly;
    let neighbour = 0;
    for (const index of only) {
      while ((alignment.inOrder[neighbour]?.[side] ?? index) < index) neighbour++;
      const item = defined(row[side][index], 'unpaired item');
      const slot: Slot = {
        after: row[other][alignment.inOrder[neighbour - 1]?.[other] ?? -1]?.index ?? -1,
        before:
          row[other][alignment.inOrder[neighbour]?.[other] ?? -1]?.index ??
          Number.POSITIVE_INFINITY,
      };
      yield { side, item, slot, isCopy: otherContents.has(item.content.id) };
    }
  }
}
