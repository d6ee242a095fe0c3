/** Where the fields of a struct with lists lie in the bytes of one value. Total over any bytes. */
import { viewOf } from '../wire/header.ts';
import type { FieldLayout, StructLayout } from './types.ts';
import { readInteger } from './values.ts';

export interface PlacedField {
  readonly field: FieldLayout;
  /** From the start of the value. */
  readonly offset: number;
  /** Elements of a list; 0 for any other field. */
  readonly count: number;
}

/** In order; undefined when the fields and the elements do not fill the value exactly. */
export function placeFields(
  struct: StructLayout,
  value: Uint8Array,
): readonly PlacedField[] | undefined {
  const placed: PlacedField[] = [];
  let elementsBytes = 0;
  for (const field of struct.fields) {
    const offset = field.offset + elementsBytes;
    if (offset + field.size > value.byteLength) return undefined;
    const count = elementCount(field, offset, value);
    placed.push({ field, offset, count });
    if (field.type.kind === 'list') elementsBytes += count * field.type.elementBytes;
  }
  return struct.size + elementsBytes === value.byteLength ? placed : undefined;
}

function elementCount({ type }: FieldLayout, offset: number, value: Uint8Array): number {
  if (type.kind !== 'list') return 0;
  const { count } = type;
  const at = count.kind === 'prefix' ? offset : count.offset;
  return Number(readInteger(viewOf(value), at, count.integer, count.endian));
}
