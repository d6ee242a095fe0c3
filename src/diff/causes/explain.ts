/**
 * Gives each loss its cause. An outage explains a loss by itself. A placement rule must stand a test on the
 * whole capture first: sendings in its situation have to be lost far more often than those in no such
 * situation, so a relay that loses everything, or at random, is not explained by how clients write. Every
 * sending is judged by itself: a message may be sent many times and be lost once.
 */
import type { Side } from '../../capture/types.ts';
import { assertNever, defined } from '../../lib/assert.ts';
import type { Sending } from '../client-facts.ts';
import type { Content } from '../records.ts';
import { domainFates, type ForwardedDomain } from './domain-fates.ts';
import { CAUSE_RULES } from './registry.ts';
import type {
  CauseFacts,
  CauseRule,
  DeliveryRule,
  DomainFates,
  FoundPattern,
  Loss,
  PlacementRule,
} from './rule.ts';

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
  readonly #patterns: ReadonlyMap<DeliveryRule, FoundPattern>;

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
    this.#patterns = this.#findPatterns(losses);
  }

  causeOf(loss: Loss): Cause | undefined {
    for (const rule of this.#rules) {
      if (this.#explains(rule, loss)) return this.#cause(rule, loss.content);
    }
    return undefined;
  }

  #explains(rule: CauseRule, loss: Loss): boolean {
    switch (rule.kind) {
      case 'outage':
        return rule.explains(loss, this.#facts);
      case 'placement':
        return this.#isPlacedAs(rule, loss) && this.#stands(rule);
      case 'delivery':
        return this.#patterns.get(rule)?.losses.has(loss) === true;
      default:
        return assertNever(rule, 'cause rule');
    }
  }

  /** Of what was lost when it was written: others got it from this side. */
  #findPatterns(losses: readonly Loss[]): ReadonlyMap<DeliveryRule, FoundPattern> {
    const found = new Map<DeliveryRule, FoundPattern>();
    const written = losses.filter(
      (loss) =>
        loss.side === this.#side &&
        loss.sending !== undefined &&
        !this.#isOutage(loss) &&
        this.#wasKept(loss.content, loss.sending),
    );
    if (written.length === 0) return found;
    for (const rule of this.#rules) {
      const pattern = rule.kind === 'delivery' ? rule.find(written, this.#facts) : undefined;
      if (rule.kind === 'delivery' && pattern !== undefined) found.set(rule, pattern);
    }
    return found;
  }

  #isPlacedAs(rule: PlacementRule, { content, sending }: Loss): boolean {
    if (sending === undefined || !this.#isReadLoss(content, sending)) return false;
    return rule.holds(content, sending, this.#fates, this.#facts);
  }

  /** Explained by a rule that comes before all placement rules: it says nothing about how bytes were read. */
  #isOutage(loss: Loss): boolean {
    for (const rule of this.#rules) {
      if (rule.kind !== 'outage') return false;
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
    const rule = this.#placementRules.find((one) =>
      one.holds(content, sending, this.#fates, this.#facts),
    );
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
    if (tally.lost < (rule.lostMin ?? 0) || total(control) < (rule.controlMin ?? 0)) return false;
    const general = rule.mustBeat && this.#tallies.get(rule.mustBeat);
    if (general !== undefined && total(general) > 0) {
      if (rate(tally) < LOSS_RATE_FACTOR_MIN * rate(general)) return false;
    }
    // Without a counter-example even one loss may speak; the evidence says how few there are.
    if (tally.kept === 0) return true;
    return (
      tally.lost >= PATTERN_LOST_MIN &&
      rate(tally) >= PATTERN_RATE_MIN &&
      total(control) >= CONTROL_MIN
    );
  }

  /** `content`: of the first divergence that it explains. */
  #cause(rule: CauseRule, content: Content): Cause {
    const known = this.#causes.get(rule);
    if (known !== undefined) return known;
    const cause = this.#makeCause(rule, content);
    this.#causes.set(rule, cause);
    return cause;
  }

  #makeCause(rule: CauseRule, content: Content): Cause {
    const { name } = rule;
    const because = rule.because(this.#side);
    switch (rule.kind) {
      case 'placement':
        return this.#placementCause(rule, content);
      case 'outage': {
        const [explanation, evidence] = [rule.explanation(this.#side), rule.evidence(this.#side)];
        return { name, because, explanation, evidence };
      }
      case 'delivery': {
        const { evidence } = defined(this.#patterns.get(rule), 'pattern of a rule');
        return { name, because, explanation: rule.explanation, evidence };
      }
      default:
        return assertNever(rule, 'cause rule');
    }
  }

  #placementCause(rule: PlacementRule, content: Content): Cause {
    const tally = defined(this.#tallies.get(rule), 'tally of a rule');
    const control = this.#control;
    const compared =
      total(control) === 0
        ? `there is no message in no such situation to compare with, so nothing here shows that ${this.#side} forwards others.`
        : `of ${count(total(control), 'message')} in no such situation it lost ${control.lost}.`;
    const evidence =
      `Of ${count(total(tally), 'message')} ${rule.situation}, ${this.#side} lost ${tally.lost} and ` +
      `forwarded ${tally.kept} all the same; ${compared}`;
    const said = rule.says?.(content, this.#fates);
    return {
      name: rule.name,
      because: rule.because(this.#side),
      explanation: `consistent with ${rule.consistentWith}`,
      evidence: said === undefined ? evidence : `${evidence} ${said}`,
    };
  }

  /**
   * A domain is refused when nearly all messages in chunks that it led were lost, and another domain shows
   * that the relay works: most of its own chunks got through. Where no chunk tells of any other domain, that
   * everything was lost has to do; the evidence then says that there is nothing to compare with.
   * Where the capture says of which domain the relay is, another one is refused when nothing of it got through.
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
      const own = this.#facts.domains.ownDomain(this.#side);
      if (own !== undefined && own !== domain && tally.kept === 0) refused.add(domain);
      if ([...plain].some(([other, fate]) => other !== domain && shows(fate))) refused.add(domain);
    }
    return domainFates(refused, this.#forwardedDomains(), this.#facts.domains);
  }

  /** The numbers that this side passes on, and what kinds of messages bear them. */
  #forwardedDomains(): ReadonlyMap<number, ForwardedDomain> {
    const domains = new Map<number, { readonly registered: Set<string> }>();
    const forward = (content: Content): void => {
      if (content.head === undefined) return;
      const { registered } = forwardedOf(domains, content.head.domain);
      const name = this.#facts.domains.registeredDomain(content);
      if (name !== undefined) registered.add(name);
    };
    this.#forEachSending((content, sending) => {
      if (content.isFrame && this.#wasKept(content, sending)) forward(content);
    });
    for (const { content, kept } of this.#facts.client.retired) {
      if (kept[this.#side] > 0) forward(content);
    }
    return domains;
  }
}

function forwardedOf(
  domains: Map<number, { readonly registered: Set<string> }>,
  domain: number,
): { readonly registered: Set<string> } {
  let found = domains.get(domain);
  if (found === undefined) domains.set(domain, (found = { registered: new Set() }));
  return found;
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
