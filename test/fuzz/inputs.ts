/** Makes the bytes that are thrown at frame reader and decoder: damaged golden messages, and attacks on the framing. */
import { fromHex } from '../../src/lib/bytes.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { frameChecksum, viewOf, writeHeader } from '../../src/wire/header.ts';
import { vectors } from '../protocol/vectors.ts';
import { concat } from '../support/frames.ts';
import type { Random } from './random.ts';

const seeds: readonly Uint8Array[] = [...vectors.valid, ...vectors.invalid].map(({ hex }) =>
  fromHex(hex),
);
const LARGE = 1_048_576;
const EDGES = [0, 1, 2, 4, 5, 31, 32, 33, 127, 128, 254, 255];
const SIZE_EDGES = [0, 1, 2, 31, 32, 255, 256, 65_535, LARGE - 33, LARGE - 32, LARGE, 2 ** 32 - 1];

type Recipe = (dialect: Dialect, random: Random) => Uint8Array;

/** How often, what. */
const RECIPES: readonly (readonly [number, Recipe])[] = [
  [8, (_, random) => random.bytes(random.below(300))],
  [40, (dialect, random) => damaged(dialect, random, random.pick(seeds))],
  [24, stream],
  [8, headers],
  [8, tlvBomb],
  [8, extendedTlvs],
  [4, magics],
];
const WEIGHT = RECIPES.reduce((sum, [weight]) => sum + weight, 0);
const LARGE_SHARE = 1 / 50_000;

export function makeInput(dialect: Dialect, random: Random): Uint8Array {
  if (random.chance(LARGE_SHARE)) return random.pick(HOSTILE)(dialect, LARGE, random.below(200));
  let place = random.below(WEIGHT);
  for (const [weight, recipe] of RECIPES) {
    if (place < weight) return recipe(dialect, random);
    place -= weight;
  }
  return new Uint8Array(0);
}

/** A header with any of its numbers, and what follows it. */
function frameOf(dialect: Dialect, random: Random, payload: Uint8Array, size?: number): Uint8Array {
  const layout = dialect.header;
  const frame = new Uint8Array(layout.sizeBytes + payload.length);
  writeHeader(
    layout,
    {
      magic: layout.magic,
      relay_domain: random.below(5),
      version: random.chance(0.9) ? 1 : random.below(256),
      source: random.below(100),
      flags: random.below(4),
      sequence: BigInt(random.below(2 ** 32)),
      timestamp: BigInt(random.below(2 ** 32)) << 30n,
      payload_size: size ?? payload.length,
      checksum: random.pick([0, 0, 1]),
    },
    frame,
  );
  frame.set(payload, layout.sizeBytes);
  if (random.chance(0.4)) sign(dialect, frame);
  return frame;
}

function sign({ header }: Dialect, frame: Uint8Array): void {
  if (frame.length < header.sizeBytes) return;
  viewOf(frame).setUint32(header.offsets.checksum, frameChecksum(header, frame), true);
}

function stream(dialect: Dialect, random: Random): Uint8Array {
  const pieces = Array.from({ length: 1 + random.below(5) }, () => {
    const whole = random.chance(0.7)
      ? frameOf(dialect, random, tlvs(random, random.below(4)))
      : random.pick(seeds);
    if (random.chance(0.6)) return whole;
    return whole.subarray(0, random.below(whole.length + 1));
  });
  const bytes = concat(pieces);
  return random.chance(0.5) ? bytes : damaged(dialect, random, bytes);
}

function tlvs(random: Random, count: number): Uint8Array {
  return concat(
    Array.from({ length: count }, () => {
      const value = random.bytes(random.below(60));
      return concat([Uint8Array.of(random.below(255), value.length), value]);
    }),
  );
}

function headers(dialect: Dialect, random: Random): Uint8Array {
  const gap = random.bytes(random.below(12));
  return concat(
    Array.from({ length: 1 + random.below(12) }, () =>
      frameOf(
        dialect,
        random,
        gap,
        random.chance(0.5) ? random.pick(SIZE_EDGES) : random.below(900),
      ),
    ),
  );
}

