/**
 * Whether processes sleep, as Linux tells it in /proc: a relay that sleeps has read what it was sent and waits for more. Asked
 * before every step of a replay, so the files of the threads stay open.
 */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';

/** What is read of a thread is shorter. */
const FILE_BYTES_MAX = 1_024;
const CLOSING_BRACKET = 0x29;
/** Running, or waiting for a disk, which it does not do for long. */
const RUNNABLE: ReadonlySet<number> = new Set(Buffer.from('RD'));

interface Thread {
  /** Files that are open; undefined: the thread is gone, or the kernel does not say. */
  readonly stat: number | undefined;
  readonly schedstat: number | undefined;
}

export class SleepWatch {
  readonly #directories: readonly string[];
  readonly #threads = new Map<string, Thread>();
  readonly #buffer = Buffer.alloc(FILE_BYTES_MAX);
  /** Who was found running last: most likely to be still at it. */
  #lastRunner: Thread | undefined;

  private constructor(processes: readonly number[]) {
    this.#directories = processes.map((pid) => `/proc/${pid}/task`);
  }

  /** undefined where nobody can know. */
  static of(processes: readonly number[]): SleepWatch | undefined {
    return process.platform === 'linux' ? new SleepWatch(processes) : undefined;
  }

  /**
   * Whether every thread waits for something. A write that a sleeping thread waits for makes it runnable before the write
   * returns, so who is found asleep after it has had its turn. Threads are looked at one after the other, and one may wake
   * another that was found asleep before, and sleep when its own turn comes. So all are looked at twice; who slept both
   * times and was not given the processor meanwhile slept all the time between.
   */
  isAsleep(): boolean {
    if (this.#lastRunner !== undefined && this.#isRunnable(this.#lastRunner)) return false;
    const names = this.#names();
    const threads = names.map((name) => this.#thread(name));
    const times = threads.map((thread) => this.#timesOf(thread));
    for (const thread of [...threads, ...threads]) {
      if (!this.#isRunnable(thread)) continue;
      this.#lastRunner = thread;
      return false;
    }
    const timesAfter = threads.map((thread) => this.#timesOf(thread));
    return isEqual(timesAfter, times) && isEqual(this.#names(), names);
  }

  close(): void {
    for (const { stat, schedstat } of this.#threads.values()) {
      for (const file of [stat, schedstat]) if (file !== undefined) closeSync(file);
    }
    this.#threads.clear();
    this.#lastRunner = undefined;
  }

  #names(): readonly string[] {
    return this.#directories.flatMap((directory) => {
      try {
        return readdirSync(directory).map((thread) => `${directory}/${thread}`);
      } catch {
        return [];
      }
    });
  }

  #thread(name: string): Thread {
    const known = this.#threads.get(name);
    if (known !== undefined) return known;
    const thread = { stat: opened(`${name}/stat`), schedstat: opened(`${name}/schedstat`) };
    this.#threads.set(name, thread);
    return thread;
  }

  /** How long it has run and waited for the processor, and how often it was given it. */
  #timesOf({ schedstat }: Thread): string {
    return this.#buffer.toString('latin1', 0, this.#read(schedstat));
  }

  #isRunnable({ stat }: Thread): boolean {
    const length = this.#read(stat);
    // The name may hold blanks and brackets; what follows it does not.
    const state = this.#buffer[this.#buffer.lastIndexOf(CLOSING_BRACKET, length - 1) + 2];
    return length > 0 && RUNNABLE.has(state ?? 0);
  }

  /** 0 of a thread that is gone. */
  #read(file: number | undefined): number {
    if (file === undefined) return 0;
    try {
      return readSync(file, this.#buffer, 0, FILE_BYTES_MAX, 0);
    } catch {
      return 0;
    }
  }
}

function opened(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch {
    return undefined;
  }
}

function isEqual(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
}
