/** What a summary says of a rule: what it did and what it is. Knows no format of a page. */
import type { RuleOutcome } from '../diff/types.ts';

const STATE_RANK: Readonly<Record<RuleOutcome['state'], number>> = {
  expired: 0,
  unused: 1,
  used: 2,
};

/** What needs somebody first: expired, then unused ones, then what swallowed most. */
export function rulesInOrder(rules: readonly RuleOutcome[]): readonly RuleOutcome[] {
  return rules.toSorted(
    (left, right) =>
      STATE_RANK[left.state] - STATE_RANK[right.state] ||
      right.divergences - left.divergences ||
      right.differences - left.differences,
  );
}

/** `24 divergences`, `10 differences in 4 others`, `unused`, `expired: swallows nothing`. */
export function ruleAmount(rule: RuleOutcome): string {
  if (rule.state === 'expired') return 'expired: swallows nothing';
  if (rule.state === 'unused') {
    return rule.unmeasured === 0
      ? 'unused'
      : `unused: ${counted(rule.unmeasured, 'difference')} in no unit of its limit`;
  }
  const parts = [
    ...(rule.divergences > 0 ? [counted(rule.divergences, 'divergence')] : []),
    ...(rule.differences > 0 ? [counted(rule.differences, 'difference')] : []),
  ];
  const trimmed =
    rule.trimmed > 0 ? ` (${rule.trimmed.toLocaleString('en-US')} told for the rest)` : '';
  return `${parts.join(', ')}${trimmed}`;
}

/** `expect, until 2026-12-31, of ops`. */
export function ruleTerms({ action, limit, expires, owner }: RuleOutcome): string {
  return [
    limit === undefined ? action : `${action} ${limit}`,
    ...(expires === undefined ? [] : [`until ${expires}`]),
    ...(owner === undefined ? [] : [`of ${owner}`]),
  ].join(', ');
}

/** `path tlv[*].Trade.price; tlv Trade or Quote`. */
export function ruleSelection({ where }: RuleOutcome): string {
  return Object.entries(where)
    .map(([selector, words]) => `${selector} ${words.join(' or ')}`)
    .join('; ');
}

function counted(count: number, word: string): string {
  return `${count.toLocaleString('en-US')} ${word}${count === 1 ? '' : 's'}`;
}
