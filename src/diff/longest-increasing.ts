/**
 * The longest strictly increasing subsequence, by patience sorting: O(n log n). Used to find the longest
 * skeleton of messages that kept their order. Pure.
 */

/** Positions in `values` of one longest strictly increasing subsequence, in order. */
export function longestIncreasing(values: ArrayLike<number>): readonly number[] {
  const previous = new Int32Array(values.length);
  /** For each length, the position that ends such a subsequence with the smallest value. */
  const ends: number[] = [];
  for (let position = 0; position < values.length; position++) {
    const length = firstNotBelow(values, ends, values[position] ?? 0);
    previous[position] = length === 0 ? -1 : (ends[length - 1] ?? -1);
    ends[length] = position;
  }
  const chosen: number[] = [];
  for (let at = ends.at(-1) ?? -1; at >= 0; at = previous[at] ?? -1) chosen.push(at);
  return chosen.reverse();
}

function firstNotBelow(values: ArrayLike<number>, ends: readonly number[], value: number): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[ends[middle] ?? 0] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
