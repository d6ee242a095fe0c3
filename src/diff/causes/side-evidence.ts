/**
 * The evidence about one relay: how often it lost what was sent in the situation of each rule, and how often it forwarded
 * it all the same. Says which rules stand the test, and the sentence of each.
 */
import type { Side } from '../../capture/types.ts';
import { assertNever, defined } from '../../lib/assert.ts';
import { asSentTo, type Sending } from '../client-facts.ts';
import type { Content } from '../records.ts';
import { type DomainKnowledge, domainFates, type ForwardedDomain } from './domain-fates.ts';
import type {
  Cause,
  CauseFacts,
  CauseRule,
  DeliveryRule,
  DomainFates,
  FoundPattern,
  Loss,
  PatternTally,
  PlacementFacts,
  PlacementRule,
} from './rule.ts';
import { addPatterns } from './rule.ts';
import type { SendingClasses } from './sending-classes.ts';
import { addTo, rate, type Tally, tallyOf, total } from './tally.ts';

/** How much more often than others those in the situation must be lost. */
const LOSS_RATE_FACTOR_MIN = 2;
/** With counter-examples: the least that makes a pattern, and the least to compare it with. */
const PATTERN_LOST_MIN = 3;
const PATTERN_RATE_MIN = 0.5;
const CONTROL_MIN = 3;
/** A relay that refuses a domain does not let a tenth of it through. */
const REFUSED_RATE_MIN = 0.9;

interface WindowOfSide {
  readonly side: Side;
  readonly facts: CauseFacts;
  /** What this side lost when it read, or when it wrote. */
  readonly lost: ReadonlySet<Sending>;
}

function wasKept(
  content: Content,
  sending: Sending,
  { side, facts }: Omit<WindowOfSide, 'lost'>,
): boolean {
  const { client, deliveries } = facts;
  return deliveries.covers(content)
    ? deliveries.of(sending, side).length > 0
    : client.wasDelivered(content, side);
}

export function fateOf(
  content: Content,
  sending: Sending,
  window: WindowOfSide,
): 'kept' | 'lost' | undefined {
  if (wasKept(content, sending, window)) return 'kept';
  return window.lost.has(sending) ? 'lost' : undefined;
}

interface KnownOfSendings {
  readonly classes: SendingClasses;
  readonly domains: DomainKnowledge;
  readonly placement: PlacementFacts;
}

/** What one relay lost, and what it forwarded of the same kind. */
export class SideEvidence {
  readonly #side: Side;
  readonly #known: KnownOfSendings;
  readonly #rules: readonly CauseRule[];
  readonly #placementRules: readonly PlacementRule[];
  readonly #causes = new Map<CauseRule, Cause>();
  readonly #patterns = new Map<DeliveryRule, PatternTally>();
  #judged: Judged | undefined;

  constructor(side: Side, known: KnownOfSendings, rules: readonly CauseRule[]) {
    this.#side = side;
    this.#known = known;
    this.#rules = rules;
    this.#placementRules = rules.filter((rule) => rule.kind === 'placement');
  }

  /** What this side lost. */
  add(losses: readonly Loss[], facts: CauseFacts): ReadonlySet<Sending> {
    const lost = this.#lostOf(losses, facts);
    for (const [rule, { seen }] of this.#findPatterns(losses, facts)) {
      const known = this.#patterns.get(rule);
      this.#patterns.set(rule, known === undefined ? seen : addPatterns(known, seen));
    }
    return lost;
  }

  causesIn(losses: readonly Loss[], facts: CauseFacts): (loss: Loss) => Cause | undefined {
    this.#judged ??= this.#judge();
    const window: WindowOfSide = { side: this.#side, facts, lost: this.#lostOf(losses, facts) };
    const patterns = this.#findPatterns(losses, facts);
    return (loss) => {
      for (const rule of this.#rules) {
        if (this.#explains(rule, loss, window, patterns)) return this.#cause(rule, loss.content);
      }
      return undefined;
    };
  }

  #lostOf(losses: readonly Loss[], facts: CauseFacts): ReadonlySet<Sending> {
    const lost = new Set<Sending>();
    for (const loss of losses) {
      const { side, sending } = loss;
      if (side === this.#side && sending !== undefined && !this.#isOutage(loss, facts)) {
        lost.add(sending);
      }
    }
    return lost;
  }

  #explains(
    rule: CauseRule,
    loss: Loss,
    window: WindowOfSide,
    patterns: ReadonlyMap<DeliveryRule, FoundPattern>,
  ): boolean {
    switch (rule.kind) {
      case 'outage':
        return rule.explains(loss, window.facts);
      case 'placement':
        return this.#isPlacedAs(rule, loss, window) && this.#stands(rule);
      case 'delivery':
        return patterns.get(rule)?.losses.has(loss) === true;
      default:
        return assertNever(rule, 'cause rule');
    }
  }

