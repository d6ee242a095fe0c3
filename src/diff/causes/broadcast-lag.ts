/**
 * A client that does not read in time loses the oldest messages of the relay's ring, and goes on with the oldest one
 * that is left: a stretch without holes is gone for it, others have all of it, and what comes behind the stretch has
 * waited. All three must hold; messages that are missing here and there were lost otherwise.
 */
import type { DeliveryRule } from './rule.ts';
import { findStretches } from './stretches.ts';

/** What comes behind the stretch has waited longer than anything waits that was only under way. */
const WAITED_NS_MIN = 20_000_000;
const STRETCH_MIN = 2;

export const broadcastLag: DeliveryRule = {
  kind: 'delivery',
  name: 'broadcast-lag',
  because: () => 'its client had fallen behind',
  find: (losses, facts) => {
    const stretches = findStretches(losses, facts).filter(
      ({ losses: lost, waitedNs }) => lost.length >= STRETCH_MIN && waitedNs >= WAITED_NS_MIN,
    );
    if (stretches.length === 0) return undefined;
    const lost = stretches.flatMap((stretch) => stretch.losses);
    return {
      losses: new Set(lost),
      seen: {
        messages: lost.length,
        stretches: stretches.length,
        clients: new Set(),
        waitedNs: Math.min(...stretches.map(({ waitedNs }) => waitedNs)),
      },
    };
  },
  evidence: ({ messages, stretches, waitedNs }) => {
    const one = stretches === 1;
    return (
      `${messages} messages are missing in ${stretches} ${one ? 'stretch' : 'stretches'} without a hole, ` +
      `and other clients got each of them; what came behind ${one ? 'it' : 'them'} had waited ${(waitedNs / 1e6).toFixed(0)} ms or more.`
    );
  },
  explanation: 'consistent with a relay whose client loses the oldest of what waits for it',
};
