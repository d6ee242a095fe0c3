/**
 * Names the bytes in which two frames of one length differ by the fields that they lie in, byte by byte. For messages
 * whose structure was damaged: one wrong length makes all that follows mean something else, and yet one byte differs.
 */
import { toHex } from '../lib/bytes.ts';
import type { Leaf } from '../protocol/types.ts';
import type { Difference, DifferenceClass } from './types.ts';

export interface LeavesOfFrame {
  readonly bytes: Uint8Array;
  /** All of the frame, in order. */
  readonly leaves: readonly Leaf[];
}

/** `classOf`: of a leaf that differs. The frames have one length. */
export function compareInPlace(
  old: LeavesOfFrame,
  neu: LeavesOfFrame,
  classOf: (leaf: Leaf) => DifferenceClass,
): readonly Difference[] {
  const found = new Map<number, Leaf>();
  const at = { old: 0, new: 0 };
  for (let offset = 0; offset < old.bytes.length; offset++) {
    if (old.bytes[offset] === neu.bytes[offset]) continue;
    at.old = leafAt(old.leaves, at.old, offset);
    at.new = leafAt(neu.leaves, at.new, offset);
    const leaf = finer(old.leaves[at.old], neu.leaves[at.new]);
    if (leaf !== undefined) found.set(leaf.offset, leaf);
  }
  return [...found.values()].map((leaf) => ({
    path: leaf.path,
    ...valuesOf(leaf, old, neu),
    bytes: { offset: leaf.offset, length: leaf.length },
    class: classOf(leaf),
  }));
}

/** The leaf that holds the byte at `offset`, from the leaf `from` on. */
function leafAt(leaves: readonly Leaf[], from: number, offset: number): number {
  let at = from;
  for (let leaf = leaves[at]; leaf !== undefined; leaf = leaves[++at]) {
    if (offset < leaf.offset + leaf.length) break;
  }
  return at;
}

/** The side that still knows what the bytes are has the smaller field; of equal ones that of old. */
function finer(old: Leaf | undefined, neu: Leaf | undefined): Leaf | undefined {
  if (old === undefined || neu === undefined) return old ?? neu;
  return neu.length < old.length ? neu : old;
}

function valuesOf(
  leaf: Leaf,
  old: LeavesOfFrame,
  neu: LeavesOfFrame,
): { readonly old: string; readonly new: string } {
  const value = ({ bytes, leaves }: LeavesOfFrame): string | undefined => {
    const same = leaves.find(
      (one) => one.path === leaf.path && one.offset === leaf.offset && one.length === leaf.length,
    );
    return same?.value ?? (bytes.length === 0 ? '' : undefined);
  };
  const hex = ({ bytes }: LeavesOfFrame): string =>
    toHex(bytes.subarray(leaf.offset, leaf.offset + leaf.length));
  const [oldValue, newValue] = [value(old), value(neu)];
  if (oldValue === undefined || newValue === undefined) return { old: hex(old), new: hex(neu) };
  return { old: oldValue, new: newValue };
}
