/**
 * Which of several messages that are equal but for their noise one side lost. By content nobody can tell, and
 * pairs behind a wrong guess are all one message off; their stamps tell, and where there are none the times of
 * arrival. Only pairs within one run of such messages change partners; how many are left over stays as it is.
 */
import { defined } from '../../lib/assert.ts';
import { nearest } from '../nearest.ts';
import type { PairedItems } from '../pair-items.ts';
import type { Item, ItemPair, Unpaired } from '../records.ts';
import type { KeptValues } from './mask.ts';
import type { TypeNoise } from './model.ts';
import { typeKeyOf } from './fields.ts';
import { valuesOf } from './traffic.ts';

/** By message type: the clock that both sides stamp, and how far new is usually ahead. */
export type Stamps = ReadonlyMap<string, { readonly field: string; readonly offset: bigint }>;

export const NO_STAMPS: Stamps = new Map();

export function stampsOf({ types }: { readonly types: readonly TypeNoise[] }): Stamps {
  const stamps = new Map<string, { field: string; offset: bigint }>();
  for (const { domain, shape, fields } of types) {
    for (const { field, noise } of fields) {
      if (noise.kind !== 'clock' || noise.ownStart) continue;
      stamps.set(typeKeyOf(domain, shape), { field, offset: BigInt(noise.offset) });
      break;
    }
  }
  return stamps;
}

export function pairCopies(paired: PairedItems, stamps: Stamps): PairedItems {
  const runs = runsOf(paired.unpaired);
  if (runs.length === 0) return paired;
  const wanted = new Set(runs.map(({ id }) => id));
  const pairsOf = new Map<number, ItemPair[]>();
  for (const pair of paired.pairs) {
    const { id } = pair.old.content;
    if (pair.pairing.kind !== 'in-order' || !wanted.has(id)) continue;
    const pairs = pairsOf.get(id);
    if (pairs === undefined) pairsOf.set(id, [pair]);
    else pairs.push(pair);
  }
  const replaced = new Set<ItemPair>();
  const pairs: ItemPair[] = [];
  const unpaired = new Map<Unpaired, Unpaired>();
  for (const run of runs) {
    const found = pairAgain(run, pairsOf.get(run.id) ?? [], stamps);
    for (const pair of found.before) replaced.add(pair);
    for (const pair of found.after) pairs.push(pair);
    run.alone.forEach((one, index) => {
      const item = defined(found.left[index], 'left over');
      unpaired.set(one, { ...one, item });
    });
  }
  return {
    ...paired,
    pairs: [...paired.pairs.filter((pair) => !replaced.has(pair)), ...pairs],
    unpaired: paired.unpaired.map((one) => unpaired.get(one) ?? one),
  };
}

/** Messages of one masked content that are left over in one place. */
interface Run {
  readonly id: number;
  readonly side: Unpaired['side'];
  readonly slot: Unpaired['slot'];
  readonly alone: Unpaired[];
}

function runsOf(unpaired: readonly Unpaired[]): readonly Run[] {
  const runs = new Map<string, Run>();
  for (const one of unpaired) {
    const { side, slot, isCopy, item } = one;
    const { id, noise } = item.content;
    if (!isCopy || noise === undefined) continue;
    const key = `${id} ${side} ${slot.after} ${slot.before}`;
    const run = runs.get(key);
    if (run === undefined) runs.set(key, { id, side, slot, alone: [one] });
    else run.alone.push(one);
  }
  return [...runs.values()];
}

interface PairedAgain {
  readonly before: readonly ItemPair[];
  readonly after: readonly ItemPair[];
  readonly left: readonly Item[];
}

function pairAgain(
  { side, slot, alone }: Run,
  pairs: readonly ItemPair[],
  stamps: Stamps,
): PairedAgain {
  const other = side === 'old' ? 'new' : 'old';
  const before = pairs.filter(
    (pair) => pair[other].index > slot.after && pair[other].index < slot.before,
  );
  const byIndex = (left: Item, right: Item): number => left.index - right.index;
  const many = [...before.map((pair) => pair[side]), ...alone.map(({ item }) => item)].sort(
    byIndex,
  );
  const few = before.map((pair) => pair[other]).sort(byIndex);
  const old = side === 'old' ? many : few;
  const neu = side === 'old' ? few : many;
  const times = timesOf(old, neu, stamps);
  const taken = nearest(
    side === 'old' ? times.old : times.new,
    side === 'old' ? times.new : times.old,
  );
  const after = few.map((item, index): ItemPair => {
    const partner = defined(many[defined(taken[index], 'index')], 'partner');
    return side === 'old'
      ? { old: partner, new: item, pairing: { kind: 'in-order' } }
      : { old: item, new: partner, pairing: { kind: 'in-order' } };
  });
  const isTaken = new Set(taken);
  const left = many.filter((_, index) => !isTaken.has(index));
  return { before, after, left };
}

/** When each side handled its messages, on one scale. */
function timesOf(
  old: readonly Item[],
  neu: readonly Item[],
  stamps: Stamps,
): {
  readonly old: readonly number[];
  readonly new: readonly number[];
} {
  const stamp = stamps.get(old[0]?.content.noise?.layout.type ?? '');
  const origin = stamp && old[0] && valueOf(old[0], stamp.field);
  if (stamp === undefined || origin === undefined) {
    const arrivals = (items: readonly Item[]): number[] => items.map((item) => item.arrivalNs);
    return { old: arrivals(old), new: arrivals(neu) };
  }
  const stampsFrom = (items: readonly Item[], from: bigint): number[] =>
    items.map((item) => Number((valueOf(item, stamp.field) ?? from) - from));
  return {
    old: stampsFrom(old, origin),
    new: stampsFrom(neu, origin + stamp.offset),
  };
}

function valueOf({ content }: Item, field: string): bigint | undefined {
  const values: KeptValues | undefined = content.noise;
  return values && valuesOf(values, field)[0];
}
