/**
 * What the gaps of a client stream say of the mirror: which of what the client sent one relay was never sent, and
 * what neither that relay nor the recording got, of which nobody knows what it was.
 */
import type { Gap } from '../capture/types.ts';
import { type HiddenGap, SENT_TO_NEW_ONLY, type Unmirrored } from './client-facts.ts';

/** Reason of the gaps that the operator asked for: the mirror was to see a part of the traffic only. */
export const NOT_SELECTED = 'not-selected';

/** Whether, and why, any byte of a range was kept from a relay. */
export function unmirroredOf(
  gapsOfConnection: readonly Gap[],
): (offset: number, length: number) => Unmirrored | undefined {
  const gaps = inOrder(gapsOfConnection, 'mirror');
  if (gaps.length === 0) return () => undefined;
  return (offset, length) => {
    const gap = gaps[firstEndingBehind(gaps, offset)];
    if (gap === undefined || gap.offset >= offset + length) return undefined;
    if (gap.reason === SENT_TO_NEW_ONLY) return SENT_TO_NEW_ONLY;
    return gap.reason === NOT_SELECTED ? 'not-selected' : 'lost';
  };
}

function inOrder(gaps: readonly Gap[], where: Gap['where']): readonly Gap[] {
  return gaps
    .filter((gap) => gap.stream === 'client' && gap.where === where)
    .sort((left, right) => left.offset - right.offset);
}

function firstEndingBehind(gaps: readonly Gap[], offset: number): number {
  let low = 0;
  let high = gaps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const gap = gaps[middle];
    if (gap !== undefined && gap.offset + gap.bytes <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What of the gaps of the mirror lies in gaps of the recording, the pieces of frames at their ends included. */
export class HiddenGaps {
  readonly #all: HiddenGap[] = [];
  /** By the offset at which a gap of the recording begins, and at which it ends. */
  readonly #at = { begin: new Map<number, HiddenGap[]>(), end: new Map<number, HiddenGap[]>() };

  constructor(gapsOfConnection: readonly Gap[]) {
    const unmirrored = inOrder(gapsOfConnection, 'mirror');
    for (const { offset, bytes } of inOrder(gapsOfConnection, 'recording')) {
      const end = offset + bytes;
      for (let at = firstEndingBehind(unmirrored, offset); ; at++) {
        const gap = unmirrored[at];
        if (gap === undefined || gap.offset >= end) break;
        const common = Math.min(end, gap.offset + gap.bytes) - Math.max(offset, gap.offset);
        const hidden = { fromNs: Number(gap.firstTimeNs), bytes: common };
        this.#all.push(hidden);
        addTo(this.#at.begin, offset, hidden);
        addTo(this.#at.end, end, hidden);
      }
    }
  }

  /** Bytes of the client that are no frame: a gap may have cut them off of one. */
  notePiece(offset: number, length: number): void {
    for (const hidden of this.#at.begin.get(offset + length) ?? []) hidden.bytes += length;
    for (const hidden of this.#at.end.get(offset) ?? []) hidden.bytes += length;
  }

  /** Of all pieces that were noted. */
  get all(): readonly HiddenGap[] {
    return this.#all;
  }
}

function addTo(map: Map<number, HiddenGap[]>, at: number, hidden: HiddenGap): void {
  const known = map.get(at);
  if (known === undefined) map.set(at, [hidden]);
  else known.push(hidden);
}
