/**
 * Decides which unpaired items are no divergence, because the capture itself says why the other side cannot
 * have them, or cannot tell: gaps, the missing end of a recording, and the edges of a connection. They are
 * counted, never dropped; all but those that a witness explains make the verdict inconclusive.
 */
import type { CaptureReader } from '../capture/types.ts';
import type { RecordingEnd } from './histories.ts';
import { type Edge, type EdgeFacts, judgeEdge } from './edges.ts';
import type { Delivery, Lacked } from './deliveries.ts';
import {
  type ClientFacts,
  type HiddenGap,
  type Sending,
  SENT_TO_NEW_ONLY,
} from './client-facts.ts';
import { findInRecordingGaps, type GapRoom } from './recording-gaps.ts';
import { type Item, keyHeadOf, otherSide, type SideItems, type Unpaired } from './records.ts';

/**
 * - `mirror-gap`: the other relay was never sent it.
 * - `recording-gap`: the other side's stream has a gap where it would lie.
 * - `recording-end`: the recording ended before the other side's copy could be delivered and written.
 * - `connection-down`: the other side had lost the client when it was sent or a moment later, and was
 *   reached again: what it would have delivered is not known.
 * - `not-selected`: as the operator asked for, the new relay was not shown this connection, or who sent it.
 * - `unseen-sender`: no recorded client sent it, and the old relay had clients of its own: those that were there
 *   before the recorder took over its path, or that came when the path was given back or lost.
 * - `edge-unknown`: it was under way while its client joined or left, and nobody saw when the other side
 *   broadcast it.
 * - `edge`: the other side broadcast it before its client joined, or after it left.
 */
export type SetAsideReason =
  | 'mirror-gap'
  | 'recording-gap'
  | 'recording-end'
  | 'connection-down'
  | 'not-selected'
  | 'unseen-sender'
  | 'edge-unknown'
  | 'edge';

/** How far apart two relays may deliver one message at the end of a recording that was cut off. */
const SETTLE_NS = 1_000_000_000;
const SKEW_NS = 10_000_000;
/** A relay that has not delivered a message after this, and twice its slowest, does not deliver it. */
const PATIENCE_NS = 1_000_000_000;

export interface SetAsideContext extends EdgeFacts {
  readonly reader: CaptureReader;
  readonly connection: number;
  readonly items: SideItems;
  readonly recordingEnd: RecordingEnd;
  /** The recording gaps of its sides. */
  readonly gapRooms: readonly GapRoom[];
  /** Theirs is the room that what is set aside takes. */
  readonly hiddenGaps: () => readonly HiddenGap[];
}

export interface SetAside {
  readonly unpaired: Unpaired;
  readonly reason: SetAsideReason;
  /** Of an `edge`. */
  readonly passed?: { readonly edge: Edge; readonly witness: Delivery };
}

export interface Sorted {
  readonly rest: readonly Unpaired[];
  readonly setAside: readonly SetAside[];
}

/** The new relay was not to see this connection at all: there is nothing to compare. */
export function setAsideAll(unpaired: readonly Unpaired[]): Sorted {
  return sort(unpaired, (candidate) => ({ unpaired: candidate, reason: 'not-selected' }));
}

/** Comes before changed messages are matched: what one relay was never sent is no half of a pair. */
export function setAsideUnmirrored(
  unpaired: readonly Unpaired[],
  { facts, hiddenGaps }: Pick<SetAsideContext, 'facts' | 'hiddenGaps'>,
): Sorted {
  const used = new Map<number, number>();
  const hidden = findHidden(unpaired, facts, hiddenGaps);
  return sort(unpaired, (candidate) => {
    const { side, item } = candidate;
    const mirrorGap: SetAside = { unpaired: candidate, reason: 'mirror-gap' };
    if (side === 'new' && !item.content.isFrame && beginsUnmirrored(item, facts)) return mirrorGap;
    if (side === 'old' && facts.mayComeFromUnseen(item.content, item.arrivalNs)) {
      return { unpaired: candidate, reason: 'unseen-sender' };
    }
    if (!facts.wasSent(item.content)) return hidden.has(candidate) ? mirrorGap : undefined;
    const { id } = item.content;
    const sendings = facts.sendingsOf(item.content);
    if (sendings.length === 0 && side === 'old' && facts.mayBeUnmirrored(item.content)) {
      return mirrorGap;
    }
    const available = sendings.filter(
      ({ unmirrored }) =>
        unmirrored !== undefined && (unmirrored === SENT_TO_NEW_ONLY) === (side === 'new'),
    );
    const taken = used.get(id) ?? 0;
    const sending = available[taken];
    if (sending === undefined) return undefined;
    used.set(id, taken + 1);
    // Which copy this is is not known here: only where all were left out on purpose it was.
    return available.every((sent) => sent.unmirrored === 'not-selected')
      ? { unpaired: candidate, reason: 'not-selected' }
      : mirrorGap;
  });
}

/** What nobody that was recorded sent, the earliest first, as far as there is room for it. */
function findHidden(
  unpaired: readonly Unpaired[],
  facts: ClientFacts,
  hiddenGaps: SetAsideContext['hiddenGaps'],
): ReadonlySet<Unpaired> {
  const found = new Set<Unpaired>();
  const unsent = unpaired
    .filter(({ side, item: { content, arrivalNs } }) => {
      if (side === 'new' || facts.wasSent(content)) return false;
      return !facts.mayComeFromUnseen(content, arrivalNs);
    })
    .sort((left, right) => left.item.arrivalNs - right.item.arrivalNs);
  const gaps = unsent.length === 0 ? [] : hiddenGaps();
  for (const candidate of unsent) {
    const { arrivalNs, content } = candidate.item;
    const gap = gaps.find(
      ({ fromNs, bytes }) => arrivalNs >= fromNs - SKEW_NS && content.length <= bytes,
    );
    if (gap === undefined) continue;
    gap.bytes -= content.length;
    found.add(candidate);
  }
  return found;
}

