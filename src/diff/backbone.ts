/**
 * Where items lie among the pairs that agreed and are no items any more: what is said of the order of messages must
 * be what it were if all of them were there.
 */
import type { Side } from '../capture/types.ts';
import type { FixedPlace } from './align.ts';
import { otherSide, type Item, type SideItems, type Slot } from './records.ts';

/** The places of a row that its order holds across: where something of its lane agreed. */
export function fixedPlaces({ old, new: neu }: SideItems): readonly FixedPlace[] {
  const lane = (old[0] ?? neu[0])?.backbone?.lane;
  if (lane === undefined || lane < 0) return [];
  const places: FixedPlace[] = [];
  let at = { old: 0, new: 0 };
  for (;;) {
    const left = old[at.old];
    const right = neu[at.new];
    if (left === undefined || right === undefined) return places;
    const before = Math.max(pairsBefore(left), pairsBefore(right));
    const to = {
      old: firstNotBefore(old, at.old, before),
      new: firstNotBefore(neu, at.new, before),
    };
    if (to.old > at.old || to.new > at.new) {
      places.push({ ...to, isPair: false });
      at = to;
      continue;
    }
    // What did not agree comes before the next pair that did.
    const [oldPair, newPair] = [pairAt(old, at.old, before), pairAt(neu, at.new, before)];
    if (oldPair !== undefined && newPair !== undefined) {
      places.push({ old: oldPair, new: newPair, isPair: true });
      at = { old: oldPair + 1, new: newPair + 1 };
    } else {
      at = {
        old: firstNotBefore(old, at.old, before + 1),
        new: firstNotBefore(neu, at.new, before + 1),
      };
      places.push({ ...at, isPair: false });
    }
  }
}

function pairsBefore({ backbone }: Item): number {
  return backbone?.pairsBefore ?? 0;
}

function firstNotBefore(items: readonly Item[], from: number, before: number): number {
  let at = from;
  for (let item = items[at]; item !== undefined && pairsBefore(item) < before; item = items[at])
    at++;
  return at;
}

/** The index of the pair that has so many before it, when it is an item. */
function pairAt(items: readonly Item[], from: number, before: number): number | undefined {
  for (let at = from; at < items.length; at++) {
    const item = items[at];
    if (item === undefined || pairsBefore(item) > before) return undefined;
    if (item.backbone?.isPair === true) return at;
  }
  return undefined;
}

/** Whether no pair that agreed lies between two items of a row in order. */
export function isNext(first: Item | undefined, next: Item | undefined): boolean {
  if (first?.backbone === undefined || next?.backbone === undefined) return true;
  return behind(first) === next.backbone.pairsBefore;
}

/** How many pairs that agreed lie before what follows the item. */
function behind({ backbone }: Item): number {
  return (backbone?.pairsBefore ?? 0) + (backbone?.isPair === true ? 1 : 0);
}

/**
 * How far a message moved, when what is left of its row says `distance`. What agreed and is no item counts too; where
 * it is not all of one publisher, that is not known.
 */
export function movedAcross(
  { old, new: neu }: { readonly old: Item; readonly new: Item },
  distance: number | undefined,
  retiredBetween = retiredBefore(neu) - retiredBefore(old),
): number | undefined {
  if (distance === undefined || old.backbone === undefined) return distance;
  if (old.backbone.pairsBefore === neu.backbone?.pairsBefore) return distance;
  return old.backbone.isPure ? distance + retiredBetween : undefined;
}

function retiredBefore({ backbone }: Item): number {
  return (backbone?.pairsBefore ?? 0) - (backbone?.keptBefore ?? 0);
}

/** Around an item without a partner: the pairs of its row that are items, by their place in order. */
export interface Neighbours {
  /** Of the run of equal contents before it; `neighbour` where there is none. */
  readonly first: number;
  /** The first pair behind it. */
  readonly neighbour: number;
  /** Of the run of equal contents behind it; `neighbour - 1` where there is none. */
  readonly last: number;
  /** The item of the other side in this pair. */
  readonly itemAt: (at: number) => Item | undefined;
}

/** Between which items of the other side it would have to lie. */
export function slotAmong(
  item: Item,
  side: Side,
  { first, neighbour, last, itemAt }: Neighbours,
): Slot {
  // A run counts where nothing that agreed lies between it and the item.
  const hasRunBefore = first < neighbour && isNext(itemAt(neighbour - 1), item);
  const hasRunBehind = last >= neighbour && isNext(item, itemAt(neighbour));
  return {
    after: placeAfter(item, side, {
      run: hasRunBefore ? itemAt(first) : undefined,
      next: itemAt(hasRunBefore ? first - 1 : neighbour - 1),
    }),
    before: placeBefore(item, side, {
      run: hasRunBehind ? itemAt(last) : undefined,
      next: itemAt(hasRunBehind ? last + 1 : neighbour),
    }),
  };
}

interface Way {
  /** The far end of a run of equal contents next to the item. */
  readonly run: Item | undefined;
  /** The pair behind that. */
  readonly next: Item | undefined;
}

function placeAfter({ backbone }: Item, side: Side, { run, next }: Way): number {
  const nextIndex = next?.index ?? -1;
  if (backbone === undefined) return nextIndex;
  const nearest = run?.backbone?.pairsBefore ?? backbone.pairsBefore;
  if (nearest === (next === undefined ? 0 : behind(next))) return nextIndex;
  // Pairs that are no items lie between.
  if (run !== undefined) return run.index - 1;
  return backbone.border?.after?.[otherSide(side)].index ?? nextIndex;
}

function placeBefore({ backbone }: Item, side: Side, { run, next }: Way): number {
  const nextIndex = next?.index ?? Number.POSITIVE_INFINITY;
  if (backbone === undefined) return nextIndex;
  const nearest = run === undefined ? backbone.pairsBefore : behind(run);
  if (next !== undefined && next.backbone?.pairsBefore === nearest) return nextIndex;
  if (run !== undefined) {
    const isLast = next === undefined && run.backbone?.isLast === true;
    return isLast ? nextIndex : run.index + 1;
  }
  return Math.min(nextIndex, backbone.border?.before?.[otherSide(side)].index ?? nextIndex);
}
