/**
 * What a cause rule is. A rule looks at a divergence and at what the capture knows, and says whether it is consistent
 * with one cause. It never proves it.
 */
import type { Side } from '../../capture/types.ts';
import type { ClientFacts, Sending } from '../client-facts.ts';
import type { Deliveries } from '../deliveries.ts';
import type { Finding } from '../findings/finding.ts';
import type { Content, Item } from '../records.ts';
import type { DomainKnowledge } from './domain-fates.ts';

/** A message that one side lacks, or has cut short, on one connection. */
export interface Loss {
  readonly side: Side;
  readonly connection: number;
  readonly content: Content;
  /** The one occurrence that is lost, when a client sent it. */
  readonly sending: Sending | undefined;
  /** When the other side delivered it (or this side its beginning), ns since time 0. */
  readonly timeNs: number;
}

export interface CauseFacts {
  readonly client: ClientFacts;
  readonly deliveries: Deliveries;
  readonly domains: DomainKnowledge;
  /** Some of what this side delivered was not recorded. */
  hasGap(side: Side): boolean;
  /** From when on a side, for reasons of its own, could deliver nothing on a connection. */
  downSince(connection: number, side: Side): number | undefined;
  /** undefined: it stayed to the end. */
  clientLeftNs(connection: number): number | undefined;
  /** When a side had accepted the client; undefined: the capture does not say. */
  joinedNs(connection: number, side: Side): number | undefined;
  /** What a side delivered, in order. */
  itemsOf(connection: number, side: Side): readonly Item[];
  /** When a side delivered its first message to the client; undefined: it delivered none. */
  firstNs(connection: number, side: Side): number | undefined;
  /** Whether another client sent anything while this message was written. */
  othersWroteBetween(sending: Sending): boolean;
}

/** What placement rules may ask: it must be the same for all sendings of a class (sending-classes). */
export type PlacementFacts = Pick<CauseFacts, 'clientLeftNs' | 'othersWroteBetween'>;

/** What became of the messages in chunks that began with a header of one domain. */
export interface DomainFates {
  /** Nearly all messages led by this domain were lost, while another domain got through. */
  isRefused(domain: number): boolean;
  /** How the refused domain of a message is numbered elsewhere, in words; undefined: not so. */
  renumbering(content: Content): string | undefined;
}

/** A cause that acts when the relay reads: it depends on the message and on how its bytes lay in chunks. */
export interface PlacementRule {
  readonly kind: 'placement';
  readonly name: string;
  /** Ends the title of a group: `PoolSwap missing from new: its chunk began with no header`. */
  because(side: Side): string;
  /** Completes `messages ...` in the evidence. */
  readonly situation: string;
  /** Completes `consistent with ...`. */
  readonly consistentWith: string;
  /** A more general rule: unless more is lost than in its situation alone, it says all that there is to say. */
  readonly mustBeat?: PlacementRule;
  /** What a message is like can be chance: then so many must be lost, and so many be there to compare with. */
  readonly lostMin?: number;
  readonly controlMin?: number;
  holds(content: Content, sending: Sending, fates: DomainFates, facts: PlacementFacts): boolean;
  /** A sentence for the evidence, of one of the messages. */
  says?(content: Content, fates: DomainFates): string | undefined;
}

/** A cause that takes a connection or a whole side away. */
export interface OutageRule {
  readonly kind: 'outage';
  readonly name: string;
  because(side: Side): string;
  explains(loss: Loss, facts: CauseFacts): boolean;
  explanation(side: Side): string;
  evidence(side: Side): string;
}

/** A cause that acts when the relay writes to one client: others got the message. */
export interface DeliveryRule {
  readonly kind: 'delivery';
  readonly name: string;
  because(side: Side): string;
  /** `losses`: those of one side that it delivered to others. undefined: there is no such pattern. */
  find(losses: readonly Loss[], facts: CauseFacts): FoundPattern | undefined;
  /** What speaks for it, of all that was found. */
  evidence(seen: PatternTally): string;
  readonly explanation: string;
}

export interface FoundPattern {
  readonly losses: ReadonlySet<Loss>;
  readonly seen: PatternTally;
}

export interface PatternTally {
  readonly messages: number;
  readonly stretches: number;
  readonly clients: ReadonlySet<number>;
  /** What came behind a stretch had waited so long at least. */
  readonly waitedNs: number;
}

export function addPatterns(left: PatternTally, right: PatternTally): PatternTally {
  return {
    messages: left.messages + right.messages,
    stretches: left.stretches + right.stretches,
    clients: new Set([...left.clients, ...right.clients]),
    waitedNs: Math.min(left.waitedNs, right.waitedNs),
  };
}

export type CauseRule = PlacementRule | OutageRule | DeliveryRule;

/** What was done to a message: it was in one state before, and is in another. */
export interface Act {
  readonly before: string;
  readonly after: string;
}

/** A cause that changes messages. */
export interface ChangeRule {
  readonly kind: 'change';
  readonly name: string;
  /** undefined: it is not about this one. */
  actOf(finding: Finding): Act | undefined;
  /** Of a message that was left as it was. */
  stateOf(content: Content): string;
  because(act: Act): string | undefined;
  readonly explanation: string;
  evidence(act: Act, counts: { readonly changed: number; readonly kept: number }): string;
}

export interface Cause {
  readonly name: string;
  readonly because: string;
  /** `consistent with a relay that ...`: never more than the evidence shows. */
  readonly explanation: string;
  /** What in the capture speaks for it, and what against it. */
  readonly evidence: string;
}
