/**
 * The frames of one lane that one side has delivered and the other not yet, or others instead. As long as both sides
 * deliver the same in the same order, at most one side waits. Where both wait, they disagree: then the queue looks
 * for a run of equal frames, anywhere on both sides, from which on they agree again.
 */
import type { Side } from '../../capture/types.ts';
import type { OddMessages } from './remark-tally.ts';

export interface WaitingFrame {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  readonly arrivalNs: number;
  /** Equal exactly for frames that are the same: see Identity. */
  readonly key: string;
  /** Equal exactly for equal bytes. */
  readonly bytesKey: string;
  readonly mark: number;
  /** undefined: nothing is odd about it, or nobody asks. */
  readonly odd: OddMessages | undefined;
}

/** Places with one content that are looked at: repeated messages must not cost a square. */
const CANDIDATES_MAX = 8;
const ROW = 2 ** 26;

export class LaneQueue {
  readonly #waiting: Readonly<Record<Side, WaitingFrame[]>> = { old: [], new: [] };
  readonly #heads: Record<Side, number> = { old: 0, new: 0 };
  /** Content -> where it waits; only while the sides disagree. */
  #places: Readonly<Record<Side, Map<string, number[]>>> | undefined;
  /** Place of old and place of new that end a run of equal frames -> its length. */
  readonly #runs = new Map<number, number>();

  size(side: Side): number {
    return this.#waiting[side].length - this.#heads[side];
  }

  head(side: Side): WaitingFrame | undefined {
    return this.#waiting[side][this.#heads[side]];
  }

  /** In the order in which they were delivered. */
  all(side: Side): readonly WaitingFrame[] {
    return this.#waiting[side].slice(this.#heads[side]);
  }

  push(side: Side, frame: WaitingFrame): void {
    this.#waiting[side].push(frame);
  }

  take(side: Side): WaitingFrame | undefined {
    const frame = this.head(side);
    if (frame === undefined) return undefined;
    const head = ++this.#heads[side];
    const waiting = this.#waiting[side];
    if (head === waiting.length || head > 1_024) {
      waiting.splice(0, head);
      this.#heads[side] = 0;
      this.#places = undefined;
    }
    return frame;
  }

  /**
   * Of what came last on a side, while both sides wait: how many frames of each side come before a run of so many
   * equal ones that it ends; undefined when there is no such run.
   */
  findRun(side: Side, length: number): Readonly<Record<Side, number>> | undefined {
    if (this.#places === undefined) return this.#lookAtAll(length);
    return this.#lookAt(side, this.#waiting[side].length - 1, length);
  }

  /** To be called when frames were taken while the sides disagree. */
  forget(): void {
    this.#places = undefined;
  }

  #lookAtAll(length: number): Readonly<Record<Side, number>> | undefined {
    this.#runs.clear();
    this.#places = { old: new Map(), new: new Map() };
    const ends = { old: this.#waiting.old.length, new: this.#waiting.new.length };
    const at = { ...this.#heads };
    while (at.old < ends.old || at.new < ends.new) {
      for (const side of ['old', 'new'] as const) {
        if (at[side] >= ends[side]) continue;
        const found = this.#lookAt(side, at[side]++, length);
        if (found === undefined) continue;
        // The rest is looked at when the run has been taken.
        this.#places = undefined;
        return found;
      }
    }
    return undefined;
  }

  #lookAt(side: Side, place: number, length: number): Readonly<Record<Side, number>> | undefined {
    const places = this.#places;
    const key = this.#waiting[side][place]?.key;
    if (places === undefined || key === undefined) return undefined;
    const own = places[side].get(key);
    if (own === undefined) places[side].set(key, [place]);
    else if (own.length < CANDIDATES_MAX) own.push(place);
    const candidates = places[side === 'old' ? 'new' : 'old'].get(key);
    for (const candidate of candidates ?? []) {
      const [old, neu] = side === 'old' ? [place, candidate] : [candidate, place];
      const run = (this.#runs.get((old - 1) * ROW + neu - 1) ?? 0) + 1;
      this.#runs.set(old * ROW + neu, run);
      if (run < length) continue;
      return {
        old: old - length + 1 - this.#heads.old,
        new: neu - length + 1 - this.#heads.new,
      };
    }
    return undefined;
  }
}
