/**
 * A random value: the sides have nothing to do with each other, and no value says anything of the next. What
 * can go wrong is that it is no longer random: values that come again, or bits that no longer change.
 */
import { type Alarm, countTypes, type FieldJudgement, NOISE_PAIRS_MIN } from './judgement.ts';
import type { RandomModel } from './model.ts';
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
  const ones = bitShares(all, bits);
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

export function judgeRandom(
  observations: readonly Observation[],
  model: RandomModel,
  field: string,
): FieldJudgement {
  const lists = valuesByConnection(observations, 'new');
  const repeats = [...lists.values()].map(repeatsOf);
  const possible = repeats.reduce((sum, each) => sum + each.possible, 0);
  const collided = repeats.reduce((sum, each) => sum + each.collided, 0);
  const chance = Math.max(model.collisions, collisionChance(model.ones));
  const alarms: readonly Alarm[] =
    collided > poissonBound(possible * chance) ? repeatAlarms(observations, model, field) : [];
  const trend = bitTrend([...lists.values()].flat(), model, field);
  return { judged: countTypes(observations), alarms, trend };
}

function repeatAlarms(
  observations: readonly Observation[],
  { collisions, samples }: RandomModel,
  field: string,
): Alarm[] {
  const seen = new Map<string, number>();
  const alarms: Alarm[] = [];
  const usual = collisions === 0 ? 'no value comes again' : 'values come again by chance only';
  for (const observation of inOrderOfNew(observations)) {
    const key = `${observation.pair.connection} ${observation.new}`;
    const times = (seen.get(key) ?? 0) + 1;
    seen.set(key, times);
    if (times === 1) continue;
    const detail =
      `${field} is not random: ${observation.new} came again (${countWords(times)} times so far); ` +
      `old against old ${usual} (n = ${countWords(samples)})`;
    alarms.push({ observation, detail });
  }
  return alarms;
}

/** A bit that is 1 more or less often than it was. */
function bitTrend(
  values: readonly bigint[],
  { ones, bits, samples }: RandomModel,
  field: string,
): string | undefined {
  const count = values.length;
  if (count < BIT_SAMPLES_MIN || samples < BIT_SAMPLES_MIN) return undefined;
  const shares = bitShares(values, bits);
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

function inOrderOfNew(observations: readonly Observation[]): readonly Observation[] {
  return [...observations].sort(
    (left, right) =>
      left.pair.connection - right.pair.connection || left.pair.new.index - right.pair.new.index,
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

function bitShares(values: readonly bigint[], bits: number): number[] {
  const counts = Array.from({ length: bits }, () => 0);
  for (const value of values) {
    // Digits are read many times faster than a bigint is shifted.
    const digits = (value < 0n ? BigInt.asUintN(bits, value) : value).toString(2);
    for (let at = 0; at < digits.length; at++) {
      if (digits.charCodeAt(at) === DIGIT_ONE) {
        const bit = digits.length - 1 - at;
        counts[bit] = (counts[bit] ?? 0) + 1;
      }
    }
  }
  return counts.map((count) => count / values.length);
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
