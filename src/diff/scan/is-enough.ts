/**
 * Whether what the scan has left of a capture is enough to say what a look at every message would say. Where it is not,
 * the capture is analysed whole: rather slowly and with more memory than with a statement that may not be true.
 */
import type { Loss } from '../causes/rule.ts';
import type { ClientFacts } from '../client-facts.ts';
import type { Deliveries } from '../deliveries.ts';
import { type JudgedConnection, lossesOf } from '../judge-capture.ts';
import type { CaptureContents, CaptureRows } from '../read-capture.ts';
import type { Item } from '../records.ts';

/** What can be told before anything is judged. */
export function isComplete({ connections, facts }: CaptureContents): boolean {
  // Of which delivery behind the limit is whose nothing is known.
  if (connections.some(({ hasCopiesBeyond }) => hasCopiesBeyond === true)) return false;
  if (facts.isRetiredUnknown) return false;
  return connections.every(
    ({ old, new: neu }) => areSentOnce(old, facts) && areSentOnce(neu, facts),
  );
}

export interface JudgedScan {
  readonly contents: CaptureContents;
  readonly judged: readonly JudgedConnection[];
  readonly deliveries: Deliveries;
}

/** What only judging tells, of contents that are complete. */
export function isEnough({ contents, judged, deliveries }: JudgedScan): boolean {
  const { facts, rows } = contents;
  // How many messages were left as they were is known of none that agreed.
  if (judged.some(({ judgement }) => judgement.changed.length > 0)) return false;
  // Which of two messages has moved is told by all that were to lie between them.
  if (judged.some(({ judgement }) => isOutOfOrder(judgement))) return false;
  // Whether somebody was there to get it is told by what others got about then.
  if (judged.some(({ judgement }) => judgement.setAside.length > 0)) return false;
  const losses = lossesOf(judged.flatMap(({ findings }) => findings));
  if (losses.length === 0) return true;
  // What a tap sent is what it heard of old, when it heard it.
  if (facts.isTapped) return false;
  // What other clients wrote meanwhile is not known, nor what a client got before and after.
  if (hasSeveralSenders(rows) && hasSplit(facts)) return false;
  return !losses.some((loss) => wasDelivered(loss, facts, deliveries));
}

/**
 * Whose message it was before it was changed only all that clients sent can tell; and which of several equal ones is
 * meant, only the places of all messages between them.
 */
function areSentOnce(items: readonly Item[], facts: ClientFacts): boolean {
  const seen = new Set<number>();
  for (const { content } of items) {
    if (!content.isFrame) continue;
    if (seen.has(content.id) || facts.sendingsOf(content).length !== 1) return false;
    seen.add(content.id);
  }
  return true;
}

function isOutOfOrder({ pairs, orderNotJudged }: JudgedConnection['judgement']): boolean {
  return orderNotJudged > 0 || pairs.some(({ pairing }) => pairing.kind === 'moved');
}

function hasSeveralSenders({ streams }: CaptureRows): boolean {
  return streams.filter(({ kind, bytes }) => kind === 'client' && bytes > 0).length > 1;
}

function hasSplit(facts: ClientFacts): boolean {
  if (facts.retired.some(({ sending }) => sending.placement.isSplit)) return true;
  for (const content of facts.contents.values()) {
    if (facts.sendingsOf(content).some(({ placement }) => placement.isSplit)) return true;
  }
  return false;
}

/** The side that this client lacks it from gave it to another one: why is told by what each of them got besides. */
function wasDelivered(
  { content, sending, side }: Loss,
  facts: ClientFacts,
  deliveries: Deliveries,
): boolean {
  if (sending === undefined) return false;
  return deliveries.covers(content)
    ? deliveries.of(sending, side).length > 0
    : facts.wasDelivered(content, side);
}
