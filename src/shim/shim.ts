/**
 * The shim as a whole: listens, makes a tee of each client, keeps the recorder going, and ends in order:
 * no new clients, nothing more from the clients, the relays' last answers, then the seal.
 */
import { unlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { Side } from '../capture/types.ts';
import type { CaptureStart } from '../capture/writer.ts';
import { OperatingError } from '../lib/operating-error.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { isListening, listenAt, type OwnedPath } from './listen-path.ts';
import { DEFAULT_MIRROR_LIMITS, type MirrorLimits } from './mirror-gate.ts';
import {
  DEFAULT_SPOOL_LIMITS,
  Recorder,
  type SpoolLimits,
  type StreamAccount,
} from './recorder.ts';
import { Tee } from './sockets.ts';
import { WriterThread } from './writer-thread.ts';

export interface ShimOptions {
  readonly listen: string;
  readonly relays: Readonly<Record<Side, string>>;
  readonly out: string;
  readonly layout: HeaderLayout;
  readonly capture: CaptureStart;
  readonly mirrorLimits?: MirrorLimits;
  readonly spoolLimits?: SpoolLimits;
  /** Tells the operator at once what goes wrong while traffic goes on. */
  readonly onTrouble: (message: string) => void;
}

/** Where the recording stands; totals of all connections. */
export interface ShimStatus {
  readonly clients: number;
  readonly connections: number;
  readonly seenBytes: Readonly<Record<'client' | Side, number>>;
  readonly recordedBytes: number;
  readonly recordingGapBytes: number;
  readonly mirrorGapBytes: number;
}

export interface ShimSummary extends ShimStatus {
  readonly fileBytes: number;
}

/** At most this old is what a kill can lose, besides the disk's own delay. */
const SEND_INTERVAL_MS = 20;
/** After the swap of a listener, connections that were waiting in its queue need a moment to be accepted. */
const LISTENER_GRACE_MS = 50;
/** The relays count as silent when nothing came from them for this long. */
const QUIET_MS = 100;
const QUIET_WAIT_MS_MAX = 2_000;
const CLOSE_WAIT_MS_MAX = 1_000;
const POLL_MS = 20;

export class Shim {
  readonly #out: string;
  readonly #server: Server;
  readonly #tees = new Set<Tee>();
  readonly #writer: WriterThread;
  readonly #recorder: Recorder;
  readonly #timer: NodeJS.Timeout;
  #path: OwnedPath | undefined;
  #connections = 0;
  #lastTrafficMs = 0;

  private constructor(options: ShimOptions, writer: WriterThread, recorder: Recorder) {
    this.#out = options.out;
    this.#writer = writer;
    this.#recorder = recorder;
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      this.#connections += 1;
      const tee = new Tee(client, {
        ...options,
        id: this.#connections,
        active: 'old',
        mirrorLimits: options.mirrorLimits ?? DEFAULT_MIRROR_LIMITS,
        recorder,
        onTraffic: () => {
          this.#lastTrafficMs = performance.now();
        },
        onOver: () => this.#tees.delete(tee),
      });
      this.#tees.add(tee);
    });
    this.#timer = setInterval(() => this.#tick(), SEND_INTERVAL_MS);
  }

  /** Throws RELAY_UNREACHABLE, LISTEN_IN_USE, LISTEN_FAILED, CAPTURE_EXISTS or CAPTURE_UNWRITABLE. */
  static async start(options: ShimOptions): Promise<Shim> {
    for (const side of ['old', 'new'] as const) await checkRelay(side, options.relays[side]);
    const startNs = process.hrtime.bigint();
    const relay: { recorder?: Recorder } = {};
    const writer = await WriterThread.start(options.out, options.capture, {
      stored: (bytes) => relay.recorder?.stored(bytes),
      troubled: (error) =>
        options.onTrouble(`recording is in trouble, traffic goes on: ${error.message}`),
      recovered: () => options.onTrouble('recording goes on'),
    });
    const now = (): bigint => process.hrtime.bigint() - startNs;
    const recorder = new Recorder(writer, now, options.spoolLimits ?? DEFAULT_SPOOL_LIMITS);
    relay.recorder = recorder;
    const shim = new Shim(options, writer, recorder);
    try {
      shim.#path = await listenAt(shim.#server, options.listen);
    } catch (error) {
      await shim.#abandon();
      throw error;
    }
    recorder.addEvent({ connection: undefined, stream: undefined, kind: 'start', details: {} });
    return shim;
  }

  get status(): ShimStatus {
    const { accounts } = this.#recorder;
    const total = (field: 'seenBytes' | 'recordedBytes' | 'gapBytes', stream?: string): number =>
      accounts
        .filter(
          (account: Readonly<StreamAccount>) => stream === undefined || account.stream === stream,
        )
        .reduce((sum, account) => sum + account[field], 0);
    return {
      clients: this.#tees.size,
      connections: this.#connections,
      seenBytes: {
        client: total('seenBytes', 'client'),
        old: total('seenBytes', 'old'),
        new: total('seenBytes', 'new'),
      },
      recordedBytes: total('recordedBytes'),
      recordingGapBytes: total('gapBytes'),
      mirrorGapBytes: this.#recorder.mirrorGapBytes,
    };
  }

  /** Drains and seals. Throws when the capture could not be sealed; what was flushed is in it all the same. */
  async stop(): Promise<ShimSummary> {
    this.#path?.release();
    await pause(LISTENER_GRACE_MS);
    this.#server.close();
    for (const tee of this.#tees) tee.holdClient();
    await this.#untilQuiet();
    const { status } = this;
    this.#recorder.addEvent({
      connection: undefined,
      stream: undefined,
      kind: 'stop',
      details: { clients: status.clients },
    });
    for (const tee of this.#tees) tee.finishAll();
    clearInterval(this.#timer);
    this.#tick();
    try {
      return { ...status, fileBytes: await this.#writer.seal() };
    } finally {
      await this.#untilClosed();
    }
  }

  #tick(): void {
    for (const tee of this.#tees) tee.reportGap();
    this.#recorder.send();
  }

  async #untilQuiet(): Promise<void> {
    const startMs = performance.now();
    this.#lastTrafficMs = startMs;
    while (
      this.#tees.size > 0 &&
      performance.now() - this.#lastTrafficMs < QUIET_MS &&
      performance.now() - startMs < QUIET_WAIT_MS_MAX
    ) {
      await pause(POLL_MS);
    }
  }

  /** A peer that does not read must not keep the recorder from ending. */
  async #untilClosed(): Promise<void> {
    const deadlineMs = performance.now() + CLOSE_WAIT_MS_MAX;
    while (this.#tees.size > 0 && performance.now() < deadlineMs) await pause(POLL_MS);
    for (const tee of this.#tees) tee.destroyAll();
  }

  /** Nothing was recorded: the file, which is ours, goes again. */
  async #abandon(): Promise<void> {
    clearInterval(this.#timer);
    this.#server.close();
    await this.#writer.seal();
    unlinkSync(this.#out);
  }
}

async function checkRelay(side: Side, path: string): Promise<void> {
  if (await isListening(path)) return;
  throw new OperatingError('RELAY_UNREACHABLE', `no ${side} relay is listening at ${path}`, {
    hint: `Start the ${side} relay first, or correct --${side}.`,
  });
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
