/**
 * How long a replay waits for what its clients had received before, and for a relay that has read what it was sent: what
 * comes is awaited, what does not come holds nobody up for long. Knows one client at a time; what is sent is not its business.
 */
import type { Fidelity } from './fidelity.ts';
import type { Bell } from './precise-time.ts';
import type { ReplayClient } from './replay-client.ts';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';

export interface AnswersOptions {
  readonly bell: Bell;
  readonly fidelity: Fidelity;
  /** How long a wait may last. */
  readonly patienceMs: number;
  /** undefined: nobody can know. */
  readonly isIdle: (() => boolean) | undefined;
}

/** An answer that has not come after so many times the slowest one does not come. */
const PATIENCE_FACTOR = 10;
const PATIENCE_MS_MIN = 50;
/** So often in a row a client waits for nothing: what a relay drops, it should still read by itself. */
const SILENT_WAITS_MAX = 4;
/** A relay that is never idle (a thread of it works all the time) is not waited for any more after so many tries. */
const IDLE_WAIT_MS_MAX = 1_000;
const IDLE_TRIES = 3;
const IDLE_TURNS = 20;
/** A relay that has nothing to do for so long does not answer any more. */
const IDLE_ANSWER_MS = 50;
const POLL_MS = 10;

export class Answers {
  readonly #options: AnswersOptions;
  /** Waits for an idle relay in a row that never came true. */
  #busyTries = 0;
  #slowestMs: number | undefined;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  /** Who has heard nothing for so long hears nothing any more, as far as answers tell; 0 before the first. */
  get silenceMs(): number {
    return PATIENCE_FACTOR * (this.#slowestMs ?? 0);
  }

  /** What does not come is forgiven: the next wait is for what comes after it. */
  async untilReceived(client: ReplayClient, bytes: number): Promise<void> {
    if (client.receivedBytes + client.forgivenBytes >= bytes) return;
    const startMs = performance.now();
    const has = (): boolean =>
      client.receivedBytes + client.forgivenBytes >= bytes || client.isLeftAlone;
    if (client.silentWaits < SILENT_WAITS_MAX) {
      await this.#untilAnswered(has, startMs + this.#patienceMs(client));
    }
    const isFulfilled = client.receivedBytes + client.forgivenBytes >= bytes;
    this.#options.fidelity.waited(isFulfilled);
    if (isFulfilled) {
      const tookMs = performance.now() - startMs;
      this.#slowestMs = Math.max(this.#slowestMs ?? 0, tookMs);
      return;
    }
    client.silentWaits += 1;
    client.forgivenBytes = Math.max(0, bytes - client.receivedBytes);
  }

  /** What was sent before has been read, and who came or went has been noticed. */
  async untilIdle(): Promise<void> {
    const { isIdle, bell } = this.#options;
    if (isIdle === undefined || this.#busyTries >= IDLE_TRIES) return;
    const untilMs = performance.now() + IDLE_WAIT_MS_MAX;
    for (let turns = 0; !isIdle() && !bell.isHalted; turns++) {
      if (performance.now() >= untilMs) {
        this.#busyTries += 1;
        return;
      }
      // A relay that has not been given the processor yet gets it sooner when nobody spins.
      if (turns < IDLE_TURNS) await turn();
      else await pause(1);
    }
    this.#busyTries = 0;
  }

  /** Until the answer is there, or none can be expected. */
  async #untilAnswered(has: () => boolean, untilMs: number): Promise<void> {
    const { isIdle, bell } = this.#options;
    let idleSinceMs: number | undefined;
    for (;;) {
      const nowMs = performance.now();
      const lookMs = isIdle === undefined ? untilMs : Math.min(untilMs, nowMs + POLL_MS);
      if ((await bell.until(has, lookMs)) || bell.isHalted) return;
      // Timers come before sockets: what came while this process was not given the processor is read first.
      await turn();
      if (has()) return;
      const afterMs = performance.now();
      if (isIdle?.() === true) idleSinceMs ??= afterMs;
      else idleSinceMs = undefined;
      if (idleSinceMs !== undefined && afterMs - idleSinceMs >= IDLE_ANSWER_MS) return;
      if (afterMs >= untilMs) return;
    }
  }

  #patienceMs(client: ReplayClient): number {
    const { patienceMs } = this.#options;
    const slowestMs = this.#slowestMs ?? (client.silentWaits > 0 ? 0 : undefined);
    if (slowestMs === undefined) return patienceMs;
    const wantedMs = Math.max(PATIENCE_MS_MIN, PATIENCE_FACTOR * slowestMs);
    return Math.min(patienceMs, wantedMs);
  }
}
