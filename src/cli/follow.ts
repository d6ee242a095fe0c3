/** `relaydiff diff --follow`: says now and then how a recording that is still made compares, until it is sealed. */
import { openCapture } from '../capture/open.ts';
import type { CaptureReader } from '../capture/types.ts';
import type { DiffOptions } from '../diff/diff-capture.ts';
import { DiffFollower, type FollowProgress } from '../diff/diff-follower.ts';
import type { DiffResult } from '../diff/types.ts';
import { talk, writeOut } from './output.ts';
import { StopRequest } from './stop-request.ts';

const LOOK_EVERY_MS = 1_000;

export interface FollowOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Ends when the recording is sealed, or when it is stopped: then the result is that of what is there. */
export async function follow(
  file: string,
  { json, quiet }: FollowOptions,
  diffOptionsOf: (reader: CaptureReader) => Promise<DiffOptions>,
): Promise<DiffResult> {
  const first = openCapture(file);
  const options = await diffOptionsOf(first).finally(() => first.close());
  const follower = new DiffFollower(() => openCapture(file), options);
  const stopped = new StopRequest(talk);
  const stop = { isRequested: false };
  const requested = noteStop(stopped, stop);
  try {
    for (;;) {
      const progress = follower.advance();
      if (json) await writeOut(`${JSON.stringify(eventOf(progress))}\n`);
      else if (!quiet) talk(lineOf(progress));
      if (progress.isSealed || stop.isRequested) break;
      await Promise.race([requested, pause()]);
    }
    return follower.result();
  } finally {
    stopped.dispose();
  }
}

async function noteStop(stopped: StopRequest, stop: { isRequested: boolean }): Promise<void> {
  await stopped.wait(undefined);
  stop.isRequested = true;
}

function eventOf({ isSealed, durationNs, connections, pairs, open }: FollowProgress): object {
  return {
    event: 'progress',
    sealed: isSealed,
    durationNs: String(durationNs),
    connections,
    pairs,
    open,
  };
}

function lineOf({ durationNs, connections, pairs, open }: FollowProgress): string {
  const seconds = (Number(durationNs) / 1e9).toFixed(1);
  const unpaired =
    open.old + open.new === 0
      ? 'nothing else'
      : `${open.old} of old and ${open.new} of new without the same on the other side`;
  return `${seconds} s, ${connections} connections: ${pairs} messages agree, ${unpaired}`;
}

async function pause(): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, LOOK_EVERY_MS);
  });
}
