/**
 * Names what differs between the two messages of a pair, field by field. The leaves of a frame cover each
 * of its bytes, so no byte difference goes without the name of its field. TLVs are aligned by type first:
 * one that came or went is one difference, and does not make all that follow it differ.
 */
import { diffArrays } from 'diff';
import { assert } from '../lib/assert.ts';
import { equalBytes, toHex } from '../lib/bytes.ts';
import { describeFrame } from '../protocol/leaves.ts';
import type { Dialect, Leaf } from '../protocol/types.ts';
import { checksumState } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import type { Difference, DifferenceClass } from './types.ts';

export interface FrameView {
  readonly dialect: Dialect;
  readonly bytes: Uint8Array;
}

/** The named parts of a frame: the leaves outside of TLVs, and those of each TLV without its `tlv[i]`. */
interface FrameParts {
  readonly view: FrameView;
  readonly outside: ReadonlyMap<string, Leaf>;
  readonly tlvs: readonly TlvPart[];
}

interface TlvPart {
  readonly index: number;
  /** Of the last TLV, where the part is a block of several. */
  readonly lastIndex: number;
  readonly type: number;
  /** Name of the struct, or undefined when the TLV has no layout. */
  readonly name: string | undefined;
  readonly leaves: ReadonlyMap<string, Leaf>;
  readonly offset: number;
  readonly length: number;
}

const TLV_PATH = /^tlv\[(\d+)\]\.?/;
const HEAD_FIELDS: ReadonlySet<string> = new Set(['type', 'length', 'marker', 'reserved']);

/** In order of their place in the frame; never empty when the bytes differ. */
export function compareFrames(oldView: FrameView, newView: FrameView): readonly Difference[] {
  const old = partsOf(oldView);
  const neu = partsOf(newView);
  const differences = compareLeaves(old, neu, old.outside, neu.outside, '');
  for (const step of alignTlvs(old.tlvs, neu.tlvs)) {
    if (step.old !== undefined && step.new !== undefined) {
      const prefix = `tlv[${step.old.index}].`;
      differences.push(...compareLeaves(old, neu, step.old.leaves, step.new.leaves, prefix));
    } else {
      differences.push(tlvOnOneSide(old, neu, step));
    }
  }
  assert(
    differences.length > 0 || equalBytes(oldView.bytes, newView.bytes),
    'other bytes without a difference',
  );
  return differences.sort((left, right) => left.bytes.offset - right.bytes.offset);
}

/** Whether the bytes differ and the meaning does not. */
export function isEncodingOnly(differences: readonly Difference[]): boolean {
  return differences.every((item) => item.class === 'encoding' || item.class === 'padding');
}

function partsOf(view: FrameView): FrameParts {
  const headerBytes = view.dialect.header.sizeBytes;
  const walk = walkTlvs(view.bytes.subarray(headerBytes));
  const outside = new Map<string, Leaf>();
  const leavesOfTlv = walk.tlvs.map(() => new Map<string, Leaf>());
  for (const leaf of describeFrame(view.dialect, view.bytes)) {
    const match = TLV_PATH.exec(leaf.path);
    const leaves = match === null ? undefined : leavesOfTlv[Number(match[1])];
    if (match === null || leaves === undefined) outside.set(leaf.path, leaf);
    else leaves.set(leaf.path.slice(match[0].length), leaf);
  }
  const tlvs = walk.tlvs.map((tlv, index) => {
    const leaves = leavesOfTlv[index] ?? new Map<string, Leaf>();
    return {
      index,
      lastIndex: index,
      type: tlv.type,
      name: structName(leaves.keys()),
      leaves,
      offset: headerBytes + tlv.offset,
      length: tlv.valueOffset - tlv.offset + tlv.length,
    };
  });
  return { view, outside, tlvs };
}

function structName(paths: Iterable<string>): string | undefined {
  for (const path of paths) {
    const name = path.split('.', 1)[0];
    if (path.includes('.') && name !== undefined && !HEAD_FIELDS.has(name)) return name;
  }
  return undefined;
}

interface TlvStep {
  readonly old: TlvPart | undefined;
  readonly new: TlvPart | undefined;
}

/** An edit script costs about edits squared, and a frame may hold thousands of TLVs. */
const TLV_EDITS_MAX = 256;

function* alignTlvs(old: readonly TlvPart[], neu: readonly TlvPart[]): Generator<TlvStep> {
  const types = (parts: readonly TlvPart[]): number[] => parts.map((part) => part.type);
  const script = diffArrays(types(old), types(neu), { maxEditLength: TLV_EDITS_MAX });
  if (script === undefined) {
    yield* alignByPlace(old, neu);
    return;
  }
  let oldAt = 0;
  let newAt = 0;
  for (const part of script) {
    for (let left = part.count; left > 0; left--) {
      yield {
        old: part.added ? undefined : old[oldAt++],
        new: part.removed ? undefined : neu[newAt++],
      };
    }
  }
}

