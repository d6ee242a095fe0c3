/**
 * The tees of a recording that are open, and the waiting at its end: for everybody to fall silent, and for
 * everybody to close. Bounded, because a peer that never stops must not keep the recorder from ending.
 */
import type { Tee } from './sockets.ts';

/** Everybody counts as silent when nothing was read for this long. */
const QUIET_MS = 250;
const QUIET_WAIT_MS_MAX = 2_000;
const CLOSE_WAIT_MS_MAX = 1_000;
const POLL_MS = 20;

/** Knows when something was last read, and waits until nothing is. */
export class Silence {
  #lastTrafficMs = 0;

  /** Something was read. */
  readonly broken = (): void => {
    this.#lastTrafficMs = performance.now();
  };

  /** Whether nothing was read for a while although it might have been, and none of these mirrors is behind. */
  async until(tees: Iterable<Tee>, mayRead: () => boolean = () => true): Promise<boolean> {
    const startMs = performance.now();
    this.#lastTrafficMs = startMs;
    for (;;) {
      const open = [...tees];
      if (open.length === 0) return true;
      const isSilent = performance.now() - this.#lastTrafficMs >= QUIET_MS && mayRead();
      if (isSilent && open.every((tee) => tee.isMirrored)) return true;
      if (performance.now() - startMs >= QUIET_WAIT_MS_MAX) return false;
      await pause(POLL_MS);
    }
  }
}

export class Tees implements Iterable<Tee> {
  readonly #tees = new Set<Tee>();
  readonly silence = new Silence();

  get size(): number {
    return this.#tees.size;
  }

  [Symbol.iterator](): Iterator<Tee> {
    return this.#tees.values();
  }

  add(tee: Tee): void {
    this.#tees.add(tee);
  }

  delete(tee: Tee): void {
    this.#tees.delete(tee);
  }

  reportGaps(): void {
    for (const tee of this.#tees) tee.reportGaps();
  }

  /** A peer that does not read must not keep the recorder from ending; what it did not take is a gap. */
  async untilClosed(): Promise<void> {
    await this.untilNone(() => CLOSE_WAIT_MS_MAX);
    for (const tee of this.#tees) tee.destroyAll();
    await this.untilNone(() => CLOSE_WAIT_MS_MAX);
  }

  /** Waits until all are closed, or for so long; the time may change meanwhile. */
  async untilNone(waitMsMax: () => number): Promise<void> {
    const startMs = performance.now();
    while (this.#tees.size > 0 && performance.now() - startMs < waitMsMax()) await pause(POLL_MS);
  }
}

export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
