/**
 * Gives each loss its cause. An outage explains a loss by itself. A placement rule must stand a test on the
 * whole capture first: sendings in its situation have to be lost far more often than those in no such
 * situation, so a relay that loses everything, or at random, is not explained by how clients write. Every
 * sending is judged by itself: a message may be sent many times and be lost once. Sendings are kept as numbers, by class.
 */
import type { Side } from '../../capture/types.ts';
import { asSentTo, type Sending } from '../client-facts.ts';
import type { Content } from '../records.ts';
import { CAUSE_RULES } from './registry.ts';
import type { Cause, CauseFacts, CauseRule, Loss, PlacementFacts } from './rule.ts';
import { type SendingClass, SendingClasses } from './sending-classes.ts';

import { fateOf, SideEvidence } from './side-evidence.ts';

/** Finds causes in two steps: first all that was lost is added, window by window, then causes are asked for. */
export class CauseEvidence {
  readonly #global: PlacementFacts;
  readonly #classes: SendingClasses;
  readonly #sides: Readonly<Record<Side, SideEvidence>>;

  /** `facts`: what placement rules may ask of any sending of the capture. */
  constructor(
    facts: Pick<CauseFacts, 'clientLeftNs' | 'domains'>,
    rules: readonly CauseRule[] = CAUSE_RULES,
  ) {
    this.#global = { clientLeftNs: facts.clientLeftNs, othersWroteBetween: () => false };
    this.#classes = new SendingClasses(this.#global);
    const known = { classes: this.#classes, domains: facts.domains, placement: this.#global };
    this.#sides = {
      old: new SideEvidence('old', known, rules),
      new: new SideEvidence('new', known, rules),
    };
  }

  /** What clients sent in a window, and what was lost of it. */
  add(losses: readonly Loss[], facts: CauseFacts): void {
    const written = {
      old: this.#sides.old.add(losses, facts),
      new: this.#sides.new.add(losses, facts),
    };
    const { client } = facts;
    for (const content of client.contents.values()) {
      for (const sending of client.sendingsOf(content)) {
        const classOf = (one: Sending): SendingClass =>
          this.#classes.of(content, one, (each) => facts.othersWroteBetween(each));
        const same = classOf(sending);
        for (const side of ['old', 'new'] as const) {
          const fate = fateOf(content, sending, { side, facts, lost: written[side] });
          const seen = asSentTo(side, sending);
          if (fate === undefined || seen === undefined) continue;
          (seen === sending ? same : classOf(seen))[fate][side]++;
        }
      }
    }
  }

  /** Sendings of one class that are in no window: nobody lacks any of them. */
  addKept({ content, sending, kept, isInterleaved }: KeptSendings): void {
    for (const side of ['old', 'new'] as const) {
      const seen = asSentTo(side, sending);
      if (seen === undefined) continue;
      const same = this.#classes.of(content, seen, () => isInterleaved?.[side] ?? false);
      same.kept[side] += kept[side];
    }
  }

  /** The causes of what was lost in a window. To be called when everything has been added. */
  causesIn(losses: readonly Loss[], facts: CauseFacts): (loss: Loss) => Cause | undefined {
    const { old, new: neu } = this.#sides;
    const causes = { old: old.causesIn(losses, facts), new: neu.causesIn(losses, facts) };
    return (loss) => causes[loss.side](loss);
  }
}

export function explainLosses(
  losses: readonly Loss[],
  facts: CauseFacts,
  rules: readonly CauseRule[] = CAUSE_RULES,
): (loss: Loss) => Cause | undefined {
  const evidence = new CauseEvidence(facts, rules);
  evidence.add(losses, facts);
  return evidence.causesIn(losses, facts);
}

export interface KeptSendings {
  readonly content: Content;
  readonly sending: Sending;
  /** How many of them the relay of a side forwarded to anybody. */
  readonly kept: Readonly<Record<Side, number>>;
  /** Others wrote between its pieces, as the relay of a side was sent them. */
  readonly isInterleaved?: Readonly<Record<Side, boolean>>;
}
