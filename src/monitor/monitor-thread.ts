/** Starts the monitoring thread and speaks with it. Whatever becomes of it, the recording goes on. */
import { Worker } from 'node:worker_threads';
import { assertNever } from '../lib/assert.ts';
import { type Deferred, deferred } from '../lib/deferred.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { within } from '../lib/within.ts';
import type { HealthAddress } from './health-address.ts';
import type { FromMonitor, MonitorThreadOptions, ToMonitor } from './monitor-messages.ts';
import type { Status } from './status.ts';

/** Far more than it needs: what it must not take is the machine's memory. */
const HEAP_MIB_MAX = 64;
const CLOSE_MS_MAX = 2_000;

export class MonitorThread {
  readonly #worker: Worker;
  readonly #onTrouble: (message: string) => void;
  readonly #ready: Deferred<HealthAddress | undefined> = deferred();
  readonly #ended: Deferred<void> = deferred();
  #isRunning = false;
  /** One at a time: statuses must not pile up before a thread that is stuck. */
  #isTaken = true;
  #next: Status | undefined;

  private constructor(worker: Worker, onTrouble: (message: string) => void) {
    this.#worker = worker;
    this.#onTrouble = onTrouble;
    // Whoever starts it hears of a failure; later nobody waits, and that must not crash the process.
    this.#ready.promise.catch(() => undefined);
    worker.on('message', (message: FromMonitor) => this.#receive(message));
    worker.on('error', (error) => this.#fail(error.message));
    worker.on('exit', () => this.#fail('it ended without a word'));
  }

  /** Throws LISTEN_IN_USE, LISTEN_FAILED or OUTPUT_UNWRITABLE. */
  static async start(
    options: MonitorThreadOptions,
    onTrouble: (message: string) => void,
  ): Promise<MonitorThread> {
    const worker = new Worker(new URL('./monitor.worker.js', import.meta.url), {
      workerData: options,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
    });
    const thread = new MonitorThread(worker, onTrouble);
    await thread.#ready.promise;
    return thread;
  }

  /** Where the health server listens, when it was asked for. */
  get address(): Promise<HealthAddress | undefined> {
    return this.#ready.promise;
  }

  /** Of statuses that come faster than the thread takes them only the last one is kept. */
  tell(status: Status): void {
    if (!this.#isRunning) return;
    this.#next = status;
    this.#sendNext();
  }

  async close(): Promise<void> {
    if (this.#isRunning) {
      // The last status is not held back: it says that the recording has ended.
      this.#isTaken = true;
      this.#sendNext();
      this.#say({ kind: 'stop' });
      await within(CLOSE_MS_MAX, this.#ended.promise);
      this.#isRunning = false;
    }
    await this.#worker.terminate();
  }

  #sendNext(): void {
    if (!this.#isTaken || this.#next === undefined) return;
    this.#say({ kind: 'status', status: this.#next });
    this.#next = undefined;
    this.#isTaken = false;
  }

  #say(message: ToMonitor): void {
    this.#worker.postMessage(message, []);
  }

  #receive(message: FromMonitor): void {
    switch (message.kind) {
      case 'ready':
        this.#isRunning = true;
        this.#ready.resolve(message.address);
        return;
      case 'failed':
        this.#ready.reject(toError(message));
        return;
      case 'taken':
        this.#isTaken = true;
        this.#sendNext();
        return;
      case 'trouble':
        this.#onTrouble(message.message);
        return;
      case 'stopped':
        this.#isRunning = false;
        this.#ended.resolve();
        return;
      default:
        assertNever(message, 'message of the monitor');
    }
  }

  #fail(what: string): void {
    this.#ended.resolve();
    this.#ready.reject(new Error(`the monitoring thread died: ${what}`));
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#onTrouble(`monitoring has ended, recording goes on: ${what}`);
  }
}

function toError({
  code,
  message,
  hint,
}: Extract<FromMonitor, { kind: 'failed' }>): OperatingError {
  return new OperatingError(code, message, hint === undefined ? {} : { hint });
}
