/**
 * A frame was written in more than one chunk, or lay in a chunk that began inside another frame. The generic
 * relay takes a read for a message: it forwards the part with the header and drops the part without.
 */
import type { PlacementRule } from './rule.ts';

export const readBeganInsideAFrame: PlacementRule = {
  kind: 'placement',
  name: 'read-began-inside-a-frame',
  because: () => 'a chunk with its bytes began inside a frame',
  situation: 'with bytes in a chunk that began inside a frame',
  consistentWith: 'a relay that drops reads which do not begin with a header',
  holds: (_content, sending) => sending.placement.beganInside,
};
