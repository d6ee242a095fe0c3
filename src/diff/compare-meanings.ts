/**
 * Names what differs between the two messages of a pair that are written in two dialects: by the field names
 * that the dialects share, whatever the bytes are like. How they are written is no difference here; what the
 * layout of one side has no room for is one, and says so.
 */
import { describeFrame } from '../protocol/leaves.ts';
import { meaningOf, type MeaningSide, whyUnsaid } from '../protocol/meaning.ts';
import type { MeaningValue } from '../protocol/meaning-value.ts';
import type { Leaf } from '../protocol/types.ts';
import type { FrameView } from './compare-frames.ts';
import type { ByteRange, Difference } from './types.ts';

/** In the order of old's fields, then what only new has; empty when the meanings are equal. */
export function compareMeanings(oldView: FrameView, newView: FrameView): readonly Difference[] {
  const old: MeaningSide = { side: 'old', meaning: meaningOf(oldView.dialect, oldView.bytes) };
  const neu: MeaningSide = { side: 'new', meaning: meaningOf(newView.dialect, newView.bytes) };
  const ranges = { old: new Ranges(oldView), new: new Ranges(newView) };
  const differences: Difference[] = [];
  const { values: oldValues } = old.meaning;
  const { values: newValues } = neu.meaning;
  for (const path of new Set([...oldValues.keys(), ...newValues.keys()])) {
    const oldValue = oldValues.get(path);
    const newValue = newValues.get(path);
    if (oldValue?.key === newValue?.key) continue;
    const note = whyUnsaid(old, neu, path);
    differences.push({
      path,
      ...textsOf(oldValue, newValue),
      bytes: (oldValue === undefined ? ranges.new : ranges.old).of(path),
      class: path === 'header.timestamp' ? 'volatile' : 'semantic',
      ...(note === undefined ? {} : { note }),
    });
  }
  return differences;
}

/** Numbers of two scales are only told apart with their points. */
function textsOf(
  old: MeaningValue | undefined,
  neu: MeaningValue | undefined,
): Pick<Difference, 'old' | 'new'> {
  const isRescaled =
    old?.said.kind === 'number' && neu?.said.kind === 'number' && old.said.scale !== neu.said.scale;
  if (isRescaled) return { old: old.key, new: neu.key };
  return { old: old?.text ?? null, new: neu?.text ?? null };
}

/** Where the fields of a frame lie, by the names that the dialects share. */
class Ranges {
  readonly #view: FrameView;
  #leaves: readonly Leaf[] | undefined;

  constructor(view: FrameView) {
    this.#view = view;
  }

  /** Of what has no place of its own, the TLV that it is in. */
  of(path: string): ByteRange {
    const { dialect, bytes } = this.#view;
    const leaves = (this.#leaves ??= describeFrame(dialect, bytes, 'shared'));
    const exact = leaves.find((leaf) => leaf.path === path);
    if (exact !== undefined) return { offset: exact.offset, length: exact.length };
    const tlv = `${path.split('.', 1)[0] ?? ''}.`;
    const inside = leaves.filter((leaf) => leaf.path.startsWith(tlv));
    const first = inside[0];
    const last = inside.at(-1);
    if (first === undefined || last === undefined) return { offset: 0, length: bytes.length };
    return { offset: first.offset, length: last.offset + last.length - first.offset };
  }
}
