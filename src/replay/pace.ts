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

/** In `max`, a relay gets so much of the recorded time to take note of who came and who left, and of what was said before. */
const SETTLE_MS_MAX = 20;

export interface PaceOptions {
  readonly mode: Mode;
  /** Above 1: faster than recorded. */
  readonly speed: number;
  /** Pauses of everybody that are longer are made so long. */
  readonly pauseMsMax: number;
}

const AT_ONCE: Due = { kind: 'after', pauseMs: 0, settles: false };

export class Pace {
  readonly #options: PaceOptions;
  #lastNs = 0;
  #skippedMs = 0;
  #wasSend = true;

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
    const isSend = step.kind === 'send';
    const settles = !isSend || !this.#wasSend;
    this.#wasSend = isSend;
    if (mode === 'max') {
      if (!settles) return AT_ONCE;
      return { kind: 'after', pauseMs: Math.min(pauseMs, SETTLE_MS_MAX), settles };
    }
    this.#skippedMs += Math.max(0, pauseMs - pauseMsMax);
    return { kind: 'at', ms: this.#lastNs / 1e6 / speed - this.#skippedMs };
  }
}

export type Due =
  | { readonly kind: 'at'; readonly ms: number }
  /** `settles`: somebody comes or leaves, or just has; whoever heard what must be beyond doubt. */
  | { readonly kind: 'after'; readonly pauseMs: number; readonly settles: boolean };
