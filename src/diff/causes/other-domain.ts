/** The message itself has a domain that one side refuses and the other forwards. */
import type { PlacementRule } from './rule.ts';

export const otherDomain: PlacementRule = {
  kind: 'placement',
  name: 'other-domain',
  because: (side) => `${side} refuses its domain`,
  situation: 'of a domain that is refused',
  consistentWith: 'a relay that forwards only messages of its own domain',
  holds: (content, _sending, fates) =>
    content.head !== undefined && fates.isRefused(content.head.domain),
};
