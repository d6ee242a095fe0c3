/**
 * When the old relay may have had clients that the recorder did not see. A recorder that takes over the path of a
 * running relay does not have those that connected before; and who comes when the path is given back, or lost, reaches
 * the relay directly. All of them are heard by recorded clients, and none of them by the new relay.
 */
import type { CaptureReader } from '../capture/types.ts';

/** The recorder looks at its path about every second: it was lost so much earlier than the capture says. */
const LOST_BEFORE_NS = 2_000_000_000;

/** Infinity: never. */
export function unseenSendersFromNs(reader: CaptureReader): number {
  for (const { kind, connection, timeNs, details } of reader.events()) {
    if (connection !== undefined) continue;
    const isTakenOver = kind === 'start' && details['takenOver'] !== undefined;
    // A count that is not known may be any.
    if (isTakenOver && details['earlierClients'] !== 0) return Number.NEGATIVE_INFINITY;
    if (kind !== 'note') continue;
    if (details['pathGivenBack'] !== undefined) return Number(timeNs);
    if (details['pathLost'] !== undefined) return Number(timeNs) - LOST_BEFORE_NS;
  }
  return Number.POSITIVE_INFINITY;
}
