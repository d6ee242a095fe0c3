/** What the operator is told while traffic goes on, and what of it still lasts. */
import type { TroubleKind, TroubleStatus } from './status.ts';

export class Troubles {
  readonly #tell: (message: string) => void;
  readonly #open = new Map<TroubleKind, string>();
  #told = 0;
  #last: TroubleStatus['last'];

  constructor(tell: (message: string) => void) {
    this.#tell = tell;
  }

  get status(): TroubleStatus {
    const open = [...this.#open].map(([about, message]) => ({ about, message }));
    return { open, told: this.#told, last: this.#last };
  }

  begin(about: TroubleKind, message: string): void {
    this.#open.set(about, message);
    this.#told += 1;
    this.#last = { message, unixMs: Date.now() };
    this.#tell(message);
  }

  /** `message` is told when there was something to end. */
  end(about: TroubleKind, message?: string): void {
    if (this.#open.delete(about) && message !== undefined) this.#tell(message);
  }
}
