/**
 * Clean traffic: what clients send, and what two relays that do nothing wrong deliver to each of them. Publishers
 * come and go, restart their sequences or have none, repeat themselves and each other; each relay mixes publishers
 * in an order of its own, and no publisher's own order is ever changed.
 */
import type { Dialect } from '../../src/protocol/types.ts';
import type { Random } from '../fuzz/random.ts';
import { frameOf, type MessageParts, randomTlvs } from './messages.ts';

export type SideName = 'old' | 'new';
export const SIDES: readonly SideName[] = ['old', 'new'];

/** A message that a client sent, or bytes of which only the end of a message is left. */
export interface Sent {
  readonly id: number;
  readonly connection: number;
  readonly bytes: Uint8Array;
  /** undefined: not a whole message. */
  readonly parts: MessageParts | undefined;
  readonly sentNs: number;
}

/** One thing that a side writes to one client. Faults change these. */
export interface Delivery {
  /** undefined: nobody sent it. */
  readonly sent: Sent | undefined;
  readonly bytes: Uint8Array;
  /** Not before this. */
  readonly readyNs: number;
  /** A second delivery of one sending. */
  readonly isCopy?: boolean;
  /** Out of its place among what its publisher sent. */
  readonly isMoved?: boolean;
  /** How a changed message was changed. */
  readonly change?: Change;
  /** Number of the fault that touched it: each delivery is touched once. */
  readonly fault?: number;
}

export interface Change {
  readonly kind: 'modified' | 'encoding';
  /** Paths of exactly these fields; each entry is the paths that say the same, of which one is named. */
  readonly fields: readonly (readonly string[])[];
}

/** What one side writes to one client, in order. */
export interface Leg {
  readonly connection: number;
  readonly side: SideName;
  deliveries: Delivery[];
  /** Numbers of the faults that took a delivery away, by the id of what was sent. */
  readonly lost: Map<number, number>;
}

export interface ConnectionPlan {
  readonly id: number;
  readonly label: string;
  readonly joinNs: number;
  readonly leaveNs: number;
}

export interface Traffic {
  readonly dialect: Dialect;
  readonly connections: readonly ConnectionPlan[];
  readonly sent: readonly Sent[];
  readonly legs: readonly Leg[];
  readonly endNs: number;
  /** Contents, as latin1, that several clients sent: whose copy is whose nobody can say. */
  readonly shared: ReadonlySet<string>;
}

const MS = 1_000_000;
/** Between phases, so that no message is under way while clients come and go. */
const QUIET_NS = 2_500 * MS;

interface Style {
  readonly domain: number;
  readonly source: number;
  readonly sequence: 'counts' | 'zero' | 'restarts';
  readonly hasTime: boolean;
  readonly checksum: MessageParts['checksum'];
  /** How often it says what it said before. */
  readonly repeats: number;
  readonly tlvsMax: number;
}

interface Publisher {
  readonly style: Style;
  readonly pool: readonly MessageParts[];
  connection: number;
  sequence: bigint;
}

export interface TrafficOptions {
  readonly dialect: Dialect;
  readonly messages: number;
  /** Whether checksums may be wrong: behind bytes that are no frame nobody would find such a message. */
  readonly wrongChecksums: boolean;
}

export function makeTraffic(random: Random, options: TrafficOptions): Traffic {
  return new TrafficMaker(random, options).make();
}

class TrafficMaker {
  readonly #random: Random;
  readonly #options: TrafficOptions;
  readonly #sent: Sent[] = [];
  readonly #connections: { id: number; label: string; joinNs: number; leaveNs: number }[] = [];
  readonly #legs = new Map<string, Leg>();
  readonly #publishers: Publisher[] = [];
  readonly #live = new Set<number>();
  #timeNs = 20 * MS;
  #unixNs = 1_700_000_000_000_000_000n;

  constructor(random: Random, options: TrafficOptions) {
    this.#random = random;
    this.#options = options;
  }

