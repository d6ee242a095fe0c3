/**
 * Watches a recording for people and machines: once a second it looks at the counters, and passes on what it
 * saw to the line on the terminal, the log, the status file and the health server. Nothing here is on the path
 * of the traffic, and nothing here waits for anybody who looks.
 */
import type { LiveStatus } from '../shim/status.ts';
import { formatAddress, type HealthAddress, isLoopback } from './health-address.ts';
import { plainLine, terminalLine } from './line.ts';
import { makeLastStatus, makeStatus, type Recording, type Sample } from './make-status.ts';
import { MonitorThread } from './monitor-thread.ts';
import { OperatorConsole } from './operator-console.ts';
import type { Status } from './status.ts';

export interface MonitorOptions {
  readonly health: HealthAddress | undefined;
  readonly statusFile: string | undefined;
  /** A plain line this often; undefined for none. */
  readonly statusEveryMs: number | undefined;
  /** The status as JSON on stdout in place of the plain line. */
  readonly json: boolean;
  readonly quiet: boolean;
}

/** What is watched. */
export interface Watched {
  readonly live: LiveStatus;
  checkRelays(): Promise<void>;
}

const TICK_MS = 1_000;
/** How often is looked whether a relay must be knocked at. */
const KNOCK_EVERY_TICKS = 5;

export class Monitor {
  readonly #options: MonitorOptions;
  readonly #talk = new OperatorConsole(process.stderr);
  readonly #data: OperatorConsole | undefined;
  readonly #timers: NodeJS.Timeout[] = [];
  #thread: MonitorThread | undefined;
  #watch: { readonly recording: Recording; readonly source: Watched } | undefined;
  #ticks = 0;
  #lastTick: Sample | undefined;
  #lastLine: Sample | undefined;
  #loop = performance.eventLoopUtilization();
  #loopUtilization = 0;
  #isClosed = false;

  private constructor(options: MonitorOptions) {
    this.#options = options;
    if (options.json && options.statusEveryMs !== undefined) {
      this.#data = new OperatorConsole(process.stdout);
    }
  }

  /** Throws LISTEN_IN_USE, LISTEN_FAILED or OUTPUT_UNWRITABLE, before anything was recorded. */
  static async start(options: MonitorOptions): Promise<Monitor> {
    const monitor = new Monitor(options);
    const { health, statusFile } = options;
    if (health === undefined && statusFile === undefined) return monitor;
    monitor.#thread = await MonitorThread.start({ health, statusFile }, (message) =>
      monitor.say(`relaydiff: ${message}`),
    );
    await monitor.#tellAddress();
    return monitor;
  }

  /** To the operator, who may not be reading: never waits. */
  say(line: string): void {
    this.#talk.say(line);
  }

  /** From now on there is something to see. */
  watch(recording: Recording, source: Watched): void {
    this.#watch = { recording, source };
    const { statusEveryMs } = this.#options;
    if (this.#thread === undefined && !this.#hasLine && statusEveryMs === undefined) return;
    this.#tick();
    this.#every(TICK_MS, () => this.#tick());
    if (statusEveryMs !== undefined) this.#every(statusEveryMs, () => this.#printLine());
  }

  /** Says for the last time how things stand, and takes the line off the terminal. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const timer of this.#timers) clearInterval(timer);
    if (this.#lastTick !== undefined) this.#guard(() => this.#thread?.tell(this.#lastStatus()));
    await this.#thread?.close();
    await this.#data?.close();
    await this.#talk.close();
  }

  /** A line that renews itself, unless plain ones are wanted. */
  get #hasLine(): boolean {
    const { quiet, statusEveryMs } = this.#options;
    return this.#talk.isTerminal && !quiet && statusEveryMs === undefined;
  }

  async #tellAddress(): Promise<void> {
    const address = await this.#thread?.address;
    if (address === undefined) return;
    if (!isLoopback(address.host)) {
      this.say(
        `relaydiff: warning: the health server at ${formatAddress(address)} is open to other machines; it tells paths and traffic, and asks nobody who they are`,
      );
    }
    if (!this.#options.quiet) {
      this.say(`health at http://${formatAddress(address)}: /health /ready /metrics /status`);
    }
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(() => this.#guard(work), ms));
  }

  /** A mistake in what only looks must not end the recording. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      for (const timer of this.#timers) clearInterval(timer);
      this.say(
        `relaydiff: a bug in relaydiff ended the monitoring, recording goes on: ${String(error)}`,
      );
    }
  }

  #tick(): void {
    if (this.#watch === undefined) return;
    const { recording, source } = this.#watch;
    this.#ticks += 1;
    this.#measureLoop();
    if (this.#ticks % KNOCK_EVERY_TICKS === 0) void source.checkRelays();
    const sample = this.#sample(source);
    const status = makeStatus(recording, sample, this.#lastTick);
    this.#lastTick = sample;
    this.#lastLine ??= sample;
    this.#thread?.tell(status);
    if (!this.#hasLine) return;
    const { columns, hasColour } = this.#talk;
    // A line as wide as the terminal would move the cursor into the next one.
    this.#talk.renew(terminalLine(status, { width: columns - 1, colour: hasColour }));
  }

  #printLine(): void {
    if (this.#watch === undefined) return;
    const sample = this.#sample(this.#watch.source);
    const status = makeStatus(this.#watch.recording, sample, this.#lastLine);
    this.#lastLine = sample;
    if (this.#data !== undefined) this.#data.say(JSON.stringify(status));
    else if (!this.#options.quiet) this.#talk.say(plainLine(status));
  }

  #lastStatus(): Status {
    if (this.#watch === undefined) throw new TypeError('nothing was watched');
    const { recording, source } = this.#watch;
    return makeLastStatus(makeStatus(recording, this.#sample(source), this.#lastTick));
  }

  #measureLoop(): void {
    const now = performance.eventLoopUtilization();
    this.#loopUtilization = performance.eventLoopUtilization(now, this.#loop).utilization;
    this.#loop = now;
  }

  #sample({ live }: Watched): Sample {
    const { user, system } = process.cpuUsage();
    return {
      live,
      unixMs: Date.now(),
      monotonicMs: performance.now(),
      process: {
        residentBytes: process.memoryUsage.rss(),
        cpuSeconds: (user + system) / 1e6,
        loopUtilization: this.#loopUtilization,
      },
    };
  }
}
