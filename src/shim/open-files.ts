/**
 * How many clients fit under the process's limit of open files, and what happens beyond. Without this the event
 * loop would close the clients that it cannot take without a word to anybody.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { OperatingError } from '../lib/operating-error.ts';

/** The client's socket, and one to each relay. */
const FILES_PER_CLIENT = 3;
/** For captures, threads, libraries, and the 32 who may look at the recorder over HTTP. */
const FILES_RESERVED = 64;

export interface OpenFiles {
  /** What the process may have open; Node has raised it to the hard limit before we look. */
  readonly limit: number;
  readonly inUse: number;
}

/** undefined where the system does not tell (only Linux does). */
export function readOpenFiles(): OpenFiles | undefined {
  try {
    const limit = parseOpenFileLimit(readFileSync('/proc/self/limits', 'utf8'));
    return limit === undefined ? undefined : { limit, inUse: readdirSync('/proc/self/fd').length };
  } catch {
    return undefined;
  }
}

/** The soft limit in the text of /proc/self/limits. */
export function parseOpenFileLimit(text: string): number | undefined {
  const soft = /^Max open files +(\d+|unlimited) /m.exec(text)?.[1];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/**
 * The most clients at a time: what was asked for, or what fits; Infinity when neither is known. Throws
 * OPEN_FILES_LIMIT when what was asked for does not fit, or not even one.
 */
export function clientsMaxFor(asked: number | undefined, files: OpenFiles | undefined): number {
  if (files === undefined) return asked ?? Number.POSITIVE_INFINITY;
  const fixed = files.inUse + FILES_RESERVED;
  const fitting = Math.max(0, Math.floor((files.limit - fixed) / FILES_PER_CLIENT));
  const wanted = asked ?? Math.max(1, fitting);
  if (wanted <= fitting) return wanted;
  const needed = fixed + wanted * FILES_PER_CLIENT;
  throw new OperatingError(
    'OPEN_FILES_LIMIT',
    `${wanted} clients need ${needed} open files, and this process may have ${files.limit}: ${fitting} clients fit`,
    {
      hint: `Raise the hard limit where relaydiff is started (ulimit -n ${needed}, or LimitNOFILE=${needed} of systemd)${
        asked === undefined || fitting === 0 ? '' : `, or give --clients-max ${fitting}`
      }.`,
    },
  );
}

const REPORT_INTERVAL_MS = 1_000;

/** Counts the clients that were turned away, for a report at once and then at most one a second. */
export class Refusals {
  #total = 0;
  #unreported = 0;
  #lastReportMs = Number.NEGATIVE_INFINITY;

  get total(): number {
    return this.#total;
  }

  add(): void {
    this.#total += 1;
    this.#unreported += 1;
  }

  /** How many are to be reported now; 0 when there is nothing to report, or it can wait. */
  take(nowMs: number): number {
    if (this.#unreported === 0 || nowMs - this.#lastReportMs < REPORT_INTERVAL_MS) return 0;
    this.#lastReportMs = nowMs;
    return this.takeRest();
  }

  takeRest(): number {
    const count = this.#unreported;
    this.#unreported = 0;
    return count;
  }
}
