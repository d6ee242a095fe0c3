/**
 * Gives changed messages a cause: what was done to all, or to most, messages of one state by one act. As with losses, a
 * pattern with counter-examples must be strong, and the evidence counts them; and it is added window by window.
 */
import { equalBytes } from '../../lib/bytes.ts';
import type { HeaderLayout } from '../../wire/types.ts';
import type { Finding } from '../findings/finding.ts';
import type { Content, ItemPair } from '../records.ts';
import type { Act, Cause, ChangeRule } from './rule.ts';
import { CHANGE_RULES } from './registry.ts';

const PATTERN_CHANGED_MIN = 3;
const PATTERN_RATE_MIN = 0.5;

interface Tally {
  /** How many messages each act was done to, and how many of each state were left as they were. */
  readonly changed: Map<string, number>;
  readonly kept: Map<string, number>;
  readonly causes: Map<string, Cause | undefined>;
}

export class ChangeEvidence {
  readonly #tallies: ReadonlyMap<ChangeRule, Tally>;

  constructor(rules: readonly ChangeRule[] = CHANGE_RULES) {
    this.#tallies = new Map(
      rules.map((rule) => [rule, { changed: new Map(), kept: new Map(), causes: new Map() }]),
    );
  }

  /** `pairs`: of equal bytes. */
  add(findings: readonly Finding[], pairs: Iterable<ItemPair>): void {
    for (const [rule, { changed }] of this.#tallies) {
      for (const finding of findings) {
        const act = rule.actOf(finding);
        if (act !== undefined) count(changed, nameOf(act), 1);
      }
    }
    for (const { old } of pairs) this.addKept(old.content, 1);
  }

  /** So many pairs of messages of this state were left as they were. */
  addKept(content: Content, pairs: number): void {
    if (!content.isFrame) return;
    for (const [rule, { kept }] of this.#tallies) count(kept, rule.stateOf(content), pairs);
  }

  causeOf(finding: Finding): Cause | undefined {
    for (const [rule, { changed, kept, causes }] of this.#tallies) {
      const act = rule.actOf(finding);
      if (act === undefined) continue;
      const name = nameOf(act);
      if (!causes.has(name)) {
        const counts = { changed: changed.get(name) ?? 0, kept: kept.get(act.before) ?? 0 };
        causes.set(name, isPattern(counts) ? causeOf(rule, act, counts) : undefined);
      }
      const cause = causes.get(name);
      if (cause !== undefined) return cause;
    }
    return undefined;
  }
}

/** Whether a rule may ask for a changed message: all of them are about the checksum alone. */
export function mayBeEvidence(
  { offsets: { checksum } }: HeaderLayout,
  old: Uint8Array,
  neu: Uint8Array,
): boolean {
  const behind = checksum + CHECKSUM_BYTES;
  return (
    equalBytes(old.subarray(0, checksum), neu.subarray(0, checksum)) &&
    equalBytes(old.subarray(behind), neu.subarray(behind))
  );
}

const CHECKSUM_BYTES = 4;

interface Counts {
  readonly changed: number;
  readonly kept: number;
}

function causeOf(rule: ChangeRule, act: Act, counts: Counts): Cause {
  return {
    name: rule.name,
    because: rule.because(act) ?? rule.name,
    explanation: rule.explanation,
    evidence: rule.evidence(act, counts),
  };
}

function nameOf({ before, after }: Act): string {
  return `${before} ${after}`;
}

function count(counts: Map<string, number>, name: string, by: number): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}

function isPattern({ changed, kept }: Counts): boolean {
  if (kept === 0) return true;
  return changed >= PATTERN_CHANGED_MIN && changed / (changed + kept) >= PATTERN_RATE_MIN;
}
