/** Pairs equal contents of two sequences whatever their order. Pure, and linear. */
import { defined } from '../lib/assert.ts';

interface Sequences {
  readonly old: readonly number[];
  readonly new: readonly number[];
}

export interface IndexPair {
  readonly old: number;
  readonly new: number;
}

/** Pairs equal contents, the first of one side with the first of the other. */
export function pairByContent(
  { old, new: neu }: Sequences,
  oldIndexes: Iterable<number>,
  newIndexes: Iterable<number>,
): readonly IndexPair[] {
  const waiting = new Map<number, { readonly places: number[]; next: number }>();
  for (const index of newIndexes) {
    const content = defined(neu[index], 'content');
    const queue = waiting.get(content);
    if (queue === undefined) waiting.set(content, { places: [index], next: 0 });
    else queue.places.push(index);
  }
  const pairs: IndexPair[] = [];
  for (const index of oldIndexes) {
    const queue = waiting.get(defined(old[index], 'content'));
    const place = queue?.places[queue.next];
    if (queue === undefined || place === undefined) continue;
    queue.next++;
    pairs.push({ old: index, new: place });
  }
  return pairs;
}
