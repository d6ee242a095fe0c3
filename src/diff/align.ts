/**
 * Aligns two sequences of contents (numbers that are equal when the bytes are equal), which one publisher
 * produced and two relays delivered. Answers for: every index of both sides lands in exactly one of
 * in-order pair, moved pair, unordered pair, or only-on-this-side; the in-order pairs increase on both
 * sides; all equal contents are paired as far as their numbers allow, so what is left over is missing or
 * extra for sure. Knows nothing of bytes, time or fields.
 *
 * How: equal ends are trimmed, then an exact edit script is tried within a small cost. Above it, contents
 * that occur once on each side are anchors, their longest increasing subsequence is the skeleton, and the
 * stretches between anchors are aligned exactly within a larger cost. Beyond that a stretch degrades to a
 * coarser statement: contents are paired, their order is not judged, except when the stretches hold the
 * same contents in another order, which is proof enough that something moved.
 *
 * The two sequences are first put into an order of their own, so aligning (x, y) is the exact mirror of
 * aligning (y, x).
 */
import { diffArrays } from 'diff';
import { assert, defined } from '../lib/assert.ts';
import { longestIncreasing } from './longest-increasing.ts';
import { type IndexPair, pairByContent } from './pair-by-content.ts';

export interface MovedPair extends IndexPair {
  /** In-order messages it jumped over; positive: later in new. undefined: only known that it moved. */
  readonly distance: number | undefined;
}

export interface Alignment {
  readonly inOrder: readonly IndexPair[];
  readonly moved: readonly MovedPair[];
  /** Equal contents of stretches whose order was too costly to judge. */
  readonly unordered: readonly IndexPair[];
  readonly oldOnly: readonly number[];
  readonly newOnly: readonly number[];
}

export interface AlignLimits {
  /** Edits of the first, exact attempt on the whole sequence. */
  readonly wholeEditsMax: number;
  /** Edits of the exact script between two anchors. */
  readonly stretchEditsMax: number;
  /** Steps of all exact scripts of one alignment together; a script takes about edits squared. */
  readonly stepsMax: number;
}

export const DEFAULT_ALIGN_LIMITS: AlignLimits = {
  wholeEditsMax: 256,
  stretchEditsMax: 2_000,
  stepsMax: 6_000_000,
};

interface Range {
  readonly oldFrom: number;
  readonly oldTo: number;
  readonly newFrom: number;
  readonly newTo: number;
}

interface Work {
  readonly old: readonly number[];
  readonly new: readonly number[];
  readonly limits: AlignLimits;
  readonly inOrder: IndexPair[];
  readonly unordered: IndexPair[];
  readonly moved: MovedPair[];
  stepsLeft: number;
}

export function alignContents(
  oldContents: readonly number[],
  newContents: readonly number[],
  limits: AlignLimits = DEFAULT_ALIGN_LIMITS,
): Alignment {
  if (!comesFirst(newContents, oldContents)) return align(oldContents, newContents, limits);
  const mirrored = align(newContents, oldContents, limits);
  const swap = (pair: IndexPair): IndexPair => ({ old: pair.new, new: pair.old });
  return {
    inOrder: mirrored.inOrder.map(swap),
    moved: mirrored.moved
      .map((pair) => ({
        ...swap(pair),
        distance: pair.distance === undefined ? undefined : -pair.distance,
      }))
      .sort((left, right) => left.old - right.old),
    unordered: mirrored.unordered.map(swap).sort((left, right) => left.old - right.old),
    oldOnly: mirrored.newOnly,
    newOnly: mirrored.oldOnly,
  };
}

/** A total order of sequences that does not depend on which side they come from. */
function comesFirst(left: readonly number[], right: readonly number[]): boolean {
  if (left.length !== right.length) return left.length < right.length;
  const at = left.findIndex((content, index) => content !== right[index]);
  return at >= 0 && (left[at] ?? 0) < (right[at] ?? 0);
}

