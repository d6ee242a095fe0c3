/** Captures of two relays that stamp what they pass on, and what becomes of them: losses, copies, other orders. */
import { join } from 'node:path';
import { openCapture } from '../../../src/capture/open.ts';
import { CaptureWriter } from '../../../src/capture/writer.ts';
import { diffCapture } from '../../../src/diff/diff-capture.ts';
import { learnFromCapture } from '../../../src/diff/noise/learn-capture.ts';
import type { NoiseModel } from '../../../src/diff/noise/model.ts';
import type { DiffResult } from '../../../src/diff/types.ts';
import { createRandom, type Random } from '../../../src/lib/random.ts';
import { type Stamp, type StampFault, Stamper } from '../../../src/simulate/stamps.ts';
import { encodeTlv } from '../../../src/wire/tlv.ts';
import { H3, testFrame } from '../../support/frames.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { dialect } from '../support.ts';

export const SEQUENCE_AT = 8;
export const TIMESTAMP_AT = 16;
/** Of a Trade in the first TLV: after the header and the head of the TLV. */
export const ASSET_AT = 34;
export const PRICE_AT = 42;
export const VOLUME_AT = 50;

const START_NS = 1_700_000_000_000_000_000n;

export interface TwoRelays {
  readonly seed: number;
  readonly messages: number;
  readonly stamps: readonly Stamp[];
  /** Of the new side. */
  readonly fault?: StampFault;
  /** From one message to the next. */
  readonly periodNs?: number;
  /** How long the new side takes at the median to stamp a message, more or less as much. */
  readonly latencyNs?: number;
  /** What new delivers of what it stamped; by default all of it, in order. */
  readonly delivers?: (stamped: readonly Uint8Array[]) => readonly Uint8Array[];
  /** Clients that get everything. */
  readonly listeners?: number;
  readonly frame?: (index: number, random: Random) => Uint8Array;
  /** Changes one message of new after it was stamped. */
  readonly change?: (frame: Uint8Array, index: number) => Uint8Array;
}

/** A trade of one of twelve assets, each message another. */
export function trade(index: number, random: Random): Uint8Array {
  const value = new Uint8Array(40);
  const view = new DataView(value.buffer);
  view.setBigUint64(0, BigInt(100 + random.integer(0, 11)), true);
  view.setBigInt64(8, BigInt(1_000_000 + index * 7), true);
  view.setBigInt64(16, BigInt(random.integer(1, 1_000)), true);
  return testFrame(index, { payload: encodeTlv(1, value), sequence: BigInt(index) });
}

/** Nothing in it says which of them it is. */
export function heartbeat(): Uint8Array {
  return testFrame(0, { type: 100, valueBytes: 16, sequence: 0n, timestamp: 0n });
}

/** Writes the capture and returns its path. Arrival is a little after the stamp. */
export function recordTwoRelays(relays: TwoRelays): string {
  const path = join(temporaryDirectory(), `${relays.seed}.capture`);
  const writer = CaptureWriter.create(path, {
    origin: 'record',
    writer: 'test',
    startedUnixNs: START_NS,
    dialect: 'torq-codec',
    layout: H3,
    notes: {},
    protocolSchemas: new Map(),
  });
  const { seed, messages, periodNs = 1_000_000, latencyNs = 40_000, frame = trade } = relays;
  const random = createRandom(seed);
  const listeners = Array.from({ length: relays.listeners ?? 1 }, (_, at) => at + 1);
  for (const id of listeners) writer.addConnection({ id, label: `client-${id}`, openedNs: 0n });
  let nowNs = START_NS;
  const stamper = (side: 'old' | 'new'): Stamper =>
    new Stamper({
      stamps: relays.stamps,
      seed: side === 'old' ? seed * 2 : seed * 2 + 1,
      now: () => nowNs,
      ...(side === 'new' && relays.fault !== undefined ? { fault: relays.fault } : {}),
    });
  const stampers = { old: stamper('old'), new: stamper('new') };
  const sent: { readonly timeNs: bigint; readonly bytes: Uint8Array }[] = [];
  const delivered: Record<'old' | 'new', { timeNs: bigint; bytes: Uint8Array }[]> = {
    old: [],
    new: [],
  };
  // Skewed to the right, as latencies are.
  const latency = (): bigint =>
    BigInt(Math.round(latencyNs * (0.5 - Math.log(1 - random.next()) * 0.7)));
  for (let index = 0; index < messages; index++) {
    const atNs = BigInt(index * periodNs) + BigInt(random.integer(0, periodNs >> 2));
    const bytes = frame(index, random);
    sent.push({ timeNs: atNs, bytes });
    for (const side of ['old', 'new'] as const) {
      const handledNs = atNs + latency();
      nowNs = START_NS + handledNs;
      const stamped = stampers[side].stamp(bytes);
      const changed = side === 'new' ? (relays.change?.(stamped, index) ?? stamped) : stamped;
      delivered[side].push({ timeNs: handledNs + 20_000n, bytes: changed });
    }
  }
  if (relays.delivers !== undefined) {
    const timeOf = new Map(delivered.new.map(({ timeNs, bytes }) => [bytes, timeNs]));
    let lastNs = 0n;
    delivered.new = relays.delivers(delivered.new.map(({ bytes }) => bytes)).map((bytes) => {
      const timeNs = timeOf.get(bytes) ?? 0n;
      lastNs = timeNs > lastNs ? timeNs : lastNs;
      return { timeNs: lastNs, bytes };
    });
  }
  const steps = [
    ...sent.map((one) => ({ ...one, stream: 'client' as const, connections: [1] })),
    ...delivered.old.map((one) => ({ ...one, stream: 'old' as const, connections: listeners })),
    ...delivered.new.map((one) => ({ ...one, stream: 'new' as const, connections: listeners })),
  ].sort((left, right) => Number(left.timeNs - right.timeNs));
  const offsets = new Map<string, number>();
  let ordinal = 0;
  for (const { connections, stream, timeNs, bytes } of steps) {
    for (const connection of connections) {
      const key = `${connection}/${stream}`;
      const offset = offsets.get(key) ?? 0;
      writer.addChunk({ connection, stream, bytes, ordinal: ++ordinal, timeNs, offset });
      offsets.set(key, offset + bytes.length);
    }
  }
  writer.seal();
  return path;
}

export function learn(path: string): NoiseModel {
  const reader = openCapture(path);
  try {
    return learnFromCapture(reader, dialect);
  } finally {
    reader.close();
  }
}

export function diffWith(path: string, noise?: NoiseModel): DiffResult {
  const reader = openCapture(path);
  try {
    return diffCapture(reader, {
      oldDialect: dialect,
      newDialect: dialect,
      ...(noise && { noise }),
    });
  } finally {
    reader.close();
  }
}

/** Field -> type of noise, of all messages. */
export function kindsOfFields(model: NoiseModel): Readonly<Record<string, string>> {
  return Object.fromEntries(
    model.types.flatMap(({ fields }) => fields.map(({ field, noise }) => [field, noise.kind])),
  );
}
