/** What ends a verb that runs until it is stopped: Ctrl-C, a request to terminate, the end of the terminal, a time. */
import { deferred } from '../lib/deferred.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class StopRequest {
  readonly #say: (line: string) => void;
  readonly #stillWaiting: string;
  readonly #requested = deferred<void>();
  readonly #onSignal = (): void => {
    if (this.#isRequested) this.#say(this.#stillWaiting);
    if (this.#isRequested) this.#again();
    this.#isRequested = true;
    this.#requested.resolve();
  };
  #again = (): void => undefined;
  #isRequested = false;
  #timer: NodeJS.Timeout | undefined;

  /** `stillWaiting` is said when the stop is requested once more. */
  constructor(
    say: (line: string) => void,
    stillWaiting = 'still waiting for the last answers; the capture is sealed in a moment',
  ) {
    this.#say = say;
    this.#stillWaiting = stillWaiting;
    for (const signal of STOP_SIGNALS) process.on(signal, this.#onSignal);
  }

  async wait(durationMs: number | undefined): Promise<void> {
    if (durationMs !== undefined) this.#timer = setTimeout(this.#requested.resolve, durationMs);
    await this.#requested.promise;
  }

  /** What to do when the stop is requested once more. */
  onAgain(work: () => void): void {
    this.#again = work;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const signal of STOP_SIGNALS) process.off(signal, this.#onSignal);
  }
}
