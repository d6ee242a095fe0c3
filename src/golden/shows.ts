/** What a comparison says, cut down to what a golden holds on to: nothing in it depends on a clock or on a path. Pure. */
import { UNEXPLAINED } from '../diff/group-findings.ts';
import { DIVERGENCE_KINDS, type DiffResult } from '../diff/types.ts';
import type { Comparison } from '../report/check-report.ts';
import type { Shows } from './expected.ts';

export function showsOfResult({ verdict, counts, groups }: DiffResult): Shows {
  const found = DIVERGENCE_KINDS.map((kind) => [kind, counts.divergences[kind]] as const);
  return {
    verdict,
    counts: Object.fromEntries(found.filter(([, count]) => count > 0)),
    groups: sumUp(groups),
  };
}

/** The same of what a check says of a case. */
export function showsOfComparison({ verdict, counts, groups }: Comparison): Shows {
  return { verdict, counts, groups: sumUp(groups) };
}

/** Groups with one cause and kind are one: their titles are words that may be put better one day. */
function sumUp(
  groups: readonly (Omit<Shows['groups'][number], 'cause'> & { readonly cause: string | null })[],
): Shows['groups'] {
  const sums = new Map<string, Shows['groups'][number]>();
  for (const { cause: name, kind, count } of groups) {
    const cause = name === UNEXPLAINED ? null : name;
    const key = `${cause}\n${kind}`;
    sums.set(key, { cause, kind, count: (sums.get(key)?.count ?? 0) + count });
  }
  return [...sums.values()].sort(
    (left, right) => order(left.cause ?? '', right.cause ?? '') || order(left.kind, right.kind),
  );
}

function order(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

/** What is different between what was to be shown and what was, a line each; none when nothing is. */
export function showsDifferences(wanted: Shows, found: Shows): readonly string[] {
  const lines: string[] = [];
  if (wanted.verdict !== found.verdict) {
    lines.push(`the verdict is ${found.verdict}, not ${wanted.verdict}`);
  }
  for (const kind of DIVERGENCE_KINDS) {
    const [was, is] = [wanted.counts[kind] ?? 0, found.counts[kind] ?? 0];
    if (was !== is) lines.push(`${is} ${kind}, not ${was}`);
  }
  const counts = new Map<string, { was: number; is: number }>();
  for (const [side, { groups }] of [
    ['was', wanted],
    ['is', found],
  ] as const) {
    for (const { cause, kind, count } of groups) {
      const name = `${kind} for ${cause ?? 'no known cause'}`;
      const entry = counts.get(name) ?? { was: 0, is: 0 };
      entry[side] += count;
      counts.set(name, entry);
    }
  }
  for (const [name, { was, is }] of counts) {
    if (was !== is) lines.push(`${is} ${name}, not ${was}`);
  }
  return lines;
}

/** `different: 12 missing (8 other-domain, 4 unexplained)`. */
export function showsWords({ verdict, counts, groups }: Shows): string {
  const kinds = DIVERGENCE_KINDS.flatMap((kind) => {
    const count = counts[kind] ?? 0;
    if (count === 0) return [];
    const causes = groups
      .filter((group) => group.kind === kind)
      .map((group) => `${group.count} ${group.cause ?? UNEXPLAINED}`);
    return [`${count} ${kind} (${causes.join(', ')})`];
  });
  return kinds.length === 0 ? verdict : `${verdict}: ${kinds.join(', ')}`;
}
