/**
 * Says what must be reported of two legs: each message that one of them lacks, has more often, or has changed; each
 * stretch of bytes that the frame reader cannot read; each message that comes too late. Knows which delivery is which
 * sending, so nothing is aligned or guessed here.
 */
import type { DivergenceKind } from '../../src/diff/types.ts';
import { FrameReader } from '../../src/wire/frame-reader.ts';
import type { HeaderLayout, Span } from '../../src/wire/types.ts';
import { concat } from '../support/frames.ts';
import type { ConnectionTrouble } from './connection-faults.ts';
import { type Change, contentKey, type Delivery, type Leg, type SideName } from './traffic.ts';

export interface PlacedBytes {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface Expected {
  readonly kind: DivergenceKind;
  readonly connection: number;
  readonly old: PlacedBytes | undefined;
  readonly new: PlacedBytes | undefined;
  /** Of changed messages. */
  readonly fields?: Change['fields'];
  /** There may be more fields: what follows a wrong size is read otherwise. */
  readonly hasMoreFields?: boolean;
  /** Of connections. */
  readonly event?: ConnectionTrouble['event'];
  /** Numbers of the faults that it comes from. */
  readonly faults: ReadonlySet<number>;
}

/** One span of a side's stream, as the frame reader reads it. */
export interface ReadItem extends PlacedBytes {
  readonly isFrame: boolean;
  /** The delivery that it is, whole. */
  readonly delivery: Delivery | undefined;
  readonly arrivalNs: number;
}

export interface ReadLeg {
  readonly items: readonly ReadItem[];
  /** Deliveries that no reader finds: their bytes lie in other spans. */
  readonly swallowed: ReadonlyMap<number, Delivery>;
  readonly lost: ReadonlyMap<number, number>;
}

export interface LegTimes {
  readonly arrivalsNs: readonly number[];
}

const MAGIC_BYTES = 4;

interface PlacedDelivery {
  readonly delivery: Delivery;
  readonly arrivalNs: number;
}

export function readLeg(
  { deliveries, lost }: Leg,
  { arrivalsNs }: LegTimes,
  layout: HeaderLayout,
): ReadLeg {
  const places = new Map<number, PlacedDelivery>();
  const ends: { readonly end: number; readonly arrivalNs: number }[] = [];
  let end = 0;
  deliveries.forEach((delivery, index) => {
    const arrivalNs = arrivalsNs[index] ?? 0;
    places.set(end, { delivery, arrivalNs });
    end += delivery.bytes.length;
    ends.push({ end, arrivalNs });
  });
  const reader = new FrameReader(layout);
  const own = (span: Span): Span => ({ ...span, bytes: Uint8Array.from(span.bytes) });
  const spans = [
    ...reader.push(concat(deliveries.map(({ bytes }) => bytes))).map(own),
    ...reader.flush().map(own),
  ];
  const swallowed = new Map([...places].map(([offset, { delivery }]) => [offset, delivery]));
  const read = spans.map((span): ReadItem => {
    const place = places.get(span.offset);
    const isWhole = span.kind === 'frame' && place?.delivery.bytes.length === span.bytes.length;
    if (isWhole) swallowed.delete(span.offset);
    const spanEnd = span.offset + span.bytes.length;
    return {
      offset: span.offset,
      bytes: span.bytes,
      isFrame: span.kind === 'frame',
      delivery: isWhole ? place.delivery : undefined,
      arrivalNs: ends.find((one) => one.end >= spanEnd)?.arrivalNs ?? 0,
    };
  });
  const items = runsOf(read).flatMap((run) => apartOf(run, places, layout) ?? run);
  for (const { offset, delivery } of items) if (delivery !== undefined) swallowed.delete(offset);
  return { items, swallowed, lost };
}

/** What is no delivery, with its neighbours that are none either; each delivery by itself. */
function runsOf(items: readonly ReadItem[]): readonly (readonly ReadItem[])[] {
  const runs: ReadItem[][] = [];
  for (const item of items) {
    const last = runs.at(-1);
    const isOfLast = item.delivery === undefined && last?.[0]?.delivery === undefined;
    if (isOfLast && last !== undefined) last.push(item);
    else runs.push([item]);
  }
  return runs;
}

/**
 * Who knows what was sent sees in what a reader cuts in the wrong places the messages that it is, and how much there is
 * of those that were cut short. undefined: there are other bytes among them.
 */
function apartOf(
  run: readonly ReadItem[],
  places: ReadonlyMap<number, PlacedDelivery>,
  { offsets }: HeaderLayout,
): readonly ReadItem[] | undefined {
  const [first, last] = [run[0], run.at(-1)];
  if (first === undefined || last === undefined || first.delivery !== undefined) return undefined;
  const end = last.offset + last.bytes.length;
  const items: ReadItem[] = [];
  for (let offset = first.offset; offset < end; ) {
    const place = places.get(offset);
    const sent = place?.delivery.sent;
    if (place === undefined || sent === undefined) return undefined;
    const { delivery, arrivalNs } = place;
    const { bytes } = delivery;
    const isBeginning = Buffer.compare(bytes, sent.bytes.subarray(0, bytes.length)) === 0;
    if (!isBeginning || bytes.length < offsets.magic + MAGIC_BYTES) return undefined;
    const isFrame = bytes.length === sent.bytes.length;
    items.push({ offset, bytes, isFrame, delivery: isFrame ? delivery : undefined, arrivalNs });
    offset += bytes.length;
  }
  return items;
}

export interface SideReads {
  readonly old: ReadLeg;
  readonly new: ReadLeg;
}

export interface LatenessTruth {
  readonly lateAfterNs: number;
  /** Of messages that several clients sent alike nobody can say which is late. */
  readonly shared: ReadonlySet<string>;
}

export function expectOf(
  connection: number,
  legs: SideReads,
  { lateAfterNs, shared }: LatenessTruth,
): readonly Expected[] {
  const expected: Expected[] = [];
  const faultsOf = (...items: readonly (ReadItem | undefined)[]): ReadonlySet<number> =>
    new Set(items.flatMap((item) => item?.delivery?.fault ?? []));
  const bySending = { old: bySendingOf(legs.old), new: bySendingOf(legs.new) };
  const alone: { readonly side: SideName; readonly item: ReadItem }[] = [];
  const late: { readonly expected: Expected; readonly content: string }[] = [];
  for (const id of new Set([...bySending.old.keys(), ...bySending.new.keys()])) {
    const [old, neu] = [bySending.old.get(id), bySending.new.get(id)];
    if (old === undefined || neu === undefined) {
      if (old !== undefined) alone.push({ side: 'old', item: old });
      if (neu !== undefined) alone.push({ side: 'new', item: neu });
      continue;
    }
    const faults = faultsOf(old, neu);
    const change = old.delivery?.change ?? neu.delivery?.change;
    const pair = { connection, old, new: neu, faults };
    if (change !== undefined) expected.push({ ...pair, kind: change.kind, fields: change.fields });
    if (old.delivery?.isMoved === true || neu.delivery?.isMoved === true) {
      expected.push({ ...pair, kind: 'reordered' });
    } else if (neu.arrivalNs - old.arrivalNs > lateAfterNs) {
      late.push({ expected: { ...pair, kind: 'late' }, content: contentKey(old.bytes) });
    }
  }
  for (const side of ['old', 'new'] as const) {
    for (const item of legs[side].items) {
      const { delivery } = item;
      const isSending = delivery?.sent !== undefined && delivery.isCopy !== true;
      if (delivery !== undefined && !isSending) alone.push({ side, item });
    }
  }
  const oldContents = new Set(legs.old.items.map(({ bytes }) => contentKey(bytes)));
  const damaged = damageOf(connection, legs);
  expected.push(...damaged.expected);
  for (const { side, item } of alone) {
    if (damaged.partners.has(item)) continue;
    const kind =
      side === 'old' ? 'missing' : oldContents.has(contentKey(item.bytes)) ? 'duplicated' : 'extra';
    expected.push({
      kind,
      connection,
      old: side === 'old' ? item : undefined,
      new: side === 'new' ? item : undefined,
      faults: new Set([...faultsOf(item), ...lostBy(legs, side, item)]),
    });
  }
  // Of copies of which one side has more, or one has moved, nobody can say which is late.
  const moved = expected.filter(({ kind }) => kind === 'reordered').flatMap(({ old }) => old ?? []);
  const uneven = new Set(
    [...alone.map(({ item }) => item), ...moved].map(({ bytes }) => contentKey(bytes)),
  );
  for (const content of shared) uneven.add(content);
  const contents = [...legs.old.items, ...legs.new.items].map(({ bytes }) => contentKey(bytes));
  const counts = new Map<string, number>();
  for (const content of contents) counts.set(content, (counts.get(content) ?? 0) + 1);
  for (const one of expected) {
    if (one.fields === undefined) continue;
    for (const place of [one.old, one.new]) {
      const content = place && contentKey(place.bytes);
      if (content !== undefined && (counts.get(content) ?? 0) > 1) uneven.add(content);
    }
  }
  expected.push(...late.filter((one) => !uneven.has(one.content)).map((one) => one.expected));
  return expected;
}

/** The fault for which the other side lacks it. */
function lostBy(legs: SideReads, side: SideName, { delivery }: ReadItem): readonly number[] {
  const sent = delivery?.sent;
  if (sent === undefined) return [];
  const other = legs[side === 'old' ? 'new' : 'old'];
  const swallowed = [...other.swallowed.values()].find((one) => one.sent === sent);
  return [other.lost.get(sent.id), swallowed?.fault].filter((fault) => fault !== undefined);
}

function bySendingOf({ items }: ReadLeg): ReadonlyMap<number, ReadItem> {
  const map = new Map<number, ReadItem>();
  for (const item of items) {
    const { delivery } = item;
    if (delivery?.sent !== undefined && delivery.isCopy !== true) map.set(delivery.sent.id, item);
  }
  return map;
}

interface Damage {
  readonly expected: readonly Expected[];
  /** Messages of the other side that a damaged frame is, with other bytes. */
  readonly partners: ReadonlySet<ReadItem>;
}

/** What the reader made of bytes that are no delivery: the same on both sides is no difference. */
function damageOf(connection: number, legs: SideReads): Damage {
  const odd = {
    old: legs.old.items.filter(({ delivery }) => delivery === undefined),
    new: legs.new.items.filter(({ delivery }) => delivery === undefined),
  };
  const left = new Map<string, number>();
  const keyOf = ({ isFrame, bytes }: ReadItem): string => `${isFrame} ${contentKey(bytes)}`;
  for (const item of odd.new) left.set(keyOf(item), (left.get(keyOf(item)) ?? 0) + 1);
  const common = new Map<string, number>();
  for (const item of odd.old) {
    const count = left.get(keyOf(item)) ?? 0;
    if (count === 0) continue;
    left.set(keyOf(item), count - 1);
    common.set(keyOf(item), (common.get(keyOf(item)) ?? 0) + 1);
  }
  const expected: Expected[] = [];
  const partners = new Set<ReadItem>();
  for (const side of ['old', 'new'] as const) {
    const other = side === 'old' ? 'new' : 'old';
    const shared = new Map(common);
    for (const item of odd[side]) {
      const count = shared.get(keyOf(item)) ?? 0;
      shared.set(keyOf(item), count - 1);
      if (count > 0) continue;
      const delivery = legs[side].swallowed.get(item.offset);
      const faults = new Set(delivery?.fault === undefined ? [] : [delivery.fault]);
      const partner = legs[other].items.find(
        (one) => one.delivery?.sent !== undefined && one.delivery.sent === delivery?.sent,
      );
      const base = { connection, [side]: item, [other]: undefined, faults };
      const { old, new: neu } = { old: undefined, new: undefined, ...base };
      if (item.isFrame && partner !== undefined && delivery?.change !== undefined) {
        partners.add(partner);
        expected.push({
          kind: 'modified',
          connection,
          old: old ?? partner,
          new: neu ?? partner,
          fields: delivery.change.fields,
          hasMoreFields: true,
          faults,
        });
      } else expected.push({ kind: 'defect', connection, old, new: neu, faults });
    }
  }
  return { expected, partners };
}
