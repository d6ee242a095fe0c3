/**
 * The shape of one schema file (schemas/protocol/README.md), checked before anything is looked up.
 * Schemas also come out of captures, which are not ours: names are restricted to what is safe in the code
 * that readers are compiled from, and sizes to what a TLV can hold.
 */
import { z } from 'zod';

/** What may stand as `unit`; `unix-ns` and `unix-s` are shown as dates. */
const UNITS = [
  'unix-ns',
  'unix-s',
  'us',
  'bytes',
  'bps',
  'percent',
  'gwei',
  'USD',
  'token-units',
  'evm-address',
] as const;

const fieldName = z
  .string()
  .regex(/^(?!__)[a-z_][a-z0-9_]{0,63}$/, 'a field name is lower-case letters, digits and _');
const memberName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, 'a name is letters, digits and _');
const layoutName = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_]*(<[A-Za-z0-9_]+,\d+>)?$/,
    'a name is letters, digits and _, then <Element,count> for a FixedVec',
  );
const byteNumber = z.int().min(0).max(255);
const BYTES_MAX = 65_535;
const bytesMax = z.int().min(1).max(BYTES_MAX);
const text = z.string();

const field = z.strictObject({
  name: fieldName,
  type: text,
  offset: z.int().min(0).optional(),
  endian: z.enum(['little', 'big']).optional(),
  /** Of a list: the integer that stands before it, or the name of the field that counts it. */
  count: text.optional(),
  padding: z.boolean().optional(),
  implicit: z.boolean().optional(),
  scale: z.int().min(1).max(38).optional(),
  /** Bytes that are one unsigned number: the order of its bytes. */
  number: z.enum(['little', 'big']).optional(),
  /** How many bits of it are used. */
  bits: z
    .int()
    .min(1)
    .max(BYTES_MAX * 8)
    .optional(),
  /** What every publisher writes there, so that it says nothing; of bytes, their ASCII text. */
  always: z.union([z.int(), text]).optional(),
  enum: text.optional(),
  unit: z.enum(UNITS).optional(),
  /** The name that other dialects have for the same thing: messages are compared by it. */
  as: fieldName.optional(),
  /** Says how many elements of an array, named here, are used; it means nothing by itself. */
  counts: fieldName.optional(),
  note: text.optional(),
});

const header = z.strictObject({
  size: bytesMax,
  magic: z.int().min(0).max(0xffffffff),
  /** What the header fields mean is the same everywhere: RelayDomain, SourceType, a time. */
  fields: z.array(field.pick({ name: true, type: true, offset: true, note: true })).min(1),
});

const struct = z.strictObject({
  source: text.optional(),
  note: text.optional(),
  size: bytesMax,
  open: z.boolean().optional(),
  fixed_vec: z.boolean().optional(),
  fields: z.array(field).min(1),
});

/** The TLV walk (wire/tlv) knows exactly this framing; it is written down so that readers find it here. */
const framing = z.strictObject({
  standard: z.strictObject({ head_bytes: z.literal(2), value_bytes_max: z.literal(255) }),
  extended: z.strictObject({
    head_bytes: z.literal(5),
    value_bytes_max: z.literal(65_535),
    marker: z.literal(255),
    reserved: z.literal(0),
  }),
  vendor: z.strictObject({ first: byteNumber, last: byteNumber }),
});

const sizeRule = text.regex(
  /^(any|\d{1,5}|\d{1,5}\.\.\d{1,5})$/,
  'expected a number of bytes, a range like 20..300, or any',
);

const tlvType = z.strictObject({
  number: byteNumber,
  name: memberName,
  domain: text,
  size: z.union([z.int(), text]).transform(String).pipe(sizeRule),
  struct: text.optional(),
  note: text.optional(),
});

const recordFile = z.strictObject({
  note: text.optional(),
  header: text.optional(),
  /** How many records follow: a field of the header, or the integer before the first record. */
  count: text.optional(),
  /** The field of the header with the CRC-32 of all records. */
  checksum: text.optional(),
  record: text,
});

const names = z.union([text, z.array(text).min(1)], {
  error: 'expected the name of a schema, or a list of names',
});

const numbering = z.record(memberName, z.int().min(0).max(0xffffffff));

export const fileShape = z.strictObject({
  description: text,
  abstract: z.boolean().optional(),
  /** One schema, or several: each replaces what those before it say. */
  extends: names.optional(),
  /** Dialects that this file adds to, instead of being a schema of its own. */
  adds_to: names.optional(),
  header: text.optional(),
  headers: z.record(memberName, header).optional(),
  framing: framing.optional(),
  enums: z.record(memberName, numbering).optional(),
  flags: z.record(memberName, numbering).optional(),
  structs: z.record(layoutName, struct).optional(),
  types: z.array(tlvType).optional(),
  sockets: z.record(memberName, text).optional(),
  /** Files of records, without TLV framing. */
  files: z.record(memberName, recordFile).optional(),
});

export type FileShape = z.infer<typeof fileShape>;
export type FieldShape = z.infer<typeof field>;
export type HeaderShape = z.infer<typeof header>;
export type StructShape = z.infer<typeof struct>;
export type RecordFileShape = z.infer<typeof recordFile>;
export type FramingShape = z.infer<typeof framing>;
export type TlvTypeShape = z.infer<typeof tlvType>;
