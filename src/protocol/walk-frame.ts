/**
 * Visits every byte of a frame in order, once, whatever the bytes are: header fields, TLV heads, fields, padding
 * and unused ends. What a visitor makes of them is its own affair (leaves, remarks).
 */
import { assertNever } from '../lib/assert.ts';
import { viewOf } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import type { HeaderOffsets, Tlv, TlvDefect } from '../wire/types.ts';
import { registeredType, tlvName, tlvValue } from './decode.ts';
import { fits } from './fit.ts';
import { placeFields } from './list-layout.ts';
import { sizeOf } from './resolve-structs.ts';
import type { Dialect, FieldLayout, FieldType, Leaf, StructLayout } from './types.ts';
import { INTEGER_BYTES, type IntegerCoding } from './values.ts';

/** A TLV before its bytes are visited. */
export interface VisitedTlv {
  readonly tlv: Tlv;
  readonly name: string;
  /** `tlv[0]`. */
  readonly path: string;
  readonly value: Uint8Array;
  /** The struct that its bytes follow; undefined when they stay raw. */
  readonly struct: StructLayout | undefined;
}

/** Offsets count from the start of the frame. */
export interface FrameVisitor {
  headerField(name: keyof HeaderOffsets, offset: number): void;
  tlv?(tlv: VisitedTlv): void;
  /** Part of the head of a TLV, or the count of elements. Neither is a field of a struct. */
  head(path: string, offset: number, coding: IntegerCoding, what: HeadPart): void;
  /** `field`: the field that the number is, or is an element of. */
  integer(path: string, offset: number, coding: IntegerCoding, field: FieldLayout): void;
  /** `length` may be 0. `field`: the field of a struct that the bytes are, or are an element of. */
  bytes(
    path: string,
    offset: number,
    length: number,
    leafClass: Leaf['class'],
    field?: FieldLayout,
  ): void;
  defect?(defect: TlvDefect): void;
}

export interface HeadPart {
  readonly class: 'semantic' | 'encoding';
  /** What the number means, for people. */
  readonly shown?: string;
}

const U8 = { integer: 'u8', endian: 'little' } as const;
const U16 = { integer: 'u16', endian: 'little' } as const;
const SEMANTIC: HeadPart = { class: 'semantic' };
const ENCODING: HeadPart = { class: 'encoding' };

/**
 * How paths name fields: as the layout does, or as all dialects do (docs of `as` in the schemas): then the elements
 * of a FixedVec are named as those of an array or a list.
 */
export type FieldNaming = 'own' | 'shared';

/** Bytes that are too few for a header are visited as `undecoded`. */
export function walkFrame(
  dialect: Dialect,
  frame: Uint8Array,
  visitor: FrameVisitor,
  naming: FieldNaming = 'own',
): void {
  const { sizeBytes, generation } = dialect.header;
  if (frame.byteLength < sizeBytes) {
    visitor.bytes('undecoded', 0, frame.byteLength, 'semantic');
    return;
  }
  for (const { name, offset } of dialect.headerFields.get(generation) ?? [])
    visitor.headerField(name, offset);
  const payload = frame.subarray(sizeBytes);
  const { tlvs, defect } = walkTlvs(payload);
  const view = viewOf(frame);
  const context = { dialect, payload, payloadAt: sizeBytes, view, visitor, naming };
  for (const [index, tlv] of tlvs.entries()) walkTlv(context, tlv, `tlv[${index}]`);
  if (defect !== undefined) {
    visitor.defect?.(defect);
    visitor.bytes('payload.undecoded', sizeBytes + defect.offset, defect.length, 'semantic');
  }
}

interface WalkContext {
  readonly dialect: Dialect;
  readonly payload: Uint8Array;
  /** Offset of the payload in the frame. */
  readonly payloadAt: number;
  readonly view: DataView;
  readonly visitor: FrameVisitor;
  readonly naming: FieldNaming;
}

function nameOf({ naming }: WalkContext, field: FieldLayout): string {
  return naming === 'own' ? field.name : (field.as ?? field.name);
}

