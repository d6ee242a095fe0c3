/**
 * What every way of recording needs, whoever the traffic comes from: the writer thread, the recorder with
 * its clock, the regular hand-over between them, the guard that keeps mistakes in recording from the
 * traffic, and the seal. Knows no sockets.
 */
import { unlinkSync } from 'node:fs';
import { partPath } from '../capture/part-files.ts';
import type { Rotation } from '../capture/rotating-writer.ts';
import type { CaptureStart } from '../capture/writer.ts';
import { type OverloadPolicy, Recorder, type SpoolLimits } from './recorder.ts';
import type { LiveStatus, ShimStatus } from './status.ts';
import { Troubles } from './troubles.ts';
import { WriterThread } from './writer-thread.ts';

export interface RecordingOptions {
  readonly out: string;
  readonly capture: Omit<CaptureStart, 'startedUnixNs' | 'part'>;
  /** Undefined: one file. */
  readonly rotation: Rotation | undefined;
  readonly spoolLimits: SpoolLimits;
  readonly onOverload: OverloadPolicy;
  /** Tells the operator at once what goes wrong while traffic goes on. */
  readonly onTrouble: (message: string) => void;
}

/** Where the recording stands; totals of all connections. */
export type RecordingStatus = Omit<ShimStatus, 'clients' | 'connections'>;

/** What is true at this moment only. */
export type RecordingLive = Pick<LiveStatus, 'relays' | 'spool' | 'fileBytes' | 'troubles'>;

/** Size of the capture, or why it could not be sealed. */
export type Sealed = { readonly fileBytes: number } | { readonly failure: Error };

/** What whoever brings the traffic has to do with the recording. */
interface Traffic {
  /** Before each hand-over. */
  readonly onTick: () => void;
  /** Before each hand-over while rows still fit, so that a gap that grows survives a kill. */
  readonly reportGaps: () => void;
  /** The spool is full, or not any more (`onOverload: 'block'` only). */
  readonly onBlocking: (isBlocking: boolean) => void;
}

/** At most this old is what a kill can lose, besides the disk's own delay. */
const SEND_INTERVAL_MS = 20;

export class Recording {
  readonly recorder: Recorder;
  readonly troubles: Troubles;
  readonly #options: RecordingOptions;
  readonly #writer: WriterThread;
  readonly #timer: NodeJS.Timeout;
  #traffic: Traffic | undefined;
  #fileBytes: number | undefined;
  /** A mistake in what is not forwarding; from then on nothing is recorded, and the capture is not sealed. */
  #bug: Error | undefined;

  private constructor(
    options: RecordingOptions,
    writer: WriterThread,
    troubles: Troubles,
    now: () => bigint,
  ) {
    this.#options = options;
    this.#writer = writer;
    this.troubles = troubles;
    this.recorder = new Recorder(writer, {
      layout: options.capture.layout,
      now,
      limits: options.spoolLimits,
      onOverload: options.onOverload,
      onBlocking: (isBlocking) => this.#traffic?.onBlocking(isBlocking),
    });
    this.#timer = setInterval(() => this.#tick(), SEND_INTERVAL_MS);
  }

  /** Throws CAPTURE_EXISTS or CAPTURE_UNWRITABLE. */
  static async start(options: RecordingOptions): Promise<Recording> {
    const startNs = process.hrtime.bigint();
    const startedUnixNs = BigInt(Date.now()) * 1_000_000n;
    const troubles = new Troubles(options.onTrouble);
    const late: { recording?: Recording } = {};
    const writer = await WriterThread.start(
      {
        path: options.out,
        start: { ...options.capture, startedUnixNs },
        rotation: options.rotation,
      },
      {
        stored: (costBytes) => late.recording?.recorder.stored(costBytes),
        troubled: (error) => {
          // Nothing will be stored any more: there is no room to wait for.
          if (error.code === 'RECORDER_FAILED') late.recording?.recorder.neverBlock();
          const isBlocking = late.recording?.recorder.isBlocking === true;
          const traffic = isBlocking ? 'traffic waits' : 'traffic goes on';
          troubles.begin('writer', `recording is in trouble, ${traffic}: ${error.message}`);
        },
        recovered: () => troubles.end('writer', 'recording goes on'),
        grown: (fileBytes) => late.recording?.noteSize(fileBytes),
      },
    );
    const now = (): bigint => process.hrtime.bigint() - startNs;
    const recording = new Recording(options, writer, troubles, now);
    late.recording = recording;
    return recording;
  }

  /** From now on there is traffic. */
  begin(traffic: Traffic): void {
    this.#traffic = traffic;
  }

  get status(): RecordingStatus {
    const { client, old, new: fresh } = this.recorder.totals;
    return {
      streams: { client: { ...client }, old: { ...old }, new: { ...fresh } },
      recordingGapBytes: client.gapBytes + old.gapBytes + fresh.gapBytes,
      mirrorGapBytes: this.recorder.mirrorGapBytes,
      notSelectedBytes: this.recorder.notSelectedBytes,
      isBlocking: this.recorder.isBlocking,
      gaps: this.recorder.gapTotals,
      lostEvents: this.recorder.lostEvents,
    };
  }

  get live(): RecordingLive {
    const { watch, spooledCostBytes } = this.recorder;
    return {
      relays: { old: watch.status('old'), new: watch.status('new') },
      spool: {
        costBytes: spooledCostBytes,
        costBytesMax: this.#options.spoolLimits.spoolBytesMax,
      },
      fileBytes: this.#fileBytes,
      troubles: this.troubles.status,
    };
  }

  noteSize(fileBytes: number): void {
    this.#fileBytes = fileBytes;
  }

  /** Keeps mistakes in recording and mirroring from the traffic. */
  readonly observe = (work: () => void): void => {
    if (this.#bug !== undefined) return;
    try {
      work();
    } catch (error) {
      this.#bug = error instanceof Error ? error : new Error(String(error));
      this.troubles.begin(
        'bug',
        `a bug in relaydiff ended the recording, traffic goes on: ${this.#bug.message}`,
      );
    }
  };

  /** Puts a fact of the recording as a whole into the capture. */
  readonly note = (
    kind: 'start' | 'stop' | 'note',
    details: Readonly<Record<string, string | number>>,
  ): void => {
    this.observe(() => {
      this.recorder.addEvent({ connection: undefined, stream: undefined, kind, details });
    });
  };

  /** `drained`: everybody had fallen silent, so what a relay has not delivered by now it did not deliver. */
  noteStop(clients: number, drained: boolean): void {
    this.note('stop', { clients, drained: drained ? 1 : 0 });
  }

  /**
   * Hands over what is left and seals. `notes`: what is known of the recording at its end only. Throws only when
   * relaydiff itself made a mistake.
   */
  async end(notes: Readonly<Record<string, string>> = {}): Promise<Sealed> {
    clearInterval(this.#timer);
    this.#tick();
    if (this.#bug !== undefined) throw this.#bug;
    try {
      return { fileBytes: await this.#writer.seal(notes) };
    } catch (error) {
      return { failure: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  /** Nothing was recorded: the file, which is ours, goes again. */
  async abandon(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writer.seal();
    const { out, rotation } = this.#options;
    unlinkSync(rotation === undefined ? out : partPath(out, 1));
  }

  #tick(): void {
    this.#traffic?.onTick();
    this.observe(() => {
      if (!this.recorder.isOverloaded) this.#traffic?.reportGaps();
      this.recorder.send();
    });
  }
}
