/**
 * Delta debugging (Zeller and Hildebrandt's ddmin): of a list, a part that still shows something and of which nothing can
 * be left out alone. Pure but for the question whether a part shows it.
 */

export type Shows<T> = (part: readonly T[]) => Promise<boolean>;

/**
 * `items` must show it. Halves first, then quarters, down to single items; each is tried alone, then left out. The result is
 * 1-minimal as far as the answers are the same each time.
 */
export async function reduce<T>(items: readonly T[], shows: Shows<T>): Promise<readonly T[]> {
  let kept = items;
  let pieces = Math.min(2, kept.length);
  while (kept.length > 0) {
    const parts = cut(kept, pieces);
    const smaller = await firstThatShows(parts, shows);
    if (smaller === undefined) {
      if (pieces >= kept.length) return kept;
      pieces = Math.min(kept.length, pieces * 2);
      continue;
    }
    kept = smaller.part;
    pieces = smaller.isRest
      ? Math.max(Math.min(2, kept.length), pieces - 1)
      : Math.min(2, kept.length);
    if (kept.length > 0) pieces = Math.min(pieces, kept.length);
  }
  return kept;
}

async function firstThatShows<T>(
  parts: readonly (readonly T[])[],
  shows: Shows<T>,
): Promise<{ readonly part: readonly T[]; readonly isRest: boolean } | undefined> {
  // One of two halves is what is left without the other.
  if (parts.length > 1) {
    for (const part of parts) if (await shows(part)) return { part, isRest: false };
  }
  if (parts.length === 2) return undefined;
  for (const left of parts) {
    const part = parts.flatMap((each) => (each === left ? [] : each));
    if (await shows(part)) return { part, isRest: true };
  }
  return undefined;
}

function cut<T>(items: readonly T[], pieces: number): readonly (readonly T[])[] {
  return Array.from({ length: pieces }, (_, index) =>
    items.slice(
      Math.floor((index * items.length) / pieces),
      Math.floor(((index + 1) * items.length) / pieces),
    ),
  );
}
