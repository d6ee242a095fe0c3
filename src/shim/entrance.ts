/**
 * Where clients come in: takes the path, keeps an eye on it, turns away those who are too many, and gives the path
 * back without losing a client that has connected already. What becomes of a client inside is not its business.
 */
import type { Server, Socket } from 'node:net';
import { countEarlierClients } from './earlier-clients.ts';
import { listenAt, type OwnedPath } from './listen-path.ts';
import { Refusals } from './open-files.ts';
import { takeOver } from './take-over.ts';
import type { TakeOverNames } from './take-over-names.ts';

export interface EntranceOptions {
  /** The path that clients connect to. */
  readonly listen: string;
  /** Set when the old relay listens there now, and is to make room. */
  readonly takeOver: TakeOverNames | undefined;
  /** Clients at a time; who comes then is turned away. */
  readonly clientsMax: number;
  /** Tells the operator at once. */
  readonly onTrouble: (message: string) => void;
  /** Puts a fact into the capture. */
  readonly onFact: (
    kind: 'start' | 'note',
    details: Readonly<Record<string, string | number>>,
  ) => void;
}

/**
 * Connections that wait in the listener's queue, or are on their way to it, are still accepted. Where a path is taken
 * over nobody may be lost, and between finding a socket and queueing at it a connect may have to wait for the disk
 * (it notes the time of access).
 */
const GRACE_MS = { listen: 50, takeOver: 1_000 };
const GRACE_MS_MAX = 5_000;
const GRACE_LOOK_MS = 10;
const PATH_LOOK_INTERVAL_MS = 1_000;

export class Entrance {
  readonly #options: EntranceOptions;
  readonly #path: OwnedPath;
  readonly #timer: NodeJS.Timeout;
  readonly #refusals = new Refusals();
  #lastArrivalMs = 0;
  #isPathLost = false;

  private constructor(options: EntranceOptions, path: OwnedPath) {
    this.#options = options;
    this.#path = path;
    this.#timer = setInterval(() => this.#look(), PATH_LOOK_INTERVAL_MS);
  }

  /** Throws what `listenAt` and `takeOver` throw; then the server is to be closed by the caller. */
  static async open(server: Server, options: EntranceOptions): Promise<Entrance> {
    const { listen, takeOver: names, onTrouble, onFact } = options;
    if (names === undefined) {
      const entrance = new Entrance(options, await listenAt(server, listen));
      onFact('start', {});
      return entrance;
    }
    const earlierClients = countEarlierClients(names.path);
    const entrance = new Entrance(options, await takeOver(server, names));
    onFact('start', {
      takenOver: names.path,
      ...(earlierClients === undefined ? {} : { earlierClients }),
    });
    if (earlierClients !== undefined && earlierClients > 0) {
      onTrouble(
        `${count(earlierClients)} connected before and stay with the old relay alone: what they send does not reach the new one`,
      );
    }
    return entrance;
  }

  /** Where the old relay can be reached now, if that is decided here. */
  get relayPath(): string | undefined {
    return this.#path.relayPath;
  }

  /** Clients that were turned away. */
  get refusedClients(): number {
    return this.#refusals.total;
  }

  /** Whether there is room for one more; a client that is turned away is closed. */
  admit(client: Socket, clients: number): boolean {
    this.#lastArrivalMs = performance.now();
    if (clients < this.#options.clientsMax) return true;
    client.destroy();
    this.#refusals.add();
    this.#report(this.#refusals.take(this.#lastArrivalMs));
    return false;
  }

  /**
   * Gives the path back, and waits until those who connected before have been accepted; the server may be closed
   * then. Answers why the path could not be given back, if so.
   */
  async leave(): Promise<Error | undefined> {
    clearInterval(this.#timer);
    const failure = await this.#path.release().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    );
    if (failure === undefined && this.#options.takeOver !== undefined && !this.#isPathLost) {
      // Who connects from now on has the old relay alone, and is heard by those who are here still.
      this.#options.onFact('note', { pathGivenBack: this.#options.listen });
    }
    // Told now and not with the end, because clients may be waiting in front of a closed door.
    if (failure !== undefined) this.#options.onTrouble(failure.message);
    const startMs = performance.now();
    this.#lastArrivalMs = startMs;
    for (let nowMs = startMs; this.#mayStillCome(startMs, nowMs); nowMs = performance.now()) {
      await new Promise((resolve) => {
        setTimeout(resolve, GRACE_LOOK_MS);
      });
    }
    this.#report(this.#refusals.takeRest());
    return failure;
  }

  #mayStillCome(startMs: number, nowMs: number): boolean {
    const graceMs = this.#options.takeOver === undefined ? GRACE_MS.listen : GRACE_MS.takeOver;
    return nowMs - this.#lastArrivalMs < graceMs && nowMs - startMs < GRACE_MS_MAX;
  }

  #look(): void {
    this.#report(this.#refusals.take(performance.now()));
    if (this.#isPathLost || this.#isPathOurs()) return;
    this.#isPathLost = true;
    const { listen, onFact, onTrouble } = this.#options;
    onFact('note', { pathLost: listen });
    onTrouble(
      `${listen} does not lead to the recorder any more (was the relay restarted?): who connects now is not recorded; stop this recording and start another`,
    );
  }

  /** A directory that cannot be looked at tells nothing; giving the path back will tell. */
  #isPathOurs(): boolean {
    try {
      return this.#path.isOurs;
    } catch {
      return true;
    }
  }

  #report(refusedClients: number): void {
    if (refusedClients === 0) return;
    const { clientsMax, onFact, onTrouble } = this.#options;
    onFact('note', { refusedClients, clientsMax });
    onTrouble(
      `turned away ${count(refusedClients)}: there are ${clientsMax} already; see --clients-max and the limit of open files`,
    );
  }
}

function count(clients: number): string {
  return clients === 1 ? '1 client' : `${clients} clients`;
}
