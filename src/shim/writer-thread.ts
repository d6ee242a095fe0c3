/** Starts the writer thread and speaks with it. Answers for: no batch is lost between the threads. */
import { Worker } from 'node:worker_threads';
import { assertNever } from '../lib/assert.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { type Deferred, deferred } from '../lib/deferred.ts';
import type { RecordBatch } from './record-batch.ts';
import type { BatchSink } from './recorder.ts';
import type { FromWriter, ToWriter, WriterStart, WriterTrouble } from './writer-messages.ts';

export interface WriterListener {
  stored(costBytes: number): void;
  /** Storing fails for now; traffic goes on, the spool fills. */
  troubled(error: OperatingError): void;
  recovered(): void;
  /** About once a second while something is stored. */
  grown(fileBytes: number): void;
}

function toError(trouble: WriterTrouble): OperatingError {
  return new OperatingError(
    trouble.code,
    trouble.message,
    trouble.hint === undefined ? {} : { hint: trouble.hint },
  );
}

export class WriterThread implements BatchSink {
  readonly #worker: Worker;
  readonly #listener: WriterListener;
  #running = false;
  readonly #ready: Deferred<void> = deferred();
  readonly #sealed: Deferred<number> = deferred();

  private constructor(worker: Worker, listener: WriterListener) {
    this.#worker = worker;
    this.#listener = listener;
    // Whoever waits for one of the two hears of a failure; nobody waiting must not crash the process.
    this.#ready.promise.catch(() => undefined);
    this.#sealed.promise.catch(() => undefined);
    worker.on('message', (message: FromWriter) => this.#receive(message));
    worker.on('error', (error) => this.#fail(died(error)));
    worker.on('exit', () => this.#fail(died(undefined)));
  }

  /** Resolves when the file exists. Throws CAPTURE_EXISTS or CAPTURE_UNWRITABLE. */
  static async start(files: WriterStart, listener: WriterListener): Promise<WriterThread> {
    const worker = new Worker(new URL('./writer.worker.js', import.meta.url), {
      workerData: files,
    });
    const thread = new WriterThread(worker, listener);
    await thread.#ready.promise;
    thread.#running = true;
    return thread;
  }

  send(batch: RecordBatch): void {
    this.#say({ kind: 'batch', batch }, [batch.bytes.buffer, batch.chunks.buffer]);
  }

  /** Stores what is left and ends the file in good order; resolves with its size in bytes. */
  async seal(notes: Readonly<Record<string, string>> = {}): Promise<number> {
    this.#say({ kind: 'stop', notes }, []);
    return this.#sealed.promise;
  }

  #say(message: ToWriter, transfer: ArrayBuffer[]): void {
    this.#worker.postMessage(message, transfer);
  }

  #receive(message: FromWriter): void {
    switch (message.kind) {
      case 'ready':
        this.#ready.resolve();
        return;
      case 'stored':
        this.#listener.stored(message.costBytes);
        return;
      case 'removed':
        this.#listener.troubled(removed());
        return;
      case 'trouble':
        this.#listener.troubled(toError(message.trouble));
        return;
      case 'recovered':
        this.#listener.recovered();
        return;
      case 'grown':
        this.#listener.grown(message.fileBytes);
        return;
      case 'sealed':
        this.#running = false;
        this.#sealed.resolve(message.fileBytes);
        return;
      case 'failed':
        this.#fail(toError(message.trouble));
        return;
      default:
        assertNever(message, 'message of the writer');
    }
  }

  /** While traffic passes it goes on without the writer: the spool fills, and what is lost is counted. */
  #fail(error: OperatingError): void {
    this.#ready.reject(error);
    this.#sealed.reject(error);
    if (!this.#running) return;
    this.#running = false;
    this.#listener.troubled(error);
  }
}

function removed(): OperatingError {
  return new OperatingError('CAPTURE_UNWRITABLE', 'the capture file was removed or renamed', {
    hint: 'Stop the recorder and start a new one; what is recorded from now on would be lost.',
  });
}

function died(cause: unknown): OperatingError {
  const what = cause instanceof Error ? cause.message : 'it ended without a word';
  return new OperatingError('RECORDER_FAILED', `the writer thread died: ${what}`, {
    hint: 'What was stored before is in the capture; please report this with the message.',
    cause,
  });
}
