/**
 * The faults that are put into clean traffic, one kind a function. Each takes what one side writes to one client,
 * chooses a place that no other fault has touched, and changes it. What must be reported of it is worked out later
 * from the changed legs alone (expect.ts), but for changed messages, which say here which fields they changed.
 */
import { tlvName } from '../../src/protocol/decode.ts';
import { describeFrame } from '../../src/protocol/leaves.ts';
import type { Dialect, Leaf } from '../../src/protocol/types.ts';
import { frameChecksum, viewOf } from '../../src/wire/header.ts';
import type { Random } from '../fuzz/random.ts';
import { frameOf, type MessageParts, randomTlv, type TlvParts } from './messages.ts';
import {
  type Change,
  contentKey,
  type Delivery,
  type Leg,
  type Sent,
  type Traffic,
} from './traffic.ts';

export interface FaultPlace {
  readonly random: Random;
  readonly traffic: Traffic;
  readonly leg: Leg;
  /** Number of this fault. */
  readonly id: number;
  /** Whether a fault may touch this delivery. */
  readonly isFree: (delivery: Delivery) => boolean;
}

/** False: there is no place for this kind in this leg. */
type InjectFault = (place: FaultPlace) => boolean;

interface Target {
  readonly at: number;
  readonly delivery: Delivery;
  readonly sent: Sent & { readonly parts: MessageParts };
}

const TRIES = 12;

/** A message of one sender that nobody touched, at or behind `from`. */
function target(
  { random, leg, isFree }: FaultPlace,
  suits: (target: Target) => boolean = () => true,
): Target | undefined {
  for (let tries = 0; tries < TRIES && leg.deliveries.length > 0; tries++) {
    const at = random.below(leg.deliveries.length);
    const delivery = leg.deliveries[at];
    const sent = delivery?.sent;
    if (delivery === undefined || sent?.parts === undefined || !isFree(delivery)) continue;
    const found: Target = { at, delivery, sent: { ...sent, parts: sent.parts } };
    if (suits(found)) return found;
  }
  return undefined;
}

function replace({ leg, id }: FaultPlace, at: number, change: Partial<Delivery>): void {
  const delivery = leg.deliveries[at];
  if (delivery !== undefined) leg.deliveries[at] = { ...delivery, ...change, fault: id };
}

function takeAway({ leg, id }: FaultPlace, at: number, count: number): void {
  for (const { sent } of leg.deliveries.splice(at, count)) {
    if (sent !== undefined) leg.lost.set(sent.id, id);
  }
}

const drop: InjectFault = (place) => {
  const found = target(place);
  if (found === undefined) return false;
  takeAway(place, found.at, 1);
  return true;
};

const dropStretch: InjectFault = (place) => {
  const found = target(place);
  if (found === undefined) return false;
  const { deliveries } = place.leg;
  let end = found.at;
  const length = 2 + place.random.below(6);
  while (end < deliveries.length && end < found.at + length) {
    const delivery = deliveries[end];
    if (delivery === undefined || !place.isFree(delivery)) break;
    end++;
  }
  takeAway(place, found.at, end - found.at);
  return true;
};

const duplicate: InjectFault = (place) => {
  const { random, leg, id } = place;
  const found = target(place);
  if (found === undefined) return false;
  const behind = random.chance(0.6) ? 1 : 1 + random.below(20);
  const copy: Delivery = { ...found.delivery, isCopy: true, fault: id };
  replace(place, found.at, {});
  leg.deliveries.splice(Math.min(leg.deliveries.length, found.at + behind), 0, copy);
  return true;
};

/** A message of nobody, with a role and a number that somebody has. */
const insert: InjectFault = (place) => {
  const { random, leg, id, traffic } = place;
  const found = target(place);
  if (found === undefined) return false;
  const { parts } = found.sent;
  const bytes = frameOf(traffic.dialect, {
    ...parts,
    timestamp: parts.timestamp + 1_000_000_000_000n + BigInt(random.below(1_000_000)),
    sequence: 1_000_000n + BigInt(random.below(1_000_000)),
    tlvs: [randomTlv(traffic.dialect, random), randomTlv(traffic.dialect, random)],
    checksum: 'valid',
  });
  const { readyNs } = found.delivery;
  leg.deliveries.splice(found.at, 0, { sent: undefined, bytes, readyNs, fault: id });
  return true;
};

