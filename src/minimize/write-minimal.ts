/** The capture of what minimizing found: clients, what the old side answered, and what the relay under test did. */
import { copyFileSync, constants } from 'node:fs';
import { openCapture } from '../capture/open.ts';
import type { CaptureReader, StreamRow } from '../capture/types.ts';
import { type CaptureStart, CaptureWriter } from '../capture/writer.ts';
import { JoinedCapture } from '../diff/two-captures/joined-capture.ts';
import { mergeSorted } from '../lib/merge-sorted.ts';
import { OperatingError, systemErrorCode, reasonOf } from '../lib/operating-error.ts';
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
      isThere ? `${to} exists already` : `cannot write ${to}: ${reasonOf(error)}`,
      { hint: 'Name another file: relaydiff never overwrites a capture.', cause: error },
    );
  }
}

/** Both recordings counted what happened for themselves; here it is counted once, in order of time. */
function write(path: string, capture: CaptureReader, start: CaptureStart): void {
  const writer = CaptureWriter.create(path, start);
  for (const row of capture.connections()) writer.addConnection(row);
  const sequences = [
    ascending(eventsOf(capture)),
    ...capture.streams().map((stream) => ascending(chunksOf(capture, stream))),
  ];
  let ordinal = 0;
  for (const { timeNs, add } of mergeSorted(sequences, byTime)) {
    ordinal += 1;
    add(writer, { timeNs, ordinal });
  }
  for (const gap of capture.gaps()) writer.addGap(gap);
  writer.seal();
}

interface Moment {
  readonly timeNs: bigint;
  readonly add: (writer: CaptureWriter, at: { timeNs: bigint; ordinal: number }) => void;
}

function* eventsOf(capture: CaptureReader): Generator<Moment> {
  for (const event of capture.events())
    yield { timeNs: event.timeNs, add: (writer, at) => writer.addEvent({ ...event, ...at }) };
}

function* chunksOf(
  capture: CaptureReader,
  { id, connection, kind: stream }: StreamRow,
): Generator<Moment> {
  for (const chunk of capture.chunks(id)) {
    yield {
      timeNs: chunk.timeNs,
      add: (writer, at) => writer.addChunk({ ...chunk, ...at, connection, stream }),
    };
  }
}

/** What was recorded by another clock may seem to go back where the two are laid over each other. */
function* ascending(moments: Iterable<Moment>): Generator<Moment> {
  let lastNs = 0n;
  for (const moment of moments) {
    if (moment.timeNs > lastNs) lastNs = moment.timeNs;
    yield { ...moment, timeNs: lastNs };
  }
}

function byTime(left: Moment, right: Moment): number {
  if (left.timeNs === right.timeNs) return 0;
  return left.timeNs < right.timeNs ? -1 : 1;
}
