/**
 * The relay under test as a process: started from a command line in a directory of its own, waited for until it listens,
 * and ended for certain. Answers for: whatever the relay does, and however this process ends, no process, socket or
 * directory is left; and what the relay did is kept as evidence. Judges nothing but whether it ran.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { deferred } from '../lib/deferred.ts';
import { OperatingError, systemErrorCode, reasonOf } from '../lib/operating-error.ts';
import { within } from '../lib/within.ts';
import { probe, SOCKET_PATH_BYTES_MAX, statOf } from '../shim/socket-file.ts';
import { readTail } from './output-reader.ts';
import { type OutputTail, TailBuffer } from './output-tail.ts';
import { livingInGroup, livingWith } from './process-table.ts';
import { startGuard } from './relay-guard.ts';
import { type RelayEvidence, relayTroubleOf, wordsOfTrouble } from './relay-evidence.ts';
import { fillPlaces, type RelayCommand, type RelayPlaces } from './relay-command.ts';
import { SleepWatch } from './sleep-watch.ts';

export interface RelayProcessOptions {
  readonly command: RelayCommand;
  readonly domain: string;
  /** How long it may take until somebody listens. */
  readonly startMsMax: number;
  /** How long it may take to end after SIGTERM. */
  readonly stopMsMax: number;
  /** A directory of whoever uses the relay, to be removed when this process is killed while the relay runs. */
  readonly scratch?: string;
}

export const DEFAULT_START_MS_MAX = 10_000;
export const DEFAULT_STOP_MS_MAX = 5_000;
/** Of each of its two outputs. */
const TAIL_BYTES_MAX = 8_192;
const POLL_MS = 5;
/** How long the outputs may take to end after the process; somebody else may hold them. */
const OUTPUT_MS_MAX = 500;
/** The system takes a moment to end what was killed. */
const KILLED_MS_MAX = 2_000;
/** Processes that make others while they are killed. */
const SWEEPS_MAX = 5;
/** For the end of this process in good order; the guards are for all others. */
const running = new Set<RelayProcess>();
process.on('exit', () => {
  for (const relay of running) relay.killNow();
});

