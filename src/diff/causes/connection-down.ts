/** The relay of this side had refused or left the connection before it could deliver the message. */
import type { OutageRule } from './rule.ts';

export const connectionDown: OutageRule = {
  kind: 'outage',
  name: 'connection-down',
  because: (side) => `its connection to ${side} was down`,
  explains: (loss, facts) => {
    const since = facts.downSince(loss.connection, loss.side);
    return since !== undefined && loss.timeNs >= since;
  },
  explanation: (side) => `the ${side} relay was not there to deliver them`,
  evidence: (side) =>
    `The ${side} relay had refused or left the connection before the other side delivered them.`,
};
