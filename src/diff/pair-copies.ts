/**
 * Among equal messages that follow each other, any may be paired with any: the bytes cannot tell which of them one
 * side lacks. Their times can. Chooses, within each run of equal messages, the pairs that are nearest in time, in order.
 */
import type { Alignment } from './align.ts';
import { defined } from '../lib/assert.ts';
import { nearest } from './nearest.ts';
import type { IndexPair } from './pair-by-content.ts';
import type { SideItems } from './records.ts';

export interface CopiedRow extends SideItems {
  /** Of each item, what is equal for equal messages. */
  readonly keys: { readonly old: readonly number[]; readonly new: readonly number[] };
}

export interface Runs {
  /** The first pair of the run of this content that `at` ends; `at + 1` when it is another content. */
  first(at: number, content: number): number;
  /** The last pair of the run of this content that `at` begins; `at - 1` when it is another content. */
  last(at: number, content: number): number;
}

/** Runs of equal contents among the pairs in order. */
export function runsOf({ keys }: CopiedRow, inOrder: readonly IndexPair[]): Runs {
  const contentAt = (at: number): number | undefined => keys.old[inOrder[at]?.old ?? -1];
  const goesOn = (at: number): boolean => contentAt(at) === contentAt(at + 1);
  const starts = new Int32Array(inOrder.length);
  const ends = new Int32Array(inOrder.length);
  for (let at = 0; at < inOrder.length; at++) {
    starts[at] = at > 0 && goesOn(at - 1) ? (starts[at - 1] ?? at) : at;
  }
  for (let at = inOrder.length - 1; at >= 0; at--) {
    ends[at] = at + 1 < inOrder.length && goesOn(at) ? (ends[at + 1] ?? at) : at;
  }
  return {
    first: (at, content) => (contentAt(at) === content ? (starts[at] ?? at) : at + 1),
    last: (at, content) => (contentAt(at) === content ? (ends[at] ?? at) : at - 1),
  };
}

/** The run that an item without a partner stands in or next to; empty when there is none. */
export function runAround(
  runs: Runs,
  neighbour: number,
  key: number,
): { readonly first: number; readonly last: number } {
  return { first: runs.first(neighbour - 1, key), last: runs.last(neighbour, key) };
}

interface Run {
  readonly from: number;
  readonly to: number;
  readonly surplus: number[];
}

/** The same alignment, with other ones of equal messages left over. */
export function pairCopiesByTime(row: CopiedRow, alignment: Alignment): Alignment {
  if (alignment.oldOnly.length + alignment.newOnly.length === 0) return alignment;
  const inOrder = [...alignment.inOrder];
  const only = { old: new Set(alignment.oldOnly), new: new Set(alignment.newOnly) };
  const runs = runsOf(row, inOrder);
  for (const side of ['old', 'new'] as const) {
    const other = side === 'old' ? 'new' : 'old';
    for (const { from, to, surplus } of runsWithSurplus(row, inOrder, runs, side, only[side])) {
      const pairs = inOrder.slice(from, to + 1);
      const own = [...pairs.map((pair) => pair[side]), ...surplus].sort((a, b) => a - b);
      const timesOf = (which: 'old' | 'new', indexes: readonly number[]): number[] =>
        indexes.map((index) => defined(row[which][index], 'copy').arrivalNs);
      const others = pairs.map((pair) => pair[other]);
      const chosen = nearest(timesOf(side, own), timesOf(other, others));
      for (const index of own) only[side].add(index);
      for (const [at, position] of chosen.entries()) {
        const index = defined(own[position], 'copy');
        only[side].delete(index);
        const otherIndex = defined(others[at], 'copy');
        inOrder[from + at] =
          side === 'old' ? { old: index, new: otherIndex } : { old: otherIndex, new: index };
      }
    }
  }
  const sorted = (indexes: ReadonlySet<number>): readonly number[] =>
    [...indexes].sort((left, right) => left - right);
  return { ...alignment, inOrder, oldOnly: sorted(only.old), newOnly: sorted(only.new) };
}

function runsWithSurplus(
  row: CopiedRow,
  inOrder: readonly IndexPair[],
  runs: Runs,
  side: 'old' | 'new',
  only: ReadonlySet<number>,
): Iterable<Run> {
  const found = new Map<number, Run>();
  let neighbour = 0;
  for (const index of only) {
    while ((inOrder[neighbour]?.[side] ?? index) < index) neighbour++;
    const key = defined(row.keys[side][index], 'key');
    const { first: from, last: to } = runAround(runs, neighbour, key);
    if (from > to) continue;
    const run = found.get(from);
    if (run === undefined) found.set(from, { from, to, surplus: [index] });
    else run.surplus.push(index);
  }
  return found.values();
}
