/**
 * Says which sending each delivery of a message comes from. Equal messages may be sent many times, so a
 * loss is judged by its occurrence, never by its content: what became of one copy says nothing of another.
 * Built for the contents that some side lacks; the others are as many on both sides.
 *
 * A relay delivers copies in the order in which they were sent, and none before it was sent. Among the
 * assignments that this leaves, the latest sending is taken: no relay keeps a message longer than it must.
 */
import type { Side } from '../capture/types.ts';
import { defined } from '../lib/assert.ts';
import type { ClientFacts, Sending } from './client-facts.ts';
import { type Content, type Item, otherSide, type SideItems, type Unpaired } from './records.ts';

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

interface ConnectionOfItems extends SideItems {
  readonly id: number;
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
    for (const side of ['old', 'new'] as const) {
      const stamped = stampedSendings(connections, side, contents, facts);
      for (const connection of connections) {
        this.#add(connection.id, side, ofContents(connection[side], contents), stamped);
      }
    }
  }

  /** To whom the relay of this side delivered this one occurrence. */
  of(sending: Sending, side: Side): readonly Delivery[] {
    return this.#deliveries[side].get(sending) ?? NOBODY;
  }

  /**
   * The occurrences that one connection lacks: of equal copies one whose sending the other side did not
   * deliver to it, whichever of them was left without a partner. Items that no client sent have none.
   */
  lacked(connection: number, unpaired: readonly Unpaired[]): ReadonlyMap<Unpaired, Lacked> {
    const lacked = new Map<Unpaired, Lacked>();
    const taken = new Set<Sending>();
    const searches = new Map<string, Iterator<Lacked>>();
    for (const one of unpaired) {
      const { item, side, isStamped = false } = one;
      const sending = this.#sendingOf.get(item);
      if (sending === undefined) continue;
      let found: Lacked = { sending, item };
      const isSure = isStamped || this.#facts.sendingsOf(item.content).length === 1;
      if (!isSure && (taken.has(sending) || this.#to(connection, otherSide(side), sending))) {
        const key = `${side} ${item.content.id}`;
        const search = searches.get(key) ?? this.#lackedCopies(connection, one, taken);
        searches.set(key, search);
        const next = search.next();
        if (next.done !== true) found = next.value;
      }
      taken.add(found.sending);
      lacked.set(one, found);
    }
    return lacked;
  }

  *#lackedCopies(
    connection: number,
    { item, side }: Unpaired,
    taken: ReadonlySet<Sending>,
  ): Generator<Lacked> {
    for (const sending of this.#facts.sendingsOf(item.content)) {
      const delivery = this.#to(connection, side, sending);
      const isLacked = this.#to(connection, otherSide(side), sending) === undefined;
      if (delivery !== undefined && isLacked && !taken.has(sending)) {
        yield { sending, item: delivery.item };
      }
    }
  }

  /** Whether the deliveries of this content are known one by one. */
  covers(content: Content): boolean {
    return this.#contents.has(content.id);
  }

  /** The first occurrence that the relay of this side delivered to nobody. */
  firstUndelivered(content: Content, side: Side): Sending | undefined {
    return this.#facts.sendingsOf(content).find((sending) => this.of(sending, side).length === 0);
  }

  #to(connection: number, side: Side, sending: Sending): Delivery | undefined {
    return this.of(sending, side).find((delivery) => delivery.connection === connection);
  }

  #add(
    connection: number,
    side: Side,
    itemsOf: ReadonlyMap<number, readonly Item[]>,
    stamped: ReadonlyMap<Content, Sending>,
  ): void {
    for (const items of itemsOf.values()) {
      const sendings = this.#facts.sendingsOf(defined(items[0], 'item').content);
      for (const [item, sending] of assignStamped(items, stamped) ?? assign(items, sendings)) {
        this.#sendingOf.set(item, sending);
        const delivery: Delivery = { connection, item };
        const deliveries = this.#deliveries[side].get(sending);
        if (deliveries === undefined) this.#deliveries[side].set(sending, [delivery]);
        else deliveries.push(delivery);
      }
    }
  }
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
    for (const [item, sending] of assign(items, sendings)) sendingOf.set(item.content, sending);
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

/** Copies beyond the number of sendings come from none: the first ones are taken for the real ones. */
function* assign(
  items: readonly Item[],
  sendings: readonly Sending[],
): Generator<readonly [Item, Sending]> {
  let next = sendings.length - 1;
  for (let at = Math.min(items.length, sendings.length) - 1; at >= 0; at--) {
    const item = defined(items[at], 'delivery');
    // Each delivery before this one needs a sending of its own.
    while (next > at && defined(sendings[next], 'sending').timeNs > item.arrivalNs + SKEW_NS) {
      next--;
    }
    yield [item, defined(sendings[next], 'sending')];
    next--;
  }
}
