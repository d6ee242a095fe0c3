/**
 * Reads the value of a TLV with the layout of its struct. Each layout is compiled once, to a function that reads every
 * field at its place and makes the result in one go (docs/decisions/0008). Total: bytes that a layout does not fit
 * give undefined, never an exception.
 */
import { assertNever } from '../lib/assert.ts';
import { wholeView } from '../wire/header.ts';
import { fitOf, haveRoom } from './fit.ts';
import { sizeOf } from './resolve-structs.ts';
import type { DecodedFields, FieldLayout, FieldType, IntegerType, StructLayout } from './types.ts';
import { HALF_BYTES, type IntegerCoding, joinHalves } from './values.ts';

/** `view` shows all of `buffer`; the value begins at `at` of both. Undefined when the bytes do not fit (see fit). */
export type ReadValue = (
  view: DataView,
  buffer: ArrayBufferLike,
  at: number,
  length: number,
) => DecodedFields | undefined;

/** Padding is left out; an open end is the field `data`. */
export function decodeStruct(struct: StructLayout, value: Uint8Array): DecodedFields | undefined {
  const { buffer, byteOffset, byteLength } = value;
  return valueReader(struct)(wholeView(buffer), buffer, byteOffset, byteLength);
}

const readers = new WeakMap<StructLayout, ReadValue>();

/** decodeStruct for those who read many values out of one buffer. */
export function valueReader(struct: StructLayout): ReadValue {
  let reader = readers.get(struct);
  if (reader === undefined) {
    reader = makeReader(struct);
    readers.set(struct, reader);
  }
  return reader;
}

function makeReader(struct: StructLayout): ReadValue {
  const read = compile(struct);
  const fit = fitOf(struct);
  if (fit.kind === 'size') {
    const { sizeBytes, counts } = fit;
    return (view, buffer, at, length) =>
      length === sizeBytes && haveRoom(counts, view, at)
        ? read(view, buffer, at, length)
        : undefined;
  }
  const { test } = fit;
  return (view, buffer, at, length) =>
    test(new Uint8Array(buffer, at, length)) ? read(view, buffer, at, length) : undefined;
}

/** Of bytes that fit. */
function compile(struct: StructLayout): ReadValue {
  const source = new StructSource().sourceOf(struct);
  // oxlint-disable-next-line typescript/no-implied-eval -- Names are restricted to what is safe (schema-shape).
  return new Function('joinHalves', source)(joinHalves);
}

/** Writes the source of a function that reads a struct. Local names end in `$`, so that no field is in their way. */
class StructSource {
  /** One for each shape of elements: `elements0`, `elements1`, ... */
  readonly #elementReaders: string[] = [];

  sourceOf(struct: StructLayout): string {
    const fields = struct.fields.filter((field) => !field.padding);
    const reads = fields.map((field) => this.#readField(field));
    const values = fields.map(({ name }) => `${name}: ${name}$`);
    if (struct.openEnded)
      values.push(`data: new Uint8Array(buffer, at + ${struct.size}, length - ${struct.size})`);
    return [
      '"use strict";',
      ...this.#elementReaders,
      'return function read(view, buffer, at, length) {',
      ...reads,
      `return { ${values.join(', ')} };`,
      '};',
    ].join('\n');
  }

  /** Behind a list, `at` moves on by its elements: offsets are those of a struct with empty lists. */
  #readField({ name, type, offset }: FieldLayout): string {
    if (type.kind !== 'list') return `const ${name}$ = ${this.#value(type, offset)};`;
    const { count, element, elementBytes } = type;
    const number = count.kind === 'field' ? `${count.name}$` : integer(count, offset);
    const elements = this.#elements(element, offset + sizeOf(type), `${name}$count`);
    return [
      `const ${name}$count = ${number};`,
      `const ${name}$ = ${elements};`,
      `at += ${name}$count * ${elementBytes};`,
    ].join('\n');
  }

  /** An expression; `offset` counts from `at`. */
  #value(type: FieldType, offset: number): string {
    switch (type.kind) {
      case 'integer':
        return integer(type, offset);
      case 'bytes':
        return `new Uint8Array(buffer, at + ${offset}, ${type.length})`;
      case 'struct':
        return this.#struct(type.struct, offset);
      case 'array':
        return this.#elements(type.element, offset, String(type.count));
      case 'fixed-vec': {
        const count = `view.getUint16(at + ${offset}, true)`;
        const elements = this.#elements(type.element, offset + type.elementsOffset, count);
        return `{ count: ${count}, elements: ${elements} }`;
      }
      case 'list':
        throw new TypeError('only fields of the struct of a TLV are lists');
      default:
        return assertNever(type, 'field type');
    }
  }

  #struct({ fields }: StructLayout, offset: number): string {
    const values = fields
      .filter((field) => !field.padding)
      .map((field) => `${field.name}: ${this.#value(field.type, offset + field.offset)}`);
    return `{ ${values.join(', ')} }`;
  }

  #elements(element: FieldType, offset: number, count: string): string {
    const value = this.#value(element, 0);
    const name = `elements${this.#elementReaders.length}`;
    this.#elementReaders.push(`function ${name}(view, buffer, at, count) {
const list = [];
for (let index = 0; index < count; index++, at += ${sizeOf(element)}) list.push(${value});
return list;
}`);
    return `${name}(view, buffer, at + ${offset}, ${count})`;
  }
}

const GETTERS: Readonly<Record<Exclude<IntegerType, 'u128' | 'i128'>, string>> = {
  u8: 'getUint8',
  u16: 'getUint16',
  u32: 'getUint32',
  i32: 'getInt32',
  u64: 'getBigUint64',
  i64: 'getBigInt64',
};

/** readInteger as an expression. */
function integer({ integer: type, endian }: IntegerCoding, offset: number): string {
  const get = (kind: keyof typeof GETTERS, at: number): string =>
    `view.${GETTERS[kind]}(at + ${at}, ${endian === 'little'})`;
  if (type !== 'u128' && type !== 'i128') return get(type, offset);
  const [low, high] =
    endian === 'little' ? [offset, offset + HALF_BYTES] : [offset + HALF_BYTES, offset];
  return `joinHalves(${get('u64', low)}, ${get(type === 'u128' ? 'u64' : 'i64', high)})`;
}
