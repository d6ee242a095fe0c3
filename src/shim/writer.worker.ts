/**
 * The writer thread: stores batches in transactions, so that nothing on the forwarding path ever waits for
 * a disk. When storing fails it keeps what it has and tries again; the spool of the other side is the bound.
 */
import { existsSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { RotatingWriter } from '../capture/rotating-writer.ts';
import { assertNever, defined } from '../lib/assert.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { chunksOf, type RecordBatch } from './record-batch.ts';
import type { FromWriter, ToWriter, WriterStart, WriterTrouble } from './writer-messages.ts';

const RETRY_MS = 250;
const LOOK_EVERY_MS = 1_000;

const port = defined(parentPort, 'parent port of the writer thread');

function say(message: FromWriter): void {
  port.postMessage(message);
}

function troubleOf(error: unknown): WriterTrouble {
  if (!(error instanceof OperatingError)) throw error;
  return { code: error.code, message: error.message, hint: error.hint };
}

class WriterLoop {
  readonly #writer: RotatingWriter;
  #pendingCostBytes = 0;
  #retry: NodeJS.Timeout | undefined;
  #look: NodeJS.Timeout | undefined;
  #isUnseen = false;
  #isRemoved = false;

  constructor(writer: RotatingWriter) {
    this.#writer = writer;
  }

  receive(message: ToWriter): void {
    switch (message.kind) {
      case 'batch':
        this.#add(message.batch);
        if (this.#retry === undefined) this.#flush();
        return;
      case 'stop':
        this.#seal(message.notes);
        return;
      default:
        assertNever(message, 'message to the writer');
    }
  }

  #add(batch: RecordBatch): void {
    for (const row of batch.connections) this.#writer.addConnection(row);
    for (const chunk of chunksOf(batch)) this.#writer.addChunk(chunk);
    for (const event of batch.events) this.#writer.addEvent(event);
    for (const gap of batch.gaps) this.#writer.addGap(gap);
    for (const account of batch.accounts) this.#writer.addAccount(account);
    for (const id of batch.ended) this.#writer.endConnection(id);
    this.#pendingCostBytes += batch.costBytes;
  }

  #flush(): void {
    try {
      this.#writer.flush();
    } catch (error) {
      if (this.#retry === undefined) say({ kind: 'trouble', trouble: troubleOf(error) });
      this.#retry = setTimeout(() => this.#flush(), RETRY_MS);
      return;
    }
    if (this.#retry !== undefined) {
      say({ kind: 'recovered' });
      this.#isRemoved = false;
    }
    this.#retry = undefined;
    say({ kind: 'stored', costBytes: this.#pendingCostBytes });
    this.#pendingCostBytes = 0;
    this.#isUnseen = true;
    if (this.#look === undefined) this.#lookAtFile();
  }

  /** At once and then once a second, as long as something was stored since. */
  #lookAtFile(): void {
    this.#look = undefined;
    if (!this.#isUnseen) return;
    this.#isUnseen = false;
    this.#look = setTimeout(() => this.#lookAtFile(), LOOK_EVERY_MS);
    if (existsSync(this.#writer.path)) say({ kind: 'grown', fileBytes: this.#writer.fileBytes });
    else this.#sayRemoved();
  }

  /** A file that was removed while it is written is lost at the end: the operator must know at once. */
  #sayRemoved(): void {
    if (!this.#isRemoved) say({ kind: 'removed' });
    this.#isRemoved = true;
  }

  #seal(notes: Readonly<Record<string, string>>): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#look);
    try {
      say({ kind: 'sealed', fileBytes: this.#writer.seal(notes) });
    } catch (error) {
      say({ kind: 'failed', trouble: troubleOf(error) });
    }
    port.close();
  }
}

function create(): RotatingWriter | undefined {
  const { path, start, rotation }: WriterStart = workerData;
  try {
    return new RotatingWriter(path, start, rotation);
  } catch (error) {
    say({ kind: 'failed', trouble: troubleOf(error) });
    return undefined;
  }
}

const writer = create();
if (writer !== undefined) {
  const loop = new WriterLoop(writer);
  port.on('message', (message: ToWriter) => loop.receive(message));
  say({ kind: 'ready' });
}