  /** Of what was lost when it was written: others got it from this side. */
  #findPatterns(
    losses: readonly Loss[],
    facts: CauseFacts,
  ): ReadonlyMap<DeliveryRule, FoundPattern> {
    const found = new Map<DeliveryRule, FoundPattern>();
    const written = losses.filter(
      (loss) =>
        loss.side === this.#side &&
        loss.sending !== undefined &&
        !this.#isOutage(loss, facts) &&
        wasKept(loss.content, loss.sending, { side: this.#side, facts }),
    );
    if (written.length === 0) return found;
    for (const rule of this.#rules) {
      const pattern = rule.kind === 'delivery' ? rule.find(written, facts) : undefined;
      if (rule.kind === 'delivery' && pattern !== undefined) found.set(rule, pattern);
    }
    return found;
  }

  #isPlacedAs(rule: PlacementRule, { content, sending }: Loss, window: WindowOfSide): boolean {
    const seen = sending && asSentTo(this.#side, sending);
    if (sending === undefined || seen === undefined) return false;
    if (fateOf(content, sending, window) !== 'lost') return false;
    return rule.holds(content, seen, this.#fates, window.facts);
  }

  get #fates(): DomainFates {
    return defined(this.#judged, 'evidence').fates;
  }

  /** Explained by a rule that comes before all placement rules: it says nothing about how bytes were read. */
  #isOutage(loss: Loss, facts: CauseFacts): boolean {
    for (const rule of this.#rules) {
      if (rule.kind !== 'outage') return false;
      if (rule.explains(loss, facts)) return true;
    }
    return false;
  }

  /** Each sending counts for the first rule whose situation it is in. */
  #judge(): Judged {
    const fates = this.#judgeDomains();
    const control: Tally = { lost: 0, kept: 0 };
    const tallies = new Map<PlacementRule, Tally>();
    for (const rule of this.#placementRules) tallies.set(rule, { lost: 0, kept: 0 });
    for (const same of this.#known.classes.all()) {
      const { content, sending, isInterleaved } = same;
      const facts = { ...this.#known.placement, othersWroteBetween: () => isInterleaved };
      const rule = this.#placementRules.find((one) => one.holds(content, sending, fates, facts));
      addTo(rule === undefined ? control : defined(tallies.get(rule), 'tally'), same, this.#side);
    }
    return { fates, control, tallies };
  }

  #stands(rule: PlacementRule): boolean {
    const { tallies, control } = defined(this.#judged, 'evidence');
    const tally = defined(tallies.get(rule), 'tally of a rule');
    if (tally.lost === 0 || rate(tally) < LOSS_RATE_FACTOR_MIN * rate(control)) return false;
    if (tally.lost < (rule.lostMin ?? 0) || total(control) < (rule.controlMin ?? 0)) return false;
    const general = rule.mustBeat && tallies.get(rule.mustBeat);
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
        const evidence = rule.evidence(defined(this.#patterns.get(rule), 'pattern of a rule'));
        return { name, because, explanation: rule.explanation, evidence };
      }
      default:
        return assertNever(rule, 'cause rule');
    }
  }

  #placementCause(rule: PlacementRule, content: Content): Cause {
    const { tallies, control } = defined(this.#judged, 'evidence');
    const tally = defined(tallies.get(rule), 'tally of a rule');
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
    for (const same of this.#known.classes.all()) {
      const { content, sending } = same;
      const leading = sending.placement.leadingDomain;
      if (content.head === undefined || !content.isFrame) continue;
      tallyOf(plain, content.head.domain);
      if (leading === undefined || sending.placement.beganInside) continue;
      addTo(tallyOf(led, leading), same, this.#side);
      if (leading === content.head.domain) addTo(tallyOf(plain, leading), same, this.#side);
    }
    const refused = new Set<number>();
    for (const [domain, tally] of led) {
      if (tally.lost === 0 || rate(tally) < REFUSED_RATE_MIN) continue;
      const shows = (fate: Tally): boolean =>
        total(fate) === 0 ? tally.kept === 0 : fate.kept > fate.lost;
      const own = this.#known.domains.ownDomain(this.#side);
      if (own !== undefined && own !== domain && tally.kept === 0) refused.add(domain);
      if ([...plain].some(([other, fate]) => other !== domain && shows(fate))) refused.add(domain);
    }
    return domainFates(refused, this.#forwardedDomains(), this.#known.domains);
  }

  /** The numbers that this side passes on, and what kinds of messages bear them. */
  #forwardedDomains(): ReadonlyMap<number, ForwardedDomain> {
    const domains = new Map<number, { readonly registered: Set<string> }>();
    for (const { content, kept } of this.#known.classes.all()) {
      if (kept[this.#side] === 0 || !content.isFrame || content.head === undefined) continue;
      const { registered } = forwardedOf(domains, content.head.domain);
      const name = this.#known.domains.registeredDomain(content);
      if (name !== undefined) registered.add(name);
    }
    return domains;
  }
}

interface Judged {
  readonly fates: DomainFates;
  readonly tallies: ReadonlyMap<PlacementRule, Tally>;
  /** Sendings in the situation of no rule. */
  readonly control: Tally;
}

function forwardedOf(
  domains: Map<number, { readonly registered: Set<string> }>,
  domain: number,
): { readonly registered: Set<string> } {
  let found = domains.get(domain);
  if (found === undefined) domains.set(domain, (found = { registered: new Set() }));
  return found;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
