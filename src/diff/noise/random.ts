/**
 * A random value: the sides have nothing to do with each other, and no value says anything of the next. What
 * can go wrong is that it is no longer random: values that come again, or bits that no longer change.
 */
import { countType, type FieldJudge, NOISE_PAIRS_MIN } from './judgement.ts';
import type { RandomModel } from './model.ts';
import { Recent } from './recent.ts';
import { poissonBound } from './statistics.ts';
import type { Observation } from './traffic.ts';
import { countWords, shortNumber } from './words.ts';

/** As many different values as chance would give, nearly. */
const DISTINCT_SHARE = 0.9;
/** Of a field, in which the values scatter: fewer could be states as well. */
const ENTROPY_BITS_MIN = 6;
const RISING_SHARE = 0.9;
/** Standard errors that a bit must be away. */
const BIT_ERRORS = 6;
const BIT_SAMPLES_MIN = 64;

/** undefined: the values have something to do with each other, or are too few. `bits`: of the field. */
export function learnRandom(
  observations: readonly Observation[],
  bits: number,
): RandomModel | undefined {
  const samples = observations.length;
  if (samples < NOISE_PAIRS_MIN) return undefined;
  const equal = observations.filter((each) => each.old === each.new).length;
  if (equal > samples * (0.01 + 2 * 2 ** -bits)) return undefined;
  const sides = (['old', 'new'] as const).map((side) => valuesByConnection(observations, side));
  if (!sides.every((values) => isScattered(values, bits))) return undefined;
  const all = sides.flatMap((values) => [...values.values()].flat());
  const counted = new BitCounts(bits);
  for (const value of all) counted.add(value);
  const ones = counted.shares;
  if (entropyBits(ones) < Math.min(ENTROPY_BITS_MIN, 0.8 * bits)) return undefined;
  const repeats = sides.flatMap((values) => [...values.values()].map(repeatsOf));
  const collided = repeats.reduce((sum, each) => sum + each.collided, 0);
  const possible = repeats.reduce((sum, each) => sum + each.possible, 0);
  return {
    kind: 'random',
    samples,
    bits,
    collisions: possible === 0 ? 0 : collided / possible,
    ones,
  };
}

function isScattered(values: ReadonlyMap<number, readonly bigint[]>, bits: number): boolean {
  let distinct = 0;
  let expected = 0;
  let rising = 0;
  let steps = 0;
  for (const list of values.values()) {
    distinct += new Set(list).size;
    const room = 2 ** bits;
    // Different values among `count` drawn of `room`.
    expected += room > 1e12 ? list.length : room * (1 - Math.exp(-list.length / room));
    for (let at = 1; at < list.length; at++) {
      steps++;
      if ((list[at] ?? 0n) > (list[at - 1] ?? 0n)) rising++;
    }
  }
  return distinct >= DISTINCT_SHARE * expected && rising <= RISING_SHARE * steps;
}

/** Values of all connections that are remembered: one that comes again later than that is taken for a new one. */
const RECENT_MAX = 131_072;

export class RandomJudge implements FieldJudge {
  readonly order = 'new';
  readonly judged = new Map<string, number>();
  hasAlarms = false;
  trend: string | undefined;
  readonly #model: RandomModel;
  readonly #field: string;
  readonly #bits: BitCounts;
  #repeats = new Repeats();

  constructor(model: RandomModel, field: string) {
    this.#model = model;
    this.#field = field;
    this.#bits = new BitCounts(model.bits);
  }

  note(observation: Observation): void {
    countType(this.judged, observation.pair.type);
    this.#bits.add(observation.new);
    this.#repeats.add(observation);
  }

