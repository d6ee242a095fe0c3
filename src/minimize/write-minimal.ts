/** The capture of what minimizing found: clients, what the old side answered, and what the relay under test did. */
import { copyFileSync, constants } from 'node:fs';
import { openCapture } from '../capture/open.ts';
import type { CaptureReader, StreamRow } from '../capture/types.ts';
import { type CaptureStart, CaptureWriter, type ChunkToWrite } from '../capture/writer.ts';
import { JoinedCapture } from '../diff/two-captures/joined-capture.ts';
import { mergeSorted } from '../lib/merge-sorted.ts';
import { OperatingError, systemErrorCode } from '../lib/operating-error.ts';
import type { Trial } from './trials.ts';

/** Throws CAPTURE_EXISTS or CAPTURE_UNWRITABLE. */
export function writeMinimal(path: string, trial: Trial, start: CaptureStart): void {
  // With a reference relay both sides are in one capture already.
  if (trial.promisePath === trial.answerPath) {
    copyNew(trial.answerPath, path);
    return;
  }
  const promise = openCapture(trial.promisePath);
  const answer = openCapture(trial.answerPath);
  try {
    const layouts = { old: start.layout, new: start.layout };
    write(path, new JoinedCapture(promise, answer, { layouts, newSide: 'old' }), start);
  } finally {
    promise.close();
    answer.close();
  }
}

function copyNew(from: string, to: string): void {
  try {
    copyFileSync(from, to, constants.COPYFILE_EXCL);
  } catch (error) {
    const isThere = systemErrorCode(error) === 'EEXIST';
    throw new OperatingError(
      isThere ? 'CAPTURE_EXISTS' : 'CAPTURE_UNWRITABLE',
      isThere ? `${to} exists already` : `cannot write ${to}: ${String(error)}`,
      { hint: 'Name another file: relaydiff never overwrites a capture.', cause: error },
    );
  }
}

function write(path: string, capture: CaptureReader, start: CaptureStart): void {
  const writer = CaptureWriter.create(path, start);
  for (const row of capture.connections()) writer.addConnection(row);
  const sequences = capture.streams().map((stream) => chunksOf(capture, stream));
  for (const chunk of mergeSorted(sequences, (left, right) => left.ordinal - right.ordinal))
    writer.addChunk(chunk);
  for (const event of capture.events()) writer.addEvent(event);
  for (const gap of capture.gaps()) writer.addGap(gap);
  writer.seal();
}

function* chunksOf(
  capture: CaptureReader,
  { id, connection, kind }: StreamRow,
): Generator<ChunkToWrite> {
  for (const chunk of capture.chunks(id)) yield { ...chunk, connection, stream: kind };
}
