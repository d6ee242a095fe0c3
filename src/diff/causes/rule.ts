/**
 * What a cause rule is. A rule looks at a loss - a message that one side lacks - and at what the capture
 * knows, and says whether the loss is consistent with one cause. It never proves it.
 */
import type { Side } from '../../capture/types.ts';
import type { ClientFacts, Sending } from '../client-facts.ts';
import type { Deliveries } from '../deliveries.ts';
import type { Content } from '../records.ts';

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
  /** Some of what this side delivered was not recorded. */
  hasGap(side: Side): boolean;
  /** From when on a side, for reasons of its own, could deliver nothing on a connection. */
  downSince(connection: number, side: Side): number | undefined;
}

/** What became of the messages in chunks that began with a header of one domain. */
export interface DomainFates {
  /** Nearly all messages led by this domain were lost, while another domain got through. */
  isRefused(domain: number): boolean;
}

/** A cause that acts when the relay reads: it depends on how the bytes lay in the chunks of the client. */
export interface PlacementRule {
  readonly kind: 'placement';
  readonly name: string;
  /** Ends the title of a group: `PoolSwap missing from new: its chunk began with no header`. */
  because(side: Side): string;
  /** Completes `messages ...` in the evidence. */
  readonly situation: string;
  /** Completes `consistent with ...`. */
  readonly consistentWith: string;
  holds(content: Content, sending: Sending, fates: DomainFates): boolean;
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

export type CauseRule = PlacementRule | OutageRule;
