/**
 * One value of a message as it can be compared between layouts: what it says, whatever the width, scale or byte
 * order that it is written in, and what its layout has room for.
 */
import { assert, assertNever } from '../lib/assert.ts';
import { fieldText, numberOfHex } from './field-values.ts';
import type { EnumTable, FieldLayout, FieldType, DecodedValue } from './types.ts';
import { integerRange } from './values.ts';

export interface MeaningValue {
  /** As a message has it: a name, a number, hex; an address without what fills it up. */
  readonly text: string;
  /** Equal exactly for values that say the same. */
  readonly key: string;
  readonly said: Said;
}

/** A number is `value / 10^scale`; bytes are hex without the zero bytes at their end. */
export type Said =
  | { readonly kind: 'word' }
  | {
      readonly kind: 'number';
      readonly value: bigint;
      readonly scale: number;
      readonly min: bigint;
      readonly max: bigint;
    }
  | { readonly kind: 'bytes'; readonly hex: string; readonly roomBytes: number };

const WORD: Said = { kind: 'word' };
const ADDRESS_HEX_DIGITS = 40;
/** Of a time: `unix-ns` and `unix-s` are one number of two scales. */
const UNIT_SCALES: Readonly<Record<string, number>> = { 'unix-ns': 9, 'unix-s': 0 };

export function wordValue(text: string): MeaningValue {
  return { text, key: text, said: WORD };
}

/** A name where the table has one; bits of flags have their names one by one, the number says them. */
export function named(table: EnumTable | undefined, number: number): string {
  return (table?.flags === false ? table.names.get(number) : undefined) ?? String(number);
}

/** Of a number or of bytes; `type` is the field's own, or that of its elements. */
export function scalarValue(
  field: FieldLayout,
  type: FieldType,
  value: DecodedValue,
): MeaningValue {
  switch (type.kind) {
    case 'integer': {
      if (field.enum !== undefined) return wordValue(named(field.enum, Number(value)));
      const scale = field.scale ?? UNIT_SCALES[field.unit ?? ''] ?? 0;
      const text = fieldText(value);
      const number = BigInt(text);
      const said = { kind: 'number', value: number, scale, ...integerRange(type.integer) } as const;
      return { text, key: decimal(number, scale), said };
    }
    case 'bytes':
      return bytesValue(field, type.length, fieldText(value));
    case 'struct':
    case 'array':
    case 'fixed-vec':
    case 'list':
      return wordValue(fieldText(value));
    default:
      return assertNever(type, 'field type');
  }
}

/** Layouts that widened addresses, identifiers and texts put zeros behind them. */
function bytesValue({ number, unit }: FieldLayout, length: number, hex: string): MeaningValue {
  if (number !== undefined) {
    const value = numberOfHex(hex, number);
    const max = (1n << BigInt(number.bits)) - 1n;
    const said = { kind: 'number', value, scale: 0, min: 0n, max } as const;
    return { text: value.toString(), key: value.toString(), said };
  }
  const used = withoutZerosAtEnd(hex);
  const isAddress = unit === 'evm-address' && used.length <= ADDRESS_HEX_DIGITS;
  return {
    text: isAddress ? hex.slice(0, ADDRESS_HEX_DIGITS) : hex,
    key: `bytes ${used}`,
    said: { kind: 'bytes', hex: used, roomBytes: length },
  };
}

function withoutZerosAtEnd(hex: string): string {
  let end = hex.length;
  while (end > 0 && hex.startsWith('00', end - 2)) end -= 2;
  return hex.slice(0, end);
}

/** `65000.5`: equal for equal numbers of any scale. */
function decimal(value: bigint, scale: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '');
  return `${value < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Why `from` cannot be said in the layout of `to`; undefined when it can. Sides are named for people. */
export function whyNoRoom(
  from: { readonly side: string; readonly said: Said },
  to: { readonly side: string; readonly said: Said },
): string | undefined {
  const [left, right] = [from.said, to.said];
  if (left.kind === 'bytes' && right.kind === 'bytes') {
    const bytes = left.hex.length / 2;
    if (bytes <= right.roomBytes) return undefined;
    const isCut = left.hex.startsWith(right.hex.padEnd(right.roomBytes * 2, '0'));
    const cut = isCut ? `, which has the first ${right.roomBytes}` : '';
    return `the ${bytes} bytes of ${from.side} do not fit into the ${right.roomBytes} of ${to.side}${cut}`;
  }
  if (left.kind !== 'number' || right.kind !== 'number') return undefined;
  return whyNumberHasNoRoom(left, right, { from: from.side, to: to.side });
}

type SaidNumber = Said & { kind: 'number' };

function whyNumberHasNoRoom(
  left: SaidNumber,
  right: SaidNumber,
  sides: { readonly from: string; readonly to: string },
): string | undefined {
  const value = rescaled(left, right.scale);
  if (value === undefined)
    return `the number of ${sides.from} has more decimals than the ${right.scale} of ${sides.to}`;
  if (value >= right.min && value <= right.max) return undefined;
  if (value < 0n && right.min === 0n)
    return `the number of ${sides.from} is below 0, which the layout of ${sides.to} cannot say`;
  const bits = bitsOf(right.max - right.min);
  const isCut = BigInt.asUintN(bits, value) === BigInt.asUintN(bits, right.value);
  const cut = isCut ? `, which has its low ${bits}` : '';
  return `the number of ${sides.from} does not fit into the ${bits} bits of ${sides.to}${cut}`;
}

/** undefined: it has more decimals. */
function rescaled({ value, scale }: SaidNumber, wanted: number): bigint | undefined {
  if (wanted >= scale) return value * 10n ** BigInt(wanted - scale);
  const divisor = 10n ** BigInt(scale - wanted);
  return value % divisor === 0n ? value / divisor : undefined;
}

function bitsOf(range: bigint): number {
  assert(range > 0n, 'a range of numbers');
  return range.toString(2).length;
}