/** Moves a message over `over` messages of its own publisher. */
function moveOver(place: FaultPlace, over: number): boolean {
  const { random, leg, traffic } = place;
  const isOwn = (one: Delivery | undefined, sent: Sent): boolean =>
    one?.sent?.connection === sent.connection && one.sent.parts !== undefined;
  const found = target(place, ({ sent }) => !traffic.shared.has(contentKey(sent.bytes)));
  if (found === undefined) return false;
  const step = random.chance(0.5) ? 1 : -1;
  let at = found.at;
  for (let left = over; left > 0; left--) {
    do at += step;
    while (at >= 0 && at < leg.deliveries.length && !isOwn(leg.deliveries[at], found.sent));
    const passed = leg.deliveries[at];
    if (passed === undefined || !place.isFree(passed)) return false;
    if (Math.abs(passed.readyNs - found.delivery.readyNs) > MOVE_NS_MAX) return false;
    // Among copies that nobody can tell apart nothing moves.
    if (traffic.shared.has(contentKey(passed.bytes))) return false;
    if (contentKey(passed.bytes) === contentKey(found.sent.bytes)) return false;
  }
  const [moved] = leg.deliveries.splice(found.at, 1);
  if (moved !== undefined)
    leg.deliveries.splice(at, 0, { ...moved, isMoved: true, fault: place.id });
  return true;
}

/** While clients come and go nothing moves: what is due when is then a matter of its own. */
const MOVE_NS_MAX = 1_000_000_000;

const swap: InjectFault = (place) => moveOver(place, 1);
const move: InjectFault = (place) => moveOver(place, 2 + place.random.below(12));

const MS = 1_000_000;

const delay: InjectFault = (place) => {
  const found = target(place);
  if (found === undefined) return false;
  const readyNs = found.delivery.readyNs + (60 + place.random.below(100)) * MS;
  replace(place, found.at, { readyNs });
  return true;
};

/** Kind and fields of a change that is exactly this, and what of the header follows from it. */
function changeOf(
  { traffic: { dialect } }: FaultPlace,
  before: Uint8Array,
  after: Uint8Array,
  change: { readonly kind: Change['kind']; readonly fields: Change['fields'] },
): Change {
  const fields = [...change.fields];
  for (const name of ['payload_size', 'checksum'] as const) {
    const at = dialect.header.offsets[name];
    const path = `header.${name}`;
    const isOther = viewOf(before).getUint32(at, true) !== viewOf(after).getUint32(at, true);
    if (isOther && !fields.some((paths) => paths.includes(path))) fields.push([path]);
  }
  const isChecksumOther = fields.some((paths) => paths.includes('header.checksum'));
  const isWrong = isChecksumOther && !isEncodingOfChecksum(dialect, before, after);
  return { kind: isWrong ? 'modified' : change.kind, fields };
}

function changeParts(
  place: FaultPlace,
  found: Target,
  parts: MessageParts,
  change: { readonly kind: Change['kind']; readonly fields: Change['fields'] },
): boolean {
  const bytes = frameOf(place.traffic.dialect, parts);
  replace(place, found.at, { bytes, change: changeOf(place, found.delivery.bytes, bytes, change) });
  return true;
}

/** Read by the frame reader: what becomes of the stream is another matter. */
const FRAMING: ReadonlySet<string> = new Set(['header.magic', 'header.payload_size']);
/** Says how the bytes behind it are to be read: a flip there is no mere way of writing. */
function isStructural({ path, class: leafClass }: Leaf): boolean {
  return leafClass === 'encoding' && /^tlv.*\.(marker|reserved|length|count)$/.test(path);
}

function flipLeaf(place: FaultPlace, suits: (leaf: Leaf) => boolean): boolean {
  const { random, traffic } = place;
  const { dialect } = traffic;
  const found = target(place);
  if (found === undefined) return false;
  const { bytes } = found.delivery;
  const leaves = describeFrame(dialect, bytes).filter(suits);
  const pool = random.chance(0.3)
    ? leaves.filter(({ path }) => path.startsWith('header.'))
    : leaves;
  if (pool.length === 0) return false;
  const leaf = random.pick(pool);
  const flipped = Uint8Array.from(bytes);
  const at = leaf.offset + random.below(leaf.length);
  flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
  // Changed by chance into what somebody sent: then it is another fault.
  if (traffic.sent.some((sent) => Buffer.compare(sent.bytes, flipped) === 0)) return false;
  const isMeaning =
    leaf.class === 'semantic' || leaf.path === 'header.checksum' || isStructural(leaf);
  // What the side that was damaged calls the same bytes is as right, if it still knows a field there.
  const damaged = describeFrame(dialect, flipped).find(
    (one) => one.offset === leaf.offset && one.length === leaf.length,
  );
  const paths = damaged === undefined ? [leaf.path] : [leaf.path, damaged.path];
  const change: Change = { kind: isMeaning ? 'modified' : 'encoding', fields: [paths] };
  const zeroes = leaf.path === 'header.checksum' && isEncodingOfChecksum(dialect, bytes, flipped);
  replace(place, found.at, {
    bytes: flipped,
    change: zeroes ? { ...change, kind: 'encoding' } : change,
  });
  return true;
}

