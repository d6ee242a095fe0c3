/**
 * Counts what happened in equal slices of the time of a capture, for the timeline of the report. How long the
 * recording is need not be known before: slices that have become too many are put together two by two.
 */
import type { Timeline } from './types.ts';

const SLICES_MAX = 200;

type What = 'old' | 'new' | 'divergences';

export class TimelineCounter {
  #sliceNs = 1;
  readonly #counts: Readonly<Record<What, Float64Array>> = {
    old: new Float64Array(SLICES_MAX),
    new: new Float64Array(SLICES_MAX),
    divergences: new Float64Array(SLICES_MAX),
  };

  add(what: What, timeNs: number, count = 1): void {
    while (timeNs >= this.#sliceNs * SLICES_MAX) this.#fold();
    const slice = timeNs > 0 ? Math.floor(timeNs / this.#sliceNs) : 0;
    const counts = this.#counts[what];
    counts[slice] = (counts[slice] ?? 0) + count;
  }

  /** Both together. */
  with(other: TimelineCounter): TimelineCounter {
    const both = this.copy();
    const added = other.copy();
    while (both.#sliceNs < added.#sliceNs) both.#fold();
    while (added.#sliceNs < both.#sliceNs) added.#fold();
    for (const what of ['old', 'new', 'divergences'] as const) {
      const counts = both.#counts[what];
      for (let slice = 0; slice < SLICES_MAX; slice++) {
        counts[slice] = (counts[slice] ?? 0) + (added.#counts[what][slice] ?? 0);
      }
    }
    return both;
  }

  copy(): TimelineCounter {
    const copy = new TimelineCounter();
    copy.#sliceNs = this.#sliceNs;
    for (const what of ['old', 'new', 'divergences'] as const) {
      copy.#counts[what].set(this.#counts[what]);
    }
    return copy;
  }

  /** From 0 to the end of the recording, and to the last thing that was counted if that is later. */
  result(durationNs: number): Timeline {
    while (durationNs >= this.#sliceNs * SLICES_MAX) this.#fold();
    const { old, new: neu, divergences } = this.#counts;
    const last = Math.max(...[old, neu, divergences].map((each) => each.findLastIndex(Boolean)));
    const length = Math.max(last, Math.floor(durationNs / this.#sliceNs)) + 1;
    const listed = (counts: Float64Array): readonly number[] => [...counts.subarray(0, length)];
    return {
      startNs: '0',
      bucketNs: String(this.#sliceNs),
      old: listed(old),
      new: listed(neu),
      divergences: listed(divergences),
    };
  }

  #fold(): void {
    this.#sliceNs *= 2;
    for (const counts of Object.values(this.#counts)) {
      for (let slice = 0; slice < SLICES_MAX; slice++) {
        counts[slice] = (counts[2 * slice] ?? 0) + (counts[2 * slice + 1] ?? 0);
      }
    }
  }
}
