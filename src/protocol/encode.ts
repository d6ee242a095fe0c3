/**
 * Values back to bytes, driven by the layouts alone; the counterpart of decode for simulation and tests.
 * A value that does not fit its field is a bug of the caller: TypeError or RangeError with the field path.
 */
import { assertNever } from '../lib/assert.ts';
import { parseHex } from '../lib/bytes.ts';
import { jsonText } from '../lib/json-text.ts';
import { frameChecksum, viewOf, writeHeader } from '../wire/header.ts';
import { encodeTlv } from '../wire/tlv.ts';
import type { Header } from '../wire/types.ts';
import { sizeOf } from './resolve-structs.ts';
import type { Dialect, FieldType, IntegerType, ListCount, StructLayout } from './types.ts';
import { integerRange, writeInteger } from './values.ts';

/** What decoders read and what JSON spells: a wide number as bigint or decimal text, bytes as they are or as hex. */
export type EncodableValue =
  | number
  | bigint
  | string
  | Uint8Array
  | EncodableFields
  | readonly EncodableValue[];
export interface EncodableFields {
  readonly [field: string]: EncodableValue;
}

/** A DecodedTlv is one; less will do. */
export interface EncodableTlv {
  readonly type: number;
  /** By default the extended form is used for values that need it. */
  readonly extended?: boolean;
  /** Name of the struct of `fields`; by default `{ raw: bytes }` or the struct that the registry names. */
  readonly layout?: string | undefined;
  readonly fields: EncodableFields;
}

/** A Message is one. `payload_size` is always computed. */
export interface EncodableMessage {
  readonly header: {
    readonly relay_domain: number;
    readonly version: number;
    readonly source: number;
    readonly flags: number;
    readonly sequence: bigint | string;
    readonly timestamp: bigint | string;
    /** By default the one of the dialect. */
    readonly magic?: number;
    /** Used by `keep` only. */
    readonly checksum?: number;
  };
  readonly tlvs: readonly EncodableTlv[];
  /** Bytes behind the TLVs that no TLV could be read from. */
  readonly undecoded?: Uint8Array;
}

/** `keep` writes the checksum that the header values hold, `zero` is what the hot path of publishers writes. */
export function encodeMessage(
  dialect: Dialect,
  message: EncodableMessage,
  checksum: 'keep' | 'valid' | 'zero',
): Uint8Array {
  const layout = dialect.header;
  const values = message.tlvs.map((tlv, index) =>
    encodeTlv(tlv.type, encodeValue(dialect, tlv, `tlv[${index}]`), tlv.extended),
  );
  const payload = Buffer.concat([...values, message.undecoded ?? new Uint8Array()]);
  const frame = new Uint8Array(layout.sizeBytes + payload.byteLength);
  frame.set(payload, layout.sizeBytes);
  writeHeader(layout, encodableHeader(dialect, message, payload.byteLength, checksum), frame);
  if (checksum === 'valid')
    viewOf(frame).setUint32(layout.offsets.checksum, frameChecksum(layout, frame), true);
  return frame;
}

function encodableHeader(
  dialect: Dialect,
  { header }: EncodableMessage,
  payloadBytes: number,
  checksum: 'keep' | 'valid' | 'zero',
): Header {
  const number = (integer: IntegerType, name: keyof typeof header): number =>
    Number(toInteger(integer, header[name], `header.${name}`));
  return {
    magic: header.magic === undefined ? dialect.header.magic : number('u32', 'magic'),
    relay_domain: number('u8', 'relay_domain'),
    version: number('u8', 'version'),
    source: number('u8', 'source'),
    flags: number('u8', 'flags'),
    sequence: toInteger('u64', header.sequence, 'header.sequence'),
    timestamp: toInteger('u64', header.timestamp, 'header.timestamp'),
    payload_size: payloadBytes,
    checksum: checksum === 'keep' ? number('u32', 'checksum') : 0,
  };
}

function encodeValue(dialect: Dialect, tlv: EncodableTlv, path: string): Uint8Array {
  const raw = tlv.fields['raw'];
  const isRaw = typeof raw === 'string' || raw instanceof Uint8Array;
  if (tlv.layout === undefined && isRaw) return toBytes(raw, `${path}.raw`);
  const struct =
    tlv.layout === undefined
      ? dialect.types.get(tlv.type)?.struct
      : dialect.structs.get(tlv.layout);
  if (struct === undefined)
    throw new TypeError(`${path}: no struct ${tlv.layout ?? `for type ${tlv.type}`} and no raw`);
  return encodeStruct(struct, tlv.fields);
}

/** Padding is written as zero. An open end is the field `data`. */
export function encodeStruct(struct: StructLayout, values: EncodableFields): Uint8Array {
  const open = struct.openEnded ? toBytes(values['data'], `${struct.name}.data`) : undefined;
  const endBytes = open?.byteLength ?? listBytes(struct, values);
  const bytes = new Uint8Array(struct.size + endBytes);
  writeStruct({ struct, values, path: struct.name, extra: open && 'data' }, bytes, 0);
  if (open !== undefined) bytes.set(open, struct.size);
  return bytes;
}

/** What the elements of all lists take. */
function listBytes(struct: StructLayout, values: EncodableFields): number {
  if (!struct.hasLists) return 0;
  return struct.fields.reduce((sum, { name, type }) => {
    if (type.kind !== 'list') return sum;
    return sum + toList(values[name], `${struct.name}.${name}`).length * type.elementBytes;
  }, 0);
}

interface StructJob {
  readonly struct: StructLayout;
  readonly values: EncodableValue | undefined;
  readonly path: string;
  /** A value that belongs to no field. */
  readonly extra?: string | undefined;
}

