/**
 * The part of a comparison that a check tells: counts, groups, the first divergences, each with a fingerprint by which it
 * is known again in another run. Leaves out what depends on a clock or on what a read happened to return. Pure but for a hash.
 */
import { createHash } from 'node:crypto';
import { countSwallowed } from '../diff/rules/rule-tally.ts';
import { UNEXPLAINED } from '../diff/group-findings.ts';
import { DIVERGENCE_KINDS, type DiffResult, type Divergence } from '../diff/types.ts';
import type { CaseDivergence, CaseGroup, Comparison } from './check-report.ts';

/** Enough to see what a divergence is; the report of the case has all. */
const DIFFERENCES_TOLD_MAX = 8;
const FINGERPRINT_DIGITS = 16;

export function comparisonOf(result: DiffResult, divergencesMax: number): Comparison {
  const { counts } = result;
  const all = fingerprinted(result);
  const groups = groupsOf(result);
  const told = firstOfEach(all, groups, divergencesMax);
  const found = DIVERGENCE_KINDS.map((kind) => [kind, counts.divergences[kind]] as const);
  return {
    verdict: result.verdict,
    reason: result.reason,
    promised: counts.old,
    unjudged: counts.gaps.frames,
    swallowed:
      counts.swallowed === undefined
        ? 0
        : countSwallowed(counts.swallowed) + counts.swallowed.trimmed,
    counts: Object.fromEntries(found.filter(([, count]) => count > 0)),
    groups,
    divergences: told,
    divergencesOmitted: all.length + result.divergencesOmitted - told.length,
  };
}

/** `12 missing, 3 modified`; empty when there is none. */
export function countWords(counts: Comparison['counts']): string {
  return DIVERGENCE_KINDS.flatMap((kind) => {
    const count = counts[kind];
    return count === undefined ? [] : [`${count} ${kind}`];
  }).join(', ');
}

/** Those that the result lists, in an order that does not depend on when they came. */
export function fingerprinted(result: DiffResult): readonly CaseDivergence[] {
  const labels = new Map(result.connections.map(({ id, label }) => [id, label]));
  const causes = new Map(result.groups.map(({ id, cause }) => [id, cause]));
  const seen = new Map<string, number>();
  return [...result.divergences].sort(inOrder).map((divergence) => {
    const connection = labels.get(divergence.connection) ?? `connection ${divergence.connection}`;
    const bare = identityText(divergence, connection);
    // Of equal ones the first, the second and so on are known again.
    const copy = seen.get(bare) ?? 0;
    seen.set(bare, copy + 1);
    const { kind, subject, detail, identity, old, differences } = divergence;
    const cause = causes.get(divergence.group) ?? UNEXPLAINED;
    return {
      fingerprint: createHash('sha256')
        .update(`${bare}\n${copy}`)
        .digest('hex')
        .slice(0, FINGERPRINT_DIGITS),
      kind,
      cause: cause === UNEXPLAINED ? null : cause,
      connection,
      subject,
      detail,
      identity:
        identity === null
          ? null
          : { domain: identity.domain, source: identity.source, sequence: identity.sequence },
      promised:
        old === null ? null : { ordinal: old.ordinal, offset: old.offset, length: old.length },
      differences: differences.slice(0, DIFFERENCES_TOLD_MAX).map((each) => ({
        path: each.path,
        promised: each.old,
        delivered: each.new,
        class: each.class,
      })),
      differencesOmitted: Math.max(0, differences.length - DIFFERENCES_TOLD_MAX),
    };
  });
}

/**
 * What makes it the same divergence in another run: where the golden has the message, or else its bytes; and which fields
 * differ, but not what they hold, because a clock in a message never says the same twice.
 */
function identityText(divergence: Divergence, connection: string): string {
  const { kind, subject, old, new: neu, differences } = divergence;
  return JSON.stringify([
    kind,
    connection,
    subject,
    old === null ? null : old.offset,
    old === null ? (neu?.hex ?? null) : null,
    differences.map(({ path, class: sort, change }) => [path, sort, change ?? '']),
  ]);
}

function inOrder(left: Divergence, right: Divergence): number {
  return (
    left.connection - right.connection ||
    (left.old?.ordinal ?? Number.MAX_SAFE_INTEGER) -
      (right.old?.ordinal ?? Number.MAX_SAFE_INTEGER) ||
    compareTexts(left.kind, right.kind) ||
    compareTexts(left.new?.hex ?? '', right.new?.hex ?? '') ||
    compareTexts(left.subject, right.subject)
  );
}

function groupsOf({ groups }: DiffResult): CaseGroup[] {
  const told = groups.map(({ cause, kind, title, count, explanation, evidence }) => ({
    cause: cause === UNEXPLAINED ? null : cause,
    kind,
    title,
    count,
    explanation,
    evidence,
  }));
  return told.sort(
    (left, right) =>
      Number(left.cause !== null) - Number(right.cause !== null) ||
      right.count - left.count ||
      compareTexts(left.kind, right.kind) ||
      compareTexts(left.title, right.title),
  );
}

/** One of each kind and cause before a second of any, so that a large group hides no small one. */
function firstOfEach(
  all: readonly CaseDivergence[],
  groups: readonly CaseGroup[],
  max: number,
): CaseDivergence[] {
  const order = new Map(groups.toReversed().map((each, index) => [sortOf(each), -index]));
  const rank = (divergence: CaseDivergence): number => order.get(sortOf(divergence)) ?? 1;
  const sorted = [...all].sort((left, right) => rank(left) - rank(right));
  const met = new Set<string>();
  const isFirst = (divergence: CaseDivergence): boolean =>
    met.size < met.add(sortOf(divergence)).size;
  const firsts = new Set(sorted.filter(isFirst));
  return [...firsts, ...sorted.filter((each) => !firsts.has(each))].slice(0, max);
}

function sortOf({ kind, cause }: Pick<CaseDivergence, 'kind' | 'cause'>): string {
  return `${kind} ${cause ?? ''}`;
}

function compareTexts(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}
