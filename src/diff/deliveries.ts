/**
 * Says which sending each delivery of a message comes from. Equal messages may be sent many times, so a
 * loss is judged by its occurrence, never by its content: what became of one copy says nothing of another.
 * Built for the contents that some side lacks; the others are as many on both sides.
 *
 * A relay delivers copies in the order in which they were sent, and none before it was sent. Among the
 * assignments that this leaves, the latest sending is taken: no relay keeps a message longer than it must. What
 * old and new delivered as a pair comes from one sending, so what has no partner is a sending that the other lacks.
 */
import type { Side } from '../capture/types.ts';
import { defined } from '../lib/assert.ts';
import { asSentTo, type ClientFacts, type Sending } from './client-facts.ts';
import type { Content, Item, ItemPair, SideItems, Unpaired } from './records.ts';

/** Clocks of an import differ, and a delivery may be stamped before the chunk that caused it. */
const SKEW_NS = 10_000_000;

export interface Delivery {
  readonly connection: number;
  readonly item: Item;
}

/** An occurrence of a message that one side of a connection lacks. */
export interface Lacked {
  readonly sending: Sending;
  /** Where the other side has it. */
  readonly item: Item;
}

export interface ConnectionOfItems extends SideItems {
  readonly id: number;
  readonly pairs: readonly ItemPair[];
  /** No message that was sent before this can have been delivered to it. */
  readonly sentFromNs: number;
}

const NOBODY: readonly Delivery[] = [];

export class Deliveries {
  readonly #sendingOf = new Map<Item, Sending>();
  readonly #deliveries: Readonly<Record<Side, Map<Sending, Delivery[]>>> = {
    old: new Map(),
    new: new Map(),
  };
  readonly #facts: ClientFacts;
  readonly #contents: ReadonlySet<number>;

  constructor(
    connections: readonly ConnectionOfItems[],
    contents: ReadonlySet<number>,
    facts: ClientFacts,
  ) {
    this.#facts = facts;
    this.#contents = contents;
    const stamped = {
      old: stampedSendings(connections, 'old', contents, facts),
      new: stampedSendings(connections, 'new', contents, facts),
    };
    for (const connection of connections) this.#add(connection, stamped);
  }

  /** To whom the relay of this side delivered this one occurrence. */
  of(sending: Sending, side: Side): readonly Delivery[] {
    return this.#deliveries[side].get(sending) ?? NOBODY;
  }

  /** Which occurrence each of these is, where a client sent it. */
  lacked(unpaired: readonly Unpaired[]): ReadonlyMap<Unpaired, Lacked> {
    const lacked = new Map<Unpaired, Lacked>();
    for (const one of unpaired) {
      const sending = this.#sendingOf.get(one.item);
      if (sending !== undefined) lacked.set(one, { sending, item: one.item });
    }
    return lacked;
  }

  /** Whether the deliveries of this content are known one by one. */
  covers(content: Content): boolean {
    return this.#contents.has(content.id);
  }

  /** The first occurrence that the relay of this side delivered to nobody. */
  firstUndelivered(content: Content, side: Side): Sending | undefined {
    return this.#facts.sendingsOf(content).find((sending) => this.of(sending, side).length === 0);
  }

  #add(connection: ConnectionOfItems, stamped: StampedOfSides): void {
    for (const slots of slotsOf(connection, this.#contents).values()) {
      const { content } = defined(slots[0]?.old ?? slots[0]?.new, 'item of a slot');
      const stamps = assignBothStamped(slots, stamped);
      if (stamps !== undefined) {
        for (const [side, item, sending] of stamps) this.#note(connection.id, side, item, sending);
        continue;
      }
      const sendings = this.#facts
        .sendingsOf(content)
        .filter(({ timeNs }) => timeNs >= connection.sentFromNs);
      for (const [slot, sending] of assign(slots, sendings, this.#facts)) {
        for (const side of ['old', 'new'] as const) {
          const item = slot[side];
          if (item !== undefined) this.#note(connection.id, side, item, sending);
        }
      }
    }
  }

  #note(connection: number, side: Side, item: Item, sending: Sending): void {
    this.#sendingOf.set(item, sending);
    const delivery: Delivery = { connection, item };
    const deliveries = this.#deliveries[side].get(sending);
    if (deliveries === undefined) this.#deliveries[side].set(sending, [delivery]);
    else deliveries.push(delivery);
  }
}

