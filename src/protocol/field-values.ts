/** What a schema says of the value of a field beyond its type: that bytes are a number, or that it never changes. */
import { toHex } from '../lib/bytes.ts';
import { jsonText } from '../lib/json-text.ts';
import type { FieldShape } from './schema-shape.ts';
import type { BytesNumber, DecodedValue, FieldLayout, FieldType } from './types.ts';
import { integerRange } from './values.ts';

type ReportKey = (key: keyof FieldShape, what: string) => void;

const BITS_A_BYTE = 8;

export function bytesNumber(
  { number, bits }: FieldShape,
  type: FieldType,
  report: ReportKey,
): BytesNumber | undefined {
  if (number === undefined) {
    if (bits !== undefined) report('bits', 'only bytes that are a number (number) have bits');
    return undefined;
  }
  if (type.kind !== 'bytes') {
    report('number', 'only bytes can be said to be a number; an integer is one');
    return undefined;
  }
  const bitsMax = type.length * BITS_A_BYTE;
  if (bits !== undefined && bits > bitsMax)
    report('bits', `${type.length} bytes have ${bitsMax} bits, not ${bits}`);
  return { endian: number, bits: bits ?? bitsMax };
}

export function constant(
  { always }: FieldShape,
  type: FieldType,
  report: ReportKey,
): FieldLayout['always'] {
  if (always === undefined) return undefined;
  if (type.kind === 'integer' && typeof always === 'number') {
    const { min, max } = integerRange(type.integer);
    if (BigInt(always) < min || BigInt(always) > max)
      report('always', `${always} does not fit into ${type.integer}`);
    return always;
  }
  if (type.kind === 'bytes' && typeof always === 'string') {
    const bytes = Buffer.from(always, 'latin1');
    if (bytes.length !== type.length)
      report('always', `"${always}" is ${bytes.length} bytes, the field has ${type.length}`);
    return toHex(bytes);
  }
  const wanted = type.kind === 'bytes' ? 'the text that its bytes are' : 'a number';
  report('always', `of ${type.kind === 'bytes' ? 'bytes' : 'an integer'}, give ${wanted}`);
  return undefined;
}

/** A value as text: bytes as hex, what holds others as JSON. */
export function fieldText(value: DecodedValue): string {
  if (value instanceof Uint8Array) return toHex(value);
  return typeof value === 'object' ? jsonText(value) : String(value);
}

/** Whether it is what every publisher writes. */
export function isConstant({ always }: FieldLayout, value: DecodedValue): boolean {
  return always !== undefined && fieldText(value) === String(always);
}

/** Of bytes that are a number: text of hex -> the number. */
export function numberOfHex(hex: string, { endian }: BytesNumber): bigint {
  const bytes = hex.match(/../g) ?? [];
  const ordered = endian === 'little' ? bytes.toReversed() : bytes;
  return BigInt(`0x0${ordered.join('')}`);
}
