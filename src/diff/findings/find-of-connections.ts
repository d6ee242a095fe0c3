/** Findings of whole connections. */
import type { Side } from '../../capture/types.ts';
import type { ConnectionDifference } from '../connection-history.ts';
import { otherSide } from '../records.ts';
import type { Finding } from './finding.ts';

export function findConnectionDifference(difference: ConnectionDifference): Finding {
  const { connection, side, event, timeNs, detail } = difference;
  return connectionFinding({
    side,
    connection,
    timeNs,
    subject: event,
    detail,
    title: `connection ${event} by ${side}`,
    ownCause: event === 'closed early' ? 'relay-closed' : 'relay-unreachable',
  });
}

export function findSilentSide(side: Side, connection: number, timeNs: number): Finding {
  const other = otherSide(side);
  return connectionFinding({
    side,
    connection,
    timeNs,
    subject: 'never answered',
    detail: `the ${side} relay delivered no byte to this client, nor to any other; the ${other} one did`,
    title: `connection never answered by ${side}`,
    ownCause: 'side-forwards-nothing',
  });
}

type ConnectionWords = Pick<
  Finding,
  'side' | 'connection' | 'timeNs' | 'subject' | 'detail' | 'title' | 'ownCause'
>;

function connectionFinding(words: ConnectionWords): Finding {
  return {
    ...words,
    kind: 'connection',
    old: undefined,
    new: undefined,
    differences: [],
    loss: undefined,
  };
}