/** A frame of which the new relay was sent the beginning only. */
function beginsUnmirrored(item: Item, facts: ClientFacts): boolean {
  const begun = facts.begunBy(item, 'new');
  return (
    begun !== undefined &&
    facts.sendingsOf(begun.content).some((sent) => sent.unmirrored !== undefined)
  );
}

/** Comes after changed messages are matched. */
export function setAsideUnjudged(
  unpaired: readonly Unpaired[],
  context: SetAsideContext,
): Sorted & { readonly lacked: ReadonlyMap<Unpaired, Lacked> } {
  const { connection, deliveries, gapRooms } = context;
  const inGaps = findInRecordingGaps(unpaired, gapRooms);
  const lacked = deliveries.lacked(unpaired);
  const sorted = sort(unpaired, (candidate) => {
    if (isCutByTap(candidate, context)) return { unpaired: candidate, reason: 'edge' };
    if (inGaps.has(candidate)) return { unpaired: candidate, reason: 'recording-gap' };
    const sending = lacked.get(candidate)?.sending;
    if (isAtMissingEnd(candidate, sending, context)) {
      return { unpaired: candidate, reason: 'recording-end' };
    }
    if (wasAway(candidate, sending, context)) {
      return { unpaired: candidate, reason: 'connection-down' };
    }
    const judged = judgeEdge(connection, candidate, sending, context);
    switch (judged.kind) {
      case 'owed':
        return undefined;
      case 'unknown':
        return { unpaired: candidate, reason: 'edge-unknown' };
      case 'passed':
        return { unpaired: candidate, reason: 'edge', passed: judged };
    }
  });
  return { ...sorted, lacked };
}

function sort(
  unpaired: readonly Unpaired[],
  reasonFor: (unpaired: Unpaired) => SetAside | undefined,
): Sorted {
  const rest: Unpaired[] = [];
  const setAside: SetAside[] = [];
  for (const candidate of unpaired) {
    const reason = reasonFor(candidate);
    if (reason === undefined) rest.push(candidate);
    else setAside.push(reason);
  }
  return { rest, setAside };
}

/** The lacking side had lost this client, or its sender, and had or may have had no chance to deliver it. */
function wasAway(
  { side, item }: Unpaired,
  sending: Sending | undefined,
  { connection, deliveries, facts, histories }: SetAsideContext,
): boolean {
  const lacking = otherSide(side);
  const history = histories.get(connection);
  if (item.isTail && history?.wasCutOff(side, item.arrivalNs) === true) return true;
  const sentNs = sending?.timeNs ?? item.arrivalNs;
  const patienceNs = Math.max(PATIENCE_NS, 2 * facts.slowestNs(lacking));
  if (history?.wasAway(lacking, sentNs, patienceNs) === true) return true;
  if (sending === undefined || deliveries.of(sending, lacking).length > 0) return false;
  const sender = histories.get(sending.connection);
  return sender?.wasAway(lacking, sentNs, patienceNs) === true;
}

/**
 * Nothing of its publisher follows on the other side, and the recording ended before that side had as much
 * time as it took for other messages.
 */
function isAtMissingEnd(
  { side, item, slot }: Unpaired,
  sending: Sending | undefined,
  { reader, recordingEnd, facts, items }: SetAsideContext,
): boolean {
  const { isDrained, endNs } = recordingEnd;
  const slowestNs = facts.slowestNs(otherSide(side));
  const isCutOff = !reader.info.sealed || isDrained === false;
  if (isCutOff && item.arrivalNs >= endNs - Math.max(SETTLE_NS, 2 * slowestNs)) {
    if (item.isTail || slot.before === Number.POSITIVE_INFINITY) return true;
  }
  if (item.isTail) return isDrained !== true && areCutInOneFrame(items);
  if (isDrained === undefined || slot.before !== Number.POSITIVE_INFINITY) return false;
  // What a tap feeds may have waited for its turn: how long the relay took, its times do not say.
  if (facts.isTapped && isDrained) return false;
  return sending !== undefined && sending.timeNs + slowestNs > endNs;
}

/** A tap joins and leaves in the middle of what it listens to: the rest of these pieces passed without it. */
function isCutByTap({ side, item }: Unpaired, { facts, items }: SetAsideContext): boolean {
  if (!facts.isTapped || item.content.isFrame) return false;
  if (side === 'old') return item.isTail || item.index === 0;
  return item.isTail && areCutInOneFrame(items);
}

/** The end of the recording cut both sides inside the same frame, each at a place of its own. */
function areCutInOneFrame(items: SideItems): boolean {
  const [old, neu] = [items.old.at(-1), items.new.at(-1)];
  if (old?.isTail !== true || neu?.isTail !== true) return false;
  const [left, right] = [keyHeadOf(old.content), keyHeadOf(neu.content)];
  return (
    left !== undefined &&
    right !== undefined &&
    left.domain === right.domain &&
    left.source === right.source &&
    left.sequence === right.sequence &&
    left.timestamp === right.timestamp
  );
}
