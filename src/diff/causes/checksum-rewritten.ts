/**
 * Messages that differ in their checksum only: one side computes it, clears it, or writes another one. Says how many
 * messages with such a checksum the other side has left as they were.
 */
import { remarksInclude } from '../remark-kinds.ts';
import type { Content } from '../records.ts';
import type { ChangeRule } from './rule.ts';

export const checksumRewritten: ChangeRule = {
  kind: 'change',
  name: 'checksum-rewritten',
  actOf: ({ differences, old, new: neu }) => {
    const [only] = differences;
    if (differences.length !== 1 || only?.path !== 'header.checksum') return undefined;
    if (old === undefined || neu === undefined) return undefined;
    return { before: stateOf(old.content), after: stateOf(neu.content) };
  },
  stateOf,
  because: ({ after }) => ACTS[after],
  explanation: 'consistent with a relay, or a way to it, that writes checksums of its own',
  evidence: ({ before }, { changed, kept }) =>
    `Of ${changed + kept} messages whose checksum is ${WORDS[before]} in old, new has another one in ${changed} and the same in ${kept}.`,
};

type State = 'valid' | 'zero' | 'wrong';

const WORDS: Readonly<Record<string, string>> = {
  valid: 'valid',
  zero: 'not computed',
  wrong: 'wrong',
};
const ACTS: Readonly<Record<string, string>> = {
  valid: 'new computes checksums',
  zero: 'new clears checksums',
  wrong: 'new writes wrong checksums',
};

function stateOf({ remarks }: Content): State {
  if (remarksInclude(remarks, 'zero-checksum')) return 'zero';
  return remarksInclude(remarks, 'wrong-checksum') ? 'wrong' : 'valid';
}
