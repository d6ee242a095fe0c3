/**
 * A message that is there several times seems to have moved when one copy is gone here and another has come there.
 * But the one may have been changed, and the other be a copy too many: which it was only what else is left over can
 * tell. So the two halves of such a pair wait until changed messages are matched, and what then has both halves moved.
 */
import type { ItemPair, Unpaired } from './records.ts';

export interface PairedHalves {
  readonly moved: readonly ItemPair[];
  readonly rest: readonly Unpaired[];
}

/** `halves`: those of `rest` that are halves. */
export function pairHalves(rest: readonly Unpaired[], halves: ReadonlySet<Unpaired>): PairedHalves {
  if (halves.size === 0) return { moved: [], rest };
  const waiting = new Map<number, Unpaired[]>();
  for (const half of rest) {
    if (half.side !== 'new' || !halves.has(half)) continue;
    const { id } = half.item.content;
    const same = waiting.get(id);
    if (same === undefined) waiting.set(id, [half]);
    else same.push(half);
  }
  for (const same of waiting.values()) same.reverse();
  const moved: ItemPair[] = [];
  const taken = new Set<Unpaired>();
  for (const half of rest) {
    if (half.side !== 'old' || !halves.has(half)) continue;
    const partner = waiting.get(half.item.content.id)?.pop();
    if (partner === undefined) continue;
    taken.add(half).add(partner);
    const distance = partner.rank - half.rank;
    moved.push({ old: half.item, new: partner.item, pairing: { kind: 'moved', distance } });
  }
  return { moved, rest: rest.filter((one) => !taken.has(one)) };
}