type StampedOfSides = Readonly<Record<Side, ReadonlyMap<Content, Sending>>>;

/** undefined: stamps do not tell. */
function assignBothStamped(
  slots: readonly Slot[],
  stamped: StampedOfSides,
): readonly (readonly [Side, Item, Sending])[] | undefined {
  const assigned: (readonly [Side, Item, Sending])[] = [];
  for (const side of ['old', 'new'] as const) {
    const items = slots.flatMap((slot) => slot[side] ?? []);
    const found = items.length === 0 ? [] : assignStamped(items, stamped[side]);
    if (found === undefined) return undefined;
    for (const [item, sending] of found) assigned.push([side, item, sending]);
  }
  return assigned;
}

/** A pair, or what only one side delivered. */
interface Slot {
  readonly old: Item | undefined;
  readonly new: Item | undefined;
  readonly timeNs: number;
}

/** By content, each in order of time. */
function slotsOf(
  { old, new: neu, pairs }: ConnectionOfItems,
  contents: ReadonlySet<number>,
): ReadonlyMap<number, readonly Slot[]> {
  const slots = new Map<number, Slot[]>();
  const add = (slot: Slot, { content: { id } }: Item): void => {
    const same = slots.get(id);
    if (same === undefined) slots.set(id, [slot]);
    else same.push(slot);
  };
  const paired = new Set<Item>();
  for (const pair of pairs) {
    if (!contents.has(pair.old.content.id) || pair.old.content.id !== pair.new.content.id) continue;
    paired.add(pair.old).add(pair.new);
    const timeNs = Math.min(pair.old.arrivalNs, pair.new.arrivalNs);
    add({ old: pair.old, new: pair.new, timeNs }, pair.old);
  }
  for (const items of [old, neu]) {
    for (const item of items) {
      if (!contents.has(item.content.id) || paired.has(item)) continue;
      const isOld = items === old;
      const timeNs = item.arrivalNs;
      add({ old: isOld ? item : undefined, new: isOld ? undefined : item, timeNs }, item);
    }
  }
  for (const same of slots.values()) same.sort((left, right) => left.timeNs - right.timeNs);
  return slots;
}

/** Where there are more deliveries than sendings, what both sides delivered was sent, and some of the rest was not. */
function* assign(
  slots: readonly Slot[],
  sendings: readonly Sending[],
  facts: ClientFacts,
): Generator<readonly [Slot, Sending]> {
  const all = assignIndexes(slots, sendings, facts);
  if (all.length === slots.length) {
    for (const [slot, index] of all) yield [slot, defined(sendings[index], 'sending')];
    return;
  }
  const pairs = slots.filter(({ old, new: neu }) => old !== undefined && neu !== undefined);
  const known = new Map(assignIndexes(pairs, sendings, facts));
  let waiting: Slot[] = [];
  let from = 0;
  for (const slot of [...slots, undefined]) {
    const index = slot === undefined ? sendings.length : known.get(slot);
    if (slot !== undefined && index === undefined) {
      waiting.push(slot);
      continue;
    }
    const to = index ?? sendings.length;
    const between = sendings.slice(from, to);
    for (const [other, at] of assignIndexes(waiting, between, facts)) {
      yield [other, defined(between[at], 'sending')];
    }
    waiting = [];
    if (slot !== undefined) yield [slot, defined(sendings[to], 'sending')];
    from = to + 1;
  }
}

/** Those that are left out are none of these sendings: see `assignLatest`. */
function assignIndexes(
  slots: readonly Slot[],
  sendings: readonly Sending[],
  facts: ClientFacts,
): readonly (readonly [Slot, number])[] {
  const wasSentBy = (sending: Sending, slot: Slot): boolean =>
    (['old', 'new'] as const).every((side) => {
      const item = slot[side];
      return item === undefined || wasSentBefore(sending, side, item, facts);
    });
  return assignLatest(slots, sendings, wasSentBy);
}