function align(old: readonly number[], neu: readonly number[], limits: AlignLimits): Alignment {
  const work: Work = {
    old,
    new: neu,
    limits,
    inOrder: [],
    unordered: [],
    moved: [],
    stepsLeft: limits.stepsMax,
  };
  const whole = { oldFrom: 0, oldTo: old.length, newFrom: 0, newTo: neu.length };
  alignTrimmed(work, whole, (middle) => {
    if (!alignExactly(work, middle, limits.wholeEditsMax)) alignByAnchors(work, middle);
  });
  pairMoved(work);
  const oldTaken = new Uint8Array(old.length);
  const newTaken = new Uint8Array(neu.length);
  for (const pairs of [work.inOrder, work.moved, work.unordered]) {
    for (const pair of pairs) {
      assert(oldTaken[pair.old] === 0 && newTaken[pair.new] === 0, 'an index was paired twice');
      oldTaken[pair.old] = 1;
      newTaken[pair.new] = 1;
    }
  }
  return {
    inOrder: work.inOrder,
    moved: work.moved,
    unordered: work.unordered,
    oldOnly: indexesOf(oldTaken, 0),
    newOnly: indexesOf(newTaken, 0),
  };
}

function indexesOf(marks: Uint8Array, mark: number): readonly number[] {
  const indexes: number[] = [];
  for (let index = 0; index < marks.length; index++) if (marks[index] === mark) indexes.push(index);
  return indexes;
}

/** Pairs equal beginnings and ends, and hands what is between them to `middle`, if both sides have some. */
function alignTrimmed(work: Work, range: Range, middle: (range: Range) => void): void {
  let { oldFrom, newFrom, oldTo, newTo } = range;
  while (oldFrom < oldTo && newFrom < newTo && work.old[oldFrom] === work.new[newFrom]) {
    work.inOrder.push({ old: oldFrom++, new: newFrom++ });
  }
  const [oldEnd, newEnd] = [oldTo, newTo];
  while (oldFrom < oldTo && newFrom < newTo && work.old[oldTo - 1] === work.new[newTo - 1]) {
    oldTo--;
    newTo--;
  }
  if (oldFrom < oldTo && newFrom < newTo) middle({ oldFrom, oldTo, newFrom, newTo });
  for (let index = 0; oldTo + index < oldEnd; index++) {
    work.inOrder.push({ old: oldTo + index, new: newTo + index });
  }
  assert(newTo + (oldEnd - oldTo) === newEnd, 'equal ends have equal lengths');
}

/** False, and nothing done, when the edit script costs more than `editsWanted`, or than is left. */
function alignExactly(work: Work, range: Range, editsWanted: number): boolean {
  const editsMax = Math.min(editsWanted, Math.floor(Math.sqrt(work.stepsLeft)));
  const [old, neu] = [
    work.old.slice(range.oldFrom, range.oldTo),
    work.new.slice(range.newFrom, range.newTo),
  ];
  const script =
    editsMin(old, neu, editsMax) > editsMax
      ? undefined
      : diffArrays(old, neu, { maxEditLength: editsMax });
  const edits = script?.reduce((sum, part) => sum + editsOf(part), 0) ?? editsMax;
  work.stepsLeft -= edits ** 2;
  if (script === undefined) return false;
  let oldAt = range.oldFrom;
  let newAt = range.newFrom;
  for (const part of script) {
    if (part.removed) oldAt += part.count;
    else if (part.added) newAt += part.count;
    else
      for (let left = part.count; left > 0; left--)
        work.inOrder.push({ old: oldAt++, new: newAt++ });
  }
  return true;
}

/** What one side has more of must be taken away or put in, whatever the order; not counted where few may fit. */
function editsMin(old: readonly number[], neu: readonly number[], editsMax: number): number {
  if (old.length + neu.length <= editsMax) return 0;
  const surplus = new Map<number, number>();
  for (const content of old) surplus.set(content, (surplus.get(content) ?? 0) + 1);
  for (const content of neu) surplus.set(content, (surplus.get(content) ?? 0) - 1);
  let edits = 0;
  for (const difference of surplus.values()) edits += Math.abs(difference);
  return edits;
}

function editsOf(part: { added: boolean; removed: boolean; count: number }): number {
  return part.added || part.removed ? part.count : 0;
}

function alignByAnchors(work: Work, range: Range): void {
  let { oldFrom, newFrom } = range;
  const stretch = (oldTo: number, newTo: number): void => {
    alignTrimmed(work, { oldFrom, oldTo, newFrom, newTo }, (middle) => {
      if (!alignExactly(work, middle, work.limits.stretchEditsMax)) alignCoarsely(work, middle);
    });
  };
  for (const anchor of findAnchors(work, range)) {
    stretch(anchor.old, anchor.new);
    work.inOrder.push(anchor);
    oldFrom = anchor.old + 1;
    newFrom = anchor.new + 1;
  }
  stretch(range.oldTo, range.newTo);
}

