/**
 * Reads the value of a TLV with the layout of its struct. A layout is compiled once, with binary-parser,
 * and kept. Total: bytes that a layout does not fit give undefined, never an exception.
 */
// The package's "exports" hide its types; this path has both the types and the code.
import { Parser } from 'binary-parser/dist/binary_parser.js';
import { toHex } from '../lib/bytes.ts';
import { assert, assertNever } from '../lib/assert.ts';
import { fits, onlySize } from './fit.ts';
import type {
  FieldLayout,
  FieldType,
  FieldValue,
  FieldValues,
  IntegerType,
  StructLayout,
} from './types.ts';
import { type Endian, INTEGER_BYTES, joinHalves } from './values.ts';

/** A number up to 32 bits, a bigint above; bytes as a view of the value. */
export type RawValue = number | bigint | Uint8Array | RawFields | readonly RawValue[];
export interface RawFields {
  readonly [field: string]: RawValue;
}

interface IntegerCoding {
  readonly integer: IntegerType;
  readonly endian: Endian;
}

/** Undefined when the bytes do not fit (see fit). Padding is left out; an open end is the field `data`. */
export function decodeStruct(struct: StructLayout, value: Uint8Array): FieldValues | undefined {
  const fields = readFields(TEXT, struct, value);
  if (fields !== undefined && struct.openEnded) fields['data'] = toHex(value.subarray(struct.size));
  return fields;
}

/** As decodeStruct, but numbers stay numbers: to spell wide ones costs more than to read them. Bytes are views. */
export function readStruct(struct: StructLayout, value: Uint8Array): RawFields | undefined {
  const fields = readFields(RAW, struct, value);
  if (fields !== undefined && struct.openEnded) fields['data'] = value.subarray(struct.size);
  return fields;
}

type ReadFields<Value> = (value: Uint8Array) => Record<string, Value>;

interface Compiled<Value> {
  readonly read: ReadFields<Value>;
  /** Of every value, when only that decides whether bytes fit. */
  readonly sizeBytes: number | undefined;
}

/** How the values of fields come out. */
interface Form<Value> {
  readonly wide: { readonly formatter?: (value: bigint) => Value };
  readonly halves: (halves: Halves) => Value;
  readonly bytes: { readonly formatter?: (bytes: Uint8Array) => Value };
  readonly compiled: WeakMap<StructLayout, Compiled<Value>>;
}

const TEXT: Form<FieldValue> = {
  wide: { formatter: (value) => value.toString() },
  halves: ({ low, high }) => joinHalves(low, high).toString(),
  bytes: { formatter: toHex },
  compiled: new WeakMap(),
};

const RAW: Form<RawValue> = {
  wide: {},
  halves: ({ low, high }) => joinHalves(low, high),
  bytes: {},
  compiled: new WeakMap(),
};

function readFields<Value>(
  form: Form<Value>,
  struct: StructLayout,
  value: Uint8Array,
): Record<string, Value> | undefined {
  let compiled = form.compiled.get(struct);
  if (compiled === undefined) {
    const read = compile<Value>(new StructCompiler(form).structParser(struct));
    compiled = { read, sizeBytes: onlySize(struct) };
    form.compiled.set(struct, compiled);
  }
  const { read, sizeBytes } = compiled;
  const isFit = sizeBytes === undefined ? fits(struct, value) : value.byteLength === sizeBytes;
  return isFit ? read(value) : undefined;
}

/** What binary-parser's own `parse` compiles: code, and the functions that it calls. Not in the package's types. */
type GetContext = (imports: string) => {
  readonly code: string;
  readonly imports: readonly unknown[];
};

/**
 * Lines of the generated code that let nested parsers look at what holds them, which none does here. To delete
 * properties again makes a slow object of every result, and takes as long as reading a Trade.
 */
const CONTEXT_LINES = [
  'vars.$parent = null;\n',
  'vars.$root = vars;\n',
  'delete vars.$parent;\n',
  'delete vars.$root;\n',
];

