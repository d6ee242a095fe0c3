/**
 * What of a value can only be said once its bytes are there: numbers of enums, padding, counts of FixedVecs and lists.
 * Worked out once for a struct, so that millions of messages are looked at without walking their layout, and without
 * naming a place. Finds the same kinds as `eachRemark`.
 */
import { u16At, wholeView } from '../wire/header.ts';
import { fitOf, haveRoom, overfullCount } from './fit.ts';
import { placeFields } from './list-layout.ts';
import { type RemarkKind, REMARK_KINDS } from './remark-kind.ts';
import { isNamed } from './remarks.ts';
import { sizeOf } from './resolve-structs.ts';
import type { EnumTable, FieldLayout, FieldType, StructLayout } from './types.ts';
import { INTEGER_BYTES, type IntegerCoding, readInteger } from './values.ts';

/** Kinds of remarks are bits of one number. */
export function remarkBit(kind: RemarkKind): number {
  return 1 << REMARK_KINDS.indexOf(kind);
}

/** Bits of the kinds of remarks on what begins at `at`; it must be there in full. */
export type RemarkCheck = (bytes: Uint8Array, at: number) => number;

const UNFIT = remarkBit('unfit-struct');
const OVERFULL = remarkBit('count-over-capacity');
const UNNAMED = remarkBit('unknown-enum-number');
const PADDED = remarkBit('non-zero-padding');

/** Of a value with this length of a TLV whose registered struct this is; undefined: nothing can be odd. */
export function valueCheck(struct: StructLayout, length: number): RemarkCheck | undefined {
  if (struct.hasLists) return listsCheck(struct, length);
  if (struct.openEnded ? length < struct.size : length !== struct.size) return () => UNFIT;
  const check = structCheck(struct);
  const fit = fitOf(struct);
  if (fit.kind === 'test') {
    return (bytes, at) =>
      fit.test(bytes.subarray(at, at + length)) ? (check?.(bytes, at) ?? 0) : OVERFULL;
  }
  const { counts } = fit;
  if (counts.length === 0) return check;
  return (bytes, at) => {
    const hasRoom = haveRoom(counts, wholeView(bytes.buffer), bytes.byteOffset + at);
    return hasRoom ? (check?.(bytes, at) ?? 0) : OVERFULL;
  };
}

/** Where the fields of such a struct lie is different in each value. */
function listsCheck(struct: StructLayout, length: number): RemarkCheck {
  const checks = new Map(
    struct.fields.map((field) => {
      const { type } = field;
      const check = type.kind === 'list' ? typeCheck(type.element, field) : fieldCheck(field);
      return [field, check];
    }),
  );
  return (bytes, at) => {
    const value = bytes.subarray(at, at + length);
    const placed = placeFields(struct, value);
    if (placed === undefined) return UNFIT;
    if (overfullCount(struct, value) !== undefined) return OVERFULL;
    let kinds = 0;
    for (const { field, offset, count } of placed) {
      const check = checks.get(field);
      if (check === undefined) continue;
      const { type, size } = field;
      kinds |=
        type.kind === 'list'
          ? repeated(check, count, type.elementBytes, value, offset + size)
          : check(value, offset);
    }
    return kinds;
  };
}

const checksOfStructs = new WeakMap<StructLayout, { readonly check: RemarkCheck | undefined }>();

/** Of a struct without lists whose counts are within their capacity. */
function structCheck(struct: StructLayout): RemarkCheck | undefined {
  let known = checksOfStructs.get(struct);
  if (known === undefined) {
    known = { check: makeStructCheck(struct) };
    checksOfStructs.set(struct, known);
  }
  return known.check;
}

function makeStructCheck({ fields }: StructLayout): RemarkCheck | undefined {
  const parts = fields.flatMap((field) => {
    const check = fieldCheck(field);
    return check === undefined ? [] : [{ check, offset: field.offset }];
  });
  if (parts.length === 0) return undefined;
  return (bytes, at) => {
    let kinds = 0;
    for (const { check, offset } of parts) kinds |= check(bytes, at + offset);
    return kinds;
  };
}

function fieldCheck(field: FieldLayout): RemarkCheck | undefined {
  return field.padding ? zeroCheck(field.size) : typeCheck(field.type, field);
}

/** `field`: the field that the value is, or is an element of. */
function typeCheck(type: FieldType, field: FieldLayout): RemarkCheck | undefined {
  switch (type.kind) {
    case 'integer':
      return field.enum && enumCheck(field.enum, type);
    case 'bytes':
    // Only `listedKinds` meets lists.
    case 'list':
      return undefined;
    case 'struct':
      return structCheck(type.struct);
    case 'array': {
      const { element, count } = type;
      const check = typeCheck(element, field);
      const stepBytes = sizeOf(element);
      return check && ((bytes, at) => repeated(check, count, stepBytes, bytes, at));
    }
    case 'fixed-vec':
      return fixedVecCheck(type, field);
  }
}

function fixedVecCheck(
  { element, elementBytes, elementsOffset, capacity }: FieldType & { kind: 'fixed-vec' },
  field: FieldLayout,
): RemarkCheck {
  const check = typeCheck(element, field);
  return (bytes, at) => {
    const count = u16At(bytes, at);
    const elementsAt = at + elementsOffset;
    const usedEnd = elementsAt + count * elementBytes;
    const isClean =
      isZero(bytes, at + INTEGER_BYTES.u16, elementsAt) &&
      isZero(bytes, usedEnd, elementsAt + capacity * elementBytes);
    const kinds = isClean ? 0 : PADDED;
    return check === undefined
      ? kinds
      : kinds | repeated(check, count, elementBytes, bytes, elementsAt);
  };
}

function repeated(
  check: RemarkCheck,
  count: number,
  stepBytes: number,
  bytes: Uint8Array,
  at: number,
): number {
  let kinds = 0;
  for (let index = 0; index < count; index++) kinds |= check(bytes, at + index * stepBytes);
  return kinds;
}

function enumCheck(table: EnumTable, { integer, endian }: IntegerCoding): RemarkCheck {
  if (integer === 'u8') {
    const kinds = Uint8Array.from({ length: 256 }, (_, value) => (isNamed(table, value) ? 0 : 1));
    return (bytes, at) => (kinds[bytes[at] ?? 0] === 0 ? 0 : UNNAMED);
  }
  if (integer === 'u16' && endian === 'little')
    return (bytes, at) => (isNamed(table, u16At(bytes, at)) ? 0 : UNNAMED);
  return (bytes, at) => {
    const view = wholeView(bytes.buffer);
    const value = Number(readInteger(view, bytes.byteOffset + at, integer, endian));
    return isNamed(table, value) ? 0 : UNNAMED;
  };
}

function zeroCheck(length: number): RemarkCheck {
  return (bytes, at) => (isZero(bytes, at, at + length) ? 0 : PADDED);
}

/** More bytes than this are compared faster by native code than looked at here. */
const LOOKED_AT_HERE_BYTES = 48;
const ZEROS = Buffer.alloc(4_096);

function isZero(bytes: Uint8Array, from: number, end: number): boolean {
  let at = from;
  for (; end - at > LOOKED_AT_HERE_BYTES; at += ZEROS.length) {
    const stop = Math.min(end, at + ZEROS.length);
    if (ZEROS.compare(bytes, at, stop, 0, stop - at) !== 0) return false;
  }
  for (; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}
