/**
 * Matches, among the messages that only one side has, those at the same place that are alike in most of their bytes:
 * publishers that write neither sequence nor time leave nothing else to tell them by, once their TLVs have changed.
 * The most alike come first, so that a message that was lost takes no partner from one that was changed.
 */
import { walkTlvs } from '../wire/tlv.ts';
import { areInPlace, type Content, keyHeadOf, type Unpaired } from './records.ts';

/** The payloads of frames, in the order of the frames. */
export type FetchFrames = (frames: readonly Unpaired[]) => readonly Uint8Array[];

/** More frames than this of one connection are not read again. */
const FRAMES_MAX = 4_096;
/** Candidates that are looked at for one message. */
const CANDIDATES_MAX = 16;
/** Of the bytes of the shorter payload. */
const ALIKE_MIN = 0.5;

export interface AlikeFacts {
  readonly wasSent: (content: Content) => boolean;
  readonly fetch: FetchFrames;
}

/** Both in order of their place. */
export function* matchAlike(
  old: readonly Unpaired[],
  neu: readonly Unpaired[],
  { wasSent, fetch }: AlikeFacts,
): Generator<readonly [Unpaired, Unpaired]> {
  const candidates = candidatesOf(old, neu, wasSent);
  const frames = [...new Set(candidates.flat())];
  if (frames.length === 0 || frames.length > FRAMES_MAX) return;
  const payloads = new Map(fetch(frames).map((bytes, index) => [frames[index], bytes]));
  const scored = candidates.flatMap(([left, right]) => {
    const [one, other] = [payloads.get(left), payloads.get(right)];
    if (one === undefined || other === undefined) return [];
    const common = commonBytes(one, other);
    const isAlike = common >= ALIKE_MIN * Math.min(one.length, other.length);
    const apart = Math.abs(one.length - other.length);
    return isAlike ? [{ left, right, common, apart }] : [];
  });
  scored.sort((left, right) => right.common - left.common || left.apart - right.apart);
  const taken = new Set<Unpaired>();
  for (const { left, right } of scored) {
    if (taken.has(left) || taken.has(right)) continue;
    taken.add(left).add(right);
    yield [left, right];
  }
}

/** Those that say the same of themselves, at one place, and of which one is not what a client sent. */
function candidatesOf(
  old: readonly Unpaired[],
  neu: readonly Unpaired[],
  wasSent: (content: Content) => boolean,
): readonly (readonly [Unpaired, Unpaired])[] {
  const waiting = new Map<string, Unpaired[]>();
  for (const one of neu) {
    const list = waiting.get(nameOf(one));
    if (list === undefined) waiting.set(nameOf(one), [one]);
    else list.push(one);
  }
  return old.flatMap((left) => {
    const list = waiting.get(nameOf(left)) ?? [];
    const from = firstBehind(list, left.slot.after);
    // One of a run may be meant by another that stands before it.
    return list
      .slice(Math.max(0, from - CANDIDATES_MAX), from + CANDIDATES_MAX)
      .filter(
        (right) =>
          areInPlace(left, right) &&
          !(left.isCopy && right.isCopy) &&
          !(wasSent(left.item.content) && wasSent(right.item.content)),
      )
      .map((right): readonly [Unpaired, Unpaired] => [left, right]);
  });
}

function nameOf({ item }: Unpaired): string {
  const head = keyHeadOf(item.content);
  return `${head?.domain}/${head?.source} ${head?.sequence} ${head?.timestamp}`;
}

function firstBehind(list: readonly Unpaired[], index: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle]?.item.index ?? index) <= index) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Of two payloads: whether most of the shorter one is in the other, and how many bytes; 0 when it is not. */
export function likeness(one: Uint8Array, other: Uint8Array): number {
  const common = commonBytes(one, other);
  return common >= ALIKE_MIN * Math.min(one.length, other.length) ? common : 0;
}

/** In the TLVs that both have, or at both ends, whichever is more. */
function commonBytes(one: Uint8Array, other: Uint8Array): number {
  const shorter = Math.min(one.length, other.length);
  let head = 0;
  while (head < shorter && one[head] === other[head]) head++;
  let tail = 0;
  while (tail < shorter - head && one.at(-1 - tail) === other.at(-1 - tail)) tail++;
  return Math.max(head + tail, commonTlvBytes(one, other));
}

function commonTlvBytes(one: Uint8Array, other: Uint8Array): number {
  const left = new Map<string, number>();
  for (const tlv of tlvTexts(one)) left.set(tlv, (left.get(tlv) ?? 0) + 1);
  let bytes = 0;
  for (const tlv of tlvTexts(other)) {
    const count = left.get(tlv) ?? 0;
    if (count === 0) continue;
    left.set(tlv, count - 1);
    bytes += tlv.length;
  }
  return bytes;
}

function tlvTexts(payload: Uint8Array): readonly string[] {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return walkTlvs(payload).tlvs.map(({ offset, valueOffset, length }) =>
    bytes.toString('latin1', offset, valueOffset + length),
  );
}
