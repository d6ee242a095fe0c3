/**
 * Reads the value of a TLV with the layout of its struct. A layout is compiled once, with binary-parser,
 * and kept. Total: bytes that a layout does not fit give undefined, never an exception.
 */
// The package's "exports" hide its types; this path has both the types and the code.
import { Parser } from 'binary-parser/dist/binary_parser.js';
import { toHex } from '../lib/bytes.ts';
import { assertNever } from '../lib/assert.ts';
import { viewOf } from '../wire/header.ts';
import { fits } from './fit.ts';
import type { FieldLayout, FieldType, FieldValue, FieldValues, StructLayout } from './types.ts';
import { INTEGER_BYTES, readInteger } from './values.ts';

/** Undefined when the bytes do not fit (see fit). Padding is left out; an open end is the field `data`. */
export function decodeStruct(struct: StructLayout, value: Uint8Array): FieldValues | undefined {
  if (!fits(struct, value)) return undefined;
  const fields: Record<string, FieldValue> = compiled(struct).parse(value);
  if (struct.openEnded) fields['data'] = toHex(value.subarray(struct.size));
  return fields;
}

const parsers = new WeakMap<StructLayout, Parser>();

function compiled(struct: StructLayout): Parser {
  let parser = parsers.get(struct);
  if (parser === undefined) {
    parser = structParser(struct);
    parsers.set(struct, parser);
  }
  return parser;
}

function structParser(struct: StructLayout): Parser {
  const parser = new Parser();
  for (const field of struct.fields) addField(parser, field);
  return parser;
}

function addField(parser: Parser, field: FieldLayout): void {
  if (field.padding) parser.seek(field.size);
  else addValue(parser, field.name, field.type);
}

const WIDE_DECIMAL = { formatter: (value: bigint): string => value.toString() };

function addValue(parser: Parser, name: string, type: FieldType): void {
  switch (type.kind) {
    case 'integer':
      return addInteger(parser, name, type);
    case 'bytes':
      parser.buffer(name, { length: type.length, formatter: toHex });
      return;
    case 'struct':
      parser.nest(name, { type: structParser(type.struct) });
      return;
    case 'array':
      parser.array(name, { ...elementsOf(type.element), length: type.count });
      return;
    case 'fixed-vec':
      parser.nest(name, { type: fixedVecParser(type) });
      return;
    case 'list':
      return addList(parser, name, type);
    default:
      assertNever(type, 'field type');
  }
}

function addInteger(
  parser: Parser,
  name: string,
  { integer, endian }: FieldType & { kind: 'integer' },
): void {
  parser.endianness(endian);
  switch (integer) {
    case 'u8':
      parser.uint8(name);
      return;
    case 'u16':
      parser.uint16(name);
      return;
    case 'u32':
      parser.uint32(name);
      return;
    case 'i32':
      parser.int32(name);
      return;
    case 'u64':
      parser.uint64(name, WIDE_DECIMAL);
      return;
    case 'i64':
      parser.int64(name, WIDE_DECIMAL);
      return;
    case 'u128':
    case 'i128':
      parser.buffer(name, {
        length: INTEGER_BYTES[integer],
        formatter: (bytes: Uint8Array) => readInteger(viewOf(bytes), 0, integer, endian).toString(),
      });
      return;
    default:
      assertNever(integer, 'integer type');
  }
}

/** Elements that are no structs are read as structs of one field and then unwrapped. */
const ELEMENT = 'element';

interface ElementOptions {
  readonly type: Parser;
  readonly formatter?: (elements: readonly Readonly<Record<string, unknown>>[]) => unknown[];
}

function elementsOf(element: FieldType): ElementOptions {
  if (element.kind === 'struct') return { type: structParser(element.struct) };
  const type = new Parser();
  addValue(type, ELEMENT, element);
  return { type, formatter: (elements) => elements.map((wrapped) => wrapped[ELEMENT]) };
}

function addList(parser: Parser, name: string, type: FieldType & { kind: 'list' }): void {
  const { count, element } = type;
  if (count.kind === 'field') {
    parser.array(name, { ...elementsOf(element), length: count.name });
    return;
  }
  const counted = new Parser();
  addInteger(counted, 'count', { kind: 'integer', integer: count.integer, endian: count.endian });
  counted.array('elements', { ...elementsOf(element), length: 'count' });
  parser.nest(name, {
    type: counted,
    formatter: (list: { readonly elements: unknown }) => list.elements,
  });
}

function fixedVecParser(type: FieldType & { kind: 'fixed-vec' }): Parser {
  const { capacity, elementBytes, elementsOffset } = type;
  return new Parser()
    .endianness('little')
    .uint16('count')
    .seek(elementsOffset - INTEGER_BYTES.u16)
    .array('elements', { ...elementsOf(type.element), length: 'count' })
    .seek(unusedBytes);

  // binary-parser calls it with the FixedVec read so far as `this`.
  function unusedBytes(this: { readonly count: number }): number {
    return (capacity - this.count) * elementBytes;
  }
}
