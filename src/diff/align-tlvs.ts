/**
 * Says which TLV of one message is which of another: the same type and value at the same place among the others, the
 * same type between the same neighbours, or elsewhere in the message. What is left came or went. Knows nothing of
 * fields.
 */
import { diffArrays } from 'diff';

export interface AlignableTlv {
  readonly type: number;
  /** Equal for equal types and values, however the head is written. */
  readonly content: string;
}

export interface TlvStep<T> {
  readonly old: T | undefined;
  readonly new: T | undefined;
  /** It is the same TLV, but others come before or after it. */
  readonly isMoved: boolean;
}

/** An edit script costs about edits squared, and a frame may hold thousands of TLVs. */
const TLV_EDITS_MAX = 256;

/** In no particular order; the mirror of aligning new and old. undefined: too much differs to say. */
export function alignTlvs<T extends AlignableTlv>(
  old: readonly T[],
  neu: readonly T[],
): readonly TlvStep<T>[] | undefined {
  if (!comesFirst(neu, old)) return align(old, neu);
  return align(neu, old)?.map((step) => ({ ...step, old: step.new, new: step.old }));
}

/** A total order that does not depend on which side they come from. */
function comesFirst(left: readonly AlignableTlv[], right: readonly AlignableTlv[]): boolean {
  if (left.length !== right.length) return left.length < right.length;
  const at = left.findIndex((tlv, index) => tlv.content !== right[index]?.content);
  return at >= 0 && (left[at]?.content ?? '') < (right[at]?.content ?? '');
}

function align<T extends AlignableTlv>(
  old: readonly T[],
  neu: readonly T[],
): readonly TlvStep<T>[] | undefined {
  const steps: TlvStep<T>[] = [];
  const left = { old: [] as T[], new: [] as T[] };
  const byContent = editScript(old, neu, (tlv) => tlv.content);
  if (byContent === undefined) return undefined;
  for (const block of byContent) {
    if (block.isEqual) steps.push(...inPairs(block.old, block.new, false));
    else {
      // Within a block that differs, what has the same type was changed.
      for (const part of editScript(block.old, block.new, (tlv) => tlv.type) ?? [block]) {
        if (part.isEqual) steps.push(...inPairs(part.old, part.new, false));
        else {
          left.old.push(...part.old);
          left.new.push(...part.new);
        }
      }
    }
  }
  for (const keyOf of [(tlv: T) => tlv.content, (tlv: T) => String(tlv.type)]) {
    steps.push(...takeMoved(left, keyOf));
  }
  for (const tlv of left.old) steps.push({ old: tlv, new: undefined, isMoved: false });
  for (const tlv of left.new) steps.push({ old: undefined, new: tlv, isMoved: false });
  return steps;
}

interface Block<T> {
  readonly isEqual: boolean;
  readonly old: readonly T[];
  readonly new: readonly T[];
}

/** Equal stretches, and what is between them. */
function editScript<T>(
  old: readonly T[],
  neu: readonly T[],
  keyOf: (tlv: T) => string | number,
): readonly Block<T>[] | undefined {
  const script = diffArrays(old.map(keyOf), neu.map(keyOf), { maxEditLength: TLV_EDITS_MAX });
  if (script === undefined) return undefined;
  const blocks: Block<T>[] = [];
  let [oldAt, newAt] = [0, 0];
  for (const { added, removed, count } of script) {
    const isEqual = !added && !removed;
    const oldPart = added ? [] : old.slice(oldAt, oldAt + count);
    const newPart = removed ? [] : neu.slice(newAt, newAt + count);
    oldAt += oldPart.length;
    newAt += newPart.length;
    const before = blocks.at(-1);
    if (before !== undefined && !before.isEqual && !isEqual) {
      blocks[blocks.length - 1] = {
        isEqual,
        old: [...before.old, ...oldPart],
        new: [...before.new, ...newPart],
      };
    } else blocks.push({ isEqual, old: oldPart, new: newPart });
  }
  return blocks;
}

function* inPairs<T>(
  old: readonly T[],
  neu: readonly T[],
  isMoved: boolean,
): Generator<TlvStep<T>> {
  for (const [index, tlv] of old.entries()) yield { old: tlv, new: neu[index], isMoved };
}

/** Takes out of what is left what both sides have, the first of equal ones first. */
function takeMoved<T>(
  left: { readonly old: T[]; readonly new: T[] },
  keyOf: (tlv: T) => string,
): readonly TlvStep<T>[] {
  const steps: TlvStep<T>[] = [];
  for (const tlv of left.old.slice()) {
    const at = left.new.findIndex((other) => keyOf(other) === keyOf(tlv));
    const partner = left.new[at];
    if (partner === undefined) continue;
    left.new.splice(at, 1);
    left.old.splice(left.old.indexOf(tlv), 1);
    steps.push({ old: tlv, new: partner, isMoved: true });
  }
  return steps;
}
