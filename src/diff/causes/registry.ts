/** All cause rules. The first that explains a loss gives its cause, so the special ones come first. */
import { chunkLedByAnotherDomain } from './chunk-led-by-another-domain.ts';
import { chunkNotAHeader } from './chunk-not-a-header.ts';
import { connectionDown } from './connection-down.ts';
import { otherDomain } from './other-domain.ts';
import { readBeganInsideAFrame } from './read-began-inside-a-frame.ts';
import type { CauseRule } from './rule.ts';
import { sideForwardsNothing } from './side-forwards-nothing.ts';
import { tapHearsNothing } from './tap-hears-nothing.ts';

export const CAUSE_RULES: readonly CauseRule[] = [
  connectionDown,
  readBeganInsideAFrame,
  chunkNotAHeader,
  chunkLedByAnotherDomain,
  otherDomain,
  tapHearsNothing,
  sideForwardsNothing,
];
