/** Integers of every width between bytes and values. */
import type { HeaderOffsets } from '../wire/types.ts';
import type { IntegerType } from './types.ts';

export type Endian = 'little' | 'big';

export interface IntegerCoding {
  readonly integer: IntegerType;
  readonly endian: Endian;
}

export const INTEGER_BYTES: Readonly<Record<IntegerType, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  u128: 16,
  i32: 4,
  i64: 8,
  i128: 16,
};

/** The nine fields that every header order has; their offsets are the dialect's. */
export const HEADER_INTEGERS: Readonly<Record<keyof HeaderOffsets, IntegerType>> = {
  magic: 'u32',
  relay_domain: 'u8',
  version: 'u8',
  source: 'u8',
  flags: 'u8',
  sequence: 'u64',
  timestamp: 'u64',
  payload_size: 'u32',
  checksum: 'u32',
};

export const HEADER_FIELDS: readonly (keyof HeaderOffsets)[] = [
  'magic',
  'relay_domain',
  'version',
  'source',
  'flags',
  'sequence',
  'timestamp',
  'payload_size',
  'checksum',
];

export function isIntegerType(name: string): name is IntegerType {
  return Object.hasOwn(INTEGER_BYTES, name);
}

const HALF_BITS = 64n;
/** Of a number of 128 bits. */
export const HALF_BYTES = 8;
const HALF_MASK = (1n << HALF_BITS) - 1n;

/** A number up to 32 bits, a bigint above. */
export function readInteger(
  view: DataView,
  offset: number,
  integer: IntegerType,
  endian: Endian,
): number | bigint {
  const little = endian === 'little';
  switch (integer) {
    case 'u8':
      return view.getUint8(offset);
    case 'u16':
      return view.getUint16(offset, little);
    case 'u32':
      return view.getUint32(offset, little);
    case 'i32':
      return view.getInt32(offset, little);
    case 'u64':
      return view.getBigUint64(offset, little);
    case 'i64':
      return view.getBigInt64(offset, little);
    case 'u128':
    case 'i128': {
      const low = view.getBigUint64(offset + (little ? 0 : HALF_BYTES), little);
      const highAt = offset + (little ? HALF_BYTES : 0);
      const high =
        integer === 'u128' ? view.getBigUint64(highAt, little) : view.getBigInt64(highAt, little);
      return joinHalves(low, high);
    }
  }
}

/** Of 128 bits; amounts are seldom wider than 64. */
export function joinHalves(low: bigint, high: bigint): bigint {
  return high === 0n ? low : (high << HALF_BITS) | low;
}

/** `value` must be in range (see integerRange). */
export function writeInteger(
  view: DataView,
  offset: number,
  type: { readonly integer: IntegerType; readonly endian: Endian },
  value: bigint,
): void {
  const little = type.endian === 'little';
  switch (type.integer) {
    case 'u8':
      return view.setUint8(offset, Number(value));
    case 'u16':
      return view.setUint16(offset, Number(value), little);
    case 'u32':
      return view.setUint32(offset, Number(value), little);
    case 'i32':
      return view.setInt32(offset, Number(value), little);
    case 'u64':
      return view.setBigUint64(offset, value, little);
    case 'i64':
      return view.setBigInt64(offset, value, little);
    case 'u128':
    case 'i128':
      view.setBigUint64(offset + (little ? 0 : HALF_BYTES), value & HALF_MASK, little);
      return view.setBigInt64(
        offset + (little ? HALF_BYTES : 0),
        BigInt.asIntN(Number(HALF_BITS), value >> HALF_BITS),
        little,
      );
  }
}

export function integerRange(integer: IntegerType): { readonly min: bigint; readonly max: bigint } {
  const bits = BigInt(INTEGER_BYTES[integer] * 8);
  return integer.startsWith('i')
    ? { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n }
    : { min: 0n, max: (1n << bits) - 1n };
}
