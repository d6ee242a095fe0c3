/**
 * Judges a message that one side of a connection lacks and that was under way while its client joined or
 * left. Each relay takes note of that at its own moment, so a message in flight may rightly reach the client
 * from one relay only. When the lacking relay broadcast it is seen on other connections: they are the
 * witnesses, for this very occurrence of the message.
 */
import type { Gap, Side } from '../capture/types.ts';
import type { ClientFacts, Sending } from './client-facts.ts';
import { type ConnectionHistory, EVER, type Membership } from './connection-history.ts';
import type { Deliveries, Delivery } from './deliveries.ts';
import { otherSide, type Unpaired } from './records.ts';

export type Edge = 'joined' | 'left';

/**
 * - `owed`: the relay had the client when it broadcast the message, or had time enough to.
 * - `passed`: it broadcast it before the client joined or after it left, as the witness shows.
 * - `unknown`: nobody saw when, or whether, it broadcast it.
 */
export type EdgeJudgement =
  | { readonly kind: 'owed' }
  | { readonly kind: 'passed'; readonly edge: Edge; readonly witness: Delivery }
  | { readonly kind: 'unknown' };

/** How far apart one broadcast reaches two clients, and an end of a membership is noticed. */
const SKEW_NS = 10_000_000;
/** A relay that has not delivered a message after this, and twice its slowest, does not deliver it. */
const PATIENCE_NS = 1_000_000_000;

export interface EdgeFacts {
  readonly facts: ClientFacts;
  readonly deliveries: Deliveries;
  readonly histories: ReadonlyMap<number, ConnectionHistory>;
  readonly gapsOf: ReadonlyMap<number, readonly Gap[]>;
}

/** `sending`: the occurrence that `connection` lacks; what no client sent is never excused. */
export function judgeEdge(
  connection: number,
  unpaired: Unpaired,
  sending: Sending | undefined,
  context: EdgeFacts,
): EdgeJudgement {
  const { side } = unpaired;
  const lacking = otherSide(side);
  const history = context.histories.get(connection);
  const { facts, deliveries } = context;
  if (sending === undefined || history === undefined || !facts.hasDeliveredAnything(lacking)) {
    return { kind: 'owed' };
  }
  const membership = narrowed(history.membership(lacking), unpaired);
  const patienceNs = Math.max(PATIENCE_NS, 2 * facts.slowestNs(lacking));
  const joinedBefore = sending.timeNs >= membership.fromNs + SKEW_NS;
  if (joinedBefore && sending.timeNs + patienceNs <= membership.toNs) return { kind: 'owed' };
  const witness = earliest(
    deliveries.of(sending, lacking).filter((delivery) => delivery.connection !== connection),
  );
  if (witness !== undefined) {
    const edge = edgeOutside(membership, witness.item.arrivalNs);
    return edge === undefined ? { kind: 'owed' } : { kind: 'passed', edge, witness };
  }
  return isMissedByOthers(connection, side, sending, context)
    ? { kind: 'owed' }
    : { kind: 'unknown' };
}

/**
 * A relay that delivered an earlier message of the same publisher had the client by then, and one that delivered a
 * later one had it still: whatever the times say.
 */
function narrowed(membership: Membership, { slot, isOrderOwed }: Unpaired): Membership {
  if (!isOrderOwed) return membership;
  return {
    fromNs: slot.after < 0 ? membership.fromNs : EVER.fromNs,
    toNs: slot.before === Number.POSITIVE_INFINITY ? membership.toNs : EVER.toNs,
  };
}

function edgeOutside({ fromNs, toNs }: Membership, timeNs: number): Edge | undefined {
  if (timeNs < fromNs + SKEW_NS) return 'joined';
  return timeNs > toNs - SKEW_NS ? 'left' : undefined;
}

function earliest(deliveries: readonly Delivery[]): Delivery | undefined {
  let first: Delivery | undefined;
  for (const delivery of deliveries) {
    if (first === undefined || delivery.item.arrivalNs < first.item.arrivalNs) first = delivery;
  }
  return first;
}

/** The other side delivered it to somebody who was there all the time that the lacking side ever took. */
function isMissedByOthers(
  connection: number,
  side: Side,
  sending: Sending,
  { facts, deliveries, histories, gapsOf }: EdgeFacts,
): boolean {
  const lacking = otherSide(side);
  const untilNs = sending.timeNs + facts.slowestNs(lacking);
  return deliveries.of(sending, side).some((delivery) => {
    const history = histories.get(delivery.connection);
    if (history?.wasAway(lacking, sending.timeNs, untilNs - sending.timeNs) === true) return false;
    const membership = history?.selection === 'none' ? undefined : history?.membership(lacking);
    const hasGap = (gapsOf.get(delivery.connection) ?? []).some((gap) => gap.stream === lacking);
    if (delivery.connection === connection || membership === undefined || hasGap) return false;
    return membership.fromNs + SKEW_NS <= sending.timeNs && untilNs <= membership.toNs;
  });
}
