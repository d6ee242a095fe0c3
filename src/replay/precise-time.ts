/**
 * Waiting for an exact moment. The timers of Node count in milliseconds and come late: so a wait ends with short turns
 * of the event loop, at most 2 ms of them, in which sockets are still served.
 */
import { setImmediate as turn } from 'node:timers/promises';

/** How much before its moment a timer is aimed, which is what the turns may cost. */
const SPIN_MS = 2;

/** Resolves at that moment of `performance.now()`, or soon after `isHalted` (looked at when `rung`). */
export async function waitUntilMs(ms: number, bell: Bell): Promise<void> {
  for (;;) {
    const leftMs = ms - performance.now();
    if (leftMs <= 0 || bell.isHalted) return;
    if (leftMs > SPIN_MS + 1) await bell.wait(Math.floor(leftMs - SPIN_MS));
    else await turn();
  }
}

/** Wakes the one who waits: something happened, or the time is over. */
export class Bell {
  #ring: (() => void) | undefined;
  #isHalted = false;

  /** Nobody waits any more. */
  get isHalted(): boolean {
    return this.#isHalted;
  }

  readonly ring = (): void => {
    this.#ring?.();
  };

  halt(): void {
    this.#isHalted = true;
    this.ring();
  }

  /** Until the next ring, or for so long. */
  async wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#ring = undefined;
        resolve();
      };
      const timer = setTimeout(done, Math.max(0, ms));
      this.#ring = done;
    });
  }

  /** Whether it came true before that moment of `performance.now()`. */
  async until(isTrue: () => boolean, ms: number): Promise<boolean> {
    while (!isTrue()) {
      const leftMs = ms - performance.now();
      if (leftMs <= 0 || this.#isHalted) return false;
      await this.wait(leftMs);
    }
    return true;
  }
}
