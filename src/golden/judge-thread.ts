/** Starts the thread that compares, asks it one thing at a time, and can end it in the middle of one. */
import { Worker } from 'node:worker_threads';
import type { DiffResult } from '../diff/types.ts';
import { assertNever } from '../lib/assert.ts';
import { type Deferred, deferred } from '../lib/deferred.ts';
import { OperatingError } from '../lib/operating-error.ts';
import type { JudgeAnswer, JudgeRequest } from './judge-messages.ts';

export class JudgeThread {
  #worker: Worker | undefined;
  #asked: Deferred<DiffResult | undefined> | undefined;

  /**
   * undefined: it was halted. Throws what the comparison throws (an OperatingError, or a bug as it was). The thread is made
   * when it is first needed, and stays.
   */
  async compare(request: JudgeRequest): Promise<DiffResult | undefined> {
    const asked = deferred<DiffResult | undefined>();
    this.#asked = asked;
    this.#worker ??= this.#start();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#worker.postMessage(request);
    return asked.promise;
  }

  /** Ends what it is at; it may be asked again. */
  async halt(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#asked?.resolve(undefined);
    await worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL('./judge.worker.js', import.meta.url));
    worker.on('message', (answer: JudgeAnswer) => this.#receive(answer));
    worker.on('error', (error) => this.#asked?.reject(error));
    return worker;
  }

  #receive(answer: JudgeAnswer): void {
    switch (answer.kind) {
      case 'result':
        this.#asked?.resolve(answer.result);
        return;
      case 'failure': {
        const { code, message, hint } = answer;
        const options = hint === undefined ? {} : { hint };
        this.#asked?.reject(new OperatingError(code, message, options));
        return;
      }
      default:
        assertNever(answer, 'answer of the comparing thread');
    }
  }
}
