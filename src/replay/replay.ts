/**
 * Plays the clients of a capture to one relay or two, and records what they answer. Steps are done one after the
 * other in the recorded order over all clients: what has to wait (for its time, for an answer, for a relay that does not
 * read) holds up what comes after it, so the order is kept and nothing piles up. Only a client that closes may take its
 * time by itself, in `timed`. How long is waited say `Answers` and `Farewell`, who is there `PlayedClients`.
 */
import type { CaptureReader, Side } from '../capture/types.ts';
import type { OperatingError } from '../lib/operating-error.ts';
import { type OverloadPolicy, DEFAULT_SPOOL_LIMITS } from '../shim/recorder.ts';
import {
  Recording,
  type RecordingOptions,
  type RecordingStatus,
  type Sealed,
} from '../shim/recording.ts';
import { checkDifferent, isListening } from '../shim/socket-file.ts';
import { Answers } from './answers.ts';
import { Farewell } from './farewell.ts';
import { Fidelity, fidelityWords, type FidelityReport } from './fidelity.ts';
import { JoinedWrites } from './joined-writes.ts';
import { type Due, Pace, type PaceOptions } from './pace.ts';
import { PlayedClients } from './played-clients.ts';
import { Bell, waitUntilMs } from './precise-time.ts';
import { lost, unreachable } from './relay-failures.ts';
import type { ReplayClient } from './replay-client.ts';
import {
  type EndStep,
  type PieceMaker,
  Schedule,
  type ScheduleTotals,
  type SendStep,
  type Step,
} from './schedule.ts';
import { Turns } from './turns.ts';

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
const LEAD_MS = 50;
const POLL_MS = 10;

export class Replay {
  readonly #options: ReplayOptions;
  readonly #recording: Recording;
  readonly #schedule: Schedule;
  readonly #pace: Pace;
  readonly #fidelity = new Fidelity();
  readonly #bell = new Bell();
  readonly #clients: PlayedClients;
  readonly #answers: Answers;
  readonly #farewell: Farewell;
  readonly #joined = new JoinedWrites<ReplayClient>((client, bytes) => this.#write(client, bytes));
  readonly #turns = new Turns();
  #anchorMs = 0;
  #lastStepMs = 0;
  #playedBytes = 0;
  #isStopped = false;
  #failure: OperatingError | undefined;

  private constructor(options: ReplayOptions, recording: Recording) {
    this.#options = options;
    this.#recording = recording;
    const { capture, piecesOf, pace, patienceMs, isIdle } = options;
    const [bell, fidelity] = [this.#bell, this.#fidelity];
    this.#schedule = new Schedule(capture, { piecesOf, looksAtReceipts: pace.mode === 'causal' });
    this.#pace = new Pace(pace);
    const clients = new PlayedClients({
      targets: options.targets,
      layout: options.start.layout,
      recorder: recording.recorder,
      mode: pace.mode,
      bell,
      fidelity,
      onLost: (side) => void this.#lookFor(side),
    });
    const answers = new Answers({ bell, fidelity, patienceMs, isIdle });
    this.#clients = clients;
    this.#answers = answers;
    this.#farewell = new Farewell({
      clients,
      answers,
      bell,
      fidelity,
      patienceMs,
      hasHeardAll: () =>
        recording.status.streams.old.seenBytes >= this.#schedule.totals.receivedBytes,
    });
    recording.begin({
      onTick: () => undefined,
      reportGaps: () => clients.reportGaps(),
      onBlocking: (isBlocking) => clients.hold(isBlocking),
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
      this.#joined.handOver();
      await this.#take(step, due);
      if (this.#bell.isHalted) break;
    }
    this.#joined.handOver();
    const elapsedMs = performance.now() - this.#anchorMs;
    await this.#farewell.untilClosed();
    const drained = this.#failure === undefined && (await this.#farewell.untilQuiet());
    this.#recording.noteStop(this.#clients.size, drained);
    await this.#farewell.closeAll();
    const fidelity = this.#fidelity.report();
    const sealed = await this.#recording.end({ fidelity: fidelityWords(fidelity).join('; ') });
    const { status } = this.#recording;
    const { overBytes } = this.#clients;
    return {
      ...status,
      sealed,
      played: this.#schedule.totals,
      sentBytes: overBytes.sent,
      unsentBytes: overBytes.unsent,
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
    if (due.kind === 'at' || due.settles || step.kind !== 'send' || this.#turns.isDue()) {
      return false;
    }
    if (!this.#joined.joins(step.connection, step.bytes)) {
      const client = this.#clients.get(step.connection);
      if (client === undefined) return true;
      this.#joined.makeRoomFor(client, step.bytes);
      if (this.#clients.mustWait(client)) return false;
      this.#joined.add(client, step.bytes);
    }
    this.#fidelity.sent(undefined, 0);
    return true;
  }

  async #take(step: Step, due: Due): Promise<void> {
    const dueMs = due.kind === 'at' ? this.#anchorMs + due.ms : this.#lastStepMs + due.pauseMs;
    if (dueMs > performance.now()) await waitUntilMs(dueMs, this.#bell);
    else if (this.#turns.isDue()) {
      await this.#turns.take();
      this.#options.onProgress(this.#playedBytes, this.#schedule.totals.sentBytes);
    }
    if (this.#options.pace.mode === 'causal' || (due.kind === 'after' && due.settles)) {
      await this.#untilRead();
    }
    if (this.#bell.isHalted) return;
    switch (step.kind) {
      case 'open':
        this.#clients.open(step.connection, step.label);
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

  async #send(step: SendStep, dueMs: number | undefined): Promise<void> {
    const client = this.#clients.get(step.connection);
    if (client === undefined) return;
    if (this.#clients.mustWait(client)) await this.#untilTaken(client);
    if (step.receivedBytes > 0) await this.#answers.untilReceived(client, step.receivedBytes);
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
    this.#clients.send(client, bytes);
    this.#playedBytes += bytes.length;
  }

  /** What was sent before has left this process, and been read where somebody can know. */
  async #untilRead(): Promise<void> {
    if (this.#clients.isAnyBehind) await this.#untilNot(() => this.#clients.isAnyBehind);
    await this.#answers.untilIdle();
  }

  async #untilTaken(client: ReplayClient): Promise<void> {
    await this.#untilNot(() => this.#clients.mustWait(client));
  }

  /** Waits until nobody has to wait any more; a relay that keeps clients waiting for too long is lost. */
  async #untilNot(mustWait: () => boolean): Promise<void> {
    const untilMs = performance.now() + this.#options.patienceMs;
    // Not everything that is taken rings.
    while (mustWait() && !this.#bell.isHalted && performance.now() < untilMs) {
      await this.#bell.wait(POLL_MS);
    }
    const isTaken = !mustWait();
    // Waiting for the disk is no fault of the relay.
    if (isTaken || this.#clients.isHeld || this.#bell.isHalted) return;
    this.#fail(lost(`took nothing for ${this.#options.patienceMs} ms`));
  }

  async #end(step: EndStep): Promise<void> {
    const client = this.#clients.get(step.connection);
    if (client === undefined) return;
    const { mode } = this.#options.pace;
    if (client.isConnecting) await this.#untilTaken(client);
    switch (step.kind) {
      case 'end':
        await this.#answers.untilReceived(client, step.receivedBytes);
        client.finish();
        return;
      case 'reset':
        client.reset();
        return;
      case 'close':
        // Timed, nobody waits for anybody; otherwise who speaks next must not be heard by who has left.
        if (mode === 'timed') this.#farewell.closeMeanwhile(client, step);
        else await this.#farewell.close(client, step);
        return;
    }
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
