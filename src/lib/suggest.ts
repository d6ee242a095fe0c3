/** Finds what somebody meant to write: for misspelt keys, names and dialects. */

/** `, did you mean "size"?`, or nothing when no known word is near. */
export function didYouMean(word: string, known: Iterable<string>): string {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best === undefined ? '' : `, did you mean "${best}"?`;
}

/** Insertions, deletions, substitutions and swaps of neighbours; one row at a time. */
function editDistance(from: string, to: string): number {
  let rowBefore: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let left = 1; left <= from.length; left++) {
    const next = [left];
    for (let right = 1; right <= to.length; right++) {
      const same = from.charAt(left - 1) === to.charAt(right - 1);
      const swapped =
        from.charAt(left - 1) === to.charAt(right - 2) &&
        from.charAt(left - 2) === to.charAt(right - 1);
      next.push(
        Math.min(
          (row[right - 1] ?? 0) + (same ? 0 : 1),
          (row[right] ?? 0) + 1,
          (next[right - 1] ?? 0) + 1,
          swapped ? (rowBefore[right - 2] ?? Infinity) + 1 : Infinity,
        ),
      );
    }
    [rowBefore, row] = [row, next];
  }
  return row[to.length] ?? 0;
}
