/**
 * What a frame says, whatever the dialect that it is written in: names instead of numbers, fields under the
 * names that all dialects share, numbers and bytes whatever their width (meaning-value), lists without their
 * unused end. Two frames with equal meanings differ in encoding only. Sizes, checksums, padding, TLV heads and
 * what every publisher of a layout writes (`always`) are encoding.
 *
 * A value that another layout has no room for is a difference of meaning; `whyUnsaid` says that it is one.
 */
import { toHex } from '../lib/bytes.ts';
import { decodeMessage } from './decode.ts';
import { fieldText, isConstant } from './field-values.ts';
import { type MeaningValue, named, scalarValue, whyNoRoom, wordValue } from './meaning-value.ts';
import type {
  DecodedTlv,
  Dialect,
  FieldLayout,
  FieldType,
  DecodedValue,
  DecodedFields,
  StructLayout,
} from './types.ts';

export interface Meaning {
  readonly dialect: Dialect;
  /** Path -> value, in the order of the frame: `header.sequence`, `tlv[0].Trade.price`, `tlv[1].type`. */
  readonly values: ReadonlyMap<string, MeaningValue>;
  /** Path of each list -> how many elements its layout has room for. */
  readonly rooms: ReadonlyMap<string, number>;
  /** Path of each struct -> its layout; undefined for a TLV whose bytes stay raw. */
  readonly structs: ReadonlyMap<string, StructLayout | undefined>;
}

export function meaningOf(dialect: Dialect, frame: Uint8Array): Meaning {
  const pen = new MeaningPen(dialect);
  const { header, tlvs, defect } = decodeMessage(dialect, frame);
  pen.word('header.relay_domain', named(dialect.domains, header.relay_domain));
  pen.word('header.version', String(header.version));
  pen.word('header.source', named(dialect.sources, header.source));
  pen.word('header.flags', String(header.flags));
  pen.word('header.sequence', String(header.sequence));
  pen.word('header.timestamp', String(header.timestamp));
  for (const [index, tlv] of tlvs.entries()) pen.tlv(`tlv[${index}]`, tlv);
  if (defect !== undefined) {
    const from = dialect.header.sizeBytes + defect.offset;
    pen.word('payload.undecoded', toHex(frame.subarray(from)));
  }
  return pen;
}

