/**
 * What a frame says, whatever the dialect that it is written in: names instead of numbers, fields under the
 * names that all dialects share, addresses without their padding, lists without their unused end. Two frames
 * with equal meanings differ in encoding only. Sizes, checksums, padding and TLV heads are encoding.
 *
 * Not brought together: fields that one dialect has and another has not, and numbers that were cut or widened
 * (sqrt_price_x96_after, trace_id); they are differences of meaning, because a reader gets something else.
 */
import { toHex } from '../lib/bytes.ts';
import { jsonText } from '../lib/json-text.ts';
import { decodeMessage } from './decode.ts';
import type {
  Dialect,
  EnumTable,
  FieldLayout,
  FieldType,
  DecodedValue,
  DecodedFields,
  StructLayout,
} from './types.ts';

/** Path -> value, in the order of the frame: `header.sequence`, `tlv[0].Trade.price`, `tlv[1].type`. */
export type Meaning = ReadonlyMap<string, string>;

const ADDRESS_HEX_DIGITS = 40;

export function meaningOf(dialect: Dialect, frame: Uint8Array): Meaning {
  const message = decodeMessage(dialect, frame);
  const meaning = new Map<string, string>();
  const { header } = message;
  meaning.set('header.relay_domain', named(dialect.domains, header.relay_domain));
  meaning.set('header.version', String(header.version));
  meaning.set('header.source', named(dialect.sources, header.source));
  meaning.set('header.flags', String(header.flags));
  meaning.set('header.sequence', String(header.sequence));
  meaning.set('header.timestamp', String(header.timestamp));
  for (const [index, tlv] of message.tlvs.entries()) {
    const path = `tlv[${index}]`;
    meaning.set(`${path}.type`, typeName(tlv.name, tlv.type));
    const struct = tlv.layout === undefined ? undefined : dialect.structs.get(tlv.layout);
    const place = `${path}.${tlv.name}`;
    if (struct === undefined) addRaw(meaning, place, tlv.fields);
    else addStruct(meaning, place, struct, tlv.fields);
  }
  if (message.defect !== undefined) {
    const from = dialect.header.sizeBytes + message.defect.offset;
    meaning.set('payload.undecoded', toHex(frame.subarray(from)));
  }
  return meaning;
}

/** Equal exactly for equal meanings. */
export function meaningKey(meaning: Meaning): string {
  return JSON.stringify([...meaning].sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Numbers that the registry has no name for still tell types apart. */
function typeName(name: string, number: number): string {
  return name === 'Unknown' || name === 'Vendor' ? `${name} ${number}` : name;
}

function named(table: EnumTable | undefined, number: number): string {
  return (table?.flags === false ? table.names.get(number) : undefined) ?? String(number);
}

function addRaw(meaning: Map<string, string>, path: string, values: DecodedFields): void {
  for (const [name, value] of Object.entries(values)) meaning.set(`${path}.${name}`, textOf(value));
}

function addStruct(
  meaning: Map<string, string>,
  path: string,
  struct: StructLayout,
  values: DecodedFields,
): void {
  for (const field of struct.fields) {
    const value = values[field.name];
    if (field.padding || value === undefined || countsElements(field, struct)) continue;
    addValue(
      meaning,
      `${path}.${field.as ?? field.name}`,
      field,
      used(field, struct, values) ?? value,
    );
  }
  const { data } = values;
  if (struct.openEnded && data instanceof Uint8Array) meaning.set(`${path}.data`, toHex(data));
}

/** The field says how many elements another one has: that is how a list is written, not what it says. */
function countsElements(field: FieldLayout, struct: StructLayout): boolean {
  if (field.counts !== undefined) return true;
  return struct.fields.some(
    ({ type }) =>
      type.kind === 'list' && type.count.kind === 'field' && type.count.name === field.name,
  );
}

/** The used elements of an array that another field counts; undefined when there is no such field. */
function used(
  field: FieldLayout,
  struct: StructLayout,
  values: DecodedFields,
): readonly DecodedValue[] | undefined {
  const counter = struct.fields.find((each) => each.counts === field.name);
  const elements = values[field.name];
  if (counter === undefined || !isList(elements)) return undefined;
  return elements.slice(0, Number(values[counter.name]));
}

function addValue(
  meaning: Map<string, string>,
  path: string,
  field: FieldLayout,
  value: DecodedValue,
): void {
  const elements = elementsOf(field.type, value);
  if (elements !== undefined) {
    elements.list.forEach((element, index) => {
      const place = `${path}[${index}]`;
      if (elements.type.kind === 'struct' && isRecord(element)) {
        addStruct(meaning, place, elements.type.struct, element);
      } else meaning.set(place, scalar(field, element));
    });
  } else if (field.type.kind === 'struct' && isRecord(value)) {
    addStruct(meaning, path, field.type.struct, value);
  } else meaning.set(path, scalar(field, value));
}

/** A FixedVec, an array and a list of the same elements say the same. */
function elementsOf(
  type: FieldType,
  value: DecodedValue,
): { readonly type: FieldType; readonly list: readonly DecodedValue[] } | undefined {
  if (type.kind !== 'fixed-vec' && type.kind !== 'array' && type.kind !== 'list') return undefined;
  const list = isRecord(value) ? value['elements'] : value;
  return isList(list) ? { type: type.element, list } : undefined;
}

function scalar(field: FieldLayout, value: DecodedValue): string {
  if (typeof value === 'number') return named(field.enum, value);
  const text = textOf(value);
  const isAddress = field.unit === 'evm-address' && field.type.kind === 'bytes';
  const padding = isAddress ? text.slice(ADDRESS_HEX_DIGITS) : '';
  return /^0+$/.test(padding) ? text.slice(0, ADDRESS_HEX_DIGITS) : text;
}

function textOf(value: DecodedValue): string {
  if (value instanceof Uint8Array) return toHex(value);
  return typeof value === 'object' ? jsonText(value) : String(value);
}

function isList(value: DecodedValue | undefined): value is readonly DecodedValue[] {
  return Array.isArray(value);
}

function isRecord(value: DecodedValue | undefined): value is DecodedFields {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array);
}
