/**
 * One run of one case: the relay is started, the golden's clients are played to it, it is stopped, and what it answered is
 * compared with the promise. Whatever the relay does, this ends within the time limit, and what it did is told as a value.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCapture } from '../capture/open.ts';
import type { CaptureReader } from '../capture/types.ts';
import type { DiffResult } from '../diff/types.ts';
import type { RulesTexts } from '../diff/rules/read-rules.ts';
import { protocolForCapture } from '../inspect/capture-protocol.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { within } from '../lib/within.ts';
import { readBuiltInSchemas } from '../protocol/files.ts';
import type { Protocol, SchemaTexts } from '../protocol/load.ts';
import { fidelityWords } from '../replay/fidelity.ts';
import type { RelayCommand } from '../replay/relay-command.ts';
import { type RelayEvidence, type RelayTrouble, relayTroubleOf } from '../replay/relay-evidence.ts';
import { RelayProcess } from '../replay/relay-process.ts';
import { Replay, type ReplayEnd } from '../replay/replay.ts';
import { setUpReplay } from '../replay/set-up.ts';
import { isListening } from '../shim/socket-file.ts';
import type { GoldenReplay } from './expected.ts';
import type { Golden } from './golden-files.ts';
import type { JudgeThread } from './judge-thread.ts';

/** A golden, played in one way. */
export interface CheckCasePlan {
  readonly golden: Golden;
  readonly replay: GoldenReplay;
  readonly domain: string;
  /** Those of the golden, then those of the user. */
  readonly rules: RulesTexts;
  /** For all of one run: start, replay, stop, comparison. */
  readonly limitMs: number;
}

export interface CheckRunOptions {
  readonly command: RelayCommand;
  readonly startMsMax: number;
  readonly stopMsMax: number;
  /** Definitions of the user. */
  readonly schemas: SchemaTexts;
  readonly today: string;
  /** Version of the program, for the new capture. */
  readonly writer: string;
  /** Ends what is running. */
  readonly signal: AbortSignal;
}

export interface CheckRun {
  /** What was wrong with the process. */
  readonly trouble: RelayTrouble | undefined;
  readonly evidence: RelayEvidence;
  /** undefined: the clients were never played. */
  readonly played: Pick<ReplayEnd, 'sentBytes' | 'unsentBytes' | 'played'> | undefined;
  readonly fidelity: readonly string[];
  /** undefined: there was nothing whole to compare. */
  readonly result: DiffResult | undefined;
  /** The run was ended from outside. */
  readonly isStopped: boolean;
  readonly elapsedMs: number;
}

/** After the last answer: a relay that goes with its clients is given so long to be gone. */
const GONE_MS_MAX = 1_000;

export function protocolOfGolden(capture: CaptureReader, schemas: SchemaTexts): Protocol {
  return protocolForCapture(capture, readBuiltInSchemas(), schemas);
}

/** `keepAt`: where the replay stays. Throws what is no matter of the relay: files and disk, mistakes in rules. */
export async function runCase(
  plan: CheckCasePlan,
  options: CheckRunOptions,
  judge: JudgeThread,
  keepAt: string | undefined,
): Promise<CheckRun> {
  const scratch =
    keepAt === undefined ? mkdtempSync(join(tmpdir(), 'relaydiff-check-')) : undefined;
  const out = keepAt ?? join(scratch ?? '', 'replay.capture');
  const run = new CaseRun(plan, options, { judge, scratch });
  try {
    return await run.run(out);
  } finally {
    await run.dispose();
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
  }
}

class CaseRun {
  readonly #plan: CheckCasePlan;
  readonly #options: CheckRunOptions;
  readonly #judge: JudgeThread;
  readonly #relay: RelayProcess;
  readonly #startMs = performance.now();
  readonly #limit: NodeJS.Timeout;
  #replay: Replay | undefined;
  #isOverdue = false;

