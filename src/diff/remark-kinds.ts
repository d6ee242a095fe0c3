/** The kinds of remarks that a message has, as bits of one number: a million records cannot hold lists. */
import { remarkBit } from '../protocol/remark-checks.ts';
import { REMARK_KINDS, type RemarkKind } from '../protocol/remark-kind.ts';

export type RemarkKinds = number;

export const NO_REMARKS: RemarkKinds = 0;

export function* kindsIn(kinds: RemarkKinds): Generator<RemarkKind> {
  if (kinds === NO_REMARKS) return;
  for (const kind of REMARK_KINDS) if (remarksInclude(kinds, kind)) yield kind;
}

export function remarksInclude(kinds: RemarkKinds, kind: RemarkKind): boolean {
  return (kinds & remarkBit(kind)) !== 0;
}

/** Those of the first that the second has not. */
export function without(kinds: RemarkKinds, others: RemarkKinds): RemarkKinds {
  return kinds & ~others;
}
