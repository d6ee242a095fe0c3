/**
 * Names what differs between the two messages of a pair, field by field. The leaves of a frame cover each
 * of its bytes, so no byte difference goes without the name of its field. TLVs are aligned by type first:
 * one that came or went is one difference, and does not make all that follow it differ.
 */
import { assert } from '../lib/assert.ts';
import { equalBytes, toHex } from '../lib/bytes.ts';
import { tlvName } from '../protocol/decode.ts';
import { describeFrame } from '../protocol/leaves.ts';
import type { Dialect, Leaf } from '../protocol/types.ts';
import { checksumState } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import { alignTlvs, type TlvStep } from './align-tlvs.ts';
import { compareInPlace } from './compare-in-place.ts';
import type { Difference, DifferenceClass } from './types.ts';

export interface FrameView {
  readonly dialect: Dialect;
  readonly bytes: Uint8Array;
}

/** The named parts of a frame: the leaves outside of TLVs, and those of each TLV without its `tlv[i]`. */
interface FrameParts {
  readonly view: FrameView;
  readonly leaves: readonly Leaf[];
  readonly outside: ReadonlyMap<string, Leaf>;
  readonly tlvs: readonly TlvPart[];
}

interface TlvPart {
  readonly index: number;
  /** Of the last TLV, where the part is a block of several. */
  readonly lastIndex: number;
  readonly type: number;
  /** Type and value. */
  readonly content: string;
  /** undefined: several TLVs. */
  readonly name: string | undefined;
  readonly leaves: ReadonlyMap<string, Leaf>;
  readonly offset: number;
  readonly length: number;
}

/** Of a TLV or of a list. */
const HEAD_PATH = /\.(marker|reserved|length|count)$/;
const TLV_PATH = /^tlv\[(\d+)\]\.?/;
type Step = TlvStep<TlvPart>;

/**
 * In order of their place in the frame; never empty when the bytes differ. TLVs are aligned first, so that one that
 * came, went or moved is one difference; unless the structure itself was damaged, and fewer fields say it all when the
 * bytes are compared where they stand.
 */
export function compareFrames(oldView: FrameView, newView: FrameView): readonly Difference[] {
  const old = partsOf(oldView);
  const neu = partsOf(newView);
  const aligned = compareAligned(old, neu);
  assert(
    aligned.length > 0 || equalBytes(oldView.bytes, newView.bytes),
    'other bytes without a difference',
  );
  const inPlace = old.view.bytes.length === neu.view.bytes.length ? compareDamaged(old, neu) : [];
  const differences =
    inPlace.length > 0 && inPlace.length < aligned.length ? [...inPlace] : aligned;
  return differences.sort((left, right) => left.bytes.offset - right.bytes.offset);
}

function compareAligned(old: FrameParts, neu: FrameParts): Difference[] {
  const differences = compareLeaves(old, neu, old.outside, neu.outside, '');
  for (const step of alignTlvs(old.tlvs, neu.tlvs) ?? alignByPlace(old.tlvs, neu.tlvs)) {
    const { old: oldTlv, new: newTlv, isMoved } = step;
    if (oldTlv === undefined || newTlv === undefined) {
      differences.push(tlvOnOneSide(old, neu, step));
      continue;
    }
    if (isMoved) differences.push(movedTlv(oldTlv, newTlv));
    const prefix = `tlv[${oldTlv.index}].`;
    differences.push(...compareLeaves(old, neu, oldTlv.leaves, newTlv.leaves, prefix));
  }
  return differences;
}

/** What says how bytes are to be read is no mere way of writing when they are then read otherwise. */
function compareDamaged(old: FrameParts, neu: FrameParts): readonly Difference[] {
  return compareInPlace(
    { bytes: old.view.bytes, leaves: old.leaves },
    { bytes: neu.view.bytes, leaves: neu.leaves },
    (leaf) => {
      if (leaf.class === 'encoding' && HEAD_PATH.test(leaf.path)) return 'semantic';
      return classOf({ path: leaf.path, leaf, isSameValue: false, old, new: neu });
    },
  );
}

