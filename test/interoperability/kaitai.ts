/** Compiles a generated .ksy with the real compiler and reads what its parser makes of bytes as messages. */
import { compileFunction } from 'node:vm';
import kaitai from 'kaitai-struct';
import compiler from 'kaitai-struct-compiler';
import { parse } from 'yaml';
import { assert, defined } from '../../src/lib/assert.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { exportSchema } from '../../src/protocol/export/index.ts';
import { snakeCase } from '../../src/protocol/export/names.ts';
import type {
  Dialect,
  FieldType,
  FieldValue,
  FieldValues,
  IntegerType,
  StructLayout,
} from '../../src/protocol/types.ts';
import type { SpelledHeader, SpelledTlv } from '../protocol/spelled.ts';
import {
  HEADER_FIELDS,
  HEADER_INTEGERS,
  INTEGER_BYTES,
  readInteger,
} from '../../src/protocol/values.ts';
import { viewOf } from '../../src/wire/header.ts';

// The package's types call a module with a default export what is the class itself.
type StreamClass = (typeof kaitai.KaitaiStream)['default'];
type Stream = InstanceType<StreamClass>;
const KaitaiStream: unknown = kaitai.KaitaiStream;

function isStreamClass(value: unknown): value is StreamClass {
  return typeof value === 'function';
}

function streamOf(bytes: Uint8Array): Stream {
  assert(isStreamClass(KaitaiStream), 'a class');
  return new KaitaiStream(Uint8Array.from(bytes).buffer);
}

/** An object of the generated parser. */
interface Parsed {
  readonly _io: Stream;
  readonly _debug: Readonly<Record<string, Place>>;
  readonly [id: string]: unknown;
}

interface Place {
  readonly start: number;
  readonly end: number;
  readonly arr?: readonly Place[];
}

interface ParserClass {
  new (stream: Stream): Parsed & { readonly _read: () => void };
}

export interface KaitaiMessage {
  readonly header: SpelledHeader;
  readonly tlvs: readonly SpelledTlv[];
}

/** A parser of streams of frames. It throws on what the specification does not allow. */
export async function kaitaiParser(
  dialect: Dialect,
): Promise<(stream: Uint8Array) => readonly KaitaiMessage[]> {
  const specification: unknown = parse(exportSchema('kaitai', dialect));
  // In debug mode the parser remembers where it read each value.
  const files = await compiler.compile('javascript', specification, null, true);
  const [code, ...others] = Object.values(files);
  assert(code !== undefined && others.length === 0, 'one file');
  const exported: Record<string, ParserClass> = {};
  compileFunction(code, ['exports', 'require'])(exported, () => KaitaiStream);
  const parser = defined(Object.values(exported)[0], 'parser');
  return (bytes) => {
    const root = new parser(streamOf(bytes));
    root._read();
    return listOf(root['frames']).map((frame) => messageOf(parsedOf(frame), dialect));
  };
}

function messageOf(frame: Parsed, dialect: Dialect): KaitaiMessage {
  const header = parsedOf(frame['header']);
  const entries = HEADER_FIELDS.map((name) => {
    const type = { kind: 'integer', integer: HEADER_INTEGERS[name], endian: 'little' } as const;
    return [name, fieldOf(header, name, type)];
  });
  const payload = parsedOf(frame['payload']);
  return {
    header: Object.fromEntries(entries),
    tlvs: listOf(payload['tlvs']).map((tlv) => tlvOf(parsedOf(tlv), dialect)),
  };
}

function tlvOf(tlv: Parsed, dialect: Dialect): SpelledTlv {
  const type = Number(tlv['number']);
  const registered = dialect.types.get(type);
  const isVendor = type >= dialect.vendorRange.first && type <= dialect.vendorRange.last;
  const head = {
    type,
    name: registered?.name ?? (isVendor ? 'Vendor' : 'Unknown'),
    extended: tlv['isExtended'] === true,
    length: Number(tlv['length']),
  };
  const value = tlv['value'];
  if (value instanceof Uint8Array) return { ...head, fields: { raw: toHex(value) } };
  const struct = defined(registered?.struct, 'struct');
  const parsed = parsedOf(value);
  const data = struct.openEnded ? { data: toHex(bytesOf(parsed['data'])) } : {};
  return { ...head, layout: struct.name, fields: { ...structOf(parsed, struct), ...data } };
}