function walkTlv(context: WalkContext, tlv: Tlv, path: string): void {
  const { dialect, payload, payloadAt, visitor } = context;
  const name = tlvName(dialect, tlv.type);
  const value = tlvValue(tlv, payload);
  const registered = registeredType(dialect, tlv.type)?.struct;
  const struct = registered && fits(registered, value) ? registered : undefined;
  visitor.tlv?.({ tlv, name, path, value, struct });
  const at = payloadAt + tlv.offset;
  const type = { class: 'semantic', shown: name } as const;
  if (tlv.extended) {
    visitor.head(`${path}.marker`, at, U8, ENCODING);
    visitor.head(`${path}.reserved`, at + 1, U8, ENCODING);
    visitor.head(`${path}.type`, at + 2, U8, type);
    visitor.head(`${path}.length`, at + 3, U16, ENCODING);
  } else {
    visitor.head(`${path}.type`, at, U8, type);
    visitor.head(`${path}.length`, at + 1, U8, ENCODING);
  }
  const valueAt = payloadAt + tlv.valueOffset;
  const valuePath = `${path}.${name}`;
  if (struct === undefined) {
    visitor.bytes(`${valuePath}.raw`, valueAt, tlv.length, 'semantic');
    return;
  }
  walkValueStruct(context, struct, value, { at: valueAt, path: valuePath });
  if (struct.openEnded) {
    const endBytes = tlv.length - struct.size;
    visitor.bytes(`${valuePath}.data`, valueAt + struct.size, endBytes, 'semantic');
  }
}

interface Place {
  readonly at: number;
  readonly path: string;
}

/** The struct of a TLV, which alone may have lists. */
function walkValueStruct(
  context: WalkContext,
  struct: StructLayout,
  value: Uint8Array,
  { at, path }: Place,
): void {
  const placed = struct.hasLists ? placeFields(struct, value) : undefined;
  if (placed === undefined) {
    walkStruct(context, struct, { at, path });
    return;
  }
  for (const { field, offset, count } of placed) {
    const place = { at: at + offset, path: `${path}.${nameOf(context, field)}` };
    if (field.type.kind !== 'list') {
      walkField(context, field, place);
      continue;
    }
    const { type } = field;
    if (type.count.kind === 'prefix')
      context.visitor.head(`${place.path}.count`, place.at, type.count, ENCODING);
    const elements = { at: place.at + field.size, path: place.path };
    walkElements(context, { type: type.element, field }, count, elements);
  }
}

function walkStruct(context: WalkContext, struct: StructLayout, { at, path }: Place): void {
  for (const field of struct.fields) {
    const place = { at: at + field.offset, path: `${path}.${nameOf(context, field)}` };
    walkField(context, field, place);
  }
}

function walkField(context: WalkContext, field: FieldLayout, place: Place): void {
  if (field.padding) context.visitor.bytes(place.path, place.at, field.size, 'padding');
  else walkValue(context, { type: field.type, field }, place);
}

interface Typed {
  readonly type: FieldType;
  /** The field that the value is, or is an element of. */
  readonly field: FieldLayout;
}

function walkValue(context: WalkContext, { type, field }: Typed, place: Place): void {
  const { path, at } = place;
  switch (type.kind) {
    case 'integer':
      return context.visitor.integer(path, at, type, field);
    case 'bytes':
      return context.visitor.bytes(path, at, type.length, 'semantic', field);
    case 'struct':
      return walkStruct(context, type.struct, place);
    case 'array':
      return walkElements(context, { type: type.element, field }, type.count, place);
    case 'fixed-vec':
      return walkFixedVec(context, type, field, place);
    // Only walkValueStruct meets lists.
    case 'list':
      return;
    default:
      assertNever(type, 'field type');
  }
}

function walkFixedVec(
  context: WalkContext,
  type: FieldType & { kind: 'fixed-vec' },
  field: FieldLayout,
  { at, path }: Place,
): void {
  const { view, visitor } = context;
  const count = view.getUint16(at, true);
  const { element, elementBytes, elementsOffset, capacity } = type;
  const elementsAt = at + elementsOffset;
  const countBytes = INTEGER_BYTES.u16;
  visitor.head(`${path}.count`, at, U16, SEMANTIC);
  visitor.bytes(`${path}._padding`, at + countBytes, elementsOffset - countBytes, 'padding');
  const elementsPath = context.naming === 'own' ? `${path}.elements` : path;
  const elements = { at: elementsAt, path: elementsPath };
  walkElements(context, { type: element, field }, count, elements);
  const usedBytes = count * elementBytes;
  const unusedBytes = capacity * elementBytes - usedBytes;
  visitor.bytes(`${path}.unused`, elementsAt + usedBytes, unusedBytes, 'encoding');
}

function walkElements(
  context: WalkContext,
  element: Typed,
  count: number,
  { at, path }: Place,
): void {
  const bytes = sizeOf(element.type);
  for (let index = 0; index < count; index++) {
    walkValue(context, element, { at: at + index * bytes, path: `${path}[${index}]` });
  }
}
