/** When the event loop gets a turn between steps that are all due: sockets are read, however many of them there are. */
import { setImmediate as turn } from 'node:timers/promises';

/** After so many steps, and after so long. */
const STEPS_A_TURN = 1_024;
const TURN_MS = 1;
/** The clock costs as much as a step at `max` does. */
const STEPS_A_LOOK = 16;

export class Turns {
  #lastMs = 0;
  #stepsSince = 0;

  /** Asked once a step. */
  isDue(): boolean {
    this.#stepsSince += 1;
    if (this.#stepsSince >= STEPS_A_TURN) return true;
    return this.#stepsSince % STEPS_A_LOOK === 0 && performance.now() - this.#lastMs >= TURN_MS;
  }

  async take(): Promise<void> {
    await turn();
    this.#stepsSince = 0;
    this.#lastMs = performance.now();
  }
}
