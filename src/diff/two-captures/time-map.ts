/**
 * Lays the times of one recording on those of another that holds the same client traffic. Each counts from its own
 * zero; but where the second was played slower than the first, what followed a message there is moved to where that
 * message was sent in the first: a relay is late for what it was sent, not for when. Pure.
 */

interface Anchor {
  readonly fromNs: number;
  toNs: number;
  /** The latest time of the first recording of all up to the next anchor. */
  untilNs: number;
  /** How many it stands for. */
  count: number;
}

/** Of more messages, neighbours are put together, and the first of them stands for all. */
const ANCHORS_MAX = 65_536;
/** Never put together with another: nothing happened before. */
const ZERO: Readonly<Anchor> = { fromNs: 0, toNs: 0, untilNs: 0, count: Infinity };

export class TimeMap {
  readonly #anchorsMax: number;
  #anchors: Anchor[] = [{ ...ZERO }];
  #added: Anchor[] = [];
  #count = 0;

  constructor(anchorsMax = ANCHORS_MAX) {
    this.#anchorsMax = anchorsMax;
  }

  /** The same thing happened at both times. */
  add(fromNs: number, toNs: number): void {
    this.#count++;
    this.#added.push({ fromNs, toNs, untilNs: toNs, count: 1 });
    if (this.#added.length >= this.#anchorsMax) this.#sort();
  }

  /** Never later than it was, and in the same order. */
  map(timeNs: number): number {
    if (this.#added.length > 0) this.#sort();
    return this.#laid(timeNs, this.#lastUntil(timeNs));
  }

  /** The same of many; ascending times cost least. */
  mapAll(timesNs: readonly number[]): readonly number[] {
    return this.#each(timesNs, (timeNs, at) => this.#laid(timeNs, at));
  }

  /**
   * When in the first recording all had been sent that had been sent in the second one by each of these times, and not
   * before what `mapAll` says: in this order, however fast the second was played, nothing is delivered before it is sent.
   */
  ordersOf(timesNs: readonly number[]): readonly number[] {
    return this.#each(timesNs, (timeNs, at) =>
      Math.max(this.#laid(timeNs, at), this.#anchors[at]?.untilNs ?? 0),
    );
  }

  #each(timesNs: readonly number[], of: (timeNs: number, at: number) => number): readonly number[] {
    if (this.#added.length > 0) this.#sort();
    let at = 0;
    let [fromNs, untilNs] = [Infinity, -Infinity];
    return timesNs.map((timeNs) => {
      if (timeNs < fromNs || timeNs >= untilNs) {
        at = this.#lastUntil(timeNs);
        fromNs = this.#anchors[at]?.fromNs ?? -Infinity;
        untilNs = this.#anchors[at + 1]?.fromNs ?? Infinity;
      }
      return of(timeNs, at);
    });
  }

  #laid(timeNs: number, at: number): number {
    const anchor = this.#anchors[at];
    if (anchor === undefined) return timeNs;
    const next = this.#anchors[at + 1]?.toNs ?? Infinity;
    return Math.min(timeNs, next, anchor.toNs + (timeNs - anchor.fromNs));
  }

  /** The last anchor that is not later; -1: there is none. */
  #lastUntil(timeNs: number): number {
    let low = 0;
    let high = this.#anchors.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#anchors[middle]?.fromNs ?? 0) <= timeNs) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #sort(): void {
    const sorted = [...this.#anchors, ...this.#added].sort(
      (left, right) => left.fromNs - right.fromNs || left.toNs - right.toNs,
    );
    this.#added = [];
    this.#anchors = [];
    const countMax = sorted.length > this.#anchorsMax ? (2 * this.#count) / this.#anchorsMax : 1;
    let [toNs, untilNs] = [0, 0];
    for (const anchor of sorted) {
      toNs = anchor.toNs = Math.max(toNs, anchor.toNs);
      untilNs = anchor.untilNs = Math.max(untilNs, anchor.untilNs);
      const last = this.#anchors.at(-1);
      if (last === undefined || last.count + anchor.count > countMax) this.#anchors.push(anchor);
      else {
        last.count += anchor.count;
        last.untilNs = untilNs;
      }
    }
  }
}