/** Where too much differs: equal ends belong together, and what is between them is one block a side. */
function* alignByPlace(old: readonly TlvPart[], neu: readonly TlvPart[]): Generator<TlvStep> {
  const shorter = Math.min(old.length, neu.length);
  let head = 0;
  while (head < shorter && old[head]?.type === neu[head]?.type) head++;
  let tail = 0;
  while (tail < shorter - head && old.at(-1 - tail)?.type === neu.at(-1 - tail)?.type) tail++;
  for (let at = 0; at < head; at++) yield { old: old[at], new: neu[at] };
  const oldBlock = blockOf(old.slice(head, old.length - tail));
  const newBlock = blockOf(neu.slice(head, neu.length - tail));
  if (oldBlock !== undefined) yield { old: oldBlock, new: undefined };
  if (newBlock !== undefined) yield { old: undefined, new: newBlock };
  for (let at = tail; at > 0; at--) yield { old: old.at(-at), new: neu.at(-at) };
}

function blockOf(parts: readonly TlvPart[]): TlvPart | undefined {
  const [first] = parts;
  const last = parts.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const name = parts.length === 1 ? first.name : undefined;
  const length = last.offset + last.length - first.offset;
  return { ...first, name, length, lastIndex: last.lastIndex };
}

function tlvOnOneSide(old: FrameParts, neu: FrameParts, step: TlvStep): Difference {
  const part = step.old ?? step.new;
  assert(part !== undefined, 'a TLV step without a TLV');
  const { bytes } = (step.old === undefined ? neu : old).view;
  const hex = toHex(bytes.subarray(part.offset, part.offset + part.length));
  const place =
    part.lastIndex === part.index ? `${part.index}` : `${part.index}..${part.lastIndex}`;
  return {
    path: part.name === undefined ? `tlv[${place}]` : `tlv[${place}].${part.name}`,
    old: step.old === undefined ? null : hex,
    new: step.new === undefined ? null : hex,
    bytes: { offset: part.offset, length: part.length },
    class: 'semantic',
  };
}

function compareLeaves(
  old: FrameParts,
  neu: FrameParts,
  oldLeaves: ReadonlyMap<string, Leaf>,
  newLeaves: ReadonlyMap<string, Leaf>,
  prefix: string,
): Difference[] {
  const differences: Difference[] = [];
  for (const path of new Set([...oldLeaves.keys(), ...newLeaves.keys()])) {
    const oldLeaf = oldLeaves.get(path);
    const newLeaf = newLeaves.get(path);
    const oldHex = oldLeaf && leafHex(old, oldLeaf);
    const newHex = newLeaf && leafHex(neu, newLeaf);
    const leaf = oldLeaf ?? newLeaf;
    if (oldHex === newHex || leaf === undefined) continue;
    // Fields of other widths can hold one value: then only the way it is written differs.
    const isSameValue = oldLeaf?.value === newLeaf?.value;
    differences.push({
      path: prefix + path,
      old: (isSameValue ? oldHex : oldLeaf?.value) ?? null,
      new: (isSameValue ? newHex : newLeaf?.value) ?? null,
      bytes: { offset: leaf.offset, length: leaf.length },
      class: classOf({ path, leaf, isSameValue, old, new: neu }),
    });
  }
  return differences;
}

function leafHex(parts: FrameParts, leaf: Leaf): string {
  return toHex(parts.view.bytes.subarray(leaf.offset, leaf.offset + leaf.length));
}

interface LeafDifference {
  readonly path: string;
  readonly leaf: Leaf;
  readonly isSameValue: boolean;
  readonly old: FrameParts;
  readonly new: FrameParts;
}

function classOf(difference: LeafDifference): DifferenceClass {
  const { path, leaf } = difference;
  // A hint only: without rules a message with another time is a changed message.
  if (path === 'header.timestamp') return 'volatile';
  if (path === 'header.checksum') return checksumClass(difference.old.view, difference.new.view);
  return difference.isSameValue && leaf.class === 'semantic' ? 'encoding' : leaf.class;
}

/** Computed or not is a way of writing; a checksum that is wrong on one side only is damage. */
function checksumClass(old: FrameView, neu: FrameView): DifferenceClass {
  const isWrong = (view: FrameView): boolean =>
    checksumState(view.dialect.header, view.bytes) === 'wrong';
  return isWrong(old) === isWrong(neu) && !isWrong(old) ? 'encoding' : 'semantic';
}
