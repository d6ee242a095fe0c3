/**
 * Decides which unpaired items are no divergence, because the capture itself says why the other side cannot
 * have them, or cannot tell: gaps, the missing end of an unsealed capture, and the edges of a connection.
 * They are counted, never dropped: what is set aside makes the verdict inconclusive, the edges excepted.
 */
import type { CaptureReader, Gap, Side } from '../capture/types.ts';
import type { ClientFacts } from './client-facts.ts';
import type { ConnectionHistory } from './connection-history.ts';
import { type Item, otherSide, type SideItems, type Unpaired } from './records.ts';

/**
 * - `mirror-gap`: the new relay was never sent it.
 * - `recording-gap`: the other side's stream has a gap where it would lie.
 * - `recording-end`: the recorder was killed before the other side's copy could be written.
 * - `edge`: somebody else sent it while this client joined or left, and one relay was first.
 */
export type SetAsideReason = 'mirror-gap' | 'recording-gap' | 'recording-end' | 'edge';

/** How far apart two relays may deliver one message at the end of a capture that was not sealed. */
const SETTLE_NS = 1_000_000_000;
/** A relay subscribes a client some time after it accepted, and notices late that it left. */
const EDGE_NS = 100_000_000;

export interface SetAsideContext {
  readonly reader: CaptureReader;
  readonly connection: number;
  readonly items: SideItems;
  readonly facts: ClientFacts;
  readonly history: ConnectionHistory | undefined;
}

export interface Sorted {
  readonly rest: readonly Unpaired[];
  readonly setAside: readonly { readonly unpaired: Unpaired; readonly reason: SetAsideReason }[];
}

/** Comes before changed messages are matched: what the new relay was never sent is no half of a pair. */
export function setAsideUnmirrored(unpaired: readonly Unpaired[], facts: ClientFacts): Sorted {
  const used = new Map<number, number>();
  return sort(unpaired, ({ side, item }) => {
    if (side === 'new') {
      const isCut = item.content.isFrame ? false : beginsUnmirrored(item, facts);
      return isCut ? 'mirror-gap' : undefined;
    }
    const { id } = item.content;
    const available = facts.sendingsOf(item.content).filter((sent) => sent.isUnmirrored).length;
    const taken = used.get(id) ?? 0;
    if (taken >= available) return undefined;
    used.set(id, taken + 1);
    return 'mirror-gap';
  });
}

/** A frame of which the new relay was sent the beginning only. */
function beginsUnmirrored(item: Item, facts: ClientFacts): boolean {
  return facts
    .begunBy(item.content, 'new')
    .some((content) => facts.sendingsOf(content).some((sent) => sent.isUnmirrored));
}

/** Comes after changed messages are matched. */
export function setAsideUnjudged(unpaired: readonly Unpaired[], context: SetAsideContext): Sorted {
  const recordingGaps = context.reader
    .gaps()
    .filter((gap) => gap.connection === context.connection && gap.where === 'recording');
  const gapsOf = {
    old: recordingGaps.filter((gap) => gap.stream === 'old'),
    new: recordingGaps.filter((gap) => gap.stream === 'new'),
  };
  return sort(unpaired, (candidate) => {
    if (isInRecordingGap(candidate, context.items, gapsOf)) return 'recording-gap';
    if (isAtUnsealedEnd(candidate, context)) return 'recording-end';
    return isAtEdge(candidate, context) ? 'edge' : undefined;
  });
}

function sort(
  unpaired: readonly Unpaired[],
  reasonOf: (unpaired: Unpaired) => SetAsideReason | undefined,
): Sorted {
  const rest: Unpaired[] = [];
  const setAside: { unpaired: Unpaired; reason: SetAsideReason }[] = [];
  for (const candidate of unpaired) {
    const reason = reasonOf(candidate);
    if (reason === undefined) rest.push(candidate);
    else setAside.push({ unpaired: candidate, reason });
  }
  return { rest, setAside };
}

function isInRecordingGap(
  { side, item, slot }: Unpaired,
  items: SideItems,
  gapsOf: Readonly<Record<Side, readonly Gap[]>>,
): boolean {
  const other = otherSide(side);
  const after = items[other][slot.after]?.offset ?? -1;
  const before = items[other][slot.before]?.offset ?? Number.POSITIVE_INFINITY;
  if (gapsOf[other].some((gap) => after < gap.offset && before >= gap.offset + gap.bytes))
    return true;
  const end = item.offset + item.content.length;
  return (
    !item.content.isFrame &&
    gapsOf[side].some((gap) => end === gap.offset || item.offset === gap.offset + gap.bytes)
  );
}

function isAtUnsealedEnd({ side, item, slot }: Unpaired, context: SetAsideContext): boolean {
  const { info } = context.reader;
  if (info.sealed || item.arrivalNs < Number(info.durationNs) - SETTLE_NS) return false;
  if (item.isTail) return true;
  if (slot.before !== Number.POSITIVE_INFINITY) return false;
  const last = context.items[otherSide(side)].at(-1);
  if (last === undefined || item.arrivalNs > last.arrivalNs) return true;
  return last.isTail && last.content.head?.sequence === item.content.head?.sequence;
}

/** Only next to a pair of the same publisher: a side that delivers nothing has no edge. */
function isAtEdge({ item, slot }: Unpaired, context: SetAsideContext): boolean {
  const { facts, history, connection } = context;
  const sendings = facts.sendingsOf(item.content);
  const joinedNs = history?.joinedNs;
  const leftNs = history?.clientClosedNs;
  const isFirst = slot.after === -1 && slot.before !== Number.POSITIVE_INFINITY;
  const isLast = slot.after !== -1 && slot.before === Number.POSITIVE_INFINITY;
  if (isFirst && joinedNs !== undefined) {
    return sendings.some(
      (sent) => sent.connection !== connection && sent.timeNs <= joinedNs + EDGE_NS,
    );
  }
  return isLast && leftNs !== undefined && sendings.some((sent) => sent.timeNs >= leftNs - EDGE_NS);
}
