/**
 * The shim as a whole: listens, makes a tee of each client, keeps the recorder going, and ends in order: no
 * new clients, nothing more from the clients, everybody's last words, then the account and the seal.
 */
import { statSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Side } from '../capture/types.ts';
import { partPath } from '../capture/part-files.ts';
import type { Rotation } from '../capture/rotating-writer.ts';
import type { CaptureStart } from '../capture/writer.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { isListening, listenAt, type OwnedPath } from './listen-path.ts';
import { MirrorBudget, type MirrorLimits } from './mirror-queue.ts';
import { type MirrorSelection, mirroringOf } from './mirror-selection.ts';
import { type OverloadPolicy, Recorder, type SpoolLimits } from './recorder.ts';
import { Tee } from './sockets.ts';
import { type LiveStatus, mirrorStatusOf, type ShimStatus } from './status.ts';
import { Troubles } from './troubles.ts';
import { WriterThread } from './writer-thread.ts';

export interface ShimOptions {
  readonly listen: string;
  readonly relays: Readonly<Record<Side, string>>;
  readonly out: string;
  readonly capture: Omit<CaptureStart, 'startedUnixNs' | 'part'>;
  /** Undefined: one file. */
  readonly rotation: Rotation | undefined;
  readonly mirrorLimits: MirrorLimits;
  /** Of all connections together. */
  readonly mirrorBudgetBytes: number;
  readonly mirrorSelection: MirrorSelection;
  readonly spoolLimits: SpoolLimits;
  readonly onOverload: OverloadPolicy;
  /** Tells the operator at once what goes wrong while traffic goes on. */
  readonly onTrouble: (message: string) => void;
}

export interface ShimEnd extends ShimStatus {
  /** Size of the capture, or why it could not be sealed. */
  readonly sealed: { readonly fileBytes: number } | { readonly failure: Error };
}

/** At most this old is what a kill can lose, besides the disk's own delay. */
const SEND_INTERVAL_MS = 20;
/** Connections that were waiting in the listener's queue need a moment to be accepted. */
const LISTENER_GRACE_MS = 50;
/** Everybody counts as silent when nothing was read for this long. */
const QUIET_MS = 250;
const QUIET_WAIT_MS_MAX = 2_000;
const CLOSE_WAIT_MS_MAX = 1_000;
const POLL_MS = 20;

export class Shim {
  readonly #options: ShimOptions;
  readonly #server: Server;
  readonly #tees = new Set<Tee>();
  readonly #writer: WriterThread;
  readonly #recorder: Recorder;
  readonly #budget: MirrorBudget;
  readonly #timer: NodeJS.Timeout;
  readonly #troubles: Troubles;
  #path: OwnedPath | undefined;
  #connections = 0;
  #clientsAtEnd = 0;
  #lastTrafficMs = 0;
  #fileBytes: number | undefined;
  #isStopping = false;
  #isKnocking = false;
  /** A mistake in what is not forwarding; from then on nothing is recorded, and the capture is not sealed. */
  #bug: Error | undefined;

  private constructor(
    options: ShimOptions,
    writer: WriterThread,
    recorder: Recorder,
    troubles: Troubles,
  ) {
    this.#options = options;
    this.#writer = writer;
    this.#recorder = recorder;
    this.#troubles = troubles;
    this.#budget = new MirrorBudget(options.mirrorBudgetBytes);
    this.#budget.tick(performance.now());
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
    this.#timer = setInterval(() => this.#tick(), SEND_INTERVAL_MS);
  }

