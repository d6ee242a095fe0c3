/**
 * Counts times in classes that grow with the time, so that millions of them take a few kilobytes. Exact in number,
 * smallest and largest; a percentile is at most 1 % too high. Times may be negative: a clock step, or a head start.
 */

/** Classes for each doubling of the time. */
const CLASSES = 128;

export interface LatencyDistribution {
  readonly count: number;
  /** Half of all are at most this, ns; at most 1 % above the true one. */
  readonly p50Ns: string;
  readonly p99Ns: string;
  /** Exact. */
  readonly maxNs: string;
}

export class LatencyHistogram {
  readonly #counts = new Map<number, number>();
  #count = 0;
  #maxNs = Number.NEGATIVE_INFINITY;

  /** `count` times the same. */
  add(timeNs: number, count = 1): void {
    const index = classOf(timeNs);
    this.#counts.set(index, (this.#counts.get(index) ?? 0) + count);
    this.#count += count;
    this.#maxNs = Math.max(this.#maxNs, timeNs);
  }

  get count(): number {
    return this.#count;
  }

  copy(): LatencyHistogram {
    const copy = new LatencyHistogram();
    for (const [index, count] of this.#counts) copy.#counts.set(index, count);
    copy.#count = this.#count;
    copy.#maxNs = this.#maxNs;
    return copy;
  }

  /** undefined: nothing was counted. */
  result(): LatencyDistribution | undefined {
    if (this.#count === 0) return undefined;
    const [p50Ns, p99Ns] = this.#percentiles([0.5, 0.99]);
    const text = (timeNs = 0): string => String(Math.round(timeNs));
    return { count: this.#count, p50Ns: text(p50Ns), p99Ns: text(p99Ns), maxNs: text(this.#maxNs) };
  }

  /** `shares` in ascending order. */
  #percentiles(shares: readonly number[]): readonly number[] {
    const found: number[] = [];
    let seen = 0;
    for (const [index, count] of [...this.#counts].sort(([left], [right]) => left - right)) {
      seen += count;
      while (found.length < shares.length && seen >= (shares[found.length] ?? 1) * this.#count) {
        found.push(Math.min(endOf(index), this.#maxNs));
      }
    }
    return found;
  }
}

/** Ascending with the time; 0 for less than a nanosecond. */
function classOf(timeNs: number): number {
  const size = Math.abs(timeNs);
  if (size < 1) return 0;
  const index = 1 + Math.floor(Math.log2(size) * CLASSES);
  return timeNs < 0 ? -index : index;
}

/** The largest time of a class. */
function endOf(index: number): number {
  if (index === 0) return 0;
  return index > 0 ? 2 ** (index / CLASSES) : -(2 ** ((-index - 1) / CLASSES));
}
