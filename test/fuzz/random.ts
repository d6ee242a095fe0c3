/** A small seeded generator (sfc32): the same numbers for the same seed and run, on any machine. */

export interface Random {
  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number;
  chance(probability: number): boolean;
  pick<T>(values: readonly T[]): T;
  bytes(length: number): Uint8Array;
}

const UINT32_VALUES = 4_294_967_296;

export function makeRandom(seed: number, run: number): Random {
  let [a, b, c, d] = [seed | 0, Math.floor(run / UINT32_VALUES) | 0, run | 0, 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // Neighbouring seeds begin alike.
  for (let warmUp = 0; warmUp < 12; warmUp++) next();
  const below = (limit: number): number => Math.floor((next() / UINT32_VALUES) * limit);
  return {
    below,
    chance: (probability) => next() < probability * UINT32_VALUES,
    pick: (values) => values[below(values.length)]!,
    bytes: (length) => {
      const bytes = new Uint8Array(length);
      for (let index = 0; index < length; index++) bytes[index] = next() >>> 24;
      return bytes;
    },
  };
}