/** Neither is wrong: one is not computed, or both are right. */
function isEncodingOfChecksum({ header }: Dialect, ...frames: readonly Uint8Array[]): boolean {
  return frames.every((frame) => {
    const checksum = viewOf(frame).getUint32(header.offsets.checksum, true);
    return checksum === 0 || checksum === frameChecksum(header, frame);
  });
}

const flip: InjectFault = (place) => flipLeaf(place, ({ path }) => !FRAMING.has(path));
const padding: InjectFault = (place) => flipLeaf(place, (leaf) => leaf.class === 'padding');

const flipFraming: InjectFault = (place) => {
  const { random, traffic } = place;
  const found = target(place, (one) => isFollowedByTrusted(place, one.at));
  if (found === undefined) return false;
  const { offsets } = traffic.dialect.header;
  const bytes = Uint8Array.from(found.delivery.bytes);
  const field = random.pick(['magic', 'payload_size'] as const);
  // The low bytes of a size: a message that claims megabytes would swallow the rest of a short stream.
  const at = offsets[field] + random.below(field === 'magic' ? 4 : 2);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  replace(place, found.at, {
    bytes,
    change: { kind: 'modified', fields: [[`header.${field}`]] },
  });
  return true;
};

/** Behind bytes that are no frame only a message whose checksum is not wrong is found again. */
function isFollowedByTrusted({ leg }: FaultPlace, at: number): boolean {
  const next = leg.deliveries[at + 1];
  return next === undefined || (next.fault === undefined && next.sent?.parts !== undefined);
}

const tlvAdded: InjectFault = (place) => {
  const { random, traffic } = place;
  const found = target(place);
  if (found === undefined) return false;
  const { parts } = found.sent;
  const added = randomTlv(traffic.dialect, random);
  const index = random.below(parts.tlvs.length + 1);
  const tlvs = parts.tlvs.toSpliced(index, 0, added);
  return changeParts(
    place,
    found,
    { ...parts, tlvs },
    { kind: 'modified', fields: [equalPlaces(place, tlvs, index)] },
  );
};

const tlvRemoved: InjectFault = (place) => {
  const found = target(place, ({ sent }) => sent.parts.tlvs.length > 0);
  if (found === undefined) return false;
  const { parts } = found.sent;
  const index = place.random.below(parts.tlvs.length);
  const fields = [equalPlaces(place, parts.tlvs, index)];
  const tlvs = parts.tlvs.toSpliced(index, 1);
  return changeParts(place, found, { ...parts, tlvs }, { kind: 'modified', fields });
};

function pathOf(
  { traffic: { dialect } }: FaultPlace,
  tlvs: readonly TlvParts[],
  index: number,
): string {
  return `tlv[${index}].${tlvName(dialect, tlvs[index]?.type ?? 0)}`;
}

/** Of a run of equal TLVs any one may be the one too many. */
function equalPlaces(
  place: FaultPlace,
  tlvs: readonly TlvParts[],
  index: number,
): readonly string[] {
  return tlvs.flatMap((_, other) =>
    sameTlvs(tlvs.toSpliced(other, 1), tlvs.toSpliced(index, 1))
      ? [pathOf(place, tlvs, other)]
      : [],
  );
}

function sameTlvs(left: readonly TlvParts[], right: readonly TlvParts[]): boolean {
  return left.length === right.length && left.every((tlv, index) => sameTlv(tlv, right[index]));
}

function sameTlv(left: TlvParts, right: TlvParts | undefined): boolean {
  return (
    left.type === right?.type &&
    left.extended === right.extended &&
    Buffer.compare(left.value, right.value) === 0
  );
}

const tlvMoved: InjectFault = (place) => {
  const { random, leg } = place;
  const found = target(place, ({ sent }) => sent.parts.tlvs.length > 1);
  if (found === undefined) return false;
  const { parts } = found.sent;
  const from = random.below(parts.tlvs.length);
  const to = random.below(parts.tlvs.length);
  const moved = parts.tlvs[from];
  if (moved === undefined) return false;
  const tlvs = parts.tlvs.toSpliced(from, 1).toSpliced(to, 0, moved);
  if (sameTlvs(tlvs, parts.tlvs)) return false;
  // Any TLV without which both orders are alike may be the one that moved.
  const [old, neu] = leg.side === 'old' ? [tlvs, parts.tlvs] : [parts.tlvs, tlvs];
  const paths = old.flatMap((tlv, index) => {
    const rest = old.toSpliced(index, 1);
    const isMove = neu.some(
      (other, at) => sameTlv(tlv, other) && sameTlvs(rest, neu.toSpliced(at, 1)),
    );
    return isMove ? [pathOf(place, old, index)] : [];
  });
  return changeParts(place, found, { ...parts, tlvs }, { kind: 'modified', fields: [paths] });
};