/** Equal exactly for equal meanings. */
export function meaningKey({ values }: Meaning): string {
  const keys = [...values].map(([path, { key }]) => [path, key] as const);
  return JSON.stringify(keys.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** One of the two messages of a pair. `side` is how people are told of it. */
export interface MeaningSide {
  readonly side: 'old' | 'new';
  readonly meaning: Meaning;
}

/** Why the layout of one side cannot say what the other says at `path`; undefined when it could. */
export function whyUnsaid(old: MeaningSide, neu: MeaningSide, path: string): string | undefined {
  return whyNotIn(old, neu, path) ?? whyNotIn(neu, old, path);
}

function whyNotIn(from: MeaningSide, to: MeaningSide, path: string): string | undefined {
  const said = from.meaning.values.get(path);
  if (said === undefined) return undefined;
  const other = to.meaning.values.get(path);
  if (other !== undefined)
    return whyNoRoom({ side: from.side, said: said.said }, { side: to.side, said: other.said });
  const element = /^(.+)\[(\d+)\](?:\..*)?$/.exec(path);
  const room = to.meaning.rooms.get(element?.[1] ?? '');
  if (room !== undefined)
    return Number(element?.[2]) >= room
      ? `the layout of ${to.side} has room for ${room} elements`
      : undefined;
  return whyNoField(to, path);
}

function whyNoField({ side, meaning }: MeaningSide, path: string): string | undefined {
  const holder = path.slice(0, path.lastIndexOf('.'));
  if (!meaning.structs.has(holder)) return undefined;
  const struct = meaning.structs.get(holder);
  const { name } = meaning.dialect;
  if (struct === undefined) return `${name}, the dialect of ${side}, has no struct for these bytes`;
  const field = path.slice(holder.length + 1);
  if (struct.fields.some((each) => sharedName(each) === field)) return undefined;
  return `${struct.name} of ${name}, the dialect of ${side}, has no such field`;
}

function sharedName(field: FieldLayout): string {
  return field.as ?? field.name;
}

class MeaningPen implements Meaning {
  readonly dialect: Dialect;
  readonly values = new Map<string, MeaningValue>();
  readonly rooms = new Map<string, number>();
  readonly structs = new Map<string, StructLayout | undefined>();

  constructor(dialect: Dialect) {
    this.dialect = dialect;
  }

  word(path: string, text: string): void {
    this.values.set(path, wordValue(text));
  }

  tlv(path: string, { name, type, layout, fields }: DecodedTlv): void {
    // Numbers that the registry has no name for still tell types apart.
    const isNamed = name !== 'Unknown' && name !== 'Vendor';
    this.word(`${path}.type`, isNamed ? name : `${name} ${type}`);
    const struct = layout === undefined ? undefined : this.dialect.structs.get(layout);
    const place = `${path}.${name}`;
    if (struct !== undefined) {
      this.#struct(place, struct, fields);
      return;
    }
    this.structs.set(place, undefined);
    for (const [field, value] of Object.entries(fields))
      this.word(`${place}.${field}`, fieldText(value));
  }

  #struct(path: string, struct: StructLayout, values: DecodedFields): void {
    this.structs.set(path, struct);
    for (const field of struct.fields) {
      const value = values[field.name];
      if (value === undefined || field.padding) continue;
      if (countsElements(field, struct) || isConstant(field, value)) continue;
      this.#value(`${path}.${sharedName(field)}`, field, usedOf(field, struct, values) ?? value);
    }
    const { data } = values;
    if (struct.openEnded && data instanceof Uint8Array) this.word(`${path}.data`, toHex(data));
  }

  #value(path: string, field: FieldLayout, value: DecodedValue): void {
    const elements = elementsOf(field.type, value);
    if (elements === undefined) {
      this.#one(path, field, field.type, value);
      return;
    }
    if (elements.room !== undefined) this.rooms.set(path, elements.room);
    for (const [index, element] of elements.list.entries())
      this.#one(`${path}[${index}]`, field, elements.type, element);
  }

  #one(path: string, field: FieldLayout, type: FieldType, value: DecodedValue): void {
    if (type.kind === 'struct' && isRecord(value)) this.#struct(path, type.struct, value);
    else this.values.set(path, scalarValue(field, type, value));
  }
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
function usedOf(
  field: FieldLayout,
  struct: StructLayout,
  values: DecodedFields,
): readonly DecodedValue[] | undefined {
  const counter = struct.fields.find((each) => each.counts === field.name);
  const elements = values[field.name];
  if (counter === undefined || !isList(elements)) return undefined;
  return elements.slice(0, Number(values[counter.name]));
}

interface Elements {
  readonly type: FieldType;
  readonly list: readonly DecodedValue[];
  /** undefined: as many as a TLV can hold. */
  readonly room: number | undefined;
}

/** A FixedVec, an array and a list of the same elements say the same. */
function elementsOf(type: FieldType, value: DecodedValue): Elements | undefined {
  if (type.kind !== 'fixed-vec' && type.kind !== 'array' && type.kind !== 'list') return undefined;
  const list = isRecord(value) ? value['elements'] : value;
  if (!isList(list)) return undefined;
  const room =
    type.kind === 'fixed-vec' ? type.capacity : type.kind === 'array' ? type.count : undefined;
  return { type: type.element, list, room };
}

function isList(value: DecodedValue | undefined): value is readonly DecodedValue[] {
  return Array.isArray(value);
}

function isRecord(value: DecodedValue | undefined): value is DecodedFields {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array);
}