  constructor(
    plan: CheckCasePlan,
    options: CheckRunOptions,
    { judge, scratch }: { readonly judge: JudgeThread; readonly scratch: string | undefined },
  ) {
    this.#plan = plan;
    this.#options = options;
    this.#judge = judge;
    const { command, startMsMax, stopMsMax } = options;
    this.#relay = RelayProcess.start({
      command,
      startMsMax,
      stopMsMax,
      domain: plan.domain,
      ...(scratch === undefined ? {} : { scratch }),
    });
    this.#limit = setTimeout(() => {
      this.#isOverdue = true;
      this.#halt();
    }, plan.limitMs);
    options.signal.addEventListener('abort', this.#halt);
  }

  async dispose(): Promise<void> {
    clearTimeout(this.#limit);
    this.#options.signal.removeEventListener('abort', this.#halt);
    await this.#relay.stop();
  }

  async run(out: string): Promise<CheckRun> {
    const end = await this.#play(out);
    const trouble = await this.#troubleInPlay(end);
    const evidence = await this.#relay.stop();
    const isWhole = trouble === undefined && end?.failure === undefined && !this.#isHalted;
    // What a relay answered until it crashed says nothing that its crash does not say.
    const result =
      end !== undefined && isWhole && evidence.endedBy !== 'itself'
        ? await this.#compare(out)
        : undefined;
    return {
      trouble: this.#isAborted
        ? undefined
        : (this.#overdue() ?? this.#ofProcess(evidence) ?? trouble),
      evidence,
      played: end,
      fidelity: end === undefined ? [] : fidelityWords(end.fidelity),
      result,
      isStopped: this.#isAborted,
      elapsedMs: performance.now() - this.#startMs,
    };
  }

  readonly #halt = (): void => {
    this.#replay?.stop();
    void this.#relay.stop();
    void this.#judge.halt();
  };

  get #isAborted(): boolean {
    return this.#options.signal.aborted;
  }

  get #isHalted(): boolean {
    return this.#isAborted || this.#isOverdue;
  }

  /** undefined: nobody listened, or nobody any more when it was to begin. */
  async #play(out: string): Promise<ReplayEnd | undefined> {
    if (!(await this.#relay.untilListening()) || this.#isHalted) return undefined;
    const { golden, replay } = this.#plan;
    const { schemas, writer } = this.#options;
    const capture = openCapture(golden.capturePath);
    try {
      const setUp = setUpReplay(capture, protocolOfGolden(capture, schemas), replay, {
        targets: new Map([['old', this.#relay.socketPath]]),
        writer,
      });
      const running = await Replay.start({
        ...setUp,
        out,
        isIdle: this.#relay.watchIdleness(),
        onTrouble: () => undefined,
        onProgress: () => undefined,
      });
      this.#replay = running;
      // Between the looks of the replay itself: who is gone answers nothing more.
      void this.#relay.ended.then(() => running.stop());
      if (this.#isHalted) running.stop();
      const end = await running.play();
      if ('failure' in end.sealed) throw end.sealed.failure;
      return end;
    } catch (error) {
      const isGone = error instanceof OperatingError && error.code === 'RELAY_UNREACHABLE';
      if (!isGone) throw error;
      return undefined;
    } finally {
      capture.close();
    }
  }

  /** What its process shows before it is told to stop. */
  async #troubleInPlay(end: ReplayEnd | undefined): Promise<RelayTrouble | undefined> {
    if (this.#isHalted || this.#relay.isEnded || !this.#relay.hasListened) return undefined;
    if (!(await isListening(this.#relay.socketPath))) {
      await within(GONE_MS_MAX, this.#relay.ended);
      return this.#relay.isEnded ? undefined : { kind: 'stopped-listening', detail: '' };
    }
    if (end?.failure === undefined) return undefined;
    return { kind: 'hung', detail: end.failure.message.replace(/^the relay /, 'it ') };
  }

  #overdue(): RelayTrouble | undefined {
    if (!this.#isOverdue) return undefined;
    const { limitMs } = this.#plan;
    return {
      kind: 'hung',
      detail: `the case was not done within ${limitMs / 1e3} s`,
      hint: '--time-limit gives a case more time.',
    };
  }

  #ofProcess(evidence: RelayEvidence): RelayTrouble | undefined {
    return relayTroubleOf(evidence, this.#options);
  }

  async #compare(replayPath: string): Promise<DiffResult | undefined> {
    const { golden, rules } = this.#plan;
    const { schemas, today } = this.#options;
    const goldenPath = golden.capturePath;
    return this.#judge.compare({ goldenPath, replayPath, rules, schemas, today });
  }
}
