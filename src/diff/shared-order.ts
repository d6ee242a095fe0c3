/**
 * The order of messages that several clients sent alike, heartbeats for example. Whose copy is whose nobody
 * can say; but each sender's own copies must keep their place among the rest of what it sent, so only as
 * many copies may change their place among the messages of one sender as the other senders sent.
 */
import type { ClientFacts } from './client-facts.ts';
import type { ItemPair } from './records.ts';

/**
 * The pairs that are out of order for certain, each with its new pairing. `skeletons`: for each connection,
 * the pairs in order of what it alone sent.
 */
export function findMovedCopies(
  shared: readonly ItemPair[],
  skeletons: ReadonlyMap<number, readonly ItemPair[]>,
  facts: ClientFacts,
): ReadonlyMap<ItemPair, ItemPair> {
  const byContent = new Map<number, ItemPair[]>();
  for (const pair of shared) {
    const { id } = pair.old.content;
    const pairs = byContent.get(id);
    if (pairs === undefined) byContent.set(id, [pair]);
    else pairs.push(pair);
  }
  const moved = new Map<ItemPair, ItemPair>();
  for (const pairs of byContent.values()) {
    for (const pair of movedOfContent(pairs, skeletons, facts)) moved.set(pair.from, pair.to);
  }
  return moved;
}

interface Moved {
  readonly from: ItemPair;
  readonly to: ItemPair;
}

function movedOfContent(
  pairs: readonly ItemPair[],
  skeletons: ReadonlyMap<number, readonly ItemPair[]>,
  facts: ClientFacts,
): readonly Moved[] {
  const [first] = pairs;
  if (first === undefined || skeletons.size === 0) return [];
  const { content } = first.old;
  const senders = facts.sendersOf(content);
  const total = facts.sendingsOf(content).length;
  let most: readonly Moved[] = [];
  for (const [connection, skeleton] of skeletons) {
    const own = senders.get(connection);
    if (own === undefined) continue;
    const found = movedAmong(pairs, skeleton, total - own);
    if (found.length > most.length) most = found;
  }
  return most;
}

function movedAmong(
  pairs: readonly ItemPair[],
  skeleton: readonly ItemPair[],
  mayFloat: number,
): readonly Moved[] {
  const ranks = pairs.map((pair) => ({
    pair,
    old: rankIn(skeleton, 'old', pair.old.index),
    new: rankIn(skeleton, 'new', pair.new.index),
  }));
  const surplus = new Map<number, number>();
  for (const { old, new: neu } of ranks) {
    surplus.set(old, (surplus.get(old) ?? 0) + 1);
    surplus.set(neu, (surplus.get(neu) ?? 0) - 1);
  }
  const left = [...surplus.values()].reduce((sum, count) => sum + Math.max(0, count), 0);
  return ranks
    .filter((rank) => rank.old !== rank.new)
    .slice(0, Math.max(0, left - mayFloat))
    .map(({ pair, old, new: neu }) => ({
      from: pair,
      to: { ...pair, pairing: { kind: 'moved', distance: neu - old } },
    }));
}

/** How many messages of the skeleton come before this one. */
function rankIn(skeleton: readonly ItemPair[], side: 'old' | 'new', index: number): number {
  let low = 0;
  let high = skeleton.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((skeleton[middle]?.[side].index ?? index) < index) low = middle + 1;
    else high = middle;
  }
  return low;
}
