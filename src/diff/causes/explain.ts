/**
 * Gives each loss its cause. An outage explains a loss by itself. A placement rule must stand a test on the
 * whole capture first: sendings in its situation have to be lost far more often than those in no such
 * situation, so a relay that loses everything, or at random, is not explained by how clients write. Every
 * sending is judged by itself: a message may be sent many times and be lost once.
 */
import type { Side } from '../../capture/types.ts';
import { defined } from '../../lib/assert.ts';
import type { Sending } from '../client-facts.ts';
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

/** How much more often than others those in the situation must be lost. */
const LOSS_RATE_FACTOR_MIN = 2;
/** With counter-examples: the least that makes a pattern, and the least to compare it with. */
const PATTERN_LOST_MIN = 3;
const PATTERN_RATE_MIN = 0.5;
const CONTROL_MIN = 3;
/** A relay that refuses a domain does not let a tenth of it through. */
const REFUSED_RATE_MIN = 0.9;

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
  readonly #placementRules: readonly PlacementRule[];
  readonly #lost = new Set<Sending>();
  readonly #fates: DomainFates;
  readonly #tallies = new Map<PlacementRule, Tally>();
  /** Sendings in the situation of no rule. */
  readonly #control: Tally = { lost: 0, kept: 0 };
  readonly #causes = new Map<CauseRule, Cause>();

  constructor(side: Side, losses: readonly Loss[], facts: CauseFacts, rules: readonly CauseRule[]) {
    this.#side = side;
    this.#facts = facts;
    this.#rules = rules;
    this.#placementRules = rules.filter((rule) => rule.kind === 'placement');
    for (const loss of losses) {
      if (loss.side === side && loss.sending !== undefined && !this.#isOutage(loss)) {
        this.#lost.add(loss.sending);
      }
    }
    this.#fates = this.#judgeDomains();
    for (const rule of this.#placementRules) this.#tallies.set(rule, { lost: 0, kept: 0 });
    this.#forEachSending((content, sending) => this.#count(content, sending));
    for (const { content, sending, kept } of facts.client.retired) {
      this.#tallyFor(content, sending).kept += kept[side];
    }
  }

  causeOf(loss: Loss): Cause | undefined {
    for (const rule of this.#rules) {
      const explains =
        rule.kind === 'outage'
          ? rule.explains(loss, this.#facts)
          : this.#isPlacedAs(rule, loss) && this.#stands(rule);
      if (explains) return this.#cause(rule);
    }
    return undefined;
  }

  #isPlacedAs(rule: PlacementRule, { content, sending }: Loss): boolean {
    if (sending === undefined || !this.#isReadLoss(content, sending)) return false;
    return rule.holds(content, sending, this.#fates);
  }

  /** Explained by a rule that comes before all placement rules: it says nothing about how bytes were read. */
  #isOutage(loss: Loss): boolean {
    for (const rule of this.#rules) {
      if (rule.kind === 'placement') return false;
      if (rule.explains(loss, this.#facts)) return true;
    }
    return false;
  }

  #forEachSending(visit: (content: Content, sending: Sending) => void): void {
    const { client } = this.#facts;
    for (const content of client.contents.values()) {
      for (const sending of client.sendingsOf(content)) visit(content, sending);
    }
  }

  /** Lost when the relay read it: then nobody got it. */
  #isReadLoss(content: Content, sending: Sending): boolean {
    return this.#lost.has(sending) && !this.#wasKept(content, sending);
  }

  #wasKept(content: Content, sending: Sending): boolean {
    const { client, deliveries } = this.#facts;
    return deliveries.covers(content)
      ? deliveries.of(sending, this.#side).length > 0
      : client.wasDelivered(content, this.#side);
  }

  /** Each sending counts for the first rule whose situation it is in. */
  #count(content: Content, sending: Sending): void {
    this.#countInto(this.#tallyFor(content, sending), content, sending);
  }

  #tallyFor(content: Content, sending: Sending): Tally {
    const rule = this.#placementRules.find((one) => one.holds(content, sending, this.#fates));
    const tally = rule === undefined ? this.#control : this.#tallies.get(rule);
    return defined(tally, 'tally of a rule');
  }

  #countInto(tally: Tally, content: Content, sending: Sending): void {
    if (this.#wasKept(content, sending)) tally.kept++;
    else if (this.#lost.has(sending)) tally.lost++;
  }

  #stands(rule: PlacementRule): boolean {
    const tally = defined(this.#tallies.get(rule), 'tally of a rule');
    const control = this.#control;
    if (tally.lost === 0 || rate(tally) < LOSS_RATE_FACTOR_MIN * rate(control)) return false;
    // Without a counter-example even one loss may speak; the evidence says how few there are.
    if (tally.kept === 0) return true;
    return (
      tally.lost >= PATTERN_LOST_MIN &&
      rate(tally) >= PATTERN_RATE_MIN &&
      total(control) >= CONTROL_MIN
    );
  }

  #cause(rule: CauseRule): Cause {
    const known = this.#causes.get(rule);
    if (known !== undefined) return known;
    const cause: Cause =
      rule.kind === 'placement'
        ? this.#placementCause(rule)
        : {
            name: rule.name,
            because: rule.because(this.#side),
            explanation: rule.explanation(this.#side),
            evidence: rule.evidence(this.#side),
          };
    this.#causes.set(rule, cause);
    return cause;
  }

  #placementCause(rule: PlacementRule): Cause {
    const tally = defined(this.#tallies.get(rule), 'tally of a rule');
    const control = this.#control;
    const compared =
      total(control) === 0
        ? `there is no message in no such situation to compare with, so nothing here shows that ${this.#side} forwards others.`
        : `of ${count(total(control), 'message')} in no such situation it lost ${control.lost}.`;
    const evidence =
      `Of ${count(total(tally), 'message')} ${rule.situation}, ${this.#side} lost ${tally.lost} and ` +
      `forwarded ${tally.kept} all the same; ${compared}`;
    return {
      name: rule.name,
      because: rule.because(this.#side),
      explanation: `consistent with ${rule.consistentWith}`,
      evidence,
    };
  }

  /**
   * A domain is refused when nearly all messages in chunks that it led were lost, and another domain shows
   * that the relay works: most of its own chunks got through. Where no chunk tells of any other domain, that
   * everything was lost has to do; the evidence then says that there is nothing to compare with.
   */
  #judgeDomains(): DomainFates {
    const led = new Map<number, Tally>();
    const plain = new Map<number, Tally>();
    const judge = (content: Content, sending: Sending, countIn: (tally: Tally) => void): void => {
      const leading = sending.placement.leadingDomain;
      if (content.head === undefined || !content.isFrame) return;
      tallyOf(plain, content.head.domain);
      if (leading === undefined || sending.placement.beganInside) return;
      countIn(tallyOf(led, leading));
      if (leading === content.head.domain) countIn(tallyOf(plain, leading));
    };
    this.#forEachSending((content, sending) => {
      judge(content, sending, (tally) => this.#countInto(tally, content, sending));
    });
    for (const { content, sending, kept } of this.#facts.client.retired) {
      judge(content, sending, (tally) => {
        tally.kept += kept[this.#side];
      });
    }
    const refused = new Set<number>();
    for (const [domain, tally] of led) {
      if (tally.lost === 0 || rate(tally) < REFUSED_RATE_MIN) continue;
      const shows = (fate: Tally): boolean =>
        total(fate) === 0 ? tally.kept === 0 : fate.kept > fate.lost;
      if ([...plain].some(([other, fate]) => other !== domain && shows(fate))) refused.add(domain);
    }
    return { isRefused: (domain) => refused.has(domain) };
  }
}

function tallyOf(tallies: Map<number, Tally>, key: number): Tally {
  let tally = tallies.get(key);
  if (tally === undefined) tallies.set(key, (tally = { lost: 0, kept: 0 }));
  return tally;
}

function total({ lost, kept }: Tally): number {
  return lost + kept;
}

function rate(tally: Tally): number {
  return total(tally) === 0 ? 0 : tally.lost / total(tally);
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
