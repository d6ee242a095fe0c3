/** A TLV of the message belongs to another domain than its header says: validators refuse such a message. */
import { remarksInclude } from '../remark-kinds.ts';
import type { PlacementRule } from './rule.ts';

export const typeOutsideDomain: PlacementRule = {
  kind: 'placement',
  name: 'type-outside-domain',
  because: () => "a TLV is outside of its domain's range",
  situation: "with a TLV outside of their domain's range",
  consistentWith: 'a relay that refuses TLV types of other domains',
  lostMin: 3,
  controlMin: 3,
  holds: ({ remarks }) => remarksInclude(remarks, 'type-outside-domain-range'),
};
