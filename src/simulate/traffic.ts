/**
 * What a simulated client writes, and when: a script of writes, made from a seed. The same options give the
 * same bytes but for the header timestamps, which come from the clock. No I/O (client.ts plays scripts).
 */
import { assert, defined } from '../lib/assert.ts';
import { encodeStruct } from '../protocol/encode.ts';
import type { Dialect, EnumTable, FieldValues } from '../protocol/types.ts';
import { buildFrame } from '../wire/build-frame.ts';
import { encodeTlv } from '../wire/tlv.ts';

/** Bytes that one `write` hands to the system. A relay reads them alone when it is fast enough. */
export interface Write {
  readonly bytes: Uint8Array;
  /** When, counted from the start of the script and never from the write before: pauses cannot add up. */
  readonly afterMs: number;
}

/** Nanoseconds since the Unix epoch. */
export type Clock = () => bigint;

export interface ScriptOptions {
  readonly dialect: Dialect;
  readonly seed: number;
  /** Messages, not writes. */
  readonly ratePerSecond: number;
  /** The script ends with whichever of the two comes first; one of them must be there. */
  readonly count?: number;
  readonly durationMs?: number;
  readonly window?: Window;
  readonly clock?: Clock;
}

/**
 * The part of each cycle of 100 ms in which a client writes. Clients with windows that do not touch leave
 * each other alone, so that the two halves of a split frame can pass without a frame of somebody else
 * between them, which either relay would broadcast in the middle of it.
 */
interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

const CYCLE_MS = 100;
const NS_PER_MS = 1_000_000;

export interface Pace {
  readonly has: (messageIndex: number) => boolean;
  readonly dueMs: (messageIndex: number) => number;
}

export function paceOf(options: ScriptOptions): Pace {
  const { ratePerSecond, count = Infinity, durationMs = Infinity, window } = options;
  assert(ratePerSecond > 0, `rate of ${ratePerSecond} messages a second`);
  assert(Math.min(count, durationMs) < Infinity, 'a script without end');
  const evenMs = (index: number): number => (index * 1000) / ratePerSecond;
  const dueMs = (index: number): number => {
    const even = evenMs(index);
    if (window === undefined) return even;
    const inCycleMs = even % CYCLE_MS;
    return (
      even - inCycleMs + window.fromMs + (inCycleMs * (window.toMs - window.fromMs)) / CYCLE_MS
    );
  };
  return { has: (index) => index < count && evenMs(index) < durationMs, dueMs };
}

/** What a message says: the name of its TLV type and the values of its struct. */
export interface Content {
  readonly type: string;
  readonly values: FieldValues;
}

/** A message whose value nobody has written down: the name of its TLV type and the bytes. */
export interface OpaqueContent {
  readonly type: string;
  readonly bytes: Uint8Array;
}

export interface FrameRequest {
  /** Name in the dialect: `MarketData`, `Signal`. */
  readonly domain: string;
  /** Name in the dialect: `KrakenCollector`. */
  readonly source: string;
  readonly content: Content | OpaqueContent;
  /** When it is due: the header timestamp is the start of the script plus this. */
  readonly afterMs: number;
}

/**
 * The two ways in which real publishers make frames.
 * - `hot-path`: checksum 0, one sequence for the whole process, from 1; at most 1,024 bytes.
 * - `builder`: a real checksum, sequence 0.
 */
export type FrameStyle = 'hot-path' | 'builder';

export class FrameFactory {
  readonly #dialect: Dialect;
  readonly #style: FrameStyle;
  readonly #startNs: bigint;
  #sequence = 0n;

  constructor(options: ScriptOptions, style: FrameStyle) {
    this.#dialect = options.dialect;
    this.#style = style;
    this.#startNs = (options.clock ?? wallClock)();
  }

  make(request: FrameRequest): Uint8Array {
    const { domain, source, content, afterMs } = request;
    const isHotPath = this.#style === 'hot-path';
    if (isHotPath) this.#sequence += 1n;
    return buildFrame(this.#dialect.header, {
      domain: numberOf(this.#dialect.domains, domain),
      source: numberOf(this.#dialect.sources, source),
      sequence: this.#sequence,
      timestamp: this.#startNs + toNs(afterMs),
      payload: encodeContent(this.#dialect, content),
      checksum: isHotPath ? 'zero' : 'valid',
    });
  }
}

function encodeContent(dialect: Dialect, content: Content | OpaqueContent): Uint8Array {
  const type = [...dialect.types.values()].find(({ name }) => name === content.type);
  if ('bytes' in content) {
    return encodeTlv(defined(type, `${content.type} in ${dialect.name}`).number, content.bytes);
  }
  assert(type?.struct !== undefined, `${dialect.name} has no layout for ${content.type}`);
  return encodeTlv(type.number, encodeStruct(type.struct, content.values));
}

/** The number of the first of these names that the table has: dialects know different names. */
export function numberOf(table: EnumTable, ...names: readonly string[]): number {
  const entries = [...table.names];
  const found = names
    .map((wanted) => entries.find(([, name]) => name === wanted))
    .find((entry) => entry !== undefined);
  return defined(found, `${names.join(' or ')} in ${table.name}`)[0];
}

export function toNs(ms: number): bigint {
  return BigInt(Math.round(ms * NS_PER_MS));
}

function wallClock(): bigint {
  return BigInt(Date.now()) * BigInt(NS_PER_MS);
}
