/** The kinds of remarks that a message has, as bits of one number: a million records cannot hold lists. */
import { eachRemark } from '../protocol/remarks.ts';
import { REMARK_KINDS, type RemarkKind } from '../protocol/remark-kind.ts';
import type { Dialect } from '../protocol/types.ts';

export type RemarkKinds = number;

export const NO_REMARKS: RemarkKinds = 0;

const BIT_OF: ReadonlyMap<RemarkKind, number> = new Map(
  REMARK_KINDS.map((kind, index) => [kind, 2 ** index]),
);

export function remarkKindsOf(dialect: Dialect, frame: Uint8Array): RemarkKinds {
  let kinds = NO_REMARKS;
  eachRemark(dialect, frame, (kind) => {
    kinds |= BIT_OF.get(kind) ?? 0;
  });
  return kinds;
}

export function* kindsIn(kinds: RemarkKinds): Generator<RemarkKind> {
  if (kinds === NO_REMARKS) return;
  for (const [kind, bit] of BIT_OF) if ((kinds & bit) !== 0) yield kind;
}

export function remarksInclude(kinds: RemarkKinds, kind: RemarkKind): boolean {
  return (kinds & (BIT_OF.get(kind) ?? 0)) !== 0;
}

/** Those of the first that the second has not. */
export function without(kinds: RemarkKinds, others: RemarkKinds): RemarkKinds {
  return kinds & ~others;
}
