/** A side delivered not one byte on any connection: what the messages are like does not matter. */
import type { OutageRule } from './rule.ts';

export const sideForwardsNothing: OutageRule = {
  kind: 'outage',
  name: 'side-forwards-nothing',
  because: (side) => `${side} forwards nothing at all`,
  explains: (loss, facts) =>
    !facts.client.hasDeliveredAnything(loss.side) && !facts.hasGap(loss.side),
  explanation: (side) => `whatever clients sent, ${side} passed nothing on`,
  evidence: (side) => `The ${side} side delivered no byte on any connection of this capture.`,
};
