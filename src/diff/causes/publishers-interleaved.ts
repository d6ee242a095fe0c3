/**
 * A message was written in several chunks, and another client wrote in between: a relay that forwards chunks as they
 * come puts the pieces of one publisher's frames into those of the other. It must explain more than that the message
 * was written in pieces at all.
 */
import { readBeganInsideAFrame } from './read-began-inside-a-frame.ts';
import type { PlacementRule } from './rule.ts';

export const publishersInterleaved: PlacementRule = {
  kind: 'placement',
  name: 'publishers-interleaved',
  because: () => 'another client wrote between its pieces',
  situation: 'that another client wrote between the pieces of',
  consistentWith: 'a relay that passes chunks on as they come, so that pieces of frames are mixed',
  mustBeat: readBeganInsideAFrame,
  holds: (_content, sending, _fates, facts) =>
    sending.placement.isSplit && facts.othersWroteBetween(sending),
};
