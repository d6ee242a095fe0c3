/** The chunk began with no magic, or was too short for a header: the generic relay drops such a read. */
import type { PlacementRule } from './rule.ts';

export const chunkNotAHeader: PlacementRule = {
  kind: 'placement',
  name: 'chunk-not-a-header',
  because: () => 'its chunk began with no header',
  situation: 'in a chunk that began with no header',
  consistentWith: 'a relay that drops reads which do not begin with a header',
  holds: (_content, { placement }) =>
    placement.leadingDomain === undefined && !placement.beganInside,
};
