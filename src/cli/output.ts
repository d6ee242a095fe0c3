/** Where things are said: data on stdout, talk on stderr; colours and progress only on a terminal. */
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { SingleBar } from 'cli-progress';
import { jsonText } from '../lib/json-text.ts';
import { OperatingError, reasonOf } from '../lib/operating-error.ts';

const BATCH_CHARACTERS = 65_536;
const PROGRESS_AFTER_MS = 1_000;
const LINE_EVERY_MS = 5_000;
const CLEAR_LINE = '\r\u001b[K';
const PERMISSION_BITS = 0o7777;

export function talk(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Data on stdout, as fast as its reader takes it. */
export async function writeOut(data: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(data)) await once(process.stdout, 'drain');
}

export async function writeJsonLines(
  records: AsyncIterable<unknown> | Iterable<unknown>,
): Promise<void> {
  await writeLines(records, jsonText);
}

export async function writeLines<T>(
  items: AsyncIterable<T> | Iterable<T>,
  render: (item: T) => string,
): Promise<void> {
  let batch = '';
  for await (const item of items) {
    batch += `${render(item)}\n`;
    if (batch.length < BATCH_CHARACTERS) continue;
    await writeOut(batch);
    batch = '';
  }
  await writeOut(batch);
}

/** Whether a result file could be written, as far as that can be said before it is. Throws OUTPUT_UNWRITABLE. */
export function expectWritable(path: string): void {
  try {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there?.isDirectory() === true) throw new Error('it is a directory');
    accessSync(there === undefined ? dirname(path) : path, constants.W_OK);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** Writes a result file. Throws OUTPUT_UNWRITABLE. */
export function writeFile(path: string, content: string): void {
  try {
    writeFileSync(path, content);
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): OperatingError {
  return new OperatingError('OUTPUT_UNWRITABLE', `cannot write ${path}: ${reasonOf(error)}`, {
    hint: 'Check that the directory exists and that you may write to it.',
    cause: error,
  });
}

/**
 * Puts a file in the place of another in one step: whoever reads it sees the old or the new one, and a crash leaves
 * one of them. A link stays a link. Throws OUTPUT_UNWRITABLE.
 */
export function replaceFile(path: string, content: string): void {
  const target = existsSync(path) ? realpathSync(path) : path;
  const fresh = `${target}.${process.pid}.tmp`;
  try {
    writeFileSync(fresh, content, { flush: true });
    if (existsSync(target)) chmodSync(fresh, statSync(target).mode & PERMISSION_BITS);
    renameSync(fresh, target);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw unwritable(path, error);
  }
}

/**
 * Says how far long work is, once it has taken more than a second: a bar on a terminal, now and then a line
 * elsewhere. Draws within `update`, because comparing leaves the event loop no turn.
 */
export class Progress {
  readonly #quiet: boolean;
  readonly #startMs = performance.now();
  #lastLineMs = 0;
  #bar: SingleBar | undefined;
  #isLineOpen = false;

  constructor(options: { readonly quiet: boolean }) {
    this.#quiet = options.quiet;
  }

  update(step: string, done: number, total: number): void {
    const nowMs = performance.now();
    if (this.#quiet || nowMs - this.#startMs < PROGRESS_AFTER_MS) return;
    if (process.stderr.isTTY) {
      this.#bar ??= startBar();
      this.#bar.setTotal(total);
      this.#bar.update(done, { step });
    } else if (nowMs - this.#lastLineMs >= LINE_EVERY_MS) {
      this.#lastLineMs = nowMs;
      talk(`${step}: ${total === 0 ? 100 : Math.floor((100 * done) / total)} %`);
    }
  }

  /** Of work of which nobody knows how much is left: one line on a terminal, now and then one elsewhere. */
  say(words: string): void {
    const nowMs = performance.now();
    if (this.#quiet || nowMs - this.#startMs < PROGRESS_AFTER_MS) return;
    if (process.stderr.isTTY) {
      process.stderr.write(`${CLEAR_LINE}${words}`);
      this.#isLineOpen = true;
    } else if (nowMs - this.#lastLineMs >= LINE_EVERY_MS) {
      this.#lastLineMs = nowMs;
      talk(words);
    }
  }

  done(): void {
    this.#bar?.stop();
    this.#bar = undefined;
    if (this.#isLineOpen) process.stderr.write(CLEAR_LINE);
    this.#isLineOpen = false;
  }
}

function startBar(): SingleBar {
  const bar = new SingleBar({
    format: '{bar} {percentage} % {step}',
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(1, 0, { step: '' });
  return bar;
}
