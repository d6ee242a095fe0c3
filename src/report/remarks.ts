/** The remarks of a result: how to leave them out, and what a summary says of them. Knows no format of a page. */
import type { DiffResult, RemarkCount } from '../diff/types.ts';
import { assert } from '../lib/assert.ts';

/** As `diff --remarks hide` would have made it. */
export function withoutRemarks(result: DiffResult): DiffResult {
  const { remarks: _counts, ...rest } = result;
  const divergences = result.divergences.map(
    ({ remarks: _remarks, remarksOmitted: _omitted, ...divergence }) => divergence,
  );
  return { ...rest, divergences };
}

/** The counts of one kind of remark, over all messages that have it. */
export interface RemarkSummary {
  readonly kind: RemarkCount['kind'];
  readonly old: number;
  readonly new: number;
  /** Pairs that have it on one side only. */
  readonly oneSided: number;
  /** The messages that have it, the most frequent first; without those that share a row. */
  readonly subjects: readonly string[];
}

/** What only one side of pairs has first, then what most messages have. */
export function summarizeRemarks(counts: readonly RemarkCount[]): readonly RemarkSummary[] {
  const byKind = new Map<string, readonly RemarkCount[]>();
  for (const count of counts) byKind.set(count.kind, [...(byKind.get(count.kind) ?? []), count]);
  return [...byKind.values()]
    .map(summarize)
    .sort(
      (left, right) =>
        right.oneSided - left.oneSided || right.old + right.new - (left.old + left.new),
    );
}

function summarize(rows: readonly RemarkCount[]): RemarkSummary {
  const sum = (amount: (row: RemarkCount) => number): number =>
    rows.reduce((total, row) => total + amount(row), 0);
  const frequent = rows.toSorted((left, right) => right.old + right.new - (left.old + left.new));
  const [first] = rows;
  assert(first !== undefined, 'a kind of remark without a row');
  return {
    kind: first.kind,
    old: sum((row) => row.old),
    new: sum((row) => row.new),
    oneSided: sum((row) => row.onlyOld + row.onlyNew),
    subjects: frequent.flatMap(({ subject }) => (subject === null ? [] : [subject])),
  };
}