  begin(): void {
    const { collided, possible } = this.#repeats;
    this.#repeats = new Repeats();
    // Before a third reading all is known.
    if (this.#isKnown) return;
    this.#isKnown = true;
    const { collisions, ones } = this.#model;
    const chance = Math.max(collisions, collisionChance(ones));
    this.hasAlarms = collided > poissonBound(possible * chance);
    this.trend = bitTrend(this.#bits, this.#model, this.#field);
  }
  #isKnown = false;

  alarmOf(observation: Observation): string | undefined {
    const before = this.#repeats.add(observation);
    if (!this.hasAlarms || before === 0) return undefined;
    const { collisions, samples } = this.#model;
    const usual = collisions === 0 ? 'no value comes again' : 'values come again by chance only';
    return (
      `${this.#field} is not random: ${observation.new} came again (${countWords(before + 1)} times so far); ` +
      `old against old ${usual} (n = ${countWords(samples)})`
    );
  }
}

/** Values that come again on their connection. */
class Repeats {
  /** Pairs of messages with one value, of all pairs whose values are remembered together. */
  collided = 0;
  possible = 0;
  readonly #recent = new Recent<string>(RECENT_MAX);
  #seen = new Map<number, number>();
  #seenBefore = new Map<number, number>();
  #rotations = 0;

  /** Returns how often the value had come before. */
  add({ pair: { connection }, new: value }: Observation): number {
    const before = this.#recent.count(`${connection} ${value}`);
    if (this.#recent.rotations > this.#rotations) {
      this.#rotations = this.#recent.rotations;
      this.#seenBefore = this.#seen;
      this.#seen = new Map();
    }
    const seen = this.#seen.get(connection) ?? 0;
    this.collided += before;
    this.possible += seen + (this.#seenBefore.get(connection) ?? 0);
    this.#seen.set(connection, seen + 1);
    return before;
  }
}

/** A bit that is 1 more or less often than it was. */
function bitTrend(
  counted: BitCounts,
  { ones, bits, samples }: RandomModel,
  field: string,
): string | undefined {
  const { count } = counted;
  if (count < BIT_SAMPLES_MIN || samples < BIT_SAMPLES_MIN) return undefined;
  const { shares } = counted;
  let worst: { readonly bit: number; readonly errors: number } | undefined;
  for (let bit = 0; bit < bits; bit++) {
    const [learned, found] = [ones[bit] ?? 0, shares[bit] ?? 0];
    // Both sides of the noise capture were counted.
    const both = (learned * 2 * samples + found * count) / (2 * samples + count);
    const error = Math.sqrt(both * (1 - both) * (1 / (2 * samples) + 1 / count));
    const errors = error === 0 ? 0 : Math.abs(found - learned) / error;
    if (errors > (worst?.errors ?? BIT_ERRORS)) worst = { bit, errors };
  }
  if (worst === undefined) return undefined;
  const percent = (share: number | undefined): string => `${shortNumber(100 * (share ?? 0))} %`;
  const { bit } = worst;
  return (
    `${field} is less random: bit ${bit} of ${bits} is 1 in ${percent(shares[bit])} of the messages; ` +
    `old against old in ${percent(ones[bit])} (n = ${countWords(samples)})`
  );
}

function valuesByConnection(
  observations: readonly Observation[],
  side: 'old' | 'new',
): ReadonlyMap<number, readonly bigint[]> {
  const lists = new Map<number, bigint[]>();
  for (const observation of observations) {
    const { connection } = observation.pair;
    const list = lists.get(connection);
    if (list === undefined) lists.set(connection, [observation[side]]);
    else list.push(observation[side]);
  }
  return lists;
}

function repeatsOf(values: readonly bigint[]): {
  readonly collided: number;
  readonly possible: number;
} {
  const counts = new Map<bigint, number>();
  let collided = 0;
  for (const value of values) {
    const before = counts.get(value) ?? 0;
    collided += before;
    counts.set(value, before + 1);
  }
  return { collided, possible: (values.length * (values.length - 1)) / 2 };
}

/** Of each bit, how often it was 1. */
class BitCounts {
  count = 0;
  readonly #bits: number;
  readonly #ones: number[];

  constructor(bits: number) {
    this.#bits = bits;
    this.#ones = Array.from({ length: bits }, () => 0);
  }

  add(value: bigint): void {
    this.count++;
    // Digits are read many times faster than a bigint is shifted.
    const digits = (value < 0n ? BigInt.asUintN(this.#bits, value) : value).toString(2);
    for (let at = 0; at < digits.length; at++) {
      if (digits.charCodeAt(at) === DIGIT_ONE) {
        const bit = digits.length - 1 - at;
        this.#ones[bit] = (this.#ones[bit] ?? 0) + 1;
      }
    }
  }

  get shares(): number[] {
    return this.#ones.map((ones) => ones / this.count);
  }
}

const DIGIT_ONE = 49;

function entropyBits(ones: readonly number[]): number {
  const term = (share: number): number => (share === 0 ? 0 : -share * Math.log2(share));
  return ones.reduce((sum, share) => sum + term(share) + term(1 - share), 0);
}

/** That two values are equal, as if each bit were drawn by itself. */
function collisionChance(ones: readonly number[]): number {
  return ones.reduce((chance, share) => chance * (share ** 2 + (1 - share) ** 2), 1);
}
