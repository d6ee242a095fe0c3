/**
 * How much room is left in the gaps of a capture while its windows are judged one after the other. A window knows what
 * lies in it; of what lies between it and a gap it knows only whether its lane agreed there. Where it cannot know more, a
 * message may lie in the gap. What windows at a gap take, and windows before it and behind it, is counted apart: the first of
 * them must not take what those nearest to it need.
 */
import type { Side } from '../../capture/types.ts';
import type { HiddenGap } from '../client-facts.ts';
import { type GapRoom, piecesAt } from '../recording-gaps.ts';
import type { Item, Unpaired } from '../records.ts';
import type { GapsOfSide, GapSurvey } from './gap-survey.ts';

/** The spans of a side that a window holds: from the first to the last. */
export interface Bounds {
  readonly first: number;
  readonly last: number;
}

export interface RoomsOfWindow {
  bounds(side: Side): Bounds;
  items(side: Side): readonly Item[];
  /** undefined: what agrees in its lane says nothing of the order of its publisher. */
  laneOf(one: Unpaired): number | undefined;
}

/** Gaps before and behind a window that have room; of more, the last has room for everything. */
const FAR_MAX = 64;

type Where = 'at' | 'before' | 'behind';

export class RoomsOfGaps {
  readonly #survey: GapSurvey;
  readonly #left = new Map<GapsOfSide, Readonly<Record<Where, Float64Array>>>();
  /** Bytes of the pieces at the ends of each gap, as windows know them, or else the survey. */
  readonly #pieces = new Map<GapsOfSide, GapsOfSide['pieces']>();
  /** Each client is owed what was hidden of it: by connection. */
  readonly #hidden = new Map<number, HiddenGap[]>();

  constructor(survey: GapSurvey) {
    this.#survey = survey;
  }

  hidden(connection: number): readonly HiddenGap[] {
    let hidden = this.#hidden.get(connection);
    if (hidden === undefined) this.#hidden.set(connection, (hidden = this.#survey.hidden()));
    return hidden;
  }

  of(connection: number, window: RoomsOfWindow): readonly GapRoom[] {
    return this.#survey.sidesOf(connection).flatMap((gaps) => this.#ofSide(gaps, window));
  }

  #ofSide(gaps: GapsOfSide, window: RoomsOfWindow): readonly GapRoom[] {
    const { first, last } = window.bounds(gaps.side);
    const from = gaps.firstFrom(first);
    const to = gaps.firstFrom(last + 2);
    const rooms: GapRoom[] = [];
    for (let at = from; at < to; at++) {
      this.#notePieces(gaps, at, window);
      rooms.push(this.#room(gaps, at, 'at', window));
    }
    const addFar = (start: number, step: 1 | -1, where: Where): void => {
      let found = 0;
      for (let at = start; at >= 0 && at < gaps.gaps.length; at += step) {
        if ((this.#leftOf(gaps)[where][at] ?? 0) <= 0) continue;
        const room = this.#room(gaps, at, where, window);
        if (++found < FAR_MAX) rooms.push(room);
        else {
          rooms.push({ ...room, take: () => true });
          break;
        }
      }
    };
    addFar(to, 1, 'before');
    addFar(from - 1, -1, 'behind');
    return rooms;
  }

  /** `where`: the window, seen from the gap. */
  #room(gaps: GapsOfSide, at: number, where: Where, window: RoomsOfWindow): GapRoom {
    const { side } = gaps;
    const gap = gaps.gaps[at];
    const left = this.#leftOf(gaps)[where];
    if (gap === undefined) throw new RangeError('there is no such gap');
    return {
      gap,
      side,
      canHold: (one) => {
        const { first, last } = window.bounds(side);
        const place = gaps.placeOf(at);
        const { after, before } = one.slot;
        const lane = window.laneOf(one);
        const isBehind =
          after >= first
            ? after < place
            : where !== 'behind' || lane === undefined || !gaps.hasAgreedBehind(at, lane, first);
        const isBefore =
          before <= last
            ? before >= place
            : where !== 'before' || lane === undefined || !gaps.hasAgreedBefore(at, lane, last);
        return isBehind && isBefore;
      },
      take: (bytes) => {
        const room = left[at] ?? 0;
        if (bytes > room) return false;
        left[at] = room - bytes;
        return true;
      },
    };
  }

  /** A window knows what clients sent, and so sees better which bytes at a gap are one piece. */
  #notePieces(gaps: GapsOfSide, at: number, window: RoomsOfWindow): void {
    const gap = gaps.gaps[at];
    if (gap === undefined) return;
    const left = this.#leftOf(gaps).at;
    let known = this.#pieces.get(gaps);
    if (known === undefined) {
      const { front, back } = gaps.pieces;
      known = { front: front.slice(), back: back.slice() };
      this.#pieces.set(gaps, known);
    }
    const seen = piecesAt(gap, window.items(gaps.side));
    for (const end of ['front', 'back'] as const) {
      const before = known[end][at] ?? 0;
      const now = seen[end] ?? before;
      known[end][at] = now;
      left[at] = (left[at] ?? 0) + now - before;
    }
  }

  #leftOf(gaps: GapsOfSide): Readonly<Record<Where, Float64Array>> {
    let left = this.#left.get(gaps);
    if (left === undefined) {
      const { front, back } = gaps.pieces;
      const all = gaps.gaps.map(({ bytes }, at) => bytes + (front[at] ?? 0) + (back[at] ?? 0));
      left = {
        at: Float64Array.from(all),
        before: Float64Array.from(all),
        behind: Float64Array.from(all),
      };
      this.#left.set(gaps, left);
    }
    return left;
  }
}
