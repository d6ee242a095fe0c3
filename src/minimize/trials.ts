/**
 * Tries candidates: writes each as a capture, starts the relay anew, plays the clients to it, and compares what it answered
 * with the promise. A relay that is fresh for each candidate remembers nothing of the ones before. One at a time: two relays
 * on one machine disturb each other's timing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCapture } from '../capture/open.ts';
import { readerWith } from '../capture/reader-with.ts';
import type { CaptureReader, Chunk } from '../capture/types.ts';
import type { CaptureStart } from '../capture/writer.ts';
import type { DiffResult } from '../diff/types.ts';
import { comparePromise, compareSides, type CompareContext } from '../golden/compare.ts';
import type { RelayCommand } from '../replay/relay-command.ts';
import { withRelay } from '../replay/relay-process.ts';
import { Replay } from '../replay/replay.ts';
import { setUpReplay } from '../replay/set-up.ts';
import { type Candidate, type Timing, writeCandidate } from './candidate.ts';
import type { Found } from './fingerprint.ts';
import type { Traffic } from './traffic.ts';

export interface TrialOptions {
  readonly relay: RelayCommand;
  /** Answers as the old relay does; undefined: the recording's deliveries are the promise. */
  readonly reference: RelayCommand | undefined;
  readonly domain: string;
  readonly startMsMax: number;
  readonly stopMsMax: number;
  readonly start: CaptureStart;
  readonly compare: CompareContext;
  /** Version of relaydiff. */
  readonly writer: string;
}

/** What a candidate showed; the captures are there as long as its trials are. */
export interface Trial {
  readonly result: Found;
  /** Clients with the promise, and what the relay under test answered; the same file with a reference, which has both. */
  readonly promisePath: string;
  readonly answerPath: string;
  /** The relay did not see it through. */
  readonly failure: string | undefined;
}

const PATIENCE_MS = 2_000;

export class Trials {
  count = 0;
  readonly #traffic: Traffic;
  readonly #options: TrialOptions;
  readonly #directory: string;
  readonly #kept = new Set<string>();
  #running: Replay | undefined;

  constructor(traffic: Traffic, options: TrialOptions) {
    this.#traffic = traffic;
    this.#options = options;
    this.#directory = mkdtempSync(join(tmpdir(), 'relaydiff-minimize-'));
  }

  dispose(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Ends what is running, whose result says nothing then. */
  halt(): void {
    this.#running?.stop();
  }

  /** `keeps`: the captures outlive the next trial. Throws RELAY_FAILED when a relay does not listen. */
  async run(candidate: Candidate, timing: Timing, keeps: boolean): Promise<Trial> {
    this.count += 1;
    const place = join(this.#directory, `${this.count}`);
    const [promisePath, answerPath] = [`${place}.promise`, `${place}.answer`];
    const { start, reference } = this.#options;
    writeCandidate(promisePath, start, { traffic: this.#traffic, candidate, timing });
    try {
      const failure = await this.#play(promisePath, answerPath, timing);
      const result =
        reference === undefined
          ? this.#comparePromise(promisePath, answerPath)
          : this.#compareSides(answerPath);
      if (keeps) this.#kept.add(place);
      return {
        result,
        promisePath: reference === undefined ? promisePath : answerPath,
        answerPath,
        failure,
      };
    } finally {
      if (!this.#kept.has(place))
        for (const path of [promisePath, answerPath]) rmSync(path, { force: true });
    }
  }

  async #play(path: string, out: string, timing: Timing): Promise<string | undefined> {
    const { relay, reference, domain, startMsMax, stopMsMax } = this.#options;
    const limits = { domain, startMsMax, stopMsMax };
    const played = await withRelay({ command: relay, ...limits }, async (tested) => {
      const isTestedIdle = tested.watchIdleness();
      if (reference === undefined)
        return this.#replay({ path, out, timing, isIdle: isTestedIdle }, tested.socketPath);
      const both = await withRelay({ command: reference, ...limits }, async (original) => {
        const isOriginalIdle = original.watchIdleness();
        const isIdle =
          isTestedIdle && isOriginalIdle && ((): boolean => isTestedIdle() && isOriginalIdle());
        return this.#replay({ path, out, timing, isIdle }, tested.socketPath, original.socketPath);
      });
      return both.result;
    });
    return played.result;
  }

  async #replay(
    {
      path,
      out,
      timing,
      isIdle,
    }: {
      readonly path: string;
      readonly out: string;
      readonly timing: Timing;
      readonly isIdle: (() => boolean) | undefined;
    },
    tested: string,
    reference?: string,
  ): Promise<string | undefined> {
    const capture = openCapture(path);
    try {
      const isTight = timing === 'tight';
      const setUp = setUpReplay(
        // Where the relay is seen to be idle, no answer must be waited for: what is missing would cost its time each time.
        isTight && isIdle !== undefined ? withoutReceipts(capture) : capture,
        this.#options.compare.protocol,
        { mode: isTight ? 'causal' : 'timed', chunking: 'recorded', rewrite: null, speed: 1 },
        {
          targets:
            reference === undefined
              ? new Map([['old', tested] as const])
              : new Map([['old', reference] as const, ['new', tested] as const]),
          writer: this.#options.writer,
          patienceMs: PATIENCE_MS,
        },
      );
      const running = await Replay.start({
        ...setUp,
        out,
        isIdle,
        onTrouble: () => undefined,
        onProgress: () => undefined,
      });
      this.#running = running;
      const { sealed, failure } = await running.play();
      if ('failure' in sealed) throw sealed.failure;
      return failure?.message;
    } finally {
      this.#running = undefined;
      capture.close();
    }
  }

  #comparePromise(promisePath: string, answerPath: string): DiffResult {
    const promise = openCapture(promisePath);
    const answer = openCapture(answerPath);
    try {
      return comparePromise(promise, answer, this.#options.compare);
    } finally {
      promise.close();
      answer.close();
    }
  }

  #compareSides(path: string): DiffResult {
    const capture = openCapture(path);
    try {
      return compareSides(capture, this.#options.compare);
    } finally {
      capture.close();
    }
  }
}

/** The same, but everything that clients received they received at the end. */
function withoutReceipts(capture: CaptureReader): CaptureReader {
  const old = new Set(capture.streams().flatMap(({ id, kind }) => (kind === 'old' ? [id] : [])));
  return readerWith(capture, {
    *chunks(streamId): Generator<Chunk> {
      for (const chunk of capture.chunks(streamId))
        yield old.has(streamId) ? { ...chunk, ordinal: Number.MAX_SAFE_INTEGER } : chunk;
    },
  });
}
