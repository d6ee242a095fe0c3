/** Layouts as rows for people: which bytes hold which field, nested structs and elements included. */
import { assertNever } from '../lib/assert.ts';
import { fromHex } from '../lib/bytes.ts';
import { sizeOf } from '../protocol/resolve-structs.ts';
import type {
  BytesNumber,
  Dialect,
  FieldLayout,
  FieldType,
  HeaderField,
  RecordFileLayout,
  SizeRule,
  StructLayout,
} from '../protocol/types.ts';
import { INTEGER_BYTES } from '../protocol/values.ts';

export interface ByteRow {
  /** 0 for a field of the layout itself, more for what lies inside the row above. */
  readonly depth: number;
  /** `16`; `+2` from the start of an element or of a FixedVec; `24..` when lists before it push it back. */
  readonly offset: string;
  readonly size: string;
  readonly type: string;
  readonly field: string;
  /** Enum, scale, unit, byte order, padding and note. */
  readonly meaning: string;
}

interface Place {
  readonly depth: number;
  /** Where the offsets of the fields count from. */
  readonly base: number;
  readonly relative: boolean;
}

const ELEMENT = 'elements[]';

export function byteRows(struct: StructLayout): readonly ByteRow[] {
  const rows = structRows(struct, { depth: 0, base: 0, relative: false });
  if (!struct.openEnded) return rows;
  const end = { offset: String(struct.size), size: '0..', type: 'bytes', field: 'data' };
  return [...rows, { depth: 0, ...end, meaning: 'whatever follows' }];
}

export function headerRows(fields: readonly HeaderField[]): readonly ByteRow[] {
  return fields.map(({ name, offset, type, note }) => ({
    depth: 0,
    offset: String(offset),
    size: String(INTEGER_BYTES[type]),
    type,
    field: name,
    meaning: note ?? '',
  }));
}

function structRows(struct: StructLayout, place: Place): readonly ByteRow[] {
  const firstList = struct.fields.findIndex(({ type }) => type.kind === 'list');
  return struct.fields.flatMap((field, index) =>
    fieldRows(field, place, firstList >= 0 && index > firstList),
  );
}

/** `moved`: a list stands before the field. */
function fieldRows(field: FieldLayout, place: Place, moved: boolean): readonly ByteRow[] {
  const { name, type, size, offset } = field;
  const row: ByteRow = {
    depth: place.depth,
    offset: `${offsetText(offset, place)}${moved ? '..' : ''}`,
    size: type.kind === 'list' ? `${size}..` : String(size),
    type: typeText(type),
    field: name,
    meaning: meaningOf(field),
  };
  return [
    row,
    ...insideRows(type, { ...place, depth: place.depth + 1, base: place.base + offset }),
  ];
}

function offsetText(offset: number, { base, relative }: Place): string {
  return relative ? `+${base + offset}` : String(base + offset);
}

/** `place.base` is where the value begins. */
function insideRows(type: FieldType, place: Place): readonly ByteRow[] {
  const inElement: Place = { depth: place.depth, base: 0, relative: true };
  switch (type.kind) {
    case 'integer':
    case 'bytes':
      return [];
    case 'struct':
      return structRows(type.struct, place);
    case 'array':
    case 'list':
      return insideRows(type.element, inElement);
    case 'fixed-vec':
      return fixedVecRows(type, inElement);
    default:
      return assertNever(type, 'field type');
  }
}

const COUNT_BYTES = 2;

function fixedVecRows(type: FieldType & { kind: 'fixed-vec' }, place: Place): readonly ByteRow[] {
  const { depth } = place;
  const { capacity, element, elementBytes, elementsOffset } = type;
  const row = (offset: number, size: number, rest: Omit<ByteRow, 'depth' | 'offset' | 'size'>) => ({
    depth,
    offset: `+${offset}`,
    size: String(size),
    ...rest,
  });
  const gap = elementsOffset - COUNT_BYTES;
  const used = `${capacity} times; the first count of them are used`;
  return [
    row(0, COUNT_BYTES, { type: 'u16', field: 'count', meaning: `at most ${capacity}` }),
    ...(gap > 0
      ? [row(COUNT_BYTES, gap, { type: `bytes<${gap}>`, field: '-', meaning: 'padding' })]
      : []),
    row(elementsOffset, elementBytes, { type: typeText(element), field: ELEMENT, meaning: used }),
    ...insideRows(element, { ...place, depth: depth + 1 }),
  ];
}

