/** The checksum of the message is wrong, or was not computed, and this side refuses that. */
import { remarksInclude } from '../remark-kinds.ts';
import type { PlacementRule } from './rule.ts';

export const wrongChecksumRefused: PlacementRule = {
  kind: 'placement',
  name: 'wrong-checksum-refused',
  because: (side) => `${side} refuses wrong checksums`,
  situation: 'with a wrong checksum',
  consistentWith: 'a relay that verifies checksums, and drops what fails',
  lostMin: 3,
  controlMin: 3,
  holds: ({ remarks }) => remarksInclude(remarks, 'wrong-checksum'),
};

export const zeroChecksumRefused: PlacementRule = {
  kind: 'placement',
  name: 'zero-checksum-refused',
  because: (side) => `${side} refuses messages without a checksum`,
  situation: 'whose checksum was not computed',
  consistentWith: 'a relay that drops messages whose checksum is 0',
  lostMin: 3,
  controlMin: 3,
  holds: ({ remarks }) => remarksInclude(remarks, 'zero-checksum'),
};
