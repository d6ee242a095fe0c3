/**
 * Finds the unpaired items that a recording gap of the other side's stream excuses: what would have to lie
 * in the gap, and not more of it than the gap can hold with the pieces of frames at both of its ends.
 */
import type { Gap, Side } from '../capture/types.ts';
import type { Item, SideItems, Unpaired } from './records.ts';

/** A recording gap of a side, and what may have been in it. */
export interface GapRoom {
  readonly gap: Gap;
  readonly side: Side;
  /** Whether what its own side has around it leaves room for this one. */
  canHold(one: Unpaired): boolean;
  /** False where there is no room for so many bytes any more. */
  take(bytes: number): boolean;
}

export function findInRecordingGaps(
  unpaired: readonly Unpaired[],
  rooms: readonly GapRoom[],
): ReadonlySet<Unpaired> {
  const excused = new Set<Unpaired>();
  for (const room of rooms) {
    const { gap, side: lacking } = room;
    const candidates = unpaired
      .filter((one) => one.side !== lacking && !excused.has(one) && room.canHold(one))
      .sort((left, right) => timeTo(gap, left.item) - timeTo(gap, right.item));
    for (const candidate of candidates) {
      if (room.take(candidate.item.content.length)) excused.add(candidate);
    }
    for (const one of unpaired) {
      const { content, offset } = one.item;
      const isPiece = !content.isFrame && isCutBy(gap, offset, content.length);
      if (one.side === lacking && isPiece) excused.add(one);
    }
  }
  return excused;
}

/** Whether bytes of its stream that are no frame are what the gap cut off of one. */
export function isCutBy(gap: Gap, offset: number, length: number): boolean {
  return offset + length === gap.offset || offset === gap.offset + gap.bytes;
}

/** How many bytes of frames that a gap cut off lie at its ends. */
export function piecesAt(gap: Gap, items: readonly Item[]): number {
  let bytes = 0;
  for (const { content, offset } of items) {
    if (!content.isFrame && isCutBy(gap, offset, content.length)) bytes += content.length;
  }
  return bytes;
}

/** The gaps of a connection of which everything is known. */
export function roomsIn(items: SideItems, gaps: readonly Gap[]): readonly GapRoom[] {
  return gaps.flatMap((gap): GapRoom[] => {
    const { stream: side, offset, bytes } = gap;
    if (gap.where !== 'recording' || side === 'client') return [];
    let left = bytes + piecesAt(gap, items[side]);
    return [
      {
        gap,
        side,
        canHold: ({ slot }) =>
          offsetAtMost(items[side], slot.after) < offset &&
          offsetAtLeast(items[side], slot.before) >= offset + bytes,
        take: (length) => {
          if (length > left) return false;
          left -= length;
          return true;
        },
      },
    ];
  });
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
