/**
 * How clients leave: one that closes when it has its answers, and all that are still there when everything was played, so
 * that what was asked last is still heard. Decides how long is listened, never what is sent.
 */
import type { Answers } from './answers.ts';
import type { Fidelity } from './fidelity.ts';
import type { PlayedClients } from './played-clients.ts';
import type { Bell } from './precise-time.ts';
import type { ReplayClient } from './replay-client.ts';
import type { EndStep } from './schedule.ts';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';

export interface FarewellOptions {
  readonly clients: PlayedClients;
  readonly answers: Answers;
  readonly bell: Bell;
  readonly fidelity: Fidelity;
  readonly patienceMs: number;
  /** As much has come as was recorded. */
  readonly hasHeardAll: () => boolean;
}

/** A client that is about to close and hears nothing for so long has heard everything. */
const QUIET_MS = 250;
/** The same at the end, while less has come than in the recording: the relay may only be slow. */
const MISSING_QUIET_MS = 1_000;
const QUIET_WAIT_MS_MAX = 2_000;
const CLOSE_WAIT_MS_MAX = 1_000;
const POLL_MS = 10;

export class Farewell {
  readonly #options: FarewellOptions;
  readonly #closing = new Set<Promise<void>>();

  constructor(options: FarewellOptions) {
    this.#options = options;
  }

  /** A client closed when it had its answers; it stays until it has them, or hears nothing any more. */
  async close(client: ReplayClient, step: EndStep): Promise<void> {
    const { answers, bell, fidelity, patienceMs } = this.#options;
    const startMs = performance.now();
    const untilMs = startMs + patienceMs;
    const hasAll = (): boolean =>
      step.afterRelay ? client.isLeftAlone : client.receivedBytes >= step.receivedBytes;
    while (!hasAll() && !client.isLeftAlone && !bell.isHalted) {
      const nowMs = performance.now();
      const heardMs = Math.max(startMs, client.lastReceivedMs);
      const quietMs = Math.max(QUIET_MS, answers.silenceMs);
      if (nowMs >= untilMs || (!step.afterRelay && nowMs - heardMs >= quietMs)) break;
      await poll();
    }
    if (performance.now() - startMs >= POLL_MS) fidelity.waited(hasAll());
    client.close();
  }

  /** The same, while others go on. */
  closeMeanwhile(client: ReplayClient, step: EndStep): void {
    const tracked = this.close(client, step).finally(() => this.#closing.delete(tracked));
    this.#closing.add(tracked);
  }

  /** Of those that close meanwhile. */
  async untilClosed(): Promise<void> {
    await Promise.all(this.#closing);
  }

  /** What was asked last may still be answered. Whether it became quiet in time. */
  async untilQuiet(): Promise<boolean> {
    const { clients, hasHeardAll } = this.#options;
    const startMs = performance.now();
    for (;;) {
      if (clients.size === 0) return true;
      const nowMs = performance.now();
      const heardMs = Math.max(startMs, clients.lastReceivedMs);
      const quietMs = hasHeardAll() ? QUIET_MS : MISSING_QUIET_MS;
      if (nowMs - heardMs >= quietMs && !clients.isAnyBehind && !clients.isHeld) return true;
      if (nowMs - startMs >= QUIET_WAIT_MS_MAX) return false;
      await poll();
    }
  }

  async closeAll(): Promise<void> {
    const { clients } = this.#options;
    clients.close();
    await this.#untilNone();
    clients.destroy();
    await this.#untilNone();
  }

  async #untilNone(): Promise<void> {
    const { clients } = this.#options;
    const startMs = performance.now();
    while (clients.size > 0 && performance.now() - startMs < CLOSE_WAIT_MS_MAX) {
      await pause(POLL_MS);
    }
  }
}

/** Timers come before sockets: what came while this process was not given the processor is read before it is missed. */
async function poll(): Promise<void> {
  await pause(POLL_MS);
  await turn();
}
