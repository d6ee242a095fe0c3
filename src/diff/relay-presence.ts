/**
 * When the relay of a side was there at all, as far as the connections of all clients show it. Tells a relay
 * that went away and came back, as when it is restarted, from one that closed the connection of one client.
 */

/** Ends and refusals within this belong together. */
const TOGETHER_NS = 1_000_000_000;

export class RelayPresence {
  /** All in order of time, as the events of a capture are. */
  readonly #opens: number[] = [];
  readonly #ends: number[] = [];
  /** Those that the client had not asked for. */
  readonly #losses: number[] = [];
  readonly #refusals: number[] = [];

  opened(timeNs: number): void {
    this.#opens.push(timeNs);
  }

  ended(timeNs: number, isLoss: boolean): void {
    this.#ends.push(timeNs);
    if (isLoss) this.#losses.push(timeNs);
  }

  refused(timeNs: number): void {
    this.#refusals.push(timeNs);
  }

  /**
   * Whether the relay itself was away when one connection to it was, from `fromNs` on to `toNs`: somebody was
   * refused, or all who were connected, two at least, lost it together; and it came back to somebody.
   */
  wasAway(fromNs: number, toNs: number): boolean {
    if (countUntil(this.#opens, fromNs) === this.#opens.length) return false;
    const [earlyNs, lateNs] = [fromNs - TOGETHER_NS, fromNs + TOGETHER_NS];
    const backNs = Math.min(toNs, this.#opens[countUntil(this.#opens, lateNs)] ?? toNs);
    if (countBetween(this.#refusals, earlyNs, Math.max(backNs, fromNs)) > 0) return true;
    const connected = countUntil(this.#opens, earlyNs) - countUntil(this.#ends, earlyNs);
    const lost = countBetween(this.#losses, earlyNs, lateNs);
    return lost >= 2 && lost >= connected;
  }
}

/** How many of these are at or before the time. */
function countUntil(times: readonly number[], timeNs: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? 0) <= timeNs) low = middle + 1;
    else high = middle;
  }
  return low;
}

function countBetween(times: readonly number[], fromNs: number, toNs: number): number {
  return countUntil(times, toNs) - countUntil(times, fromNs);
}
