/** All cause rules. The first that explains a divergence gives its cause, so the special ones come first. */
import { broadcastLag } from './broadcast-lag.ts';
import { checksumRewritten } from './checksum-rewritten.ts';
import { chunkLedByAnotherDomain } from './chunk-led-by-another-domain.ts';
import { chunkNotAHeader } from './chunk-not-a-header.ts';
import { connectionDown } from './connection-down.ts';
import { domainNumbering } from './domain-numbering.ts';
import { frameLongerThanARead } from './frame-longer-than-a-read.ts';
import { identificationFrame } from './identification-frame.ts';
import { justJoined } from './just-joined.ts';
import { otherDomain } from './other-domain.ts';
import { publishersInterleaved } from './publishers-interleaved.ts';
import { readBeganInsideAFrame } from './read-began-inside-a-frame.ts';
import { wrongChecksumRefused, zeroChecksumRefused } from './refused-checksum.ts';
import type { CauseRule, ChangeRule } from './rule.ts';
import { senderLeft } from './sender-left.ts';
import { sideForwardsNothing } from './side-forwards-nothing.ts';
import { tapHearsNothing } from './tap-hears-nothing.ts';
import { typeOutsideDomain } from './type-outside-domain.ts';

export const CAUSE_RULES: readonly CauseRule[] = [
  connectionDown,
  frameLongerThanARead,
  publishersInterleaved,
  readBeganInsideAFrame,
  chunkNotAHeader,
  chunkLedByAnotherDomain,
  identificationFrame,
  domainNumbering,
  otherDomain,
  typeOutsideDomain,
  wrongChecksumRefused,
  zeroChecksumRefused,
  senderLeft,
  tapHearsNothing,
  sideForwardsNothing,
  justJoined,
  broadcastLag,
];

export const CHANGE_RULES: readonly ChangeRule[] = [checksumRewritten];
