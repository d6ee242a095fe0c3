/** Whether a recording is well: what keeps it from being ready, and what an operator should look at. Pure. */
import { formatBytes } from '../lib/format.ts';
import type { LiveStatus, TroubleKind } from '../shim/status.ts';
import type { ProblemReason, Status, WarningReason } from './status.ts';

/** A mirror that is behind for longer will hardly catch up by itself. */
const LAG_WARNING_MS = 5_000;
const SPOOL_WARNING_PART = 0.5;

export interface Reason<Name extends string> {
  readonly reason: Name;
  readonly detail: string;
}

const REASON_OF_TROUBLE: Readonly<Record<TroubleKind, ProblemReason>> = {
  writer: 'recording-troubled',
  accept: 'accept-failed',
  bug: 'bug',
};

export function findProblems(live: LiveStatus): readonly Reason<ProblemReason>[] {
  const problems: Reason<ProblemReason>[] = [];
  if (live.isStopping) {
    problems.push({
      reason: 'stopping',
      detail: 'the recording is ending; nobody listens any more',
    });
  }
  for (const side of ['old', 'new'] as const) {
    const { trouble } = live.relays[side];
    if (trouble !== undefined) problems.push({ reason: `${side}-unreachable`, detail: trouble });
  }
  for (const { about, message } of live.troubles.open) {
    problems.push({ reason: REASON_OF_TROUBLE[about], detail: message });
  }
  return problems;
}

export function findWarnings(live: LiveStatus): readonly Reason<WarningReason>[] {
  const warnings: Reason<WarningReason>[] = [];
  const warn = (isSo: boolean, reason: WarningReason, detail: string): void => {
    if (isSo) warnings.push({ reason, detail });
  };
  const { recordingGapBytes, mirrorGapBytes, lostEvents, mirror, spool } = live;
  warn(
    recordingGapBytes > 0,
    'recording-gap',
    `${formatBytes(recordingGapBytes)} passed but are not in the capture`,
  );
  warn(
    mirrorGapBytes > 0,
    'mirror-gap',
    `${formatBytes(mirrorGapBytes)} of the clients were not sent to the new relay`,
  );
  warn(lostEvents > 0, 'lost-events', `${lostEvents} events are not in the capture`);
  warn(
    mirror.lagMs > LAG_WARNING_MS,
    'mirror-lag',
    `the new relay is ${(mirror.lagMs / 1_000).toFixed(1)} s behind on connection ${mirror.laggard ?? '?'}`,
  );
  warn(
    spool.costBytes > SPOOL_WARNING_PART * spool.costBytesMax,
    'spool-filling',
    `${formatBytes(spool.costBytes)} of ${formatBytes(spool.costBytesMax)} wait for the disk`,
  );
  return warnings;
}

export function stateOf(
  problems: readonly unknown[],
  warnings: readonly unknown[],
): Status['state'] {
  if (problems.length > 0) return 'not-ready';
  return warnings.length > 0 ? 'degraded' : 'ready';
}
