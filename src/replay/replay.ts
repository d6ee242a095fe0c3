/**
 * Plays the clients of a capture to one relay or two, and records what they answer. Steps are done one after the
 * other in the recorded order over all clients: what has to wait (for its time, for an answer, for a relay that does not
 * read) holds up what comes after it, so the order is kept and nothing piles up. Only a client that closes may take its
 * time by itself, in `timed`.
 */
import type { CaptureReader, Side } from '../capture/types.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { type OverloadPolicy, DEFAULT_SPOOL_LIMITS } from '../shim/recorder.ts';
import {
  Recording,
  type RecordingOptions,
  type RecordingStatus,
  type Sealed,
} from '../shim/recording.ts';
import { checkDifferent, isListening } from '../shim/socket-file.ts';
import { Fidelity, fidelityWords, type FidelityReport } from './fidelity.ts';
import { type Due, Pace, type PaceOptions } from './pace.ts';
import { Bell, waitUntilMs } from './precise-time.ts';
import { ReplayClient } from './replay-client.ts';
import {
  type EndStep,
  type PieceMaker,
  Schedule,
  type ScheduleTotals,
  type SendStep,
  type Step,
} from './schedule.ts';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';

export interface ReplayOptions {
  readonly capture: CaptureReader;
  /** Old, or old and new. */
  readonly targets: ReadonlyMap<Side, string>;
  readonly out: string;
  readonly start: RecordingOptions['capture'];
  readonly pace: PaceOptions;
  readonly piecesOf: PieceMaker;
  /** How long a wait for an answer may last, and one for a relay that does not read: it is stuck then. */
  readonly patienceMs: number;
  /**
   * Whether the relay has read everything and waits for more, for whoever can know; undefined: nobody can. In `causal` a step
   * waits for it, so that each write is read alone and in its order also on a machine that has much to do.
   */
  readonly isIdle?: (() => boolean) | undefined;
  readonly onTrouble: (message: string) => void;
  /** How much of the recording has been played, in bytes of clients. */
  readonly onProgress: (playedBytes: number, totalBytes: number) => void;
}

export interface ReplayEnd extends RecordingStatus {
  readonly sealed: Sealed;
  readonly played: ScheduleTotals;
  readonly sentBytes: number;
  /** Bytes that no relay was there for any more. */
  readonly unsentBytes: number;
  readonly receivedBytes: number;
  readonly elapsedMs: number;
  readonly fidelity: FidelityReport;
  /** It was ended before everything was played. */
  readonly isStopped: boolean;
  /** Why it ended before everything was played. */
  readonly failure: OperatingError | undefined;
}

const ON_OVERLOAD: OverloadPolicy = 'block';
/** An answer that has not come after so many times the slowest one does not come. */
const PATIENCE_FACTOR = 10;
const PATIENCE_MS_MIN = 50;
/** So often in a row a client waits for nothing: what a relay drops, it should still read by itself. */
const SILENT_WAITS_MAX = 4;
/** A client that is about to close and hears nothing for so long has heard everything. */
const QUIET_MS = 250;
/** A relay that is never idle (a thread of it works all the time) is not waited for any more after so many tries. */
const IDLE_WAIT_MS_MAX = 1_000;
const IDLE_TRIES = 3;
const IDLE_TURNS = 20;
/** A relay that has nothing to do for so long does not answer any more. */
const IDLE_ANSWER_MS = 50;
/** The same at the end, while less has come than in the recording: the relay may only be slow. */
const MISSING_QUIET_MS = 1_000;
const QUIET_WAIT_MS_MAX = 2_000;
const CLOSE_WAIT_MS_MAX = 1_000;
const POLL_MS = 10;
const LEAD_MS = 50;
/** The event loop gets a turn after so many steps, and after so long. */
const STEPS_A_TURN = 256;
const TURN_MS = 1;
const READ_BUFFER_BYTES = 65_536;
/** What is handed over at once at `max`: one read of a relay, and one chunk. */
const WRITE_BYTES_MAX = 65_536;