/** Contents that occur once on each side of the range, as many of them as keep their order. */
function findAnchors(work: Work, range: Range): readonly IndexPair[] {
  const oldPlaces = uniquePlaces(work.old, range.oldFrom, range.oldTo);
  const newPlaces = uniquePlaces(work.new, range.newFrom, range.newTo);
  const candidates: IndexPair[] = [];
  for (const [content, old] of oldPlaces) {
    const neu = newPlaces.get(content);
    if (old !== undefined && neu !== undefined) candidates.push({ old, new: neu });
  }
  candidates.sort((left, right) => left.old - right.old);
  return longestIncreasing(candidates.map((candidate) => candidate.new)).map((at) =>
    defined(candidates[at], 'anchor'),
  );
}

/** Content -> its only place; undefined for a content that occurs again. */
function uniquePlaces(
  contents: readonly number[],
  from: number,
  to: number,
): ReadonlyMap<number, number | undefined> {
  const places = new Map<number, number | undefined>();
  for (let index = from; index < to; index++) {
    const content = defined(contents[index], 'content');
    places.set(content, places.has(content) ? undefined : index);
  }
  return places;
}

/** Pairs equal contents in order of occurrence and claims about order only what is certain. */
function alignCoarsely(work: Work, range: Range): void {
  if (alignAsSubsequence(work, range)) return;
  const pairs = pairByContent(
    work,
    span(range.oldFrom, range.oldTo),
    span(range.newFrom, range.newTo),
  );
  const sameContents =
    pairs.length === range.oldTo - range.oldFrom && pairs.length === range.newTo - range.newFrom;
  const rest = [...pairs];
  if (sameContents) {
    // The range was trimmed, so its first messages differ: the first of old has moved for certain.
    const first = rest.findIndex((pair) => pair.old === range.oldFrom);
    for (const pair of rest.splice(first, 1)) work.moved.push({ ...pair, distance: undefined });
  }
  for (const pair of rest) work.unordered.push(pair);
}

/** Dropping any number of messages moves none: exact at any cost of edits, and linear. */
function alignAsSubsequence(work: Work, range: Range): boolean {
  const oldLength = range.oldTo - range.oldFrom;
  const newLength = range.newTo - range.newFrom;
  const newIsLonger = newLength >= oldLength;
  const [short, shortFrom, shortTo] = newIsLonger
    ? [work.old, range.oldFrom, range.oldTo]
    : [work.new, range.newFrom, range.newTo];
  const [long, longFrom, longTo] = newIsLonger
    ? [work.new, range.newFrom, range.newTo]
    : [work.old, range.oldFrom, range.oldTo];
  const found: IndexPair[] = [];
  let at = shortFrom;
  for (let index = longFrom; index < longTo && at < shortTo; index++) {
    if (long[index] !== short[at]) continue;
    found.push(newIsLonger ? { old: at, new: index } : { old: index, new: at });
    at++;
  }
  if (at < shortTo) return false;
  for (const pair of found) work.inOrder.push(pair);
  return true;
}

/** What is left on both sides with the same content kept its bytes and lost its place. */
function pairMoved(work: Work): void {
  const oldRanks = ranksOf(work, 'old');
  const newRanks = ranksOf(work, 'new');
  for (const pair of pairByContent(work, oldRanks.keys(), newRanks.keys())) {
    const from = defined(oldRanks.get(pair.old), 'rank');
    const to = defined(newRanks.get(pair.new), 'rank');
    work.moved.push({ ...pair, distance: to - from });
  }
  work.moved.sort((left, right) => left.old - right.old);
}

/** Each index of a side that has no pair yet, with the number of in-order pairs before it. */
function ranksOf(work: Work, side: 'old' | 'new'): ReadonlyMap<number, number> {
  const taken = new Uint8Array(work[side].length);
  const IN_ORDER = 2;
  for (const pair of work.unordered) taken[pair[side]] = 1;
  for (const pair of work.moved) taken[pair[side]] = 1;
  for (const pair of work.inOrder) taken[pair[side]] = IN_ORDER;
  const ranks = new Map<number, number>();
  let rank = 0;
  for (let index = 0; index < taken.length; index++) {
    if (taken[index] === IN_ORDER) rank++;
    else if (taken[index] === 0) ranks.set(index, rank);
  }
  return ranks;
}

function* span(from: number, to: number): Generator<number> {
  for (let index = from; index < to; index++) yield index;
}
