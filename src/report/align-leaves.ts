/**
 * Puts the leaves of two messages side by side. Messages of one length are aligned by path. Otherwise a
 * TLV came or went, and the paths behind it count differently on the two sides: whole TLVs are aligned
 * first, then the leaves within them, so that one inserted TLV does not make every later row differ.
 */
import { diffArrays } from 'diff';
import type { Leaf } from '../protocol/types.ts';

export interface LeafPair {
  readonly old: Leaf | undefined;
  readonly new: Leaf | undefined;
}

/** The header, one TLV, or what follows the last TLV that could be read. */
interface Unit {
  readonly leaves: readonly Leaf[];
  /** Names of its leaves without the position of the TLV. */
  readonly shape: string;
  readonly content: string;
}

export interface AlignInput {
  readonly old: readonly Leaf[];
  readonly new: readonly Leaf[];
}

/** Every leaf of both sides appears exactly once, in the order of its own side. */
export function alignLeaves(input: AlignInput): LeafPair[] {
  if (byteLength(input.old) === byteLength(input.new)) {
    return mergeByKey(input.old, input.new, (leaf) => leaf.path);
  }
  const oldUnits = splitUnits(input.old);
  const newUnits = splitUnits(input.new);
  return alignUnits(oldUnits, newUnits).flatMap(([left, right]) =>
    mergeByKey(left?.leaves ?? [], right?.leaves ?? [], (leaf) => nameWithoutPosition(leaf.path)),
  );
}

/**
 * Two dialects put their fields in orders of their own: the rows are in the order of old, and what only new has
 * follows. Leaves are of one name where they are the same field.
 */
export function alignLeavesByName({ old, new: neu }: AlignInput): LeafPair[] {
  const partners = new Map(neu.map((leaf) => [leaf.path, leaf]));
  const names = new Set(old.map((leaf) => leaf.path));
  return [
    ...old.map((leaf) => ({ old: leaf, new: partners.get(leaf.path) })),
    ...neu.filter((leaf) => !names.has(leaf.path)).map((leaf) => ({ old: undefined, new: leaf })),
  ];
}

function byteLength(leaves: readonly Leaf[]): number {
  const last = leaves.at(-1);
  return last === undefined ? 0 : last.offset + last.length;
}

const TLV_POSITION = /^tlv\[\d+\]/;

function nameWithoutPosition(path: string): string {
  return path.replace(TLV_POSITION, 'tlv');
}

function unitKey(path: string): string {
  return TLV_POSITION.exec(path)?.[0] ?? path.split('.', 1)[0] ?? path;
}

function splitUnits(leaves: readonly Leaf[]): Unit[] {
  const runs: Leaf[][] = [];
  let current: string | undefined;
  for (const leaf of leaves) {
    const key = unitKey(leaf.path);
    if (key !== current) runs.push([]);
    current = key;
    runs.at(-1)?.push(leaf);
  }
  return runs.map((run) => ({
    leaves: run,
    shape: run.map((leaf) => nameWithoutPosition(leaf.path)).join('\n'),
    content: run.map((leaf) => `${nameWithoutPosition(leaf.path)}=${leaf.value}`).join('\n'),
  }));
}

type UnitPair = readonly [Unit | undefined, Unit | undefined];

/** Equal units anchor the alignment; between two anchors, units of one shape are the same TLV, changed. */
function alignUnits(oldUnits: readonly Unit[], newUnits: readonly Unit[]): UnitPair[] {
  const changes = diffArrays([...oldUnits], [...newUnits], {
    comparator: (left, right) => left.content === right.content,
  });
  const pairs: UnitPair[] = [];
  let removed: Unit[] = [];
  let added: Unit[] = [];
  let oldIndex = 0;
  for (const change of changes) {
    if (change.removed) {
      removed.push(...change.value);
      oldIndex += change.count;
    } else if (change.added) {
      added.push(...change.value);
    } else {
      pairs.push(...mergePairs(removed, added, (unit) => unit.shape));
      removed = [];
      added = [];
      for (const unit of change.value) pairs.push([oldUnits[oldIndex++], unit]);
    }
  }
  return [...pairs, ...mergePairs(removed, added, (unit) => unit.shape)];
}

function mergeByKey(
  old: readonly Leaf[],
  candidate: readonly Leaf[],
  keyOf: (leaf: Leaf) => string,
): LeafPair[] {
  return mergePairs(old, candidate, keyOf).map(([left, right]) => ({ old: left, new: right }));
}

/**
 * Pairs items of one key, keeping both orders. An item whose partner was already passed stays alone: the
 * rows must be readable from top to bottom on either side.
 */
function mergePairs<T>(
  old: readonly T[],
  candidate: readonly T[],
  keyOf: (item: T) => string,
): (readonly [T | undefined, T | undefined])[] {
  const positions = new Map<string, number[]>();
  for (const [index, item] of candidate.entries()) {
    const key = keyOf(item);
    const known = positions.get(key);
    if (known === undefined) positions.set(key, [index]);
    else known.push(index);
  }
  const pairs: (readonly [T | undefined, T | undefined])[] = [];
  let next = 0;
  for (const item of old) {
    const queue = positions.get(keyOf(item)) ?? [];
    while (queue[0] !== undefined && queue[0] < next) queue.shift();
    const partner = queue.shift();
    if (partner === undefined) {
      pairs.push([item, undefined]);
      continue;
    }
    while (next < partner) pairs.push([undefined, candidate[next++]]);
    pairs.push([item, candidate[next++]]);
  }
  while (next < candidate.length) pairs.push([undefined, candidate[next++]]);
  return pairs;
}
