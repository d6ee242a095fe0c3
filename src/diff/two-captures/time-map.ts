/**
 * Lays the times of one recording on those of another that holds the same client traffic. Each counts from its own
 * zero; but where the second was played slower than the first, what followed a message there is moved to where that
 * message was sent in the first: a relay is late for what it was sent, not for when. Pure.
 */

interface Anchor {
  readonly fromNs: number;
  toNs: number;
}

/** When there are more, every other one is forgotten. */
const ANCHORS_MAX = 65_536;

export class TimeMap {
  #anchors: Anchor[] = [{ fromNs: 0, toNs: 0 }];
  #isInOrder = true;

  /** The same thing happened at both times. */
  add(fromNs: number, toNs: number): void {
    this.#anchors.push({ fromNs, toNs });
    this.#isInOrder = false;
    if (this.#anchors.length <= ANCHORS_MAX) return;
    this.#sort();
    this.#anchors = this.#anchors.filter((_anchor, index) => index % 2 === 0);
  }

  /** Never later than it was, and in the same order. */
  map(timeNs: number): number {
    if (!this.#isInOrder) this.#sort();
    let low = 0;
    let high = this.#anchors.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#anchors[middle]?.fromNs ?? 0) <= timeNs) low = middle + 1;
      else high = middle;
    }
    const anchor = this.#anchors[low - 1];
    if (anchor === undefined) return timeNs;
    const next = this.#anchors[low]?.toNs ?? Number.POSITIVE_INFINITY;
    return Math.min(timeNs, next, anchor.toNs + (timeNs - anchor.fromNs));
  }

  #sort(): void {
    this.#anchors.sort((left, right) => left.fromNs - right.fromNs || left.toNs - right.toNs);
    let latestNs = 0;
    for (const anchor of this.#anchors) {
      latestNs = Math.max(latestNs, anchor.toNs);
      anchor.toNs = latestNs;
    }
    this.#isInOrder = true;
  }
}
