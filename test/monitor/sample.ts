/** Samples of a recording in which every number is another one, so that none can be taken for another. */
import { makeStatus, type Recording, type Sample } from '../../src/monitor/make-status.ts';
import type { Status } from '../../src/monitor/status.ts';
import type { LiveStatus, RelayStatus } from '../../src/shim/status.ts';

export const RECORDING: Recording = {
  verb: 'record',
  version: '1.2.3',
  pid: 4711,
  startedUnixMs: 1_700_000_000_000,
  paths: { listen: '/tmp/l', old: '/tmp/o', new: '/tmp/n', out: '/tmp/a.capture' },
};

export function relay(first: number): RelayStatus {
  const [connected, opened, reopened, failed, left] = [0, 1, 2, 3, 4].map((step) => first + step);
  return {
    trouble: undefined,
    connected: connected!,
    opened: opened!,
    reopened: reopened!,
    failed: failed!,
    left: left!,
  };
}

/** Nothing is wrong with it. */
export function liveStatus(changes: Partial<LiveStatus> = {}): LiveStatus {
  const gap = { gaps: 0, bytes: 0, frames: 0 };
  return {
    clients: 3,
    connections: 17,
    lingering: 2,
    streams: {
      client: { seenBytes: 1_000, recordedBytes: 900, gapBytes: 0, frames: 11 },
      old: { seenBytes: 3_000, recordedBytes: 2_800, gapBytes: 0, frames: 31 },
      new: { seenBytes: 2_000, recordedBytes: 1_700, gapBytes: 0, frames: 21 },
    },
    recordingGapBytes: 0,
    mirrorGapBytes: 0,
    notSelectedBytes: 0,
    isBlocking: false,
    gaps: [
      { where: 'mirror', reason: 'mirror-slow', ...gap },
      { where: 'recording', reason: 'spool-full', ...gap },
    ],
    lostEvents: 0,
    isStopping: false,
    relays: { old: relay(40), new: relay(50) },
    mirror: { queuedBytes: 77, queuedBytesMax: 7_700, lagMs: 40, laggard: 9 },
    spool: { costBytes: 88, costBytesMax: 8_800 },
    fileBytes: 123_456,
    troubles: { open: [], told: 5, last: { message: 'the disk', unixMs: 1_700_000_001_000 } },
    ...changes,
  };
}

/** Everything that a recording can lose, it has lost. */
export function lossyStatus(): LiveStatus {
  return liveStatus({
    recordingGapBytes: 600,
    mirrorGapBytes: 2_048,
    streams: {
      client: { seenBytes: 1_000, recordedBytes: 900, gapBytes: 100, frames: 11 },
      old: { seenBytes: 3_000, recordedBytes: 2_800, gapBytes: 200, frames: 31 },
      new: { seenBytes: 2_000, recordedBytes: 1_700, gapBytes: 300, frames: 21 },
    },
    gaps: [
      { where: 'mirror', reason: 'mirror-slow', gaps: 4, bytes: 2_048, frames: 19 },
      { where: 'recording', reason: 'spool-full', gaps: 6, bytes: 600, frames: 0 },
    ],
    lostEvents: 8,
    mirror: { queuedBytes: 7_000, queuedBytesMax: 7_700, lagMs: 6_500, laggard: 9 },
    spool: { costBytes: 8_000, costBytesMax: 8_800 },
  });
}

export function sampleAt(seconds: number, live: LiveStatus = liveStatus()): Sample {
  return {
    live,
    unixMs: RECORDING.startedUnixMs + seconds * 1_000,
    monotonicMs: 5_000_000 + seconds * 1_000,
    process: { residentBytes: 99_999_999, cpuSeconds: 1.5, loopUtilization: 0.25 },
  };
}

export function statusOf(live: LiveStatus, seconds = 3_723): Status {
  return makeStatus(RECORDING, sampleAt(seconds, live));
}
