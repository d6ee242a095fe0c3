/** Takes what noise explains out of the differences of one pair. */
import { checksumState } from '../../wire/header.ts';
import type { FrameView } from '../compare-frames.ts';
import type { Difference } from '../types.ts';
import { CHECKSUM_FIELD, fieldOf, fieldsOf } from './fields.ts';
import type { PairNoise } from './stage.ts';

/** What is left: what no noise is, and the values that do not fit theirs. */
export function unexplained(
  differences: readonly Difference[],
  noise: PairNoise,
  views: { readonly old: FrameView; readonly new: FrameView },
): readonly Difference[] {
  const alarmed = new Set(noise.alarms.map(({ path }) => path));
  const moved = movedElements(noise.orderFree, views);
  return differences.filter(({ path }) => {
    if (alarmed.has(path)) return true;
    if (path === CHECKSUM_FIELD) return !checksumFollows(noise, views);
    return !noise.fields.has(fieldOf(path)) && !isIn(moved, path);
  });
}

function checksumFollows(
  { checksumMayBeZero }: PairNoise,
  { old, new: neu }: { readonly old: FrameView; readonly new: FrameView },
): boolean {
  const [left, right] = [old, neu].map(({ dialect, bytes }) =>
    checksumState(dialect.header, bytes),
  );
  if (left === 'wrong' || right === 'wrong') return false;
  return left === right || checksumMayBeZero;
}

/** Elements that both messages have, if in other places. */
function movedElements(
  arrays: ReadonlySet<string>,
  views: { readonly old: FrameView; readonly new: FrameView },
): ReadonlySet<string> {
  const moved = new Set<string>();
  for (const array of arrays) {
    const old = elementsOf(array, views.old);
    const neu = elementsOf(array, views.new);
    const left = new Map<string, number>();
    for (const value of neu.values()) left.set(value, (left.get(value) ?? 0) + 1);
    const missing = new Set(old.keys());
    for (const [path, value] of old) {
      const count = left.get(value) ?? 0;
      if (count === 0) continue;
      left.set(value, count - 1);
      missing.delete(path);
    }
    // As many elements changed as old has that new has not: those of old name them.
    for (const path of new Set([...old.keys(), ...neu.keys()])) {
      if (!missing.has(path) && (old.has(path) || missing.size > 0 || old.size === neu.size)) {
        moved.add(path);
      }
    }
  }
  return moved;
}

/** Path of each element -> its bytes. */
function elementsOf(array: string, { dialect, bytes }: FrameView): ReadonlyMap<string, string> {
  const elements = new Map<string, string>();
  for (const { field, path, offset, length } of fieldsOf(dialect, bytes)) {
    if (!field.startsWith(array)) continue;
    const element = path.slice(0, path.indexOf(']', array.length - '[]'.length) + 1);
    const value = Buffer.from(bytes.subarray(offset, offset + length)).toString('hex');
    elements.set(element, `${elements.get(element) ?? ''} ${value}`);
  }
  return elements;
}

function isIn(elements: ReadonlySet<string>, path: string): boolean {
  for (const element of elements) {
    if (path === element || path.startsWith(`${element}.`)) return true;
  }
  return false;
}