/** As a schema spells it. */
export function typeText(type: FieldType): string {
  switch (type.kind) {
    case 'integer':
      return type.integer;
    case 'bytes':
      return `bytes<${type.length}>`;
    case 'struct':
      return type.struct.name;
    case 'array':
      return `array<${typeText(type.element)},${type.count}>`;
    case 'fixed-vec':
      return `FixedVec<${typeText(type.element)},${type.capacity}>`;
    case 'list':
      return `list<${typeText(type.element)}>`;
    default:
      return assertNever(type, 'field type');
  }
}

function meaningOf(field: FieldLayout): string {
  const { type, scale, unit, note, padding, number, always } = field;
  const bigEndian = 'endian' in type && type.endian === 'big';
  return [
    padding ? 'padding' : undefined,
    field.enum === undefined ? undefined : `${field.enum.name}${field.enum.flags ? ' (bits)' : ''}`,
    scale === undefined ? undefined : `fixed point, ${scale} decimals`,
    unit,
    bigEndian ? 'big-endian' : undefined,
    type.kind === 'list' ? listText(type) : undefined,
    number && numberText(number),
    always === undefined ? undefined : alwaysText(always),
    note,
  ]
    .filter((part) => part !== undefined)
    .join('; ');
}

function numberText({ endian, bits }: BytesNumber): string {
  return `a number of ${bits} bits, ${endian}-endian`;
}

/** Of bytes, the text that they are. */
function alwaysText(always: number | string): string {
  return `always ${typeof always === 'number' ? always : Buffer.from(fromHex(always)).toString('latin1')}`;
}

function listText({ count, element }: FieldType & { kind: 'list' }): string {
  const bytes = `${sizeOf(element)} bytes an element`;
  if (count.kind === 'field') return `${bytes}, as many as ${count.name} says`;
  return `${bytes}, behind their number (${count.integer}${count.endian === 'big' ? ', big-endian' : ''})`;
}

/** `40`, `20 to 300`, `any`. */
export function sizeRuleText(size: SizeRule): string {
  switch (size.kind) {
    case 'fixed':
      return String(size.bytes);
    case 'bounded':
      return `${size.min} to ${size.max}`;
    case 'variable':
      return 'any';
    default:
      return assertNever(size, 'size rule');
  }
}

/** `40 bytes`, `31 bytes and the elements of its lists`, `12 bytes and whatever follows`. */
export function structSizeText({ size, hasLists, openEnded }: StructLayout): string {
  if (hasLists) return `${size} bytes and the elements of its lists`;
  return openEnded ? `${size} bytes and whatever follows` : `${size} bytes`;
}

/** What a file is made of, in words. */
export function fileText(file: RecordFileLayout): string {
  const { header, record, countField, countPrefix, checksumField } = file;
  const records = `${record.name} of ${record.size} bytes each`;
  if (header === undefined)
    return countPrefix === undefined
      ? `${records}, to the end of the file`
      : `their number (${countPrefix}), then ${records}`;
  const counted = countField === undefined ? '' : `, as many as its ${countField} says`;
  const checked =
    checksumField === undefined ? '' : `; its ${checksumField} is the CRC-32 of them all`;
  return `${header.name} of ${header.size} bytes, then ${records}${counted}${checked}`;
}

/** `H3: magic, relay_domain, ...`. */
export function headerOrderText({ header, headerFields }: Dialect): string {
  const fields = headerFields.get(header.generation) ?? [];
  return `${header.generation}: ${fields.map(({ name }) => name).join(', ')}`;
}