function compile<Value>(parser: Parser): ReadFields<Value> {
  const getContext: GetContext = Reflect.get(parser, 'getContext');
  const { code, imports } = getContext.call(parser, 'imports');
  let lean = code;
  for (const line of CONTEXT_LINES) {
    assert(lean.includes(line), `binary-parser generates "${line.trim()}"`);
    lean = lean.replace(line, '');
  }
  // oxlint-disable-next-line typescript/no-implied-eval -- It is how binary-parser compiles its code, too.
  return new Function('imports', `return function read(buffer) {\n${lean}}`)(imports);
}

interface Halves {
  readonly low: bigint;
  readonly high: bigint;
}

/** Elements that are no structs are read as structs of one field and then unwrapped. */
const ELEMENT = 'element';

interface ElementOptions {
  readonly type: Parser;
  readonly formatter?: (elements: readonly Readonly<Record<string, unknown>>[]) => unknown[];
}

class StructCompiler<Value> {
  readonly #form: Form<Value>;

  constructor(form: Form<Value>) {
    this.#form = form;
  }

  structParser(struct: StructLayout): Parser {
    const parser = new Parser();
    for (const field of struct.fields) this.#addField(parser, field);
    return parser;
  }

  #addField(parser: Parser, field: FieldLayout): void {
    if (field.padding) parser.seek(field.size);
    else this.#addValue(parser, field.name, field.type);
  }

  #addValue(parser: Parser, name: string, type: FieldType): void {
    switch (type.kind) {
      case 'integer':
        return this.#addInteger(parser, name, type);
      case 'bytes':
        parser.buffer(name, { length: type.length, ...this.#form.bytes });
        return;
      case 'struct':
        parser.nest(name, { type: this.structParser(type.struct) });
        return;
      case 'array':
        parser.array(name, { ...this.#elementsOf(type.element), length: type.count });
        return;
      case 'fixed-vec':
        parser.nest(name, { type: this.#fixedVecParser(type) });
        return;
      case 'list':
        return this.#addList(parser, name, type);
      default:
        assertNever(type, 'field type');
    }
  }

  #addInteger(parser: Parser, name: string, { integer, endian }: IntegerCoding): void {
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
        parser.uint64(name, this.#form.wide);
        return;
      case 'i64':
        parser.int64(name, this.#form.wide);
        return;
      case 'u128':
      case 'i128':
        parser.nest(name, { type: halvesParser(integer, endian), formatter: this.#form.halves });
        return;
      default:
        assertNever(integer, 'integer type');
    }
  }

  #elementsOf(element: FieldType): ElementOptions {
    if (element.kind === 'struct') return { type: this.structParser(element.struct) };
    const type = new Parser();
    this.#addValue(type, ELEMENT, element);
    return { type, formatter: (elements) => elements.map((wrapped) => wrapped[ELEMENT]) };
  }

  #addList(parser: Parser, name: string, type: FieldType & { kind: 'list' }): void {
    const { count, element } = type;
    if (count.kind === 'field') {
      parser.array(name, { ...this.#elementsOf(element), length: count.name });
      return;
    }
    const counted = new Parser();
    this.#addInteger(counted, 'count', count);
    counted.array('elements', { ...this.#elementsOf(element), length: 'count' });
    parser.nest(name, {
      type: counted,
      formatter: (list: { readonly elements: unknown }) => list.elements,
    });
  }

  #fixedVecParser(type: FieldType & { kind: 'fixed-vec' }): Parser {
    const { capacity, elementBytes, elementsOffset } = type;
    return new Parser()
      .endianness('little')
      .uint16('count')
      .seek(elementsOffset - INTEGER_BYTES.u16)
      .array('elements', { ...this.#elementsOf(type.element), length: 'count' })
      .seek(unusedBytes);

    // binary-parser calls it with the FixedVec read so far as `this`.
    function unusedBytes(this: { readonly count: number }): number {
      return (capacity - this.count) * elementBytes;
    }
  }
}

/** binary-parser knows no 128 bits. */
function halvesParser(integer: 'u128' | 'i128', endian: Endian): Parser {
  const parser = new Parser().endianness(endian);
  if (endian === 'little') parser.uint64('low');
  if (integer === 'u128') parser.uint64('high');
  else parser.int64('high');
  if (endian === 'big') parser.uint64('low');
  return parser;
}
