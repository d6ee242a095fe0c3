/**
 * The client had just (re)connected: this side had accepted it, and delivered nothing to it until after the message,
 * which others got.
 */
import type { CauseFacts, DeliveryRule, Loss } from './rule.ts';

/** A relay that has not begun to deliver by then has another reason. */
const JOINING_NS_MAX = 5_000_000_000;

export const justJoined: DeliveryRule = {
  kind: 'delivery',
  name: 'just-joined',
  because: () => 'its client had just connected',
  find: (losses, facts) => {
    const found = losses.filter((loss) => isBeforeFirst(loss, facts));
    if (found.length === 0) return undefined;
    const clients = new Set(found.map(({ connection }) => connection));
    return {
      losses: new Set(found),
      seen: { messages: found.length, stretches: 0, clients, waitedNs: Infinity },
    };
  },
  evidence: ({ messages, clients }) =>
    `${messages} messages were sent after ${clients.size} ${clients.size === 1 ? 'client' : 'clients'} had been accepted ` +
    'and before the first one was delivered to them; other clients got them.',
  explanation:
    'consistent with a relay that begins to deliver some time after it has accepted a client',
};

function isBeforeFirst({ side, connection, sending }: Loss, facts: CauseFacts): boolean {
  const joinedNs = facts.joinedNs(connection, side);
  const firstNs = facts.firstNs(connection, side);
  if (sending === undefined || joinedNs === undefined || firstNs === undefined) return false;
  return (
    sending.timeNs >= joinedNs &&
    sending.timeNs - joinedNs < JOINING_NS_MAX &&
    sending.timeNs < firstNs
  );
}
