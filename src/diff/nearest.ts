/** Partners in order that are as near as they can be: which of several equal messages belong together. Pure. */

/** Steps of one exact search, about messages of a run times messages left over; beyond it the nearest are taken one by one. */
const STEPS_MAX = 4_000_000;

/** For each of `few` in order the index of its partner in `many`, rising, so that all are as near as they can be. */
export function nearest(many: readonly number[], few: readonly number[]): readonly number[] {
  const spare = many.length - few.length;
  const away = (index: number, at: number): number => Math.abs((many[index] ?? 0) - (few[at] ?? 0));
  if (few.length * (spare + 1) > STEPS_MAX) return nearestOneByOne(few, spare, away);
  // For each of `few`: how many of `many` are best left out before it, if so many are left out up to the next.
  const choices = new Int32Array(few.length * (spare + 1));
  let costs = new Float64Array(spare + 1);
  for (let at = 0; at < few.length; at++) {
    const next = new Float64Array(spare + 1);
    let best = 0;
    for (let skipped = 0; skipped <= spare; skipped++) {
      if ((costs[skipped] ?? 0) < (costs[best] ?? 0)) best = skipped;
      choices[at * (spare + 1) + skipped] = best;
      next[skipped] = (costs[best] ?? 0) + away(at + skipped, at);
    }
    costs = next;
  }
  let skipped = costs.indexOf(Math.min(...costs));
  const partners: number[] = [];
  for (let at = few.length - 1; at >= 0; at--) {
    partners.push(at + skipped);
    skipped = choices[at * (spare + 1) + skipped] ?? 0;
  }
  return partners.reverse();
}

function nearestOneByOne(
  few: readonly number[],
  spare: number,
  away: (index: number, at: number) => number,
): readonly number[] {
  let skipped = 0;
  return few.map((_, at) => {
    while (skipped < spare && away(at + skipped + 1, at) < away(at + skipped, at)) skipped++;
    return at + skipped;
  });
}