function tlvBomb(dialect: Dialect, random: Random): Uint8Array {
  const payload = new Uint8Array(2 * random.below(random.chance(0.02) ? 1_500 : 40));
  for (let index = 0; index < payload.length; index += 2) payload[index] = 1 + random.below(254);
  return concat([
    frameOf(dialect, random, payload),
    random.pick(seeds).subarray(0, random.below(200)),
  ]);
}

function extendedTlvs(dialect: Dialect, random: Random): Uint8Array {
  const parts = Array.from({ length: 1 + random.below(4) }, () => {
    const value = random.bytes(random.below(400));
    const said = random.chance(0.8) ? value.length : random.below(65_536);
    const reserved = random.chance(0.9) ? 0 : random.below(256);
    const head = Uint8Array.of(255, reserved, random.below(256), said & 255, said >> 8);
    return concat([head, value]);
  });
  return frameOf(dialect, random, concat(parts));
}

const MAGIC = Uint8Array.of(0xef, 0xbe, 0xad, 0xde);

function magics(dialect: Dialect, random: Random): Uint8Array {
  const bytes = random.chance(0.5)
    ? random.bytes(64 + random.below(500))
    : stream(dialect, random).slice();
  for (let count = 1 + random.below(30); count > 0; count--) {
    const at = random.below(bytes.length + 1);
    bytes.set(MAGIC.subarray(0, Math.min(1 + random.below(4), bytes.length - at)), at);
  }
  return bytes;
}

function damaged(dialect: Dialect, random: Random, whole: Uint8Array): Uint8Array {
  let bytes = Uint8Array.from(whole);
  for (let count = 1 + random.below(5); count > 0; count--) {
    bytes = Uint8Array.from(random.pick(DAMAGES)(bytes, random, dialect));
  }
  return bytes;
}

type Damage = (bytes: Uint8Array, random: Random, dialect: Dialect) => Uint8Array;

const DAMAGES: readonly Damage[] = [
  (bytes, random) => at(bytes, random, (byte) => byte ^ (1 << random.below(8))),
  (bytes, random) => at(bytes, random, () => random.pick(EDGES)),
  (bytes, random) => at(bytes, random, () => random.below(256)),
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random) => bytes.subarray(random.below(bytes.length + 1)),
  (bytes, random) => spliced(bytes, random, random.bytes(random.below(20))),
  (bytes, random) => spliced(bytes, random, random.pick(seeds)),
  (bytes, random) => {
    const from = random.below(bytes.length + 1);
    return spliced(bytes, random, bytes.slice(from, from + random.below(80)));
  },
  (bytes, random, { header }) => {
    if (bytes.length >= header.sizeBytes) {
      const fit = bytes.length - header.sizeBytes;
      const size = random.pick([...SIZE_EDGES, fit, fit - 1, fit + 1]);
      viewOf(bytes).setUint32(header.offsets.payload_size, size, true);
    }
    return bytes;
  },
  (bytes, _, dialect) => {
    sign(dialect, bytes);
    return bytes;
  },
  (bytes, random, { header }) => {
    // The heads of the first TLVs.
    const place = header.sizeBytes + random.below(6);
    if (place < bytes.length) bytes[place] = random.pick(EDGES);
    return bytes;
  },
];

function at(bytes: Uint8Array, random: Random, change: (byte: number) => number): Uint8Array {
  const place = random.below(bytes.length);
  if (place < bytes.length) bytes[place] = change(bytes[place]!);
  return bytes;
}

/** Put in the place of as many bytes, or between two. */
function spliced(bytes: Uint8Array, random: Random, piece: Uint8Array): Uint8Array {
  const start = random.below(bytes.length + 1);
  const end = random.chance(0.5) ? start : Math.min(bytes.length, start + piece.length);
  return concat([bytes.subarray(0, start), piece, bytes.subarray(end)]);
}

