/**
 * The shim as a whole: listens, makes a tee of each client, keeps the recorder going, and ends in order: no
 * new clients, nothing more from the clients, everybody's last words, then the account and the seal.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Side } from '../capture/types.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { Entrance, type EntranceOptions } from './entrance.ts';
import { MirrorBudget, type MirrorLimits } from './mirror-queue.ts';
import { type MirrorSelection, mirroringOf } from './mirror-selection.ts';
import { Recording, type RecordingOptions, type Sealed } from './recording.ts';
import { checkDifferent, isListening } from './socket-file.ts';
import { Tee } from './sockets.ts';
import { type LiveStatus, mirrorStatusOf, type ShimStatus } from './status.ts';
import { giveBack, lookAtNames } from './take-over-names.ts';
import { Tees } from './tees.ts';

export interface ShimOptions extends RecordingOptions, Omit<EntranceOptions, 'onFact'> {
  /** With `takeOver` the old one is where its socket will be. */
  readonly relays: Readonly<Record<Side, string>>;
  readonly mirrorLimits: MirrorLimits;
  /** Of all connections together. */
  readonly mirrorBudgetBytes: number;
  readonly mirrorSelection: MirrorSelection;
  /** How long clients may stay when the path has been given back; who has not left by then is closed. */
  readonly lingerMs: number;
}

export interface ShimEnd extends ShimStatus {
  readonly sealed: Sealed;
  /** Clients that were turned away, because there were `clientsMax` already. */
  readonly refusedClients: number;
  /** Why the path could not be given back as it was taken. */
  readonly pathFailure: Error | undefined;
}

export class Shim {
  readonly #options: ShimOptions;
  readonly #server: Server;
  readonly #tees = new Tees();
  readonly #recording: Recording;
  readonly #budget: MirrorBudget;
  /** Where they can be reached now: the old one moves when its path is taken over, and back. */
  readonly #relays: Readonly<Record<Side, string>>;
  #entrance: Entrance | undefined;
  #lingerMs: number;
  #connections = 0;
  #clientsAtEnd = 0;
  #isStopping = false;
  #isKnocking = false;

