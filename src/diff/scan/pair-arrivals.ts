/** Notes when the two halves of pairs arrived: of those that came with the same two chunks, all at once. */
import type { Side } from '../../capture/types.ts';
import type { LatencyHistogram } from '../latency-histogram.ts';
import type { TimelineCounter } from '../timeline.ts';
import type { StreamWalk } from './stream-walk.ts';

export class PairArrivals {
  readonly #timeline: TimelineCounter;
  readonly #behind: LatencyHistogram;
  #oldNs = 0;
  #newNs = 0;
  /** Pairs that end up to here, among the bytes ahead, arrived like the last one. */
  #to = -1;
  /** Not noted yet. */
  #pairs = 0;

  constructor(timeline: TimelineCounter, behind: LatencyHistogram) {
    this.#timeline = timeline;
    this.#behind = behind;
  }

  /** The next pair ends here among the bytes ahead of both walks. Then comes another, or `flush`. */
  add(end: number, { old, new: neu }: Readonly<Record<Side, StreamWalk>>): void {
    if (end > this.#to) {
      this.#note();
      this.#oldNs = old.arrivalNs(end);
      this.#newNs = neu.arrivalNs(end);
      this.#to = Math.min(old.arrivedTo, neu.arrivedTo);
    }
    this.#pairs++;
  }

  /** The walks go on from elsewhere. */
  flush(): void {
    this.#note();
    this.#to = -1;
  }

  addSingle(oldNs: number, newNs: number): void {
    this.#oldNs = oldNs;
    this.#newNs = newNs;
    this.#pairs = 1;
    this.#note();
  }

  #note(): void {
    if (this.#pairs === 0) return;
    this.#timeline.add('old', this.#oldNs, this.#pairs);
    this.#timeline.add('new', this.#newNs, this.#pairs);
    this.#behind.add(this.#newNs - this.#oldNs, this.#pairs);
    this.#pairs = 0;
  }
}
