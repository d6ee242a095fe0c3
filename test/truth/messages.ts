/**
 * Makes random good messages: any TLV of any dialect, its fields filled at random by the layouts, so that every
 * struct is met. Keeps the parts of a message, so that faults can take TLVs away, move them or write them otherwise.
 */
import {
  encodeStruct,
  type EncodableFields,
  type EncodableValue,
} from '../../src/protocol/encode.ts';
import type { Dialect, FieldType, StructLayout } from '../../src/protocol/types.ts';
import { integerRange } from '../../src/protocol/values.ts';
import { buildFrame } from '../../src/wire/build-frame.ts';
import { viewOf } from '../../src/wire/header.ts';
import { encodeTlv } from '../../src/wire/tlv.ts';
import type { Random } from '../fuzz/random.ts';
import { concat } from '../support/frames.ts';

export interface TlvParts {
  readonly type: number;
  readonly value: Uint8Array;
  readonly extended: boolean;
}

export interface MessageParts {
  readonly domain: number;
  readonly source: number;
  readonly sequence: bigint;
  readonly timestamp: bigint;
  readonly tlvs: readonly TlvParts[];
  readonly checksum: 'valid' | 'zero' | 'wrong';
}

/** Its first byte is the marker of the extended form, so as a type it needs that form. */
const MARKER_TYPE = 255;
const STANDARD_BYTES_MAX = 255;

export function frameOf({ header }: Dialect, parts: MessageParts): Uint8Array {
  const frame = buildFrame(header, {
    domain: parts.domain,
    source: parts.source,
    sequence: parts.sequence,
    timestamp: parts.timestamp,
    payload: concat(parts.tlvs.map((tlv) => encodeTlv(tlv.type, tlv.value, tlv.extended))),
    checksum: parts.checksum === 'zero' ? 'zero' : 'valid',
  });
  if (parts.checksum === 'wrong') {
    const view = viewOf(frame);
    const { checksum } = header.offsets;
    view.setUint32(checksum, (view.getUint32(checksum, true) ^ 0x55aa_1234) >>> 0 || 1, true);
  }
  return frame;
}

/** TLVs of types that the dialect registers, mostly with a struct. */
export function randomTlvs(dialect: Dialect, random: Random, count: number): readonly TlvParts[] {
  return Array.from({ length: count }, () => randomTlv(dialect, random));
}

export function randomTlv(dialect: Dialect, random: Random): TlvParts {
  if (random.chance(0.1)) return rawTlv(dialect, random);
  const types = [...dialect.types.values()].filter(({ number }) => number !== MARKER_TYPE);
  const { number: type, struct } = random.pick(types);
  const value =
    struct === undefined ? random.bytes(random.below(80)) : randomStruct(struct, random);
  return { type, value, extended: value.length > STANDARD_BYTES_MAX || random.chance(0.1) };
}

export function rawTlv({ vendorRange }: Dialect, random: Random): TlvParts {
  const { first, last } = vendorRange;
  const value = random.bytes(random.chance(0.1) ? random.below(3_000) : random.below(200));
  const type = first + random.below(last - first + 1);
  return { type, value, extended: value.length > STANDARD_BYTES_MAX };
}

/** The bytes of a struct, every field at random; lists have up to three elements. */
export function randomStruct(struct: StructLayout, random: Random): Uint8Array {
  return encodeStruct(struct, {
    ...randomFields(struct, random),
    ...(struct.openEnded ? { data: random.bytes(random.below(40)) } : {}),
  });
}

function randomFields(struct: StructLayout, random: Random): EncodableFields {
  const fields: Record<string, EncodableValue> = {};
  for (const { name, type, padding } of struct.fields) {
    if (!padding) fields[name] = randomValue(type, random);
  }
  for (const { name, type } of struct.fields) {
    const list = fields[name];
    if (type.kind === 'list' && type.count.kind === 'field' && Array.isArray(list))
      fields[type.count.name] = list.length;
  }
  return fields;
}

function randomValue(type: FieldType, random: Random): EncodableValue {
  switch (type.kind) {
    case 'integer': {
      const { min, max } = integerRange(type.integer);
      const drawn = BigInt(`0x${Buffer.from(random.bytes(16)).toString('hex')}`);
      return min + (drawn % (max - min + 1n));
    }
    case 'bytes':
      return random.bytes(type.length);
    case 'struct':
      return randomFields(type.struct, random);
    case 'array':
      return Array.from({ length: type.count }, () => randomValue(type.element, random));
    case 'fixed-vec': {
      const count = random.below(Math.min(type.capacity, 4) + 1);
      const elements = Array.from({ length: count }, () => randomValue(type.element, random));
      return { count, elements };
    }
    case 'list':
      return Array.from({ length: random.below(4) }, () => randomValue(type.element, random));
  }
}
