/** A sample of the counters becomes the status document; two samples give the rates. Pure. */
import { type StreamKind } from '../capture/types.ts';
import type { LiveStatus, RelayStatus } from '../shim/status.ts';
import { findProblems, findWarnings, stateOf } from './judge.ts';
import { STATUS_FORMAT, type Status, type StreamStatus } from './status.ts';

/** What does not change while a recording runs. */
export interface Recording {
  readonly verb: string;
  readonly version: string;
  readonly pid: number;
  readonly startedUnixMs: number;
  readonly paths: Readonly<Record<string, string>>;
}

export interface Sample {
  readonly live: LiveStatus;
  readonly unixMs: number;
  /** Of a clock that is never set; the rates are by this one. */
  readonly monotonicMs: number;
  readonly process: Status['process'];
}

/** Without an earlier sample nothing is known of rates: they are 0. */
export function makeStatus(recording: Recording, now: Sample, before?: Sample): Status {
  const { live } = now;
  const problems = findProblems(live);
  const warnings = findWarnings(live);
  const { verb, version, pid, startedUnixMs, paths } = recording;
  return {
    format: STATUS_FORMAT,
    service: 'relaydiff',
    verb,
    version,
    pid,
    time: isoTime(now.unixMs),
    startedTime: isoTime(startedUnixMs),
    uptimeSeconds: Math.max(0, now.unixMs - startedUnixMs) / 1_000,
    state: stateOf(problems, warnings),
    problems: [...problems],
    warnings: [...warnings],
    paths,
    clients: live.clients,
    connections: live.connections,
    lingering: live.lingering,
    streams: {
      client: streamStatus('client', now, before),
      old: streamStatus('old', now, before),
      new: streamStatus('new', now, before),
    },
    relays: { old: relayStatus(live.relays.old), new: relayStatus(live.relays.new) },
    mirror: {
      queuedBytes: live.mirror.queuedBytes,
      queuedBytesMax: live.mirror.queuedBytesMax,
      lagSeconds: live.mirror.lagMs / 1_000,
      laggard: live.mirror.laggard ?? null,
    },
    spool: { bytes: live.spool.costBytes, bytesMax: live.spool.costBytesMax },
    gaps: live.gaps.map((gap) => ({ ...gap })),
    lostEvents: live.lostEvents,
    file: { bytes: live.fileBytes ?? null },
    troubles: troubleStatus(live),
    process: now.process,
  };
}

/** The last word of a recording: what it says stays true, and nobody listens any more. */
export function makeLastStatus(status: Status): Status {
  const problems = [{ reason: 'stopped' as const, detail: 'the recording has ended' }];
  return { ...status, state: 'not-ready', problems };
}

function streamStatus(kind: StreamKind, now: Sample, before: Sample | undefined): StreamStatus {
  const { seenBytes, recordedBytes, gapBytes, frames } = now.live.streams[kind];
  const earlier = before?.live.streams[kind];
  const seconds = before === undefined ? 0 : (now.monotonicMs - before.monotonicMs) / 1_000;
  const rate = (total: number, totalBefore: number | undefined): number =>
    seconds <= 0 || totalBefore === undefined ? 0 : Math.max(0, total - totalBefore) / seconds;
  return {
    seenBytes,
    recordedBytes,
    gapBytes,
    frames,
    bytesPerSecond: rate(seenBytes, earlier?.seenBytes),
    framesPerSecond: rate(frames, earlier?.frames),
  };
}

function relayStatus({ trouble, ...counts }: RelayStatus): Status['relays']['old'] {
  return { reachable: trouble === undefined, trouble: trouble ?? null, ...counts };
}

function troubleStatus({ troubles }: LiveStatus): Status['troubles'] {
  const { last, told } = troubles;
  return {
    told,
    last: last === undefined ? null : { message: last.message, time: isoTime(last.unixMs) },
  };
}

function isoTime(unixMs: number): string {
  return new Date(unixMs).toISOString();
}
