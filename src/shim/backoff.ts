/**
 * How long to wait before a relay that is not there is tried again: twice as long each time, up to a limit,
 * and each time a little less by chance, so that the connections of a thousand clients do not all knock at
 * once. Pure: chance comes from outside.
 */

export const RECONNECT_FIRST_MS = 100;
export const RECONNECT_MS_MAX = 5_000;
/** At most this part of a delay is taken off by chance. */
const JITTER_PART = 0.25;

export class Backoff {
  readonly #random: () => number;
  #nextMs = RECONNECT_FIRST_MS;

  /** `random` gives numbers from 0 to below 1. */
  constructor(random: () => number) {
    this.#random = random;
  }

  delayMs(): number {
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(RECONNECT_MS_MAX, delayMs * 2);
    return Math.round(delayMs * (1 - JITTER_PART * this.#random()));
  }

  reset(): void {
    this.#nextMs = RECONNECT_FIRST_MS;
  }
}
