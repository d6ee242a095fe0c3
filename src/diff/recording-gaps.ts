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
      const isPiece = !content.isFrame && endOfGapAt(gap, offset, content.length) !== undefined;
      if (one.side === lacking && isPiece) excused.add(one);
    }
  }
  return excused;
}

export type GapEnd = 'front' | 'back';

/** At which end of a gap bytes of its stream lie; undefined: at none. */
export function endOfGapAt(gap: Gap, offset: number, length: number): GapEnd | undefined {
  if (offset + length === gap.offset) return 'front';
  return offset === gap.offset + gap.bytes ? 'back' : undefined;
}

/** What lies at the ends of a gap, as many bytes of it as the gap may have cut off of a frame; absent where nothing is. */
export function piecesAt(gap: Gap, items: readonly Item[]): Partial<Record<GapEnd, number>> {
  const pieces: Partial<Record<GapEnd, number>> = {};
  for (const { content, offset } of items) {
    const end = endOfGapAt(gap, offset, content.length);
    if (end !== undefined) pieces[end] = content.isFrame ? 0 : content.length;
  }
  return pieces;
}

/** The gaps of a connection of which everything is known. */
export function roomsIn(items: SideItems, gaps: readonly Gap[]): readonly GapRoom[] {
  return gaps.flatMap((gap): GapRoom[] => {
    const { stream: side, offset, bytes } = gap;
    if (gap.where !== 'recording' || side === 'client') return [];
    const { front = 0, back = 0 } = piecesAt(gap, items[side]);
    let left = bytes + front + back;
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
  return items[countWhile(items, (at) => at <= index) - 1]?.offset ?? -1;
}

/** Of the first item from this index on; infinite when there is none. */
function offsetAtLeast(items: readonly Item[], index: number): number {
  return items[countWhile(items, (at) => at < index)]?.offset ?? Number.POSITIVE_INFINITY;
}

/** How many items at the front have indexes that are still so. */
function countWhile(items: readonly Item[], isStill: (index: number) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isStill(items[middle]?.index ?? 0)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How far an arrival on the other side is from the time of the gap. */
function timeTo(gap: Gap, item: Item): number {
  const [from, to] = [Number(gap.firstTimeNs), Number(gap.lastTimeNs)];
  return Math.max(0, from - item.arrivalNs, item.arrivalNs - to);
}
