/**
 * What a relay might write into the messages that it passes on, without I/O: a time, a counter, a random
 * value, names of its own for values of the client. The real relays change no byte; this is for showing and
 * testing what noise is. A fault makes one of the stamps wrong, as a regression would.
 */
import { frameChecksum, u32At, viewOf } from '../wire/header.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { createRandom, type Random } from '../lib/random.ts';

export const STAMP_KINDS = ['clock', 'counter', 'random', 'alias'] as const;
export type StampKind = (typeof STAMP_KINDS)[number];

/** Eight little-endian bytes at this offset of each message. */
export interface Stamp {
  readonly kind: StampKind;
  readonly offset: number;
}

/**
 * - `drift`: the clock gains time, a thousandth of what passes.
 * - `stuck`: from the tenth message on the counter stands still.
 * - `double`: every hundredth message counts twice.
 * - `partner`: every hundredth message has the alias of another value.
 * - `constant`: random values are all the same.
 */
export const STAMP_FAULTS = ['drift', 'stuck', 'double', 'partner', 'constant'] as const;
export type StampFault = (typeof STAMP_FAULTS)[number];

/** `clock@16`. undefined: not a stamp. */
export function parseStamp(text: string): Stamp | undefined {
  const [name, offset, ...rest] = text.split('@');
  const kind = STAMP_KINDS.find((each) => each === name);
  if (kind === undefined || rest.length > 0 || !/^\d{1,5}$/.test(offset ?? '')) return undefined;
  return { kind, offset: Number(offset) };
}

/** Unix time in ns, which never goes back. */
export function systemClock(): () => bigint {
  const startNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
  return () => startNs + process.hrtime.bigint();
}

export interface StamperOptions {
  readonly stamps: readonly Stamp[];
  readonly seed: number;
  readonly fault?: StampFault;
  /** Unix time in ns. */
  readonly now: () => bigint;
}

/** The header as publishers write it today (protocol reference, H3). */
export const TODAY: HeaderLayout = {
  generation: 'H3',
  sizeBytes: 32,
  magic: 0xdeadbeef,
  offsets: {
    magic: 0,
    relay_domain: 4,
    version: 5,
    source: 6,
    flags: 7,
    sequence: 8,
    timestamp: 16,
    payload_size: 24,
    checksum: 28,
  },
};

const STAMP_BYTES = 8;
const STUCK_FROM = 10;
const EVERY = 100;
const DRIFT_DIVISOR = 1_000n;
const BITS = 32n;
const BYTES_OF_RANDOM = 2 ** 32;

export class Stamper {
  readonly #options: StamperOptions;
  readonly #random: Random;
  readonly #aliases = new Map<bigint, bigint>();
  readonly #constant: bigint;
  #counter: bigint;
  #messages = 0;
  #startNs: bigint | undefined;

  constructor(options: StamperOptions) {
    this.#options = options;
    this.#random = createRandom(options.seed);
    this.#counter = BigInt(1 + this.#below(1_000));
    this.#constant = this.#draw();
  }

  /** The messages that lie whole in what one read returned, up to the first bytes that are none. */
  stampChunk(chunk: Uint8Array): Uint8Array {
    const stamped = Uint8Array.from(chunk);
    let at = 0;
    while (at + TODAY.sizeBytes <= chunk.byteLength && u32At(chunk, at) === TODAY.magic) {
      const end = at + TODAY.sizeBytes + u32At(chunk, at + TODAY.offsets.payload_size);
      if (end > chunk.byteLength) break;
      stamped.set(this.stamp(chunk.subarray(at, end)), at);
      at = end;
    }
    return stamped;
  }

  /** A copy with stamps, and with another checksum if it had one. */
  stamp(frame: Uint8Array): Uint8Array {
    const stamped = Uint8Array.from(frame);
    const view = viewOf(stamped);
    this.#messages++;
    this.#count();
    for (const { kind, offset } of this.#options.stamps) {
      if (offset + STAMP_BYTES > stamped.byteLength) continue;
      view.setBigUint64(offset, this.#value(kind, view.getBigUint64(offset, true)), true);
    }
    if (u32At(frame, TODAY.offsets.checksum) !== 0) {
      view.setUint32(TODAY.offsets.checksum, frameChecksum(TODAY, stamped), true);
    }
    return stamped;
  }

  #value(kind: StampKind, before: bigint): bigint {
    switch (kind) {
      case 'clock':
        return this.#time();
      case 'counter':
        return this.#counter;
      case 'random':
        return this.#options.fault === 'constant' ? this.#constant : this.#draw();
      case 'alias':
        return this.#alias(before);
    }
  }

  #count(): void {
    const { fault } = this.#options;
    if (fault === 'stuck' && this.#messages > STUCK_FROM) return;
    this.#counter += fault === 'double' && this.#messages % EVERY === 0 ? 2n : 1n;
  }

  #time(): bigint {
    const nowNs = this.#options.now();
    this.#startNs ??= nowNs;
    if (this.#options.fault !== 'drift') return nowNs;
    return nowNs + (nowNs - this.#startNs) / DRIFT_DIVISOR;
  }

  #alias(value: bigint): bigint {
    let alias = this.#aliases.get(value);
    if (alias === undefined) this.#aliases.set(value, (alias = this.#draw()));
    if (this.#options.fault !== 'partner' || this.#messages % EVERY !== 0) return alias;
    return [...this.#aliases.values()].find((other) => other !== alias) ?? alias + 1n;
  }

  #below(limit: number): number {
    return this.#random.integer(0, limit - 1);
  }

  #draw(): bigint {
    return (BigInt(this.#below(BYTES_OF_RANDOM)) << BITS) | BigInt(this.#below(BYTES_OF_RANDOM));
  }
}
