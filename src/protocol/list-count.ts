/** Finds out how a list field of a schema is counted: by an integer right before it, or by an earlier field. */
import type { FieldShape } from './schema-shape.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { FieldLayout, ListCount } from './types.ts';

/** Up to 32 bits, so that a count is a safe number. */
const COUNT_TYPES = ['u8', 'u16', 'u32'] as const;

/** `before`: the fields of the struct so far. Undefined when a mistake was reported. */
export function listCount(
  { count, endian = 'little' }: FieldShape,
  before: readonly FieldLayout[],
  report: (key: keyof FieldShape, what: string) => void,
): ListCount | undefined {
  if (count === undefined) {
    report('type', 'a list needs count: the integer before it, or the field that counts it');
    return undefined;
  }
  const prefix = COUNT_TYPES.find((type) => type === count);
  if (prefix !== undefined) return { kind: 'prefix', integer: prefix, endian };
  const firstList = before.findIndex((field) => field.type.kind === 'list');
  const counters = before.filter(
    ({ type }, index) =>
      (firstList < 0 || index < firstList) &&
      type.kind === 'integer' &&
      COUNT_TYPES.some((each) => each === type.integer),
  );
  const counter = counters.find((field) => field.name === count);
  if (counter?.type.kind === 'integer')
    return { ...counter.type, kind: 'field', name: counter.name, offset: counter.offset };
  const known = [...COUNT_TYPES, ...counters.map((field) => field.name)];
  report(
    'count',
    `no ${COUNT_TYPES.join(', ')} field before every list is called "${count}"${didYouMean(count, known)}`,
  );
  return undefined;
}
