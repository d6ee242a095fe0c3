/** Counts what happened in equal slices of the time of a capture, for the timeline of the report. */
import type { Timeline } from './types.ts';

const BUCKET_COUNT = 200;

export class TimelineCounter {
  readonly #bucketNs: number;
  readonly #counts = { old: emptyBuckets(), new: emptyBuckets(), divergences: emptyBuckets() };

  constructor(durationNs: bigint) {
    this.#bucketNs = Math.max(1, Math.ceil((Number(durationNs) + 1) / BUCKET_COUNT));
  }

  add(what: keyof TimelineCounter['counts'], timeNs: number): void {
    const bucket = Math.min(BUCKET_COUNT - 1, Math.max(0, Math.floor(timeNs / this.#bucketNs)));
    const counts = this.#counts[what];
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }

  get counts(): Pick<Timeline, 'old' | 'new' | 'divergences'> {
    return this.#counts;
  }

  result(): Timeline {
    return { startNs: '0', bucketNs: String(this.#bucketNs), ...this.#counts };
  }
}

function emptyBuckets(): number[] {
  return Array.from({ length: BUCKET_COUNT }, () => 0);
}
