/**
 * Gives each loss its cause. An outage explains a loss by itself. A placement rule must stand a test on the
 * whole capture first: messages in its situation have to be lost at least twice as often as messages in no
 * such situation, so a relay that loses everything, or at random, is not explained by how clients write.
 */
import type { Side } from '../../capture/types.ts';
import { defined } from '../../lib/assert.ts';
import type { Content } from '../records.ts';
import { CAUSE_RULES } from './registry.ts';
import type { CauseFacts, CauseRule, DomainFates, Loss, PlacementRule } from './rule.ts';

export interface Cause {
  readonly name: string;
  readonly because: string;
  /** `consistent with a relay that ...`: never more than the evidence shows. */
  readonly explanation: string;
  /** What in the capture speaks for it, and what against it. */
  readonly evidence: string;
}

const LOSS_RATE_FACTOR_MIN = 2;

interface Tally {
  lost: number;
  /** Forwarded all the same: the counter-examples. */
  kept: number;
}

export function explainLosses(
  losses: readonly Loss[],
  facts: CauseFacts,
  rules: readonly CauseRule[] = CAUSE_RULES,
): (loss: Loss) => Cause | undefined {
  const sides = {
    old: new SideEvidence('old', losses, facts, rules),
    new: new SideEvidence('new', losses, facts, rules),
  };
  return (loss) => sides[loss.side].causeOf(loss);
}

class SideEvidence {
  readonly #side: Side;
  readonly #facts: CauseFacts;
  readonly #rules: readonly CauseRule[];
  readonly #lost = new Set<number>();
  readonly #fates: DomainFates;
  readonly #tallies = new Map<PlacementRule, Tally>();
  /** Messages in the situation of no rule. */
  readonly #others: Tally = { lost: 0, kept: 0 };

  constructor(side: Side, losses: readonly Loss[], facts: CauseFacts, rules: readonly CauseRule[]) {
    this.#side = side;
    this.#facts = facts;
    this.#rules = rules;
    for (const loss of losses) {
      if (loss.side === side && !this.#isOutage(loss)) this.#lost.add(loss.content.id);
    }
    this.#fates = this.#judgeDomains();
    for (const rule of rules) {
      if (rule.kind === 'placement') this.#tallies.set(rule, { lost: 0, kept: 0 });
    }
    for (const content of facts.client.contents.values()) this.#count(content);
  }

  causeOf(loss: Loss): Cause | undefined {
    for (const rule of this.#rules) {
      if (rule.kind === 'outage') {
        if (!rule.explains(loss, this.#facts)) continue;
        return {
          name: rule.name,
          because: rule.because(this.#side),
          explanation: rule.explanation(this.#side),
          evidence: rule.evidence(this.#side),
        };
      }
      if (this.#isReadLoss(loss.content) && this.#isInSituation(loss.content, rule)) {
        if (this.#stands(rule)) return this.#placementCause(rule);
      }
    }
    return undefined;
  }

  /** Explained by a rule that comes before all placement rules: it says nothing about how bytes were read. */
  #isOutage(loss: Loss): boolean {
    for (const rule of this.#rules) {
      if (rule.kind === 'placement') return false;
      if (rule.explains(loss, this.#facts)) return true;
    }
    return false;
  }

  /** Lost when the relay read it: then nobody got it. A message sent several times may be lost once. */
  #isReadLoss(content: Content): boolean {
    if (!this.#lost.has(content.id)) return false;
    if (!this.#facts.client.wasDelivered(content, this.#side)) return true;
    return this.#facts.client.sendingsOf(content).length > 1;
  }

  #isInSituation(content: Content, rule: PlacementRule): boolean {
    const sendings = this.#facts.client.sendingsOf(content);
    return sendings.some((sending) => rule.holds(content, sending, this.#fates));
  }

  /** Each message counts for the first rule whose situation it is in. */
  #count(content: Content): void {
    for (const [rule, tally] of this.#tallies) {
      if (this.#isInSituation(content, rule)) {
        this.#countInto(tally, content);
        return;
      }
    }
    this.#countInto(this.#others, content);
  }

  #countInto(tally: Tally, content: Content): void {
    if (this.#isReadLoss(content)) tally.lost++;
    else if (this.#facts.client.wasDelivered(content, this.#side)) tally.kept++;
  }

  #stands(rule: PlacementRule): boolean {
    const tally = defined(this.#tallies.get(rule), 'tally of a rule');
    return tally.lost > 0 && rate(tally) >= LOSS_RATE_FACTOR_MIN * rate(this.#others);
  }

  #placementCause(rule: PlacementRule): Cause {
    const { lost, kept } = defined(this.#tallies.get(rule), 'tally of a rule');
    const others = this.#others;
    const evidence =
      `Of ${count(lost + kept, 'message')} ${rule.situation}, ${this.#side} lost ${lost} and ` +
      `forwarded ${kept} all the same; of ${count(others.lost + others.kept, 'message')} in no such ` +
      `situation it lost ${others.lost}.`;
    return {
      name: rule.name,
      because: rule.because(this.#side),
      explanation: `consistent with ${rule.consistentWith}`,
      evidence,
    };
  }

  /**
   * A domain is refused when most messages in chunks that it led were lost, and another domain shows that
   * the relay works: its own chunks got through, or at least no message leading one was lost.
   */
  #judgeDomains(): DomainFates {
    const led = new Map<number, Tally>();
    const plain = new Map<number, Tally>();
    for (const content of this.#facts.client.contents.values()) {
      const [sending] = this.#facts.client.sendingsOf(content);
      const leading = sending?.placement.leadingDomain;
      if (content.head === undefined || !content.isFrame || sending === undefined) continue;
      if (!plain.has(content.head.domain)) plain.set(content.head.domain, { lost: 0, kept: 0 });
      if (leading === undefined || sending.placement.beganInside) continue;
      this.#countInto(tallyOf(led, leading), content);
      if (leading === content.head.domain) this.#countInto(tallyOf(plain, leading), content);
    }
    const works = ({ lost, kept }: Tally): boolean => lost === 0 || kept > lost;
    return {
      isRefused: (domain) => {
        const tally = led.get(domain);
        if (tally === undefined || tally.lost <= tally.kept) return false;
        return [...plain].some(([other, fate]) => other !== domain && works(fate));
      },
    };
  }
}

function tallyOf(tallies: Map<number, Tally>, key: number): Tally {
  let tally = tallies.get(key);
  if (tally === undefined) tallies.set(key, (tally = { lost: 0, kept: 0 }));
  return tally;
}

function rate({ lost, kept }: Tally): number {
  return lost + kept === 0 ? 0 : lost / (lost + kept);
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
