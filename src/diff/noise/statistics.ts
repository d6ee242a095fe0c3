/** The few statistics that the noise types need. Pure; arrays are not changed. */
import { assert } from '../../lib/assert.ts';

/** `sorted` must not be empty; `share` from 0 to 1. The nearest value that occurred. */
export function quantile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  assert(value !== undefined, 'a quantile of nothing');
  return value;
}

export function sortNumbers(values: readonly number[]): number[] {
  return [...values].sort((left, right) => left - right);
}

export function median(values: readonly number[]): number {
  return quantile(sortNumbers(values), 1 / 2);
}

export function medianBigint(values: readonly bigint[]): bigint {
  const sorted = [...values].sort(compareBigint);
  const value = sorted[Math.floor(sorted.length / 2)];
  assert(value !== undefined, 'a median of nothing');
  return value;
}

export function compareBigint(left: bigint, right: bigint): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

const TAIL_SHARE = 0.1;

/**
 * The value that is passed once in 1/`chance` times, from those above 0 of `sorted`, the largest last: beyond
 * the tenth that is largest it is taken to fall off like an exponential distribution, of which the mean is
 * known the less exactly the fewer values there are: by two standard errors more. Never less than that much
 * beyond the largest value seen.
 */
export function tailBound(sorted: readonly number[], chance: number): number {
  const from = Math.min(sorted.length - 1, Math.floor((1 - TAIL_SHARE) * sorted.length));
  const threshold = quantile(sorted, 1 - TAIL_SHARE);
  const tail = sorted.slice(from);
  const meanExcess = tail.reduce((sum, value) => sum + value - threshold, 0) / tail.length;
  const doubt = 1 + 2 / Math.sqrt(tail.length);
  const largest = sorted.at(-1) ?? threshold;
  return Math.max(
    threshold + meanExcess * doubt * Math.log(TAIL_SHARE / chance),
    largest + meanExcess * doubt,
  );
}

export interface Line {
  readonly slope: number;
  /** Standard error of the slope, from `spread`, and wider where neighbours go together. */
  readonly error: number;
  /** Standard deviation of the points from the line. */
  readonly spread: number;
}

/** The line of least squares. `spreadMin`: points are known to scatter at least so much. */
export function fitLine(x: readonly number[], y: readonly number[], spreadMin = 0): Line {
  const count = x.length;
  assert(count >= 3 && y.length === count, 'a line through fewer than three points');
  const meanX = x.reduce((sum, value) => sum + value, 0) / count;
  const meanY = y.reduce((sum, value) => sum + value, 0) / count;
  let xx = 0;
  let xy = 0;
  for (let at = 0; at < count; at++) {
    const dx = (x[at] ?? 0) - meanX;
    xx += dx * dx;
    xy += dx * ((y[at] ?? 0) - meanY);
  }
  const slope = xx === 0 ? 0 : xy / xx;
  const rest = y.map((value, at) => value - meanY - slope * ((x[at] ?? 0) - meanX));
  const squares = rest.reduce((sum, value) => sum + value * value, 0);
  const spread = Math.sqrt(squares / (count - 2));
  let together = 0;
  for (let at = 1; at < count; at++) together += (rest[at] ?? 0) * (rest[at - 1] ?? 0);
  const correlation = squares === 0 ? 0 : Math.min(0.9, Math.max(0, together / squares));
  const widening = Math.sqrt((1 + correlation) / (1 - correlation));
  const error =
    xx === 0 ? Number.MAX_VALUE : (Math.max(spread, spreadMin) * widening) / Math.sqrt(xx);
  return { slope, error, spread };
}

const RARE = 1e-4;
/** From here on the normal distribution is as good, and the sum below would be long. */
const POISSON_SUM_MAX = 500;

/** The number of events that is passed less than once in 10,000 times when `expected` are usual. */
export function poissonBound(expected: number): number {
  if (expected > POISSON_SUM_MAX) return Math.ceil(expected + 4 * Math.sqrt(expected));
  let term = Math.exp(-expected);
  let sum = term;
  let events = 0;
  while (1 - sum > RARE) {
    events++;
    term *= expected / events;
    sum += term;
  }
  return events;
}