const STANDARD_BYTES_MAX = 255;

const reencoded: InjectFault = (place) => {
  const { random } = place;
  const canBe = (tlv: TlvParts): boolean => tlv.value.length <= STANDARD_BYTES_MAX;
  const found = target(place, ({ sent }) => sent.parts.tlvs.some(canBe));
  if (found === undefined) return false;
  const { parts } = found.sent;
  const index = random.pick([...parts.tlvs.keys()].filter((at) => canBe(parts.tlvs[at]!)));
  const tlv = parts.tlvs[index];
  if (tlv === undefined) return false;
  const tlvs = parts.tlvs.with(index, { ...tlv, extended: !tlv.extended });
  const fields = ['marker', 'reserved', 'length'].map((name) => [`tlv[${index}].${name}`]);
  return changeParts(place, found, { ...parts, tlvs }, { kind: 'encoding', fields });
};

const checksumRewritten: InjectFault = (place) => {
  const found = target(place, ({ sent }) => sent.parts.checksum !== 'wrong');
  if (found === undefined) return false;
  const { parts } = found.sent;
  const checksum = parts.checksum === 'zero' ? 'valid' : 'zero';
  const fields = [['header.checksum']];
  return changeParts(place, found, { ...parts, checksum }, { kind: 'encoding', fields });
};

/** From here on all that the publisher sends has other numbers, as after a restart. */
const renumbered: InjectFault = (place) => {
  const { random, leg, traffic } = place;
  const found = target(place);
  if (found === undefined) return false;
  const shift = BigInt(1_000_000 + random.below(1_000_000));
  for (let at = found.at, left = 1 + random.below(20); left > 0; at++) {
    const delivery = leg.deliveries[at];
    if (delivery === undefined) break;
    const { sent } = delivery;
    if (sent?.connection !== found.sent.connection || sent.parts === undefined) continue;
    if (!place.isFree(delivery)) break;
    const { parts } = sent;
    const bytes = frameOf(traffic.dialect, { ...parts, sequence: parts.sequence + shift });
    const change = changeOf(place, delivery.bytes, bytes, {
      kind: 'modified',
      fields: [['header.sequence']],
    });
    replace(place, at, { bytes, change });
    left--;
  }
  return true;
};

/** Of less than this nobody can tell what it is the beginning of. */
const MAGIC_BYTES = 4;

const truncated: InjectFault = (place) => {
  const lengthMin = place.traffic.dialect.header.offsets.magic + MAGIC_BYTES;
  const found = target(place, ({ sent }) => sent.bytes.length > lengthMin);
  if (found === undefined) return false;
  const { bytes } = found.delivery;
  const length = lengthMin + place.random.below(bytes.length - lengthMin);
  replace(place, found.at, { bytes: bytes.slice(0, length) });
  return true;
};

const garbage: InjectFault = (place) => {
  const { random, leg, id } = place;
  const found = target(place, ({ at }) => isFollowedByTrusted(place, at - 1));
  if (found === undefined) return false;
  const bytes = random.bytes(1 + random.below(80)).map((byte) => (byte === 0xef ? 0 : byte));
  const { readyNs } = found.delivery;
  replace(place, found.at, {});
  leg.deliveries.splice(found.at, 0, { sent: undefined, bytes, readyNs, fault: id });
  return true;
};

export const FAULTS = {
  drop,
  'drop-stretch': dropStretch,
  duplicate,
  insert,
  swap,
  move,
  delay,
  flip,
  'flip-framing': flipFraming,
  'tlv-added': tlvAdded,
  'tlv-removed': tlvRemoved,
  'tlv-moved': tlvMoved,
  're-encoded': reencoded,
  padding,
  'checksum-rewritten': checksumRewritten,
  renumbered,
  truncated,
  garbage,
} as const satisfies Readonly<Record<string, InjectFault>>;

export type MessageFault = keyof typeof FAULTS;

export const MESSAGE_FAULTS: readonly MessageFault[] = Object.keys(FAULTS).filter(isMessageFault);

function isMessageFault(name: string): name is MessageFault {
  return Object.hasOwn(FAULTS, name);
}