function structOf(parsed: Parsed, struct: StructLayout): FieldValues {
  const shown = struct.fields.filter((field) => !field.padding);
  return Object.fromEntries(
    shown.map(({ name, type }) => [name, fieldOf(parsed, snakeCase(name), type)]),
  );
}

function fieldOf(parent: Parsed, snake: string, type: FieldType): FieldValue {
  // A name that is a word of the expression language has got a number.
  const id = [snake, `${snake}_2`].map(camelCase).find((each) => each in parent._debug) ?? snake;
  return valueOf(parent, parent[id], defined(parent._debug[id], `place of ${id}`), type);
}

function camelCase(snake: string): string {
  return snake.replace(/_([a-z\d])/g, (_, letter: string) => letter.toUpperCase());
}

function valueOf(parent: Parsed, value: unknown, place: Place, type: FieldType): FieldValue {
  switch (type.kind) {
    case 'integer':
      return integerOf(parent, value, place, type);
    case 'bytes':
      return toHex(bytesOf(value));
    case 'struct':
      return structOf(parsedOf(value), type.struct);
    case 'array':
    case 'list':
      return elementsOf(parent, value, place, type.element);
    case 'fixed-vec': {
      const vec = parsedOf(value);
      const elements = defined(vec._debug['elements'], 'place of elements');
      return {
        count: Number(vec['count']),
        elements: elementsOf(vec, vec['elements'], elements, type.element),
      };
    }
  }
}

function elementsOf(
  parent: Parsed,
  value: unknown,
  place: Place,
  element: FieldType,
): readonly FieldValue[] {
  const places = place.arr ?? [];
  return listOf(value).map((each, index) => {
    const at = defined(places[index], 'place of an element');
    if (element.kind !== 'array') return valueOf(parent, each, at, element);
    // An array in an array is a type with one field.
    return fieldOf(parsedOf(each), 'elements', element);
  });
}

/**
 * JavaScript parsers of Kaitai give 64 bits as inexact numbers, and some negative ones wrong: the exact value is read
 * again from where the parser found it, and must be the parser's as far as that can be told.
 */
function integerOf(
  parent: Parsed,
  value: unknown,
  place: Place,
  { integer, endian }: FieldType & { kind: 'integer' },
): FieldValue {
  if (INTEGER_BYTES[integer] > 8) return wideOf(parsedOf(value), integer, endian);
  if (INTEGER_BYTES[integer] <= 4) return Number(value);
  const exact = readInteger(viewOf(bytesAt(parent, place)), 0, integer, endian);
  if (integer === 'u64') assert(value === Number(exact), `${String(value)} is not ${exact}`);
  return exact.toString();
}

function wideOf(halves: Parsed, integer: IntegerType, endian: 'little' | 'big'): string {
  const half = (id: string, type: IntegerType): bigint => {
    const bytes = bytesAt(halves, defined(halves._debug[id], id));
    return BigInt(readInteger(viewOf(bytes), 0, type, endian));
  };
  const high = half('high', integer === 'i128' ? 'i64' : 'u64');
  return ((high << 64n) | half('low', 'u64')).toString();
}

function bytesAt({ _io }: Parsed, { start, end }: Place): Uint8Array {
  _io.seek(start);
  return _io.readBytes(end - start);
}

function isParsed(value: unknown): value is Parsed {
  return typeof value === 'object' && value !== null && '_debug' in value;
}

function parsedOf(value: unknown): Parsed {
  assert(isParsed(value), 'an object of the parser');
  return value;
}

function bytesOf(value: unknown): Uint8Array {
  assert(value instanceof Uint8Array, 'bytes');
  return value;
}

function listOf(value: unknown): readonly unknown[] {
  assert(Array.isArray(value), 'a list');
  return value;
}