function writeStruct(
  { struct, values, path, extra }: StructJob,
  out: Uint8Array,
  at: number,
): void {
  const record = toRecord(values, path);
  const fields = struct.fields.filter((field) => !field.padding);
  for (const name of Object.keys(record)) {
    if (name !== extra && !fields.some((field) => field.name === name))
      throw new TypeError(`${path}.${name}: ${struct.name} has no such field`);
  }
  let shift = 0;
  for (const { name, type, offset } of fields) {
    const value = record[name];
    const fieldPath = `${path}.${name}`;
    const fieldAt = at + offset + shift;
    if (type.kind === 'list') {
      checkCount(type.count, record, value, path, name);
      shift += writeList(type, value, fieldPath, out, fieldAt);
    } else writeValue(type, value, fieldPath, out, fieldAt);
  }
}

function writeValue(
  type: FieldType,
  value: EncodableValue | undefined,
  path: string,
  out: Uint8Array,
  at: number,
): void {
  switch (type.kind) {
    case 'integer':
      return writeInteger(viewOf(out), at, type, toInteger(type.integer, value, path));
    case 'bytes': {
      const bytes = toBytes(value, path);
      if (bytes.byteLength !== type.length)
        throw new RangeError(`${path}: ${bytes.byteLength} bytes, not ${type.length}`);
      out.set(bytes, at);
      return;
    }
    case 'struct':
      return writeStruct({ struct: type.struct, values: value, path }, out, at);
    case 'array': {
      const elements = toList(value, path);
      if (elements.length !== type.count)
        throw new RangeError(`${path}: ${elements.length} elements, not ${type.count}`);
      return writeElements(type.element, elements, path, out, at);
    }
    case 'fixed-vec':
      return writeFixedVec(type, value, path, out, at);
    case 'list':
      writeList(type, value, path, out, at);
      return;
    default:
      assertNever(type, 'field type');
  }
}

function writeFixedVec(
  type: FieldType & { kind: 'fixed-vec' },
  value: EncodableValue | undefined,
  path: string,
  out: Uint8Array,
  at: number,
): void {
  const record = toRecord(value, path);
  const elements = toList(record['elements'], `${path}.elements`);
  const count = toInteger('u16', record['count'], `${path}.count`);
  if (elements.length > type.capacity)
    throw new RangeError(`${path}: ${elements.length} elements, at most ${type.capacity}`);
  if (count !== BigInt(elements.length))
    throw new RangeError(`${path}.count: ${count}, but there are ${elements.length} elements`);
  viewOf(out).setUint16(at, elements.length, true);
  writeElements(type.element, elements, `${path}.elements`, out, at + type.elementsOffset);
}

/** Returns how many bytes the elements take. */
function writeList(
  type: FieldType & { kind: 'list' },
  value: EncodableValue | undefined,
  path: string,
  out: Uint8Array,
  at: number,
): number {
  const elements = toList(value, path);
  const { count, element, elementBytes } = type;
  if (count.kind === 'prefix')
    writeInteger(viewOf(out), at, count, toInteger(count.integer, elements.length, path));
  writeElements(element, elements, path, out, at + sizeOf(type));
  return elements.length * elementBytes;
}

/** A list that another field counts must have as many elements as that field says. */
function checkCount(
  count: ListCount,
  record: EncodableFields,
  value: EncodableValue | undefined,
  path: string,
  name: string,
): void {
  if (count.kind !== 'field') return;
  const said = toInteger(count.integer, record[count.name], `${path}.${count.name}`);
  const { length } = toList(value, `${path}.${name}`);
  if (said !== BigInt(length))
    throw new RangeError(`${path}.${count.name}: ${said}, but ${name} has ${length} elements`);
}

function writeElements(
  element: FieldType,
  values: readonly EncodableValue[],
  path: string,
  out: Uint8Array,
  at: number,
): void {
  const bytes = sizeOf(element);
  for (const [index, value] of values.entries()) {
    writeValue(element, value, `${path}[${index}]`, out, at + index * bytes);
  }
}

function toInteger(integer: IntegerType, value: EncodableValue | undefined, path: string): bigint {
  const number = wholeNumber(value);
  if (number === undefined) throw new TypeError(`${path}: ${shown(value)} is no ${integer}`);
  const { min, max } = integerRange(integer);
  if (number < min || number > max)
    throw new RangeError(`${path}: ${number} does not fit ${integer} (${min} to ${max})`);
  return number;
}

function wholeNumber(value: EncodableValue | undefined): bigint | undefined {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === 'string' && /^-?\d+$/.test(value) ? BigInt(value) : undefined;
}

function toBytes(value: EncodableValue | undefined, path: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') throw new TypeError(`${path}: ${shown(value)} is no hex text`);
  const parsed = parseHex(value);
  if ('error' in parsed) throw new TypeError(`${path}: ${parsed.error.reason}`);
  return parsed.bytes;
}

function toList(value: EncodableValue | undefined, path: string): readonly EncodableValue[] {
  if (!isList(value)) throw new TypeError(`${path}: ${shown(value)} is no list`);
  return value;
}

function toRecord(value: EncodableValue | undefined, path: string): EncodableFields {
  if (typeof value !== 'object' || isList(value) || value instanceof Uint8Array)
    throw new TypeError(`${path}: ${shown(value)} is no set of fields`);
  return value;
}

/** Array.isArray does not narrow readonly arrays. */
function isList(value: EncodableValue | undefined): value is readonly EncodableValue[] {
  return Array.isArray(value);
}

function shown(value: EncodableValue | undefined): string {
  return value === undefined ? 'nothing' : jsonText(value);
}
