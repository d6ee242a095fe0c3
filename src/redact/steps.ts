/**
 * What is done to one field of a frame, and doing it. Each step is one-to-one but `zero`: different values of a field
 * stay different. Knows values and bytes, not which rule asked.
 */
import { viewOf } from '../wire/header.ts';
import type { EnumTable, FieldLayout } from '../protocol/types.ts';
import {
  INTEGER_BYTES,
  type IntegerCoding,
  readInteger,
  writeInteger,
} from '../protocol/values.ts';
import { type KeyedValue, type Permutations, TABLE_MAX } from './permutations.ts';

interface FieldRange {
  /** From the start of the frame. */
  readonly at: number;
  readonly length: number;
}

export type Step = FieldRange &
  (
    | { readonly kind: 'keep' }
    | { readonly kind: 'zero' }
    | { readonly kind: 'permute'; readonly scope: string }
    /** Bytes that mean something only when they are not zero. */
    | { readonly kind: 'permute-set'; readonly scope: string }
    /** What every publisher writes stays. */
    | { readonly kind: 'permute-but'; readonly scope: string; readonly constant: Uint8Array }
    | {
        readonly kind: 'rename';
        readonly scope: string;
        readonly coding: IntegerCoding;
        readonly table: EnumTable;
      }
    | {
        readonly kind: 'shift';
        readonly coding: IntegerCoding;
        readonly by: bigint;
        /** Of a time, 0 says that there is none. */
        readonly keepsZero: boolean;
      }
  );

/** Does all steps on a frame, in place. */
export function doSteps(
  steps: readonly Step[],
  frame: Uint8Array,
  permutations: Permutations,
): void {
  const permuted: KeyedValue[] = [];
  for (const step of steps) {
    const bytes = frame.subarray(step.at, step.at + step.length);
    switch (step.kind) {
      case 'keep':
        break;
      case 'zero':
        bytes.fill(0);
        break;
      case 'permute':
        permuted.push({ scope: step.scope, bytes });
        break;
      case 'permute-set':
        permutations.permuteKeepingZero({ scope: step.scope, bytes });
        break;
      case 'permute-but':
        permutations.permuteKeeping({ scope: step.scope, bytes }, (value) =>
          value.every((byte, index) => byte === step.constant[index]),
        );
        break;
      case 'rename':
        rename(step, bytes, permutations);
        break;
      case 'shift':
        shift(step, bytes);
        break;
    }
  }
  permutations.permute(permuted);
}

/** Modulo the width, so that nothing is lost; what is no time stays none, and no time becomes none. */
function shift({ coding, by, keepsZero }: Step & { kind: 'shift' }, bytes: Uint8Array): void {
  const view = viewOf(bytes);
  const value = BigInt(readInteger(view, 0, coding.integer, coding.endian));
  if (keepsZero && value === 0n) return;
  const bits = 8 * INTEGER_BYTES[coding.integer];
  const wrap = (number: bigint): bigint =>
    coding.integer.startsWith('i') ? BigInt.asIntN(bits, number) : BigInt.asUintN(bits, number);
  const moved = wrap(value + by);
  writeInteger(view, 0, coding, keepsZero && moved === 0n ? wrap(by) : moved);
}

/** A number with a name becomes another one with a name, any other one another without. */
function rename(
  { scope, coding, table }: Step & { kind: 'rename' },
  bytes: Uint8Array,
  permutations: Permutations,
): void {
  const view = viewOf(bytes);
  const read = (): number => Number(readInteger(view, 0, coding.integer, coding.endian));
  const write = (value: number): void => writeInteger(view, 0, coding, BigInt(value));
  const number = read();
  if (table.flags) {
    const bits = [...table.names.keys()].filter((bit) => bit > 0);
    const count = 2 ** bits.length;
    if (count > TABLE_MAX) return permutations.permute([{ scope, bytes }]);
    const has = (bit: number): boolean => Math.floor(number / bit) % 2 === 1;
    const member = bits.reduce((sum, bit, index) => sum + (has(bit) ? 2 ** index : 0), 0);
    const other = permutations.member(`${scope} of ${table.name}`, count, member);
    const rest = bits.reduce((sum, bit) => sum - (has(bit) ? bit : 0), number);
    write(bits.reduce((sum, bit, index) => sum + (Math.floor(other / 2 ** index) % 2) * bit, rest));
    return;
  }
  const named = [...table.names.keys()].sort((left, right) => left - right);
  const at = named.indexOf(number);
  if (at >= 0) {
    const other = permutations.member(`${scope} of ${table.name}`, named.length, at);
    write(named[other] ?? number);
    return;
  }
  // Walks its cycle until it is back among the numbers without a name: still one-to-one.
  do permutations.permute([{ scope, bytes }]);
  while (table.names.has(read()));
}

/** The bytes that a field always has, when its schema says that. */
export function constantOf(field: FieldLayout): Uint8Array | undefined {
  const { always, type } = field;
  if (always === undefined) return undefined;
  if (typeof always === 'string') return Buffer.from(always, 'hex');
  if (type.kind !== 'integer') return undefined;
  const bytes = new Uint8Array(INTEGER_BYTES[type.integer]);
  writeInteger(viewOf(bytes), 0, type, BigInt(always));
  return bytes;
}
