/**
 * Names what differs between the two messages of a pair that are written in two dialects: by the field names
 * that the dialects share, whatever the bytes are like. How they are written is no difference here.
 */
import { describeFrame } from '../protocol/leaves.ts';
import { meaningOf } from '../protocol/meaning.ts';
import type { FrameView } from './compare-frames.ts';
import type { ByteRange, Difference } from './types.ts';

/** In the order of old's fields, then what only new has; empty when the meanings are equal. */
export function compareMeanings(old: FrameView, neu: FrameView): readonly Difference[] {
  const oldMeaning = meaningOf(old.dialect, old.bytes);
  const newMeaning = meaningOf(neu.dialect, neu.bytes);
  const differences: Difference[] = [];
  for (const path of new Set([...oldMeaning.keys(), ...newMeaning.keys()])) {
    const oldValue = oldMeaning.get(path);
    const newValue = newMeaning.get(path);
    if (oldValue === newValue) continue;
    differences.push({
      path,
      old: oldValue ?? null,
      new: newValue ?? null,
      bytes: rangeOf(oldValue === undefined ? neu : old, path),
      class: path === 'header.timestamp' ? 'volatile' : 'semantic',
    });
  }
  return differences;
}

/** Where the field lies; of one that the dialect calls otherwise, the TLV that it is in. */
function rangeOf({ dialect, bytes }: FrameView, path: string): ByteRange {
  const leaves = describeFrame(dialect, bytes);
  const exact = leaves.find((leaf) => leaf.path === path);
  if (exact !== undefined) return { offset: exact.offset, length: exact.length };
  const tlv = `${path.split('.', 1)[0] ?? ''}.`;
  const inside = leaves.filter((leaf) => leaf.path.startsWith(tlv));
  const first = inside[0];
  const last = inside.at(-1);
  if (first === undefined || last === undefined) return { offset: 0, length: bytes.length };
  return { offset: first.offset, length: last.offset + last.length - first.offset };
}