  /** Throws RELAY_UNREACHABLE, USAGE, LISTEN_IN_USE, LISTEN_FAILED, CAPTURE_EXISTS or CAPTURE_UNWRITABLE. */
  static async start(options: ShimOptions): Promise<Shim> {
    for (const side of ['old', 'new'] as const) await checkRelay(side, options.relays[side]);
    checkDifferent(options);
    const startNs = process.hrtime.bigint();
    const startedUnixNs = BigInt(Date.now()) * 1_000_000n;
    const late: { recorder?: Recorder; shim?: Shim } = {};
    const troubles = new Troubles(options.onTrouble);
    const writer = await WriterThread.start(
      {
        path: options.out,
        start: { ...options.capture, startedUnixNs },
        rotation: options.rotation,
      },
      {
        stored: (costBytes) => late.recorder?.stored(costBytes),
        troubled: (error) => {
          // Nothing will be stored any more: there is no room to wait for.
          if (error.code === 'RECORDER_FAILED') late.recorder?.neverBlock();
          const traffic = late.recorder?.isBlocking === true ? 'traffic waits' : 'traffic goes on';
          troubles.begin('writer', `recording is in trouble, ${traffic}: ${error.message}`);
        },
        recovered: () => troubles.end('writer', 'recording goes on'),
        grown: (fileBytes) => late.shim?.noteSize(fileBytes),
      },
    );
    const now = (): bigint => process.hrtime.bigint() - startNs;
    const recorder = new Recorder(writer, {
      layout: options.capture.layout,
      now,
      limits: options.spoolLimits,
      onOverload: options.onOverload,
      onBlocking: (isBlocking) => {
        if (late.shim !== undefined) late.shim.#setBlocking(isBlocking);
      },
    });
    late.recorder = recorder;
    const shim = new Shim(options, writer, recorder, troubles);
    late.shim = shim;
    try {
      shim.#path = await listenAt(shim.#server, options.listen);
    } catch (error) {
      await shim.#abandon();
      throw error;
    }
    shim.#server.on('error', (error) => {
      troubles.begin('accept', `cannot accept: ${error.message}`);
    });
    recorder.addEvent({ connection: undefined, stream: undefined, kind: 'start', details: {} });
    return shim;
  }

  get status(): ShimStatus {
    const { client, old, new: fresh } = this.#recorder.totals;
    return {
      clients: this.#tees.size,
      connections: this.#connections,
      streams: { client: { ...client }, old: { ...old }, new: { ...fresh } },
      recordingGapBytes: client.gapBytes + old.gapBytes + fresh.gapBytes,
      mirrorGapBytes: this.#recorder.mirrorGapBytes,
      notSelectedBytes: this.#recorder.notSelectedBytes,
      isBlocking: this.#recorder.isBlocking,
      gaps: this.#recorder.gapTotals,
      lostEvents: this.#recorder.lostEvents,
    };
  }

  /** Costs a look at each connection: meant for once a second, not for each chunk. */
  get live(): LiveStatus {
    const { watch, spooledCostBytes } = this.#recorder;
    return {
      ...this.status,
      clients: watch.clients,
      lingering: this.#tees.size - watch.clients,
      isStopping: this.#isStopping,
      relays: { old: watch.status('old'), new: watch.status('new') },
      mirror: mirrorStatusOf(this.#budget, this.#tees),
      spool: {
        costBytes: spooledCostBytes,
        costBytesMax: this.#options.spoolLimits.spoolBytesMax,
      },
      fileBytes: this.#fileBytes,
      troubles: this.#troubles.status,
    };
  }

  /** Knocks at relays of which nothing else tells whether they are there: each knock is a connection to one. */
  async checkRelays(): Promise<void> {
    if (this.#isKnocking || this.#isStopping) return;
    this.#isKnocking = true;
    const { watch } = this.#recorder;
    for (const side of ['old', 'new'] as const) {
      if (!watch.isKnockDue(side, performance.now())) continue;
      const hasAnswered = await isListening(this.#options.relays[side]);
      watch.knocked(side, hasAnswered, performance.now());
    }
    this.#isKnocking = false;
  }

  noteSize(fileBytes: number): void {
    this.#fileBytes = fileBytes;
  }

  /** Drains, closes, accounts, seals. Throws only when relaydiff itself made a mistake. */
  async stop(): Promise<ShimEnd> {
    this.#isStopping = true;
    this.#path?.release();
    await pause(LISTENER_GRACE_MS);
    this.#server.close();
    // First what clients are about to say, then what relays answer to it.
    await this.#untilQuiet();
    this.#observe(() => this.#recorder.neverBlock());
    for (const tee of this.#tees) tee.holdClient();
    const drained = await this.#untilQuiet();
    this.#clientsAtEnd = this.#tees.size;
    this.#observe(() => this.#noteStop(drained));
    for (const tee of this.#tees) tee.finishAll();
    await this.#untilClosed();
    clearInterval(this.#timer);
    this.#tick();
    if (this.#bug !== undefined) throw this.#bug;
    return { ...this.status, clients: this.#clientsAtEnd, sealed: await this.#seal() };
  }

  #accept(client: Socket): void {
    this.#troubles.end('accept');
    this.#connections += 1;
    const id = this.#connections;
    const { relays, capture, mirrorLimits, mirrorSelection } = this.#options;
    const tee: Tee = new Tee(client, {
      id,
      relays,
      active: 'old',
      layout: capture.layout,
      mirrorLimits,
      mirrorBudget: this.#budget,
      mirroring: mirroringOf(mirrorSelection, id),
      recorder: this.#recorder,
      onTraffic: () => {
        this.#lastTrafficMs = performance.now();
      },
      guard: (observe) => this.#observe(observe),
      onOver: () => {
        this.#tees.delete(tee);
        this.#observe(() => {
          tee.reportGaps();
          this.#recorder.endConnection(id, tee.mirroredBytes);
        });
      },
    });
    this.#tees.add(tee);
    if (this.#recorder.isBlocking) tee.holdAll();
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

  /** Keeps mistakes in recording and mirroring from the traffic. */
  #observe(work: () => void): void {
    if (this.#bug !== undefined) return;
    try {
      work();
    } catch (error) {
      this.#bug = error instanceof Error ? error : new Error(String(error));
      this.#troubles.begin(
        'bug',
        `a bug in relaydiff ended the recording, traffic goes on: ${this.#bug.message}`,
      );
    }
  }

  #tick(): void {
    this.#budget.tick(performance.now());
    this.#observe(() => {
      if (!this.#recorder.isOverloaded) for (const tee of this.#tees) tee.reportGaps();
      this.#recorder.send();
    });
  }

  /** `drained`: everybody had fallen silent, so what a relay has not delivered by now it did not deliver. */
  #noteStop(drained: boolean): void {
    const details = { clients: this.#clientsAtEnd, drained: drained ? 1 : 0 };
    this.#recorder.addEvent({ connection: undefined, stream: undefined, kind: 'stop', details });
  }

  async #seal(): Promise<ShimEnd['sealed']> {
    try {
      return { fileBytes: await this.#writer.seal() };
    } catch (error) {
      return { failure: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  /** Whether nothing was read for a while, and no mirror is behind. */
  async #untilQuiet(): Promise<boolean> {
    const startMs = performance.now();
    this.#lastTrafficMs = startMs;
    while (this.#tees.size > 0) {
      const isSilent =
        performance.now() - this.#lastTrafficMs >= QUIET_MS && !this.#recorder.isBlocking;
      if (isSilent && [...this.#tees].every((tee) => tee.isMirrored)) return true;
      if (performance.now() - startMs >= QUIET_WAIT_MS_MAX) return false;
      await pause(POLL_MS);
    }
    return true;
  }

  /** A peer that does not read must not keep the recorder from ending; what it did not take is a gap. */
  async #untilClosed(): Promise<void> {
    await this.#untilNoTee();
    for (const tee of this.#tees) tee.destroyAll();
    await this.#untilNoTee();
  }

  async #untilNoTee(): Promise<void> {
    const deadlineMs = performance.now() + CLOSE_WAIT_MS_MAX;
    while (this.#tees.size > 0 && performance.now() < deadlineMs) await pause(POLL_MS);
  }

  /** Nothing was recorded: the file, which is ours, goes again. */
  async #abandon(): Promise<void> {
    clearInterval(this.#timer);
    this.#server.close();
    await this.#writer.seal();
    const { out, rotation } = this.#options;
    unlinkSync(rotation === undefined ? out : partPath(out, 1));
  }
}

async function checkRelay(side: Side, path: string): Promise<void> {
  if (await isListening(path)) return;
  throw new OperatingError('RELAY_UNREACHABLE', `no ${side} relay is listening at ${path}`, {
    hint: `Start the ${side} relay first, or correct --${side}.`,
  });
}

/** The same socket under two names would get every message twice. */
function checkDifferent({ relays, listen }: ShimOptions): void {
  const identityOf = (path: string): string => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? path : `${found.dev}:${found.ino}`;
  };
  const identities = [relays.old, relays.new, listen].map(identityOf);
  if (new Set(identities).size === identities.length) return;
  throw new OperatingError('USAGE', '--listen, --old and --new must be three different sockets', {
    hint: 'A shim that listens where a relay listens would talk to itself.',
  });
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