/** `length` bytes that are made to cost as much as they can; `variant` moves sizes and distances a little. */
export type Hostile = (dialect: Dialect, length: number, variant: number) => Uint8Array;

export const HOSTILE: readonly Hostile[] = [
  function headersOfLargeFrames(dialect, length, variant) {
    return repeated(dialect, length, { gap: variant % 40, size: () => LARGE - 40 - variant });
  },
  function growingFrames(dialect, length, variant) {
    return repeated(dialect, length, {
      gap: variant % 9,
      size: (index) => Math.min(LARGE - 32, 200_000 + index * (32 + (variant % 9))),
    });
  },
  /** The TLVs of all headers run into one chain, which ends where each of them says that it does. */
  function exactChains(dialect, length, variant) {
    const tail = Uint8Array.of(255, 0, 9, 0, 0, 7, 7, 7);
    const unit = dialect.header.sizeBytes + tail.length;
    const hop = unit * (20 + variant * 7);
    const value = hop - 5;
    tail.set([value & 255, value >> 8], 3);
    const hops = Math.floor((LARGE - dialect.header.sizeBytes) / hop);
    return repeated(dialect, length, { tail, size: () => hop * hops, checksum: 1 });
  },
  function manySmallTlvs(dialect, length, variant) {
    // A header every few bytes: the magic, a version that fits, and a size that other headers give.
    const step = 7 + (variant % 3);
    const bytes = new Uint8Array(length).fill(1);
    for (let place = 0; place + 8 < length; place += step) {
      bytes.set(MAGIC, place + (dialect.header.offsets.magic % step));
      bytes.set([0, 1, 0].slice(0, step - 4), place + 4);
    }
    return bytes;
  },
  function zeroLengthTlvs(dialect, length, variant) {
    const tail = new Uint8Array(2_100 + 2 * variant);
    for (let index = 0; index < tail.length; index += 2) tail[index] = 3;
    return repeated(dialect, length, { tail, size: () => tail.length, checksum: 1 });
  },
  function falseThenGood(dialect, length, variant) {
    // A doubtful large frame that costs a checksum, then a small good one: a short span after much work.
    const tail = Uint8Array.of(255, 0, 9, 0, 0, 7, 7, 7);
    const small = new Uint8Array(dialect.header.sizeBytes);
    writeHeader(dialect.header, headerOf(dialect, 0, 0), small);
    const unit = dialect.header.sizeBytes + tail.length + small.length;
    const value = unit * (600 + variant) - 5;
    tail.set([value & 255, value >> 8], 3);
    const size = Math.floor((LARGE - 32) / (value + 5)) * (value + 5);
    return repeated(dialect, length, {
      tail: concat([tail, small]),
      size: () => size,
      checksum: 1,
    });
  },
  (_, length) => new Uint8Array(length).fill(0xef),
  (_, length) => {
    const bytes = new Uint8Array(length);
    for (let place = 0; place + 4 <= length; place += 4) bytes.set(MAGIC, place);
    return bytes;
  },
];

interface Repetition {
  readonly size: (index: number) => number;
  readonly gap?: number;
  readonly tail?: Uint8Array;
  readonly checksum?: number;
}

function headerOf(dialect: Dialect, payloadSize: number, checksum: number) {
  return {
    magic: dialect.header.magic,
    relay_domain: 1,
    version: 1,
    source: 4,
    flags: 0,
    sequence: 1n,
    timestamp: 1n,
    payload_size: payloadSize,
    checksum,
  };
}

function repeated(dialect: Dialect, length: number, repetition: Repetition): Uint8Array {
  const { size, gap = 0, tail = new Uint8Array(gap), checksum = 0 } = repetition;
  const bytes = new Uint8Array(length);
  const step = dialect.header.sizeBytes + tail.length;
  for (let index = 0; (index + 1) * step <= length; index++) {
    const place = bytes.subarray(index * step);
    writeHeader(dialect.header, headerOf(dialect, size(index), checksum), place);
    place.set(tail, dialect.header.sizeBytes);
  }
  return bytes;
}