/**
 * Each side has times of its own where they are two recordings. Clocks are believed as far as messages of one sending
 * show them to be right; a tap notes what it hears when it feeds it, which may be any time later.
 */
function wasSentBefore(
  sending: Sending,
  side: Side,
  { arrivalNs }: Item,
  facts: ClientFacts,
): boolean {
  const seen = asSentTo(side, sending);
  if (seen === undefined || (facts.isTapped && side === 'old')) return true;
  return seen.timeNs <= arrivalNs + SKEW_NS - facts.earliestNs(side);
}

/**
 * To each delivery the latest sending that leaves one to each before it. Where more was delivered than had been sent
 * by then, the first ones are taken for the real ones.
 */
function assignLatest<One>(
  deliveries: readonly One[],
  sendings: readonly Sending[],
  wasSentBy: (sending: Sending, delivery: One) => boolean,
): readonly (readonly [One, number])[] {
  const isSentBy = (index: number, delivery: One): boolean =>
    wasSentBy(defined(sendings[index], 'sending'), delivery);
  const real: One[] = [];
  for (const delivery of deliveries) {
    if (real.length === sendings.length) break;
    if (isSentBy(real.length, delivery)) real.push(delivery);
  }
  const assigned: (readonly [One, number])[] = [];
  let next = sendings.length - 1;
  for (let at = real.length - 1; at >= 0; at--) {
    const delivery = defined(real[at], 'delivery');
    while (next > at && !isSentBy(next, delivery)) next--;
    assigned.push([delivery, next]);
    next--;
  }
  return assigned;
}

/**
 * Messages that are equal but for what the relay stamped into them: a stamp that several clients got is of one
 * sending, so all connections together tell which one. Of each stamped content; none where every client got
 * stamps of its own.
 */
function stampedSendings(
  connections: readonly ConnectionOfItems[],
  side: Side,
  contents: ReadonlySet<number>,
  facts: ClientFacts,
): ReadonlyMap<Content, Sending> {
  const first = new Map<Content, Item>();
  for (const connection of connections) {
    for (const item of connection[side]) {
      if (item.content.noise === undefined || !contents.has(item.content.id)) continue;
      const known = first.get(item.content);
      if (known === undefined || item.arrivalNs < known.arrivalNs) first.set(item.content, item);
    }
  }
  const sendingOf = new Map<Content, Sending>();
  const inOrder = [...first.values()].sort((left, right) => left.arrivalNs - right.arrivalNs);
  for (const items of ofContents(inOrder, contents).values()) {
    const sendings = facts.sendingsOf(defined(items[0], 'item').content);
    if (items.length > sendings.length) continue;
    const wasSentBy = (sending: Sending, item: Item): boolean =>
      wasSentBefore(sending, side, item, facts);
    for (const [item, index] of assignLatest(items, sendings, wasSentBy)) {
      sendingOf.set(item.content, defined(sendings[index], 'sending'));
    }
  }
  return sendingOf;
}

/** undefined: stamps do not tell. A second delivery of one sending comes from none. */
function assignStamped(
  items: readonly Item[],
  stamped: ReadonlyMap<Content, Sending>,
): readonly (readonly [Item, Sending])[] | undefined {
  const assigned = new Map<Sending, Item>();
  for (const item of items) {
    const sending = stamped.get(item.content);
    if (sending === undefined) return undefined;
    if (!assigned.has(sending)) assigned.set(sending, item);
  }
  return [...assigned].map(([sending, item]) => [item, sending]);
}

function ofContents(
  items: readonly Item[],
  contents: ReadonlySet<number>,
): ReadonlyMap<number, readonly Item[]> {
  const found = new Map<number, Item[]>();
  for (const item of items) {
    const { id } = item.content;
    if (!contents.has(id)) continue;
    const same = found.get(id);
    if (same === undefined) found.set(id, [item]);
    else same.push(item);
  }
  return found;
}
