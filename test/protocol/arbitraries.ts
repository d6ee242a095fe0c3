/** Random values and frames that follow the layouts, for the property tests. */
import fc from 'fast-check';
import { toHex } from '../../src/lib/bytes.ts';
import { encodeMessage } from '../../src/protocol/encode.ts';
import { readBuiltInSchemas } from '../../src/protocol/files.ts';
import { loadProtocol } from '../../src/protocol/load.ts';
import type {
  Dialect,
  FieldType,
  FieldValue,
  FieldValues,
  StructLayout,
} from '../../src/protocol/types.ts';
import { INTEGER_BYTES, integerRange } from '../../src/protocol/values.ts';

/** Has what the real dialects do not use (yet): each integer in both byte orders, nested counts. */
const STRESS = `description: every kind of field
extends: torq-types
structs:
  Integers:
    size: 94
    fields:
      - { name: small, type: u16, endian: big }
      - { name: middle, type: u32, endian: big }
      - { name: signed, type: i32, endian: big }
      - { name: wide, type: u64, endian: big }
      - { name: wide_signed, type: i64, endian: big }
      - { name: widest, type: u128, endian: big }
      - { name: widest_signed, type: i128, endian: big }
      - { name: widest_little, type: i128 }
      - { name: pairs, type: 'array<array<bytes<2>,2>,3>' }
      - { name: list, type: 'array<u64,1>', note: the last }
  'FixedVec<u16,2>':
    size: 6
    fixed_vec: true
    fields: [{ name: count, type: u16 }, { name: elements, type: 'array<u16,2>' }]
  Holder:
    size: 8
    fields:
      - { name: _head, type: bytes<2>, padding: true }
      - { name: vec, type: 'FixedVec<u16,2>' }
  'FixedVec<Holder,2>':
    size: 20
    fixed_vec: true
    fields:
      - { name: count, type: u16 }
      - { name: _padding, type: bytes<2>, padding: true }
      - { name: elements, type: 'array<Holder,2>' }
  Nested:
    size: 32
    open: true
    fields:
      - { name: holders, type: 'FixedVec<Holder,2>' }
      - { name: vecs, type: 'array<FixedVec<u16,2>,2>' }
  Lists:
    size: 11
    fields:
      - { name: wide_count, type: u32, endian: big }
      - { name: count, type: u8 }
      - { name: levels, type: 'list<Holder>', count: u16, endian: big }
      - { name: between, type: u16 }
      - { name: pairs, type: 'list<array<u16,2>>', count: count }
      - { name: _padding, type: bytes<1>, padding: true }
      - { name: bytes, type: list<u8>, count: wide_count }
      - { name: words, type: list<bytes<3>>, count: u8 }
types:
  - { number: 242, name: Lists, domain: vendor, size: any, struct: Lists }
  - { number: 240, name: Integers, domain: vendor, size: 94, struct: Integers }
  - { number: 241, name: Nested, domain: vendor, size: any, struct: Nested }
`;

/** The dialects that every property must hold for. */
export function propertyDialects(): readonly Dialect[] {
  const sources = new Map([...readBuiltInSchemas(), ['stress.yaml', STRESS]]);
  const protocol = loadProtocol(sources);
  return protocol.dialectNames.map((name) => protocol.dialect(name));
}

const NUMBER_BYTES_MAX = 4;
/** Longer than any list fits a standard TLV. */
const LIST_MAX = 20;

export function structValues(struct: StructLayout): fc.Arbitrary<FieldValues> {
  const fields: Record<string, fc.Arbitrary<FieldValue>> = {};
  for (const field of struct.fields) {
    if (!field.padding) fields[field.name] = valueOf(field.type);
  }
  if (struct.openEnded) fields['data'] = hexOf(0, 40);
  return fc.record(fields).map((values) => withCounts(struct, values));
}

/** A field that counts a list says how long it is. */
function withCounts(struct: StructLayout, values: FieldValues): FieldValues {
  const counts: Record<string, FieldValue> = {};
  for (const { name, type } of struct.fields) {
    const list = values[name];
    if (type.kind === 'list' && type.count.kind === 'field' && Array.isArray(list))
      counts[type.count.name] = list.length;
  }
  return { ...values, ...counts };
}

function valueOf(type: FieldType): fc.Arbitrary<FieldValue> {
  switch (type.kind) {
    case 'integer': {
      const number = fc.bigInt(integerRange(type.integer));
      return INTEGER_BYTES[type.integer] <= NUMBER_BYTES_MAX
        ? number.map(Number)
        : number.map(String);
    }
    case 'bytes':
      return hexOf(type.length, type.length);
    case 'struct':
      return structValues(type.struct);
    case 'array':
      return fc.array(valueOf(type.element), { minLength: type.count, maxLength: type.count });
    case 'list':
      return fc.array(valueOf(type.element), { maxLength: LIST_MAX });
    case 'fixed-vec':
      return fc
        .array(valueOf(type.element), { maxLength: type.capacity })
        .map((elements) => ({ count: elements.length, elements }));
  }
}

function hexOf(minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc.uint8Array({ minLength, maxLength }).map(toHex);
}

/** Frames of all sorts: valid structs, TLVs of any type and length, garbage, cut off anywhere. */
export function frames(dialect: Dialect): fc.Arbitrary<Uint8Array> {
  const withStruct = [...dialect.types.values()].flatMap(({ number, struct }) =>
    struct === undefined ? [] : [{ number, struct }],
  );
  const known = fc
    .constantFrom(...withStruct)
    .chain(({ number, struct }) =>
      structValues(struct).map((fields) => ({ type: number, layout: struct.name, fields })),
    );
  const other = fc.record({
    type: fc.integer({ min: 0, max: 254 }),
    extended: fc.boolean(),
    fields: fc.record({ raw: hexOf(0, 255) }),
  });
  const header = fc.record({
    relay_domain: fc.integer({ min: 0, max: 255 }),
    version: fc.integer({ min: 0, max: 255 }),
    source: fc.integer({ min: 0, max: 255 }),
    flags: fc.integer({ min: 0, max: 255 }),
    sequence: fc.bigInt(integerRange('u64')).map(String),
    timestamp: fc.bigInt(integerRange('u64')).map(String),
  });
  const wellFormed = fc
    .record({
      header,
      tlvs: fc.array(fc.oneof(known, other), { maxLength: 4 }),
      checksum: fc.constantFrom('valid' as const, 'zero' as const),
    })
    .map(({ checksum, ...message }) => encodeMessage(dialect, message, checksum));
  const cut = fc
    .tuple(wellFormed, fc.nat({ max: 4000 }))
    .map(([frame, length]) => frame.subarray(0, dialect.header.sizeBytes + length));
  const damaged = fc
    .tuple(wellFormed, fc.nat({ max: 4000 }), fc.nat({ max: 255 }))
    .map(([frame, position, byte]) => frame.with(position % frame.length, byte));
  const garbage = fc.uint8Array({ minLength: dialect.header.sizeBytes, maxLength: 600 });
  return fc.oneof(wellFormed, cut, damaged, garbage);
}
