/**
 * When a step is due. Every time is counted from the one start of the replay, never from the step before, so that no
 * lateness adds up. Pure.
 */

/**
 * - `timed`: at the recorded time.
 * - `causal`: not before the recorded time, and not before the client has received what it had received before.
 * - `max`: as soon as the step before is done.
 */
export type Mode = 'timed' | 'causal' | 'max';
export const MODES: readonly Mode[] = ['timed', 'causal', 'max'];

/** In `max`, a relay gets so much of the recorded time to take note of who came and who left. */
const SETTLE_MS_MAX = 20;

export interface PaceOptions {
  readonly mode: Mode;
  /** Above 1: faster than recorded. */
  readonly speed: number;
  /** Pauses of everybody that are longer are made so long. */
  readonly pauseMsMax: number;
}

const AT_ONCE: Due = { kind: 'after', pauseMs: 0 };

export class Pace {
  readonly #options: PaceOptions;
  #lastNs = 0;
  #skippedMs = 0;
  #isSettling = false;

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /**
   * For each step in order: ms since the start of the replay, or, in `max`, the least that must have passed since the
   * step before.
   */
  next(step: { readonly kind: string; readonly timeNs: number }): Due {
    const { mode, speed, pauseMsMax } = this.#options;
    const pauseMs = Math.max(0, step.timeNs - this.#lastNs) / 1e6 / speed;
    this.#lastNs = Math.max(this.#lastNs, step.timeNs);
    const isSettling = this.#isSettling;
    this.#isSettling = step.kind !== 'send';
    if (mode === 'max') {
      return isSettling ? { kind: 'after', pauseMs: Math.min(pauseMs, SETTLE_MS_MAX) } : AT_ONCE;
    }
    this.#skippedMs += Math.max(0, pauseMs - pauseMsMax);
    return { kind: 'at', ms: this.#lastNs / 1e6 / speed - this.#skippedMs };
  }
}

export type Due =
  | { readonly kind: 'at'; readonly ms: number }
  | { readonly kind: 'after'; readonly pauseMs: number };