export class RelayProcess {
  readonly socketPath: string;
  readonly directory: string;
  readonly #options: RelayProcessOptions;
  readonly #child: ChildProcess;
  readonly #guard: ChildProcess | undefined;
  readonly #output = {
    stdout: new TailBuffer(TAIL_BYTES_MAX),
    stderr: new TailBuffer(TAIL_BYTES_MAX),
  };
  readonly #closed: Promise<unknown>;
  /** Resolves when the process is gone, or never was. */
  readonly ended: Promise<void>;
  #isEnded = false;
  #notStarted: string | undefined;
  #listened = false;
  #sleepWatch: SleepWatch | undefined;
  #stopping: Promise<RelayEvidence> | undefined;

  private constructor(options: RelayProcessOptions) {
    this.#options = options;
    this.directory = makeDirectory();
    this.socketPath = join(this.directory, 'relay.sock');
    const { command, domain } = options;
    const places: RelayPlaces = { socket: this.socketPath, domain, dir: this.directory };
    const [program, ...args] = command.words.map((word) => fillPlaces(word, places));
    const own = Object.entries(command.environment).map(([name, value]) => [
      name,
      fillPlaces(value, places),
    ]);
    const environment = {
      ...process.env,
      ...Object.fromEntries(own),
      RELAYDIFF_SOCKET: this.socketPath,
      RELAYDIFF_DOMAIN: domain,
      RELAYDIFF_DIR: this.directory,
    };
    const ended = deferred<void>();
    this.ended = ended.promise;
    const over = (): void => {
      this.#isEnded = true;
      ended.resolve();
    };
    // A group of its own: it is ended as a whole, and Ctrl-C at the terminal is not for it.
    this.#child = spawn(program ?? '', args, {
      env: environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const closed = deferred<void>();
    this.#closed = closed.promise;
    this.#child.once('close', () => closed.resolve());
    this.#child.once('exit', over);
    this.#child.once('error', (error) => {
      if (this.#child.pid !== undefined) return;
      this.#notStarted = systemErrorCode(error) ?? error.message;
      over();
    });
    readTail(this.#child.stdout, this.#output.stdout);
    readTail(this.#child.stderr, this.#output.stderr);
    running.add(this);
    this.#guard = startGuard(this.#child.pid, [
      this.directory,
      ...(options.scratch === undefined ? [] : [options.scratch]),
    ]);
  }

  /** Throws OUTPUT_UNWRITABLE when there is no room for its directory. A relay that cannot start is evidence. */
  static start(options: RelayProcessOptions): RelayProcess {
    return new RelayProcess(options);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get hasListened(): boolean {
    return this.#listened;
  }

  /** Whether clients can connect. false: it ended, `stop` was called, or `startMsMax` is over. */
  async untilListening(): Promise<boolean> {
    const untilMs = performance.now() + this.#options.startMsMax;
    while (!this.#isEnded && this.#stopping === undefined) {
      // Nobody is knocked at before there is a door: a relay sees one client more than it was sent, not hundreds.
      const isThere = statOf(this.socketPath) !== undefined;
      if (isThere && (await probe(this.socketPath)).kind === 'listening') {
        this.#listened = true;
        return true;
      }
      if (performance.now() >= untilMs) return false;
      await pause(POLL_MS);
    }
    return false;
  }

  /**
   * For the replay: whether the relay has read all it was sent and waits for more. Looks at the processes that are there
   * now. undefined where the system does not tell.
   */
  watchIdleness(): (() => boolean) | undefined {
    const { pid } = this.#child;
    if (pid === undefined) return undefined;
    this.#sleepWatch?.close();
    const watch = SleepWatch.of([...new Set([pid, ...livingWith(this.#marker)])]);
    this.#sleepWatch = watch;
    return watch && (() => watch.isAsleep());
  }

  /** Ends it, with everything that belongs to it. May be called again. */
  async stop(): Promise<RelayEvidence> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  /** For those who have no time left: everything of it is killed, nothing is awaited. */
  killNow(): void {
    this.#signal('SIGKILL');
    for (const pid of livingWith(this.#marker)) kill(pid, 'SIGKILL');
    this.#release();
  }

  async #end(): Promise<RelayEvidence> {
    let endedBy: RelayEvidence['endedBy'] = this.#isEnded ? 'itself' : 'request';
    const untilMs = performance.now() + this.#options.stopMsMax;
    if (!this.#isEnded) {
      this.#signal('SIGTERM');
      await within(this.#options.stopMsMax, this.ended);
      if (!this.#isEnded) endedBy = 'force';
    }
    // What a shell or a supervisor started may take as long to end as the relay itself.
    if (endedBy !== 'force') await this.#untilGroupIsGone(endedBy === 'itself' ? 0 : untilMs);
    const leftBehind = await this.#killRest();
    await within(KILLED_MS_MAX, this.ended);
    await within(OUTPUT_MS_MAX, this.#closed);
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    this.#release();
    return {
      notStarted: this.#notStarted,
      exitCode: this.#child.exitCode,
      signal: this.#child.signalCode,
      endedBy,
      listened: this.#listened,
      leftBehind,
      stdout: this.#wordsOf(this.#output.stdout),
      stderr: this.#wordsOf(this.#output.stderr),
    };
  }

  /** Its directory has another name each time, which says nothing to anybody. */
  #wordsOf({ tail }: TailBuffer): OutputTail {
    return { ...tail, text: tail.text.replaceAll(this.directory, '{dir}') };
  }

  async #untilGroupIsGone(untilMs: number): Promise<void> {
    const group = this.#child.pid;
    if (group === undefined) return;
    while (performance.now() < untilMs && othersOf(group).length > 0) {
      await pause(POLL_MS);
    }
  }

  /** How many processes beside the relay itself had to be killed. */
  async #killRest(): Promise<number> {
    const killed = new Set<number>();
    for (let sweep = 0; sweep < SWEEPS_MAX; sweep++) {
      const own = this.#child.pid;
      const group = own === undefined ? [] : othersOf(own);
      const rest = [...group, ...livingWith(this.#marker)];
      const isSure = sweep > 0 || livingInGroup(own ?? 0) !== undefined;
      if (rest.length === 0 && this.#isEnded && isSure) break;
      this.#signal('SIGKILL');
      for (const pid of rest) {
        kill(pid, 'SIGKILL');
        if (pid !== own) killed.add(pid);
      }
      await within(KILLED_MS_MAX, this.ended);
      await pause(POLL_MS);
    }
    return killed.size;
  }

  /** In the environment of everything that the command started. */
  get #marker(): string {
    return `RELAYDIFF_SOCKET=${this.socketPath}`;
  }

  /** The whole group. */
  #signal(signal: NodeJS.Signals): void {
    if (this.#child.pid !== undefined) kill(-this.#child.pid, signal);
  }

  #release(): void {
    running.delete(this);
    this.#guard?.kill('SIGKILL');
    this.#sleepWatch?.close();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

/**
 * Runs the relay while `work` needs it; it is gone when this returns or throws. Throws RELAY_FAILED, with its last words,
 * when it does not listen.
 */
export async function withRelay<T>(
  options: RelayProcessOptions,
  work: (relay: RelayProcess) => Promise<T>,
): Promise<{ readonly result: T; readonly evidence: RelayEvidence }> {
  const relay = RelayProcess.start(options);
  try {
    if (!(await relay.untilListening())) {
      const evidence = await relay.stop();
      const trouble = relayTroubleOf(evidence, options);
      const words = trouble === undefined ? 'the relay was stopped' : wordsOfTrouble(trouble);
      const said = evidence.stderr.text.trim();
      throw new OperatingError('RELAY_FAILED', said === '' ? words : `${words}; it said: ${said}`, {
        hint: trouble?.hint ?? 'Try the command by hand.',
      });
    }
    const result = await work(relay);
    return { result, evidence: await relay.stop() };
  } finally {
    await relay.stop();
  }
}

/** The living of its group, but for the relay itself. */
function othersOf(group: number): readonly number[] {
  return (livingInGroup(group) ?? []).filter((pid) => pid !== group);
}

function kill(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch {
    // It is gone already, which is what was wanted.
  }
}

/** Short enough for a socket in it, also where the usual place has a long name. */
function makeDirectory(): string {
  const name = 'relaydiff-';
  const isLong =
    Buffer.byteLength(join(tmpdir(), `${name}XXXXXX`, 'relay.sock')) > SOCKET_PATH_BYTES_MAX;
  const place = isLong ? '/tmp' : tmpdir();
  try {
    return mkdtempSync(join(place, name));
  } catch (error) {
    throw new OperatingError(
      'OUTPUT_UNWRITABLE',
      `cannot make a directory in ${place}: ${reasonOf(error)}`,
      {
        hint: 'The relay under test needs one for its socket; set TMPDIR to a directory that you may write to.',
        cause: error,
      },
    );
  }
}
