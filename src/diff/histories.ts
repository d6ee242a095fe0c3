/** Reads the events of a capture into the history of each connection, and how the recording ended. */
import { TAP_ORIGIN } from '../capture/blind-spots.ts';
import type { CaptureReader } from '../capture/types.ts';
import { ConnectionHistory } from './connection-history.ts';
import { RelayPresence } from './relay-presence.ts';
import { TappedHistory } from './tapped-history.ts';

/** How a recording ended. */
export interface RecordingEnd {
  /**
   * Whether both relays had fallen silent. undefined: the recording does not say, as imports and old
   * captures do not.
   */
  readonly isDrained: boolean | undefined;
  readonly endNs: number;
}

export interface Histories {
  readonly of: ReadonlyMap<number, ConnectionHistory>;
  readonly end: RecordingEnd;
}

export function readHistories(reader: CaptureReader): Histories {
  const of = new Map<number, ConnectionHistory>();
  let endNs = Number(reader.info.durationNs);
  const presence = { old: new RelayPresence(), new: new RelayPresence() };
  const connections = reader.connections();
  for (const [index, { id }] of connections.entries()) {
    of.set(
      id,
      reader.info.origin === TAP_ORIGIN
        ? new TappedHistory(id, {
            endNs,
            presence,
            backNs: numberOf(connections[index + 1]?.openedNs),
          })
        : new ConnectionHistory(id, endNs, presence),
    );
  }
  let isStopped = false;
  let isDrained: boolean | undefined;
  for (const event of reader.events()) {
    if (event.kind === 'stop') {
      isStopped = true;
      endNs = Number(event.timeNs);
      const { drained } = event.details;
      if (drained !== undefined) isDrained = drained !== 0;
    }
    if (event.connection !== undefined) of.get(event.connection)?.note(event, isStopped);
  }
  return { of, end: { isDrained, endNs } };
}

function numberOf(timeNs: bigint | undefined): number | undefined {
  return timeNs === undefined ? undefined : Number(timeNs);
}
