/**
 * Where a recording stands, as plain values that are copied out of the counters once a second. Answers for
 * what is known, not for what it means: whether that is well is judged in `monitor`.
 */
import type { Side, StreamKind } from '../capture/types.ts';

export interface StreamAccount {
  seenBytes: number;
  recordedBytes: number;
  gapBytes: number;
  /** Frames that have ended. */
  frames: number;
}

/** All gaps of one place and reason. */
export interface GapAccount {
  readonly where: 'recording' | 'mirror';
  readonly reason: string;
  readonly gaps: number;
  readonly bytes: number;
  /** Whole frames in them, where they could be counted: at least so many. */
  readonly frames: number;
}

/** Totals of all connections, those that are over included. */
export interface ShimStatus {
  readonly clients: number;
  readonly connections: number;
  readonly streams: Readonly<Record<StreamKind, Readonly<StreamAccount>>>;
  /** Bytes that passed but are not in the capture. */
  readonly recordingGapBytes: number;
  /** Client bytes that the new relay was not sent although it should have been. */
  readonly mirrorGapBytes: number;
  /** Client bytes that it was not sent because only a part of the traffic is mirrored. */
  readonly notSelectedBytes: number;
  /** Nobody is read from, because the disk cannot keep up (`onOverload: 'block'`). */
  readonly isBlocking: boolean;
  readonly gaps: readonly GapAccount[];
  /** Events that the spool could not hold. */
  readonly lostEvents: number;
}

/** What is known of the relay of a side from the connections to it, and from knocking when there is none. */
export interface RelayStatus {
  /** Why clients that connect now would not reach it, as far as is known. */
  readonly trouble: string | undefined;
  /** Connections to it that are open. */
  readonly connected: number;
  readonly opened: number;
  /** Connections that were opened again for a client that had lost its first one. */
  readonly reopened: number;
  readonly failed: number;
  /** Connections that the relay ended while their client was still there. */
  readonly left: number;
}

export interface MirrorStatus {
  /** What waits to be taken by the mirror's sockets, all connections together. */
  readonly queuedBytes: number;
  readonly queuedBytesMax: number;
  /** Age of the oldest bytes that wait, to about 20 ms; 0 when nothing waits. */
  readonly lagMs: number;
  /** The connection with these bytes. */
  readonly laggard: number | undefined;
}

/** Who waits longest. `nowMs` is by the clock that dated what waits. */
export function mirrorStatusOf(
  budget: { readonly bytes: number; readonly bytesMax: number; readonly nowMs: number },
  connections: Iterable<{ readonly id: number; readonly mirrorWaitsSinceMs: number | undefined }>,
): MirrorStatus {
  let sinceMs = budget.nowMs;
  let laggard: number | undefined;
  for (const { id, mirrorWaitsSinceMs } of connections) {
    if (mirrorWaitsSinceMs === undefined || mirrorWaitsSinceMs >= sinceMs) continue;
    sinceMs = mirrorWaitsSinceMs;
    laggard = id;
  }
  const { bytes: queuedBytes, bytesMax: queuedBytesMax, nowMs } = budget;
  return { queuedBytes, queuedBytesMax, lagMs: nowMs - sinceMs, laggard };
}

export interface TroubleStatus {
  /** What is wrong now, by what it is about. */
  readonly open: readonly { readonly about: TroubleKind; readonly message: string }[];
  /** Everything that was told since the start. */
  readonly told: number;
  readonly last: { readonly message: string; readonly unixMs: number } | undefined;
}

export type TroubleKind = 'writer' | 'accept' | 'bug';

/** The totals, and what is true at this moment only. */
export interface LiveStatus extends ShimStatus {
  /** Connections whose client has left and that a relay has not closed yet. */
  readonly lingering: number;
  readonly isStopping: boolean;
  readonly relays: Readonly<Record<Side, RelayStatus>>;
  readonly mirror: MirrorStatus;
  readonly spool: { readonly costBytes: number; readonly costBytesMax: number };
  /** What the capture takes on disk; undefined until the writer has said so. */
  readonly fileBytes: number | undefined;
  readonly troubles: TroubleStatus;
}
