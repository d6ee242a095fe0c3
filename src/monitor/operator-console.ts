/**
 * Talks to the operator without ever waiting for him: a terminal that was stopped with Ctrl-S, a pipe that
 * nobody reads and a log on a disk that hangs must not hold up the traffic, which a plain write would. What
 * nobody takes is kept up to a limit and then left out, and that is said.
 *
 * On a terminal the last line can renew itself; what is said appears above it.
 */
import { closeSync, constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { WriteStream } from 'node:tty';
import { systemErrorCode } from '../lib/operating-error.ts';
import { within } from '../lib/within.ts';

/** Of what is said and not taken yet. docs/ARCHITECTURE.md has it. */
const WAITING_BYTES_MAX = 65_536;
const RETRY_MS = 50;
const CLOSE_MS_MAX = 500;
const ERASE_LINE = '\r\u001b[K';

/** Writes what goes without waiting; answers how many bytes that were. */
type Sink = (bytes: Uint8Array) => number | Promise<number>;

/** What is needed of `process.stdout` or `process.stderr`. */
export interface ConsoleStream extends Pick<WriteStream, 'isTTY' | 'columns' | 'hasColors'> {
  readonly fd: number;
}

/** For a terminal that does not know how wide it is. */
const COLUMNS_DEFAULT = 80;

export class OperatorConsole {
  readonly #stream: ConsoleStream;
  readonly #write: Sink;
  #closeSink: () => void = () => undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #omitted = 0;
  #shown = '';
  #pumping: Promise<void> | undefined;
  #isBroken = false;

  constructor(stream: ConsoleStream) {
    this.#stream = stream;
    this.#write = this.#openSink();
  }

  /** Whether a line can renew itself here. */
  get isTerminal(): boolean {
    return this.#stream.isTTY && process.env['TERM'] !== 'dumb';
  }

  get hasColour(): boolean {
    return this.isTerminal && this.#stream.hasColors();
  }

  /** Cells of a line of the terminal. */
  get columns(): number {
    return this.#stream.columns > 0 ? this.#stream.columns : COLUMNS_DEFAULT;
  }

  say(line: string): void {
    const erase = this.#shown === '' ? '' : ERASE_LINE;
    this.#queue(`${erase}${line}\n${this.#shown}`);
  }

  /** The last line of the terminal from now on; '' for none. Left out when something else still waits. */
  renew(line: string): void {
    if (this.#waitingBytes > 0) return;
    this.#shown = line;
    this.#queue(`${ERASE_LINE}${line}`);
  }

  /** Waits a moment for what was said to be taken. */
  async close(): Promise<void> {
    if (this.#shown !== '') this.#queue(ERASE_LINE);
    this.#shown = '';
    if (this.#pumping !== undefined) await within(CLOSE_MS_MAX, this.#pumping);
    this.#isBroken = true;
    this.#closeSink();
    this.#closeSink = () => undefined;
  }

  #queue(text: string): void {
    if (this.#isBroken) return;
    const bytes = Buffer.from(text);
    if (this.#waitingBytes + bytes.length > WAITING_BYTES_MAX) {
      this.#omitted += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#pumping ??= this.#pump();
  }

  /** Is over at the very moment when it finds nothing more to write: what is said then needs another one. */
  async #pump(): Promise<void> {
    try {
      for (let bytes = this.#waiting[0]; bytes !== undefined; bytes = this.#waiting[0]) {
        const taken = await this.#try(bytes);
        if (this.#isBroken) return;
        this.#waitingBytes -= taken;
        if (taken === bytes.length) this.#waiting.shift();
        else this.#waiting[0] = bytes.subarray(taken);
        if (taken === 0) {
          await pause(RETRY_MS, undefined, { ref: false });
          // Closed meanwhile: the descriptor may be somebody else's by now.
          if (this.#isBroken) return;
        } else if (this.#waiting.length === 0) this.#tellOmitted();
      }
    } finally {
      this.#pumping = undefined;
    }
  }

  #tellOmitted(): void {
    if (this.#omitted === 0) return;
    const omitted = this.#omitted;
    this.#omitted = 0;
    this.say(`(${omitted} lines were left out here: nobody read them)`);
  }

  async #try(bytes: Uint8Array): Promise<number> {
    try {
      return await this.#write(bytes);
    } catch (error) {
      if (systemErrorCode(error) === 'EAGAIN') return 0;
      // Whoever listened is gone; there is nobody left to tell.
      this.#isBroken = true;
      this.#waiting = [];
      this.#waitingBytes = 0;
      return 0;
    }
  }

  #openSink(): Sink {
    const { fd } = this.#stream;
    if (fstatSync(fd).isFile()) return async (bytes) => writeInBackground(fd, bytes);
    const own = openAgain(fd);
    // A socket cannot be opened again; Node has set it up so that writing does not wait.
    if (own === undefined) return (bytes) => writeSync(fd, bytes);
    this.#closeSink = () => closeSync(own);
    return (bytes) => writeSync(own, bytes);
  }
}

/** The same terminal or pipe, in such a way that writing to it does not wait, for us only. */
function openAgain(fd: number): number | undefined {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    // A socket, a terminal of another user, or a system without /proc.
    return undefined;
  }
}

async function writeInBackground(fd: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, null, (error, written) => {
      if (error) reject(error);
      else resolve(written);
    });
  });
}