  private constructor(options: ShimOptions, recording: Recording) {
    this.#options = options;
    this.#recording = recording;
    this.#lingerMs = options.lingerMs;
    const oldRelay = (): string => this.#entrance?.relayPath ?? options.relays.old;
    this.#relays = {
      get old() {
        return oldRelay();
      },
      new: options.relays.new,
    };
    this.#budget = new MirrorBudget(options.mirrorBudgetBytes);
    this.#budget.tick(performance.now());
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
    recording.begin({
      onTick: () => this.#budget.tick(performance.now()),
      reportGaps: () => this.#tees.reportGaps(),
      onBlocking: (isBlocking) => this.#setBlocking(isBlocking),
    });
  }

  /**
   * Throws RELAY_UNREACHABLE, USAGE, LISTEN_IN_USE, LISTEN_FAILED, TAKE_OVER_FAILED, CAPTURE_EXISTS or
   * CAPTURE_UNWRITABLE.
   */
  static async start(options: ShimOptions): Promise<Shim> {
    await prepare(options);
    const recording = await Recording.start(options);
    const shim = new Shim(options, recording);
    try {
      shim.#entrance = await Entrance.open(shim.#server, { ...options, onFact: recording.note });
    } catch (error) {
      shim.#server.close();
      await recording.abandon();
      throw error;
    }
    shim.#server.on('error', (error) => {
      recording.troubles.begin('accept', `cannot accept: ${error.message}`);
    });
    return shim;
  }

  get status(): ShimStatus {
    return {
      clients: this.#tees.size,
      connections: this.#connections,
      ...this.#recording.status,
    };
  }

  /** Costs a look at each connection: meant for once a second, not for each chunk. */
  get live(): LiveStatus {
    const { watch } = this.#recording.recorder;
    return {
      ...this.status,
      ...this.#recording.live,
      clients: watch.clients,
      lingering: this.#tees.size - watch.clients,
      isStopping: this.#isStopping,
      mirror: mirrorStatusOf(this.#budget, this.#tees),
    };
  }

  /** Knocks at relays of which nothing else tells whether they are there: each knock is a connection to one. */
  async checkRelays(): Promise<void> {
    if (this.#isKnocking || this.#isStopping) return;
    this.#isKnocking = true;
    const { watch } = this.#recording.recorder;
    for (const side of ['old', 'new'] as const) {
      if (!watch.isKnockDue(side, performance.now())) continue;
      const hasAnswered = await isListening(this.#relays[side]);
      watch.knocked(side, hasAnswered, performance.now());
    }
    this.#isKnocking = false;
  }

  /** No longer waits for clients to leave by themselves. */
  hurry(): void {
    this.#lingerMs = 0;
  }

  /** Drains, closes, accounts, seals. Throws only when relaydiff itself made a mistake. */
  async stop(): Promise<ShimEnd> {
    this.#isStopping = true;
    const pathFailure = await this.#entrance?.leave();
    this.#server.close();
    await this.#tees.untilNone(() => this.#lingerMs);
    // First what clients are about to say, then what relays answer to it.
    await this.#untilQuiet();
    this.#recording.observe(() => this.#recording.recorder.neverBlock());
    for (const tee of this.#tees) tee.holdClient();
    const drained = await this.#untilQuiet();
    this.#clientsAtEnd = this.#tees.size;
    this.#recording.noteStop(this.#clientsAtEnd, drained);
    for (const tee of this.#tees) tee.finishAll();
    await this.#tees.untilClosed();
    const sealed = await this.#recording.end();
    const refusedClients = this.#entrance?.refusedClients ?? 0;
    return { ...this.status, clients: this.#clientsAtEnd, refusedClients, sealed, pathFailure };
  }

  async #untilQuiet(): Promise<boolean> {
    return this.#tees.silence.until(this.#tees, () => !this.#recording.recorder.isBlocking);
  }

  #accept(client: Socket): void {
    const { recorder, observe, troubles } = this.#recording;
    troubles.end('accept');
    if (this.#entrance?.admit(client, this.#tees.size) === false) return;
    this.#connections += 1;
    const id = this.#connections;
    const { capture, mirrorLimits, mirrorSelection } = this.#options;
    const tee: Tee = new Tee(client, {
      id,
      label: `client-${id}`,
      relays: this.#relays,
      active: 'old',
      layout: capture.layout,
      mirrorLimits,
      mirrorBudget: this.#budget,
      mirroring: mirroringOf(mirrorSelection, id),
      recorder,
      onTraffic: this.#tees.silence.broken,
      guard: observe,
      onOver: () => {
        this.#tees.delete(tee);
        observe(() => {
          tee.reportGaps();
          recorder.endConnection(id, tee.mirroredBytes);
        });
      },
    });
    this.#tees.add(tee);
    if (recorder.isBlocking) tee.holdAll();
  }

  /** The operator asked for completeness at the price of speed, and the spool is full, or not any more. */
  #setBlocking(isBlocking: boolean): void {
    for (const tee of this.#tees) {
      if (isBlocking) tee.holdAll();
      else tee.releaseAll();
    }
    this.#options.onTrouble(
      isBlocking
        ? 'the disk cannot keep up: nobody is read from until there is room (--on-overload block)'
        : 'there is room again: traffic goes on',
    );
  }
}

async function prepare({ listen, relays, takeOver, onTrouble }: ShimOptions): Promise<void> {
  const place = takeOver === undefined ? '--listen' : '--take-over';
  const aside = takeOver === undefined ? '--old' : '--old-aside';
  // The same socket under two names would get every message twice, or the shim talk to itself.
  checkDifferent({ [place]: listen, [aside]: relays.old, '--new': relays.new });
  if (takeOver === undefined) {
    await checkRelay('old', relays.old);
  } else {
    const done = giveBack(await lookAtNames(takeOver));
    if (done !== undefined) onTrouble(done);
  }
  await checkRelay('new', relays.new);
}

async function checkRelay(side: Side, path: string): Promise<void> {
  if (await isListening(path)) return;
  throw new OperatingError('RELAY_UNREACHABLE', `no ${side} relay is listening at ${path}`, {
    hint: `Start the ${side} relay first, or correct --${side}.`,
  });
}
