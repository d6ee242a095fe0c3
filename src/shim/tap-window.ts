/**
 * How much may wait in a socket for the new relay to read it: no more than one read returns, because a read
 * that ends inside a frame makes a relay that judges reads lose the next one, which would be the tap's doing.
 * What has been read shows in what comes back, since relays deliver to the sender, too. Pure.
 */
import { READ_BYTES_MAX } from './tap-cutter.ts';

/** A relay that may have stopped is waited for so long; then what it has not answered counts as lost in it. */
export const ANSWER_WAIT_MS = 5_000;
/** The same for what it does not deliver, while it delivers other things. */
export const SETTLE_MS = 2;

export class TapWindow {
  /** Written, and as far as can be told not read yet. */
  #unreadBytes = 0;
  #progressMs = 0;
  #hasAnswered = false;

  /** How long to wait before so many bytes may be written; 0: now. `isAlive`: the relay has answered something. */
  waitMs(bytes: number, nowMs: number, isAlive: boolean): number {
    if (this.#unreadBytes === 0 || this.#unreadBytes + bytes <= READ_BYTES_MAX) return 0;
    const isRefused = isAlive && !this.#hasAnswered;
    const restMs = this.#progressMs + (isRefused ? SETTLE_MS : ANSWER_WAIT_MS) - nowMs;
    if (restMs > 0) return restMs;
    this.#unreadBytes = 0;
    this.#hasAnswered = false;
    return 0;
  }

  wrote(bytes: number, nowMs: number): void {
    this.#unreadBytes += bytes;
    this.#progressMs = nowMs;
  }

  /** So much of what was written came back. */
  answered(bytes: number, nowMs: number): void {
    this.#unreadBytes = Math.max(0, this.#unreadBytes - bytes);
    this.#progressMs = nowMs;
    this.#hasAnswered = true;
  }
}
