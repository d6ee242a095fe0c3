/** The new relay delivered not one byte to the tap, which is the sender of everything it was fed. */
import type { OutageRule } from './rule.ts';

export const tapHearsNothing: OutageRule = {
  kind: 'outage',
  name: 'tap-hears-nothing',
  because: (side) => `the tap heard nothing from ${side}`,
  explains: ({ side }, facts) =>
    facts.client.isTapped && !facts.client.hasDeliveredAnything(side) && !facts.hasGap(side),
  explanation: (side) =>
    `consistent with a ${side} relay that passes nothing on, or that does not deliver to the sender: a tap cannot tell them apart`,
  evidence: (side) =>
    `The ${side} side delivered no byte, and its only client was the tap, which had sent everything.`,
};