/** Whether the bytes differ and the meaning does not. */
export function isEncodingOnly(differences: readonly Difference[]): boolean {
  return differences.every((item) => item.class === 'encoding' || item.class === 'padding');
}

function partsOf(view: FrameView): FrameParts {
  const headerBytes = view.dialect.header.sizeBytes;
  const walk = walkTlvs(view.bytes.subarray(headerBytes));
  const leaves = describeFrame(view.dialect, view.bytes);
  const outside = new Map<string, Leaf>();
  const leavesOfTlv = walk.tlvs.map(() => new Map<string, Leaf>());
  for (const leaf of leaves) {
    const match = TLV_PATH.exec(leaf.path);
    const ofTlv = match === null ? undefined : leavesOfTlv[Number(match[1])];
    if (match === null || ofTlv === undefined) outside.set(leaf.path, leaf);
    else ofTlv.set(leaf.path.slice(match[0].length), leaf);
  }
  const tlvs = walk.tlvs.map((tlv, index) => {
    const valueAt = headerBytes + tlv.valueOffset;
    const value = view.bytes.subarray(valueAt, valueAt + tlv.length);
    return {
      index,
      lastIndex: index,
      type: tlv.type,
      content: `${tlv.type} ${toHex(value)}`,
      name: tlvName(view.dialect, tlv.type),
      leaves: leavesOfTlv[index] ?? new Map<string, Leaf>(),
      offset: headerBytes + tlv.offset,
      length: tlv.valueOffset - tlv.offset + tlv.length,
    };
  });
  return { view, leaves, outside, tlvs };
}

/** Where too much differs: equal ends belong together, and what is between them is one block a side. */
function* alignByPlace(old: readonly TlvPart[], neu: readonly TlvPart[]): Generator<Step> {
  const shorter = Math.min(old.length, neu.length);
  let head = 0;
  while (head < shorter && old[head]?.type === neu[head]?.type) head++;
  let tail = 0;
  while (tail < shorter - head && old.at(-1 - tail)?.type === neu.at(-1 - tail)?.type) tail++;
  for (let at = 0; at < head; at++) yield { old: old[at], new: neu[at], isMoved: false };
  const oldBlock = blockOf(old.slice(head, old.length - tail));
  const newBlock = blockOf(neu.slice(head, neu.length - tail));
  if (oldBlock !== undefined) yield { old: oldBlock, new: undefined, isMoved: false };
  if (newBlock !== undefined) yield { old: undefined, new: newBlock, isMoved: false };
  for (let at = tail; at > 0; at--) yield { old: old.at(-at), new: neu.at(-at), isMoved: false };
}

function blockOf(parts: readonly TlvPart[]): TlvPart | undefined {
  const [first] = parts;
  const last = parts.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const name = parts.length === 1 ? first.name : undefined;
  const length = last.offset + last.length - first.offset;
  return { ...first, name, length, lastIndex: last.lastIndex };
}

function movedTlv(old: TlvPart, neu: TlvPart): Difference {
  return {
    path: `tlv[${old.index}].${old.name}`,
    old: String(old.index),
    new: String(neu.index),
    bytes: { offset: old.offset, length: old.length },
    class: 'semantic',
    change: 'moved',
  };
}

function tlvOnOneSide(old: FrameParts, neu: FrameParts, step: Step): Difference {
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
    change: step.old === undefined ? 'added' : 'removed',
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
    const oldBytes = oldLeaf && leafBytes(old, oldLeaf);
    const newBytes = newLeaf && leafBytes(neu, newLeaf);
    const leaf = oldLeaf ?? newLeaf;
    if (leaf === undefined) continue;
    if (oldBytes !== undefined && newBytes !== undefined && equalBytes(oldBytes, newBytes))
      continue;
    const oldHex = oldBytes && toHex(oldBytes);
    const newHex = newBytes && toHex(newBytes);
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

function leafBytes(parts: FrameParts, leaf: Leaf): Uint8Array {
  return parts.view.bytes.subarray(leaf.offset, leaf.offset + leaf.length);
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