export class Replay {
  readonly #options: ReplayOptions;
  readonly #recording: Recording;
  readonly #schedule: Schedule;
  readonly #pace: Pace;
  readonly #fidelity = new Fidelity();
  readonly #bell = new Bell();
  readonly #clients = new Map<number, ReplayClient>();
  /** Those of which something waits in this process. */
  readonly #behind = new Set<ReplayClient>();
  readonly #closing = new Set<Promise<void>>();
  /** Whose sends are handed to the system together before the next turn, and what they are. */
  #sender: ReplayClient | undefined;
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  readonly #readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  #anchorMs = 0;
  #lastStepMs = 0;
  #lastTurnMs = 0;
  #stepsSinceTurn = 0;
  #lastReceivedMs = 0;
  /** Waits for an idle relay in a row that never came true. */
  #busyTries = 0;
  #slowestAnswerMs: number | undefined;
  #playedBytes = 0;
  #overBytes = { sent: 0, unsent: 0 };
  #isHeld = false;
  #isStopped = false;
  #failure: OperatingError | undefined;

  private constructor(options: ReplayOptions, recording: Recording) {
    this.#options = options;
    this.#recording = recording;
    const { capture, piecesOf, pace } = options;
    this.#schedule = new Schedule(capture, { piecesOf, looksAtReceipts: pace.mode === 'causal' });
    this.#pace = new Pace(pace);
    recording.begin({
      onTick: () => undefined,
      reportGaps: () => {
        for (const client of this.#clients.values()) client.reportGaps();
      },
      onBlocking: (isBlocking) => this.#hold(isBlocking),
    });
  }

  /** Throws USAGE, RELAY_UNREACHABLE, CAPTURE_EXISTS or CAPTURE_UNWRITABLE; then nothing was written. */
  static async start(options: ReplayOptions): Promise<Replay> {
    const { targets, out, start, onTrouble } = options;
    checkDifferent(
      Object.fromEntries([...targets].map(([side, path]) => [`--target (${side})`, path])),
    );
    for (const [, path] of targets) {
      if (!(await isListening(path))) throw unreachable(path);
    }
    const recording = await Recording.start({
      out,
      capture: start,
      rotation: undefined,
      spoolLimits: DEFAULT_SPOOL_LIMITS,
      onOverload: ON_OVERLOAD,
      onTrouble,
    });
    return new Replay(options, recording);
  }

  /** Ends it in good order: what was asked is awaited and recorded, nothing more is sent. */
  stop(): void {
    this.#isStopped = true;
    this.#bell.halt();
  }

  /** Never throws for what a relay does: see `failure`. */
  async play(): Promise<ReplayEnd> {
    this.#recording.note('start', {});
    // What is read and compiled first does not make the first sends late.
    this.#anchorMs = performance.now() + LEAD_MS;
    this.#lastStepMs = this.#anchorMs;
    for (const step of this.#schedule.steps()) {
      const due = this.#pace.next(step);
      if (this.#sendAtOnce(step, due)) continue;
      this.#handOver();
      await this.#take(step, due);
      if (this.#bell.isHalted) break;
    }
    this.#handOver();
    const elapsedMs = performance.now() - this.#anchorMs;
    await Promise.all(this.#closing);
    const drained = this.#failure === undefined && (await this.#untilQuiet());
    this.#recording.noteStop(this.#clients.size, drained);
    await this.#closeAll();
    const fidelity = this.#fidelity.report();
    const sealed = await this.#recording.end({ fidelity: fidelityWords(fidelity).join('; ') });
    const { status } = this.#recording;
    return {
      ...status,
      sealed,
      played: this.#schedule.totals,
      sentBytes: this.#overBytes.sent,
      unsentBytes: this.#overBytes.unsent,
      receivedBytes: status.streams.old.seenBytes,
      elapsedMs,
      fidelity,
      isStopped: this.#isStopped,
      failure: this.#failure,
    };
  }

  /**
   * The way of most steps at `max`, without a turn of anything: whether it could be gone. What one client sends between two
   * turns of the event loop is handed to the system together.
   */
  #sendAtOnce(step: Step, due: Due): boolean {
    if (due.kind === 'at' || due.pauseMs > 0 || step.kind !== 'send' || this.#isTurnDue()) {
      return false;
    }
    const client = this.#clients.get(step.connection);
    if (client === undefined) return true;
    const isFull = this.#unsentBytes + step.bytes.length > WRITE_BYTES_MAX;
    if (client !== this.#sender || isFull) this.#handOver();
    if (this.#mustWait(client)) return false;
    this.#sender = client;
    this.#unsent.push(step.bytes);
    this.#unsentBytes += step.bytes.length;
    this.#fidelity.sent(undefined, 0);
    return true;
  }

  /** One write, and so one chunk of the new capture. */
  #handOver(): void {
    const client = this.#sender;
    if (client === undefined) return;
    const [first] = this.#unsent;
    const bytes = this.#unsent.length === 1 && first ? first : Buffer.concat(this.#unsent);
    this.#sender = undefined;
    this.#unsent = [];
    this.#unsentBytes = 0;
    this.#write(client, bytes);
  }

  async #take(step: Step, due: Due): Promise<void> {
    const dueMs = due.kind === 'at' ? this.#anchorMs + due.ms : this.#lastStepMs + due.pauseMs;
    if (dueMs > performance.now()) await waitUntilMs(dueMs, this.#bell);
    else if (this.#isTurnDue()) await this.#turn();
    if (this.#options.pace.mode === 'causal') await this.#untilIdle();
    if (this.#bell.isHalted) return;
    switch (step.kind) {
      case 'open':
        this.#open(step.connection, step.label);
        break;
      case 'send':
        await this.#send(step, due.kind === 'at' ? dueMs : undefined);
        break;
      case 'end':
      case 'close':
      case 'reset':
        await this.#end(step);
        break;
    }
    this.#lastStepMs = performance.now();
  }

  #isTurnDue(): boolean {
    this.#stepsSinceTurn += 1;
    return this.#stepsSinceTurn >= STEPS_A_TURN || performance.now() - this.#lastTurnMs >= TURN_MS;
  }

  /** Sockets are read between steps, however many steps are due. */
  async #turn(): Promise<void> {
    await turn();
    this.#stepsSinceTurn = 0;
    this.#lastTurnMs = performance.now();
    this.#options.onProgress(this.#playedBytes, this.#schedule.totals.sentBytes);
  }

  #open(id: number, label: string): void {
    const client: ReplayClient = new ReplayClient({
      id,
      label,
      targets: this.#options.targets,
      layout: this.#options.start.layout,
      recorder: this.#recording.recorder,
      readBuffer: this.#readBuffer,
      onChange: this.#bell.ring,
      onReceived: () => {
        this.#lastReceivedMs = performance.now();
      },
      onLost: (side) => void this.#lookFor(side),
      onOver: () => {
        this.#clients.delete(id);
        this.#behind.delete(client);
        this.#overBytes.sent += client.sentBytes;
        this.#overBytes.unsent += client.unsentBytes;
      },
    });
    this.#clients.set(id, client);
    if (this.#isHeld) client.hold();
  }

  async #send(step: SendStep, dueMs: number | undefined): Promise<void> {
    const client = this.#clients.get(step.connection);
    if (client === undefined) return;
    if (this.#mustWait(client)) await this.#untilTaken(client);
    if (step.receivedBytes > 0) await this.#untilReceived(client, step.receivedBytes);
    if (dueMs !== undefined && client.lastReceivedMs < client.lastSentMs) {
      const spacedMs =
        client.lastSentMs + step.pauseNs / 1e6 / Math.max(1, this.#options.pace.speed);
      if (spacedMs > performance.now()) await waitUntilMs(spacedMs, this.#bell);
    }
    if (this.#bell.isHalted) return;
    this.#fidelity.sent(dueMs, performance.now());
    this.#write(client, step.bytes);
  }

  #write(client: ReplayClient, bytes: Uint8Array): void {
    client.send(bytes);
    this.#playedBytes += bytes.length;
    if (this.#behind.size > 0) this.#noteOvertaking(client);
    if (client.isBehind) this.#behind.add(client);
  }

  /** The system takes the bytes of this client while it has not taken those of another. */
  #noteOvertaking(client: ReplayClient): void {
    for (const other of this.#behind) if (!other.isBehind) this.#behind.delete(other);
    if (this.#behind.size > (this.#behind.has(client) ? 1 : 0)) this.#fidelity.overtook();
  }

  #mustWait(client: ReplayClient): boolean {
    if (client.isConnecting || client.isBlocked || this.#isHeld) return true;
    return this.#options.pace.mode === 'max' && this.#isOtherBehind(client);
  }

  #isOtherBehind(client: ReplayClient): boolean {
    for (const other of this.#behind) {
      if (other !== client && other.isBehind) return true;
    }
    return false;
  }

  async #untilTaken(client: ReplayClient): Promise<void> {
    const isTaken = await this.#bell.until(
      () => !this.#mustWait(client),
      performance.now() + this.#options.patienceMs,
    );
    // Waiting for the disk is no fault of the relay.
    if (isTaken || this.#isHeld || this.#bell.isHalted) return;
    this.#fail(lost(`took nothing for ${this.#options.patienceMs} ms`));
  }

  /** What does not come is forgiven: the next wait is for what comes after it. */
  async #untilReceived(client: ReplayClient, bytes: number): Promise<void> {
    if (client.receivedBytes + client.forgivenBytes >= bytes) return;
    const startMs = performance.now();
    const has = (): boolean =>
      client.receivedBytes + client.forgivenBytes >= bytes || client.isLeftAlone;
    if (client.silentWaits < SILENT_WAITS_MAX) {
      await this.#untilAnswered(has, startMs + this.#patienceMs(client));
    }
    const isFulfilled = client.receivedBytes + client.forgivenBytes >= bytes;
    this.#fidelity.waited(isFulfilled);
    if (isFulfilled) {
      const tookMs = performance.now() - startMs;
      this.#slowestAnswerMs = Math.max(this.#slowestAnswerMs ?? 0, tookMs);
      return;
    }
    client.silentWaits += 1;
    client.forgivenBytes = Math.max(0, bytes - client.receivedBytes);
  }

  /** What was sent before has been read, and who came or went has been noticed. */
  async #untilIdle(): Promise<void> {
    const { isIdle } = this.#options;
    if (isIdle === undefined || this.#busyTries >= IDLE_TRIES) return;
    const untilMs = performance.now() + IDLE_WAIT_MS_MAX;
    for (let turns = 0; !isIdle() && !this.#bell.isHalted; turns++) {
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
    const { isIdle } = this.#options;
    let idleSinceMs: number | undefined;
    for (;;) {
      const nowMs = performance.now();
      const lookMs = isIdle === undefined ? untilMs : Math.min(untilMs, nowMs + POLL_MS);
      if ((await this.#bell.until(has, lookMs)) || this.#bell.isHalted) return;
      const afterMs = performance.now();
      if (isIdle?.() === true) idleSinceMs ??= afterMs;
      else idleSinceMs = undefined;
      if (idleSinceMs !== undefined && afterMs - idleSinceMs >= IDLE_ANSWER_MS) return;
      if (afterMs >= untilMs) return;
    }
  }

  #patienceMs(client: ReplayClient): number {
    const { patienceMs } = this.#options;
    const slowestMs = this.#slowestAnswerMs ?? (client.silentWaits > 0 ? 0 : undefined);
    if (slowestMs === undefined) return patienceMs;
    const wantedMs = Math.max(PATIENCE_MS_MIN, PATIENCE_FACTOR * slowestMs);
    return Math.min(patienceMs, wantedMs);
  }

  async #end(step: EndStep): Promise<void> {
    const client = this.#clients.get(step.connection);
    if (client === undefined) return;
    const { mode } = this.#options.pace;
    if (client.isConnecting) await this.#untilTaken(client);
    switch (step.kind) {
      case 'end':
        await this.#untilReceived(client, step.receivedBytes);
        client.finish();
        return;
      case 'reset':
        client.reset();
        return;
      case 'close': {
        const closed = this.#close(client, step);
        // Timed, nobody waits for anybody; otherwise who speaks next must not be heard by who has left.
        if (mode !== 'timed') await closed;
        else this.#inBackground(closed);
        return;
      }
    }
  }

  /** A client closed when it had its answers; it stays until it has them, or hears nothing any more. */
  async #close(client: ReplayClient, step: EndStep): Promise<void> {
    const startMs = performance.now();
    const untilMs = startMs + this.#options.patienceMs;
    const hasAll = (): boolean =>
      step.afterRelay ? client.isLeftAlone : client.receivedBytes >= step.receivedBytes;
    while (!hasAll() && !client.isLeftAlone && !this.#bell.isHalted) {
      const nowMs = performance.now();
      const heardMs = Math.max(startMs, client.lastReceivedMs);
      const quietMs = Math.max(QUIET_MS, PATIENCE_FACTOR * (this.#slowestAnswerMs ?? 0));
      if (nowMs >= untilMs || (!step.afterRelay && nowMs - heardMs >= quietMs)) break;
      await pause(POLL_MS);
    }
    if (performance.now() - startMs >= POLL_MS) this.#fidelity.waited(hasAll());
    client.close();
  }

  #inBackground(work: Promise<void>): void {
    const tracked = work.finally(() => this.#closing.delete(tracked));
    this.#closing.add(tracked);
  }

  /** What was asked last may still be answered. */
  async #untilQuiet(): Promise<boolean> {
    const startMs = performance.now();
    this.#lastReceivedMs = startMs;
    for (;;) {
      if (this.#clients.size === 0) return true;
      const nowMs = performance.now();
      const isBehind = [...this.#clients.values()].some((client) => client.isBehind);
      const quietMs = this.#hasHeardAll() ? QUIET_MS : MISSING_QUIET_MS;
      if (nowMs - this.#lastReceivedMs >= quietMs && !isBehind && !this.#isHeld) return true;
      if (nowMs - startMs >= QUIET_WAIT_MS_MAX) return false;
      await pause(POLL_MS);
    }
  }

  #hasHeardAll(): boolean {
    return this.#recording.status.streams.old.seenBytes >= this.#schedule.totals.receivedBytes;
  }

  async #closeAll(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    await this.#untilNone();
    for (const client of this.#clients.values()) client.destroy();
    await this.#untilNone();
  }

  async #untilNone(): Promise<void> {
    const startMs = performance.now();
    while (this.#clients.size > 0 && performance.now() - startMs < CLOSE_WAIT_MS_MAX) {
      await pause(POLL_MS);
    }
  }

  #hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    for (const client of this.#clients.values()) {
      if (isHeld) client.hold();
      else client.release();
    }
    this.#bell.ring();
  }

  /** A relay that ended one connection may still be there for others. */
  async #lookFor(side: Side): Promise<void> {
    const path = this.#options.targets.get(side);
    if (path === undefined || this.#bell.isHalted || (await isListening(path))) return;
    this.#fail(lost(`at ${path} ended, and nobody listens there any more`));
  }

  #fail(failure: OperatingError): void {
    this.#failure ??= failure;
    this.#bell.halt();
  }
}

function unreachable(path: string): OperatingError {
  return new OperatingError('RELAY_UNREACHABLE', `no relay is listening at ${path}`, {
    hint: 'Start the relay first, or correct --target.',
  });
}

function lost(what: string): OperatingError {
  return new OperatingError('RELAY_LOST', `the relay ${what}`, {
    hint: 'What was played until then is in the new capture; look into the log of the relay.',
  });
}
