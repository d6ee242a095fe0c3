/**
 * Compares golden and replay in a thread of its own: a comparison leaves the event loop no turn, and meanwhile other
 * replays must be paced and relays be ended in time.
 */
import { parentPort } from 'node:worker_threads';
import { openCapture } from '../capture/open.ts';
import { protocolForCapture } from '../inspect/capture-protocol.ts';
import { defined } from '../lib/assert.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { readBuiltInSchemas } from '../protocol/files.ts';
import type { DiffResult } from '../diff/types.ts';
import { comparePromise } from './compare.ts';
import type { JudgeAnswer, JudgeRequest } from './judge-messages.ts';

const port = defined(parentPort, 'parent port of the comparing thread');

function compare({ goldenPath, replayPath, rules, schemas, today }: JudgeRequest): DiffResult {
  const golden = openCapture(goldenPath);
  try {
    const replay = openCapture(replayPath);
    try {
      const protocol = protocolForCapture(golden, readBuiltInSchemas(), schemas);
      return comparePromise(golden, replay, { protocol, rules, today });
    } finally {
      replay.close();
    }
  } finally {
    golden.close();
  }
}

function answer(request: JudgeRequest): JudgeAnswer {
  try {
    return { kind: 'result', result: compare(request) };
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    const { code, message, hint } = error;
    return { kind: 'failure', code, message, hint };
  }
}

port.on('message', (request: JudgeRequest) => port.postMessage(answer(request)));
