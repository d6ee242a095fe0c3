/**
 * Which bytes of two messages differ. Bytes are compared within the rows that name them, so a range that
 * only one side has does not shift what follows it. Free of the DOM: the tests of the report import it.
 */
import { diffArrays } from 'diff';
import type { DivergenceDetail, FieldRow } from '../model.ts';

/** How a byte relates to the other side. `alone`: the other side has no such byte. */
export const MARK = { same: 0, changed: 1, alone: 2 } as const;

export interface MessageBytes {
  readonly bytes: Uint8Array;
  /** One of MARK for each byte. */
  readonly marks: Uint8Array;
  /** Position of the row that names each byte, -1 for none. */
  readonly rows: Int32Array;
}

export interface DetailBytes {
  readonly old: MessageBytes | null;
  readonly new: MessageBytes | null;
}

/** Beyond this many edits two byte ranges are simply different; finding the shortest edit costs a square. */
const EDITS_MAX = 2_000;

export function markBytes(detail: DivergenceDetail): DetailBytes {
  const old = detail.old === null ? null : unmarked(detail.old.hex);
  const candidate = detail.new === null ? null : unmarked(detail.new.hex);
  for (const [index, row] of detail.fields.entries()) {
    if (row.old !== null) fillRange(old?.rows, row.old, index);
    if (row.new !== null) fillRange(candidate?.rows, row.new, index);
  }
  if (old !== null && candidate !== null) {
    if (detail.fields.some((row) => row.old !== null && row.new !== null)) {
      for (const row of detail.fields) markRow(row, old, candidate);
    } else {
      markRanges(old, { offset: 0, length: old.bytes.length }, candidate, {
        offset: 0,
        length: candidate.bytes.length,
      });
    }
  }
  return { old, new: candidate };
}

function parseHexText(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16);
  }
  return bytes;
}

function unmarked(hex: string): MessageBytes {
  const bytes = parseHexText(hex);
  return {
    bytes,
    marks: new Uint8Array(bytes.length),
    rows: new Int32Array(bytes.length).fill(-1),
  };
}

interface Range {
  readonly offset: number;
  readonly length: number;
}

function fillRange(target: Uint8Array | Int32Array | undefined, range: Range, value: number): void {
  target?.fill(value, range.offset, range.offset + range.length);
}

function markRow(row: FieldRow, old: MessageBytes, candidate: MessageBytes): void {
  if (!row.differs) return;
  if (row.old !== null && row.new !== null) markRanges(old, row.old, candidate, row.new);
  else if (row.old !== null) fillRange(old.marks, row.old, MARK.alone);
  else if (row.new !== null) fillRange(candidate.marks, row.new, MARK.alone);
}

function markRanges(
  old: MessageBytes,
  oldRange: Range,
  candidate: MessageBytes,
  newRange: Range,
): void {
  if (oldRange.length === newRange.length) {
    for (let index = 0; index < oldRange.length; index++) {
      if (old.bytes[oldRange.offset + index] !== candidate.bytes[newRange.offset + index]) {
        old.marks[oldRange.offset + index] = MARK.changed;
        candidate.marks[newRange.offset + index] = MARK.changed;
      }
    }
    return;
  }
  const changes = diffArrays(bytesOf(old, oldRange), bytesOf(candidate, newRange), {
    maxEditLength: EDITS_MAX,
  });
  if (changes === undefined) {
    fillRange(old.marks, oldRange, MARK.changed);
    fillRange(candidate.marks, newRange, MARK.changed);
    return;
  }
  let oldOffset = oldRange.offset;
  let newOffset = newRange.offset;
  for (const { removed, added, count } of changes) {
    if (removed) fillRange(old.marks, { offset: oldOffset, length: count }, MARK.alone);
    if (added) fillRange(candidate.marks, { offset: newOffset, length: count }, MARK.alone);
    if (!added) oldOffset += count;
    if (!removed) newOffset += count;
  }
}

function bytesOf(message: MessageBytes, range: Range): number[] {
  return [...message.bytes.subarray(range.offset, range.offset + range.length)];
}
