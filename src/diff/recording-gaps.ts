/**
 * Finds the unpaired items that a recording gap of the other side's stream excuses: what would have to lie
 * in the gap, and not more of it than the gap can hold with the pieces of frames at both of its ends.
 */
import type { Gap, Side } from '../capture/types.ts';
import { type Item, otherSide, type SideItems, type Unpaired } from './records.ts';

export function findInRecordingGaps(
  unpaired: readonly Unpaired[],
  items: SideItems,
  gaps: readonly Gap[],
): ReadonlySet<Unpaired> {
  const excused = new Set<Unpaired>();
  for (const gap of gaps) {
    if (gap.where !== 'recording' || gap.stream === 'client') continue;
    const lacking = gap.stream;
    const pieces = piecesAt(gap, items[lacking]);
    let bytesLeft = gap.bytes + pieces.reduce((sum, piece) => sum + piece.content.length, 0);
    const candidates = unpaired
      .filter((one) => one.side !== lacking && !excused.has(one) && canLieIn(gap, one, items))
      .sort((left, right) => timeTo(gap, left.item) - timeTo(gap, right.item));
    for (const candidate of candidates) {
      const { length } = candidate.item.content;
      if (length > bytesLeft) continue;
      bytesLeft -= length;
      excused.add(candidate);
    }
    for (const one of unpaired) {
      if (one.side === lacking && pieces.includes(one.item)) excused.add(one);
    }
  }
  return excused;
}

/** What the gap cut off of the frames at its ends. */
function piecesAt(gap: Gap, items: readonly Item[]): readonly Item[] {
  return items.filter(
    ({ content, offset }) =>
      !content.isFrame &&
      (offset + content.length === gap.offset || offset === gap.offset + gap.bytes),
  );
}

function canLieIn(gap: Gap, { side, slot }: Unpaired, items: SideItems): boolean {
  const other: Side = otherSide(side);
  const after = offsetAtMost(items[other], slot.after);
  const before = offsetAtLeast(items[other], slot.before);
  return after < gap.offset && before >= gap.offset + gap.bytes;
}

/** Of the last item up to this index; -1 when there is none. */
function offsetAtMost(items: readonly Item[], index: number): number {
  return items[firstBehind(items, index) - 1]?.offset ?? -1;
}

/** Of the first item from this index on; infinite when there is none. */
function offsetAtLeast(items: readonly Item[], index: number): number {
  return items[firstBehind(items, index - 0.25)]?.offset ?? Number.POSITIVE_INFINITY;
}

function firstBehind(items: readonly Item[], index: number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((items[middle]?.index ?? 0) <= index) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How far an arrival on the other side is from the time of the gap. */
function timeTo(gap: Gap, item: Item): number {
  const [from, to] = [Number(gap.firstTimeNs), Number(gap.lastTimeNs)];
  return Math.max(0, from - item.arrivalNs, item.arrivalNs - to);
}
