/**
 * Gives changed messages a cause: what was done to all, or to most, messages of one state by one act. As with losses, a
 * pattern with counter-examples must be strong, and the evidence counts them.
 */
import type { Finding } from '../findings.ts';
import type { ItemPair } from '../records.ts';
import type { Cause } from './explain.ts';
import { CHANGE_RULES } from './registry.ts';
import type { Act, ChangeRule } from './rule.ts';

const PATTERN_CHANGED_MIN = 3;
const PATTERN_RATE_MIN = 0.5;

/** `pairs`: of equal bytes. */
export function explainChanges(
  findings: readonly Finding[],
  pairs: () => Iterable<ItemPair>,
  rules: readonly ChangeRule[] = CHANGE_RULES,
): (finding: Finding) => Cause | undefined {
  const causes = new Map<Finding, Cause>();
  for (const rule of rules) {
    const acts = new Map<string, { readonly act: Act; readonly findings: Finding[] }>();
    for (const finding of findings) {
      const act = rule.actOf(finding);
      if (act === undefined || causes.has(finding)) continue;
      const key = `${act.before} ${act.after}`;
      const same = acts.get(key);
      if (same === undefined) acts.set(key, { act, findings: [finding] });
      else same.findings.push(finding);
    }
    if (acts.size === 0) continue;
    const kept = keptByState(pairs(), rule);
    for (const { act, findings: same } of acts.values()) {
      const counts = { changed: same.length, kept: kept.get(act.before) ?? 0 };
      if (!isPattern(counts)) continue;
      const cause: Cause = {
        name: rule.name,
        because: rule.because(act) ?? rule.name,
        explanation: rule.explanation,
        evidence: rule.evidence(act, counts),
      };
      for (const finding of same) causes.set(finding, cause);
    }
  }
  return (finding) => causes.get(finding);
}

function keptByState(pairs: Iterable<ItemPair>, rule: ChangeRule): ReadonlyMap<string, number> {
  const kept = new Map<string, number>();
  for (const { old } of pairs) {
    if (!old.content.isFrame) continue;
    const state = rule.stateOf(old.content);
    kept.set(state, (kept.get(state) ?? 0) + 1);
  }
  return kept;
}

function isPattern({
  changed,
  kept,
}: {
  readonly changed: number;
  readonly kept: number;
}): boolean {
  if (kept === 0) return true;
  return changed >= PATTERN_CHANGED_MIN && changed / (changed + kept) >= PATTERN_RATE_MIN;
}
