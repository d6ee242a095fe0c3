/**
 * A chunk held several messages, and the first of them had another domain, one that the relay refuses. The
 * generic relay looks at the first header of a read only, and drops the good messages behind it too.
 */
import type { PlacementRule } from './rule.ts';

export const chunkLedByAnotherDomain: PlacementRule = {
  kind: 'placement',
  name: 'chunk-led-by-another-domain',
  because: () => 'another domain led its chunk',
  situation: 'behind a message of a refused domain in the same chunk',
  consistentWith: 'a relay that judges a whole read by the domain of its first message',
  holds: (content, { placement }, fates) =>
    placement.leadingDomain !== undefined &&
    content.head !== undefined &&
    placement.leadingDomain !== content.head.domain &&
    fates.isRefused(placement.leadingDomain),
};
