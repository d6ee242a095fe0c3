/**
 * What the reference relays decide, without I/O: which chunks a relay passes on, and which chunks a slow
 * client loses. The behaviour is that of the real relay programs, shown by test/fixtures/transcripts.
 * Neither relay ever looks past byte 4 of a chunk, and the unit of every decision is what one read
 * returned, not a frame.
 */
import { assert, assertNever } from '../lib/assert.ts';
import { viewOf } from '../wire/header.ts';

export const RELAY_KINDS = ['original', 'generic'] as const;
export type RelayKind = (typeof RELAY_KINDS)[number];

export const RELAY_DOMAINS = ['market_data', 'signal', 'execution'] as const;
export type RelayDomainName = (typeof RELAY_DOMAINS)[number];

/** Both relays read with a buffer of this size, so no chunk is longer. */
export const READ_BUFFER_BYTES = 65_536;

/** What both relays request of their broadcast channel; it rounds up to 16,384 slots. */
export const BROADCAST_CAPACITY = 10_000;

const HEADER_BYTES = 32;
const MAGIC = 0xdeadbeef;
const DOMAIN_OFFSET = 4;

/** The numbers that the generic relays compare with: those of the codec, whatever the publishers use. */
const DOMAIN_BYTE: Readonly<Record<RelayDomainName, number>> = {
  market_data: 1,
  signal: 2,
  execution: 3,
};

/** Whether a relay broadcasts at all: the original signal and execution relays never send a byte. */
export function broadcasts(kind: RelayKind, domain: RelayDomainName): boolean {
  return kind === 'generic' || domain === 'market_data';
}

/** Whether the relay broadcasts this chunk (what one read returned), as a whole and unchanged. */
export function forwards(kind: RelayKind, domain: RelayDomainName, chunk: Uint8Array): boolean {
  switch (kind) {
    case 'original':
      return broadcasts(kind, domain);
    case 'generic':
      return (
        chunk.byteLength >= HEADER_BYTES &&
        viewOf(chunk).getUint32(0, true) === MAGIC &&
        chunk[DOMAIN_OFFSET] === DOMAIN_BYTE[domain]
      );
    default:
      return assertNever(kind, 'relay kind');
  }
}

export type Reception =
  | { readonly kind: 'chunk'; readonly chunk: Uint8Array }
  /** So many chunks were overwritten before this subscriber read them; the oldest kept one comes next. */
  | { readonly kind: 'lagged'; readonly lost: number }
  | { readonly kind: 'empty' };

interface Slot {
  chunk: Uint8Array;
  readonly position: number;
  unreadBy: number;
}

/**
 * A bounded broadcast channel that behaves like the one of tokio, which both relays are built on: the
 * capacity is rounded up to a power of two, a sender never waits, and a subscriber that falls behind by
 * more than the capacity loses the oldest chunks and is told how many. A chunk is kept once, however many
 * subscribers wait for it, and let go as soon as the last of them has read it.
 */
export class BroadcastRing {
  readonly slotCount: number;
  readonly #slots: (Slot | undefined)[];
  #tail = 0;
  #subscribers = 0;

  constructor(capacity: number) {
    assert(Number.isInteger(capacity) && capacity >= 1, `ring capacity ${capacity}`);
    this.slotCount = 2 ** Math.ceil(Math.log2(capacity));
    this.#slots = Array.from({ length: this.slotCount }, () => undefined);
  }

  /** Chunks that some subscriber has not read yet. */
  get keptCount(): number {
    return this.#slots.filter((slot) => slot !== undefined).length;
  }

  /** Never waits. Returns how many subscribers will see the chunk; with none it is not kept. */
  send(chunk: Uint8Array): number {
    if (this.#subscribers === 0) return 0;
    this.#slots[this.#tail % this.slotCount] = {
      chunk,
      position: this.#tail,
      unreadBy: this.#subscribers,
    };
    this.#tail += 1;
    return this.#subscribers;
  }

  /** Sees what is sent from now on. */
  subscribe(): Subscription {
    this.#subscribers += 1;
    let cursor = this.#tail;
    let open = true;
    const receive = (): Reception => {
      assert(open, 'a closed subscription was read');
      if (cursor === this.#tail) return { kind: 'empty' };
      const oldest = Math.max(0, this.#tail - this.slotCount);
      if (cursor < oldest) {
        const lost = oldest - cursor;
        cursor = oldest;
        return { kind: 'lagged', lost };
      }
      const chunk = this.#take(cursor);
      cursor += 1;
      return { kind: 'chunk', chunk };
    };
    const close = (): void => {
      if (!open) return;
      while (receive().kind !== 'empty');
      open = false;
      this.#subscribers -= 1;
    };
    return { receive, close };
  }

  #take(position: number): Uint8Array {
    const index = position % this.slotCount;
    const slot = this.#slots[index];
    assert(slot?.position === position, `slot ${index} does not hold chunk ${position}`);
    slot.unreadBy -= 1;
    if (slot.unreadBy === 0) this.#slots[index] = undefined;
    return slot.chunk;
  }
}

export interface Subscription {
  /** The next chunk, the news of a loss, or that nothing is there. Never waits. */
  readonly receive: () => Reception;
  /** Gives up what was not read. A second call does nothing. */
  readonly close: () => void;
}
