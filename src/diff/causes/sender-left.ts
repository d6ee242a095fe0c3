/** The sender closed its connection right behind the message: a relay that drops what is unread then loses it. */
import type { PlacementRule } from './rule.ts';

const RIGHT_BEFORE_NS = 10_000_000;

export const senderLeft: PlacementRule = {
  kind: 'placement',
  name: 'sender-left',
  because: () => 'its sender left right behind it',
  situation: 'whose sender left within 10 ms',
  consistentWith: 'a relay that drops what it has not read when a client leaves',
  controlMin: 3,
  holds: (_content, { connection, timeNs }, _fates, facts) =>
    isRightBeforeLeaving(timeNs, facts.clientLeftNs(connection)),
};

/** `leftNs` undefined: it stayed to the end. */
export function isRightBeforeLeaving(timeNs: number, leftNs: number | undefined): boolean {
  return leftNs !== undefined && timeNs >= leftNs - RIGHT_BEFORE_NS && timeNs <= leftNs;
}