  make(): Traffic {
    const random = this.#random;
    const sharedPool = random.chance(0.3) ? this.#makePool(this.#makeStyle()) : undefined;
    for (let left = 1 + random.below(3); left > 0; left--) this.#addPublisher(sharedPool);
    for (let left = random.below(3); left > 0; left--) this.#join(`consumer-${left}`);
    this.#timeNs += 50 * MS;
    const phases = 1 + random.below(3);
    const each = Math.max(1, Math.ceil(this.#options.messages / phases));
    for (let phase = 0; phase < phases; phase++) {
      if (phase > 0) this.#comeAndGo();
      this.#runPhase(each);
    }
    for (const id of this.#live) this.#leave(id);
    return {
      dialect: this.#options.dialect,
      connections: this.#connections,
      sent: this.#sent,
      legs: [...this.#legs.values()],
      endNs: this.#timeNs + QUIET_NS,
      shared: sharedContents(this.#sent),
    };
  }

  #makeStyle(): Style {
    const random = this.#random;
    const { domains, sources } = this.#options.dialect;
    const checksums: MessageParts['checksum'][] = ['zero', 'zero', 'valid'];
    if (this.#options.wrongChecksums) checksums.push('wrong');
    return {
      domain: random.pick([...domains.names.keys()]),
      source: random.pick([...sources.names.keys()]),
      sequence: random.pick(['counts', 'counts', 'zero', 'restarts']),
      hasTime: random.chance(0.8),
      checksum: random.pick(checksums),
      repeats: random.pick([0, 0, 0.1, 0.5]),
      tlvsMax: random.pick([1, 1, 2, 4]),
    };
  }

  #addPublisher(sharedPool: readonly MessageParts[] | undefined): void {
    const style = this.#makeStyle();
    const pool = sharedPool ?? this.#makePool(style);
    const label = `publisher-${this.#publishers.length + 1}`;
    this.#publishers.push({ style, pool, connection: this.#join(label), sequence: 0n });
  }

  /** What is said again and again, heartbeats for example. */
  #makePool(style: Style): readonly MessageParts[] {
    return Array.from({ length: 1 + this.#random.below(3) }, () => ({
      ...this.#parts(style),
      sequence: 0n,
      timestamp: 0n,
    }));
  }

  #parts(style: Style): Omit<MessageParts, 'sequence' | 'timestamp'> {
    const random = this.#random;
    const tlvs = randomTlvs(this.#options.dialect, random, random.below(style.tlvsMax + 1) || 1);
    const { domain, source, checksum } = style;
    return { domain, source, checksum, tlvs };
  }

  #join(label: string): number {
    const id = this.#connections.length + 1;
    const joinNs = this.#timeNs - this.#random.below(10 * MS);
    this.#connections.push({ id, label, joinNs, leaveNs: Number.POSITIVE_INFINITY });
    for (const side of SIDES) {
      this.#legs.set(`${id} ${side}`, { connection: id, side, deliveries: [], lost: new Map() });
    }
    this.#live.add(id);
    return id;
  }

  #leave(id: number): void {
    this.#live.delete(id);
    const connection = this.#connections[id - 1];
    if (connection !== undefined) connection.leaveNs = this.#timeNs + this.#random.below(10 * MS);
  }

  #comeAndGo(): void {
    const random = this.#random;
    for (const publisher of this.#publishers) {
      if (!random.chance(0.4)) continue;
      const { label } = this.#connections[publisher.connection - 1] ?? { label: '' };
      this.#leave(publisher.connection);
      this.#timeNs += 20 * MS;
      publisher.connection = this.#join(label);
      if (random.chance(0.5)) publisher.sequence = 0n;
    }
    this.#timeNs += 20 * MS;
    if (random.chance(0.4)) this.#join('late-consumer');
    this.#timeNs += QUIET_NS;
  }

  #runPhase(count: number): void {
    const sent = Array.from({ length: count }, () =>
      this.#send(this.#random.pick(this.#publishers)),
    );
    for (const side of SIDES) {
      const order = mixed(sent, this.#random);
      for (const connection of this.#live) {
        const leg = this.#legs.get(`${connection} ${side}`);
        for (const message of order) {
          leg?.deliveries.push({
            sent: message,
            bytes: message.bytes,
            readyNs: message.sentNs + 100_000 + this.#random.below(700_000),
          });
        }
      }
    }
    this.#timeNs += QUIET_NS;
  }

  #send(publisher: Publisher): Sent {
    const random = this.#random;
    // Now and then a client writes two messages at once.
    const isBurst = this.#sent.at(-1)?.connection === publisher.connection && random.chance(0.2);
    if (!isBurst) this.#timeNs += 50_000 + random.below(MS);
    const parts = random.chance(publisher.style.repeats)
      ? random.pick(publisher.pool)
      : this.#next(publisher);
    const sent: Sent = {
      id: this.#sent.length,
      connection: publisher.connection,
      bytes: frameOf(this.#options.dialect, parts),
      parts,
      sentNs: this.#timeNs,
    };
    this.#sent.push(sent);
    return sent;
  }

  #next(publisher: Publisher): MessageParts {
    const { style } = publisher;
    this.#unixNs += BigInt(50_000 + this.#random.below(MS));
    if (style.sequence === 'restarts' && this.#random.chance(0.05)) publisher.sequence = 0n;
    if (style.sequence !== 'zero') publisher.sequence += 1n;
    return {
      ...this.#parts(style),
      sequence: publisher.sequence,
      timestamp: style.hasTime ? this.#unixNs : 0n,
    };
  }
}

/** Neighbours of different publishers change places here and there. */
function mixed(sent: readonly Sent[], random: Random): readonly Sent[] {
  const order = [...sent];
  for (let left = Math.floor(order.length * random.pick([0, 0.2, 2])); left > 0; left--) {
    const at = random.below(Math.max(1, order.length - 1));
    const [first, second] = [order[at], order[at + 1]];
    if (first === undefined || second === undefined || first.connection === second.connection)
      continue;
    order[at] = second;
    order[at + 1] = first;
  }
  return order;
}

function sharedContents(sent: readonly Sent[]): ReadonlySet<string> {
  const senders = new Map<string, number>();
  const shared = new Set<string>();
  for (const { bytes, connection } of sent) {
    const content = contentKey(bytes);
    const sender = senders.get(content);
    if (sender === undefined) senders.set(content, connection);
    else if (sender !== connection) shared.add(content);
  }
  return shared;
}

export function contentKey(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
