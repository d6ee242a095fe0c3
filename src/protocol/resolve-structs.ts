/**
 * Turns the struct shapes of a dialect into layouts: types parsed, offsets summed up, sizes verified,
 * structs nested. A struct with a mistake gives no layout, and neither do those that hold it.
 */
import { listCount } from './list-count.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { FieldShape, StructShape } from './schema-shape.ts';
import type { Entry, Path, Report } from './schema-source.ts';
import type { EnumTable, FieldLayout, FieldType, StructLayout } from './types.ts';
import { constant, bytesNumber } from './field-values.ts';
import { INTEGER_BYTES, isIntegerType } from './values.ts';

/** What the value of a TLV can hold; the shape limits the size of structs to it, too. */
const FIELD_BYTES_MAX = 65_535;
/** Name of what an open-ended struct keeps after its fields. */
const OPEN_FIELD = 'data';
/** Enums name numbers of up to 32 bits. */
const ENUM_BYTES_MAX = 4;

type Structs = ReadonlyMap<string, Entry<StructShape>>;

interface Context {
  readonly entries: Structs;
  readonly enums: ReadonlyMap<string, EnumTable>;
  readonly report: Report;
  /** undefined: was tried and has mistakes. */
  readonly layouts: Map<string, StructLayout | undefined>;
  /** Structs being laid out, outermost first. */
  readonly open: string[];
}

export function resolveStructs(
  entries: Structs,
  enums: ReadonlyMap<string, EnumTable>,
  report: Report,
): ReadonlyMap<string, StructLayout> {
  const context: Context = { entries, enums, report, layouts: new Map(), open: [] };
  const resolved = new Map<string, StructLayout>();
  for (const [name, entry] of entries) {
    const layout = layoutOf(name, entry, context);
    if (layout !== undefined) resolved.set(name, layout);
  }
  return resolved;
}

function layoutOf(
  name: string,
  entry: Entry<StructShape>,
  context: Context,
): StructLayout | undefined {
  if (context.layouts.has(name)) return context.layouts.get(name);
  context.open.push(name);
  const layout = layoutStruct(name, entry, context);
  context.open.pop();
  context.layouts.set(name, layout);
  return layout;
}

function layoutStruct(
  name: string,
  { shape, source, path }: Entry<StructShape>,
  context: Context,
): StructLayout | undefined {
  const fields: FieldLayout[] = [];
  let failed = false;
  let offset = 0;
  for (const [index, fieldShape] of shape.fields.entries()) {
    const report = (key: keyof FieldShape, what: string): void => {
      failed = true;
      context.report(source.mistake([...path, 'fields', index, key], what));
    };
    if (fields.some((field) => field.name === fieldShape.name))
      report('name', `${name} has a field "${fieldShape.name}" already`);
    const type = isList(fieldShape)
      ? parseList(fieldShape, fields, context, report)
      : parseType(fieldShape, fieldShape.type, context, report);
    // Without its size nothing after it can be placed.
    if (type === undefined) return undefined;
    const size = sizeOf(type);
    checkField(fieldShape, type, offset, report);
    fields.push(layoutField(fieldShape, { type, offset, size }, context, report));
    offset += size;
  }
  const mistake = (at: Path, what: string): void => {
    failed = true;
    context.report(source.mistake([...path, ...at], what));
  };
  if (offset !== shape.size)
    mistake(['size'], `${name} says ${shape.size} bytes, its fields add up to ${offset}`);
  if (shape.fixed_vec === true && !isFixedVec(fields))
    mistake(['fixed_vec'], 'a FixedVec is count (u16), padding, and the array elements');
  if (shape.open === true && fields.some((field) => field.name === OPEN_FIELD))
    mistake(['open'], `the field ${OPEN_FIELD} would stand for the open end, too`);
  for (const [index, { counts }] of shape.fields.entries()) {
    const isArray = fields.some((field) => field.name === counts && field.type.kind === 'array');
    if (counts !== undefined && !isArray)
      mistake(['fields', index, 'counts'], `no array of this struct is called "${counts}"`);
  }
  const hasLists = fields.some((field) => field.type.kind === 'list');
  if (shape.open === true && hasLists)
    mistake(['open'], 'a struct with lists ends where they end, and has no open end');
  return failed
    ? undefined
    : {
        name,
        size: offset,
        fields,
        openEnded: shape.open === true,
        hasLists,
        note: shape.note,
        source: shape.source,
      };
}

function layoutField(
  shape: FieldShape,
  place: { readonly type: FieldType; readonly offset: number; readonly size: number },
  context: Context,
  report: (key: keyof FieldShape, what: string) => void,
): FieldLayout {
  const table = shape.enum === undefined ? undefined : context.enums.get(shape.enum);
  if (shape.enum !== undefined && table === undefined) {
    const suggestion = didYouMean(shape.enum, context.enums.keys());
    report('enum', `no enum is called "${shape.enum}"${suggestion}`);
  }
  return {
    name: shape.name,
    ...place,
    padding: shape.padding === true || shape.implicit === true,
    scale: shape.scale,
    enum: table,
    unit: shape.unit,
    as: shape.as,
    counts: shape.counts,
    number: bytesNumber(shape, place.type, report),
    always: constant(shape, place.type, report),
    note: shape.note,
  };
}

function checkField(
  shape: FieldShape,
  type: FieldType,
  offset: number,
  report: (key: keyof FieldShape, what: string) => void,
): void {
  if (shape.offset !== undefined && shape.offset < offset)
    report(
      'offset',
      `says ${shape.offset}, but overlaps the field before it, which ends at ${offset}`,
    );
  if (shape.offset !== undefined && shape.offset > offset)
    report('offset', `says ${shape.offset}, but the field before it ends at ${offset}`);
  const integer = type.kind === 'integer';
  if (shape.scale !== undefined && !integer) report('scale', 'only an integer has a scale');
  if (shape.endian !== undefined && !integer && type.kind !== 'list')
    report('endian', 'only an integer has an endian');
  if (shape.count !== undefined && type.kind !== 'list') report('count', 'only a list has a count');
  if (type.kind === 'list' && (shape.padding === true || shape.implicit === true))
    report('type', 'a list is no padding');
  if (shape.enum !== undefined && (!integer || INTEGER_BYTES[type.integer] > ENUM_BYTES_MAX))
    report('enum', 'only an integer of at most 32 bits has an enum');
}

const LIST = /^list<(.+)>$/;

function isList(shape: FieldShape): boolean {
  return LIST.test(shape.type);
}

/** `before`: the fields of the struct so far. */
function parseList(
  shape: FieldShape,
  before: readonly FieldLayout[],
  context: Context,
  report: (key: keyof FieldShape, what: string) => void,
): FieldType | undefined {
  const element = parseType(shape, LIST.exec(shape.type)?.[1] ?? '', context, report);
  if (element === undefined) return undefined;
  const count = listCount(shape, before, report);
  return count && { kind: 'list', element, elementBytes: sizeOf(element), count };
}

function parseType(
  shape: FieldShape,
  whole: string,
  context: Context,
  report: (key: keyof FieldShape, what: string) => void,
): FieldType | undefined {
  const parse = (text: string): FieldType | undefined => {
    if (isIntegerType(text))
      return { kind: 'integer', integer: text, endian: shape.endian ?? 'little' };
    const bytes = /^bytes<(\d{1,5})>$/.exec(text);
    if (bytes !== null) return sized({ kind: 'bytes', length: Number(bytes[1]) });
    if (LIST.test(text)) {
      report('type', 'a list stands by itself: no array and no list has lists as elements');
      return undefined;
    }
    const array = /^array<(.+),(\d{1,5})>$/.exec(text);
    if (array !== null) {
      const element = parse(array[1] ?? '');
      return element && sized({ kind: 'array', element, count: Number(array[2]) });
    }
    return structType(text);
  };
  const sized = (type: FieldType): FieldType | undefined => {
    const size = sizeOf(type);
    if (size > 0 && size <= FIELD_BYTES_MAX) return type;
    report('type', `${shape.type} is ${size} bytes, a field has 1 to ${FIELD_BYTES_MAX}`);
    return undefined;
  };
  const structType = (name: string): FieldType | undefined => {
    const entry = context.entries.get(name);
    if (entry === undefined) {
      const known = [...Object.keys(INTEGER_BYTES), 'bytes<n>', ...context.entries.keys()];
      report('type', `no type is called "${name}"${didYouMean(name, known)}`);
      return undefined;
    }
    if (context.open.includes(name)) {
      const ring = [...context.open.slice(context.open.indexOf(name)), name];
      report('type', `${name} contains itself: ${ring.join(' > ')}`);
      return undefined;
    }
    const struct = layoutOf(name, entry, context);
    if (struct?.openEnded === true) {
      report('type', `${name} has an open end and cannot stand inside another struct`);
      return undefined;
    }
    if (struct?.hasLists === true) {
      report('type', `${name} has lists and cannot stand inside another struct`);
      return undefined;
    }
    return (
      struct && (entry.shape.fixed_vec === true ? fixedVec(struct) : { kind: 'struct', struct })
    );
  };
  return parse(whole);
}

function isFixedVec(fields: readonly FieldLayout[]): boolean {
  const [count, ...rest] = fields;
  const elements = rest.pop();
  return (
    count?.name === 'count' &&
    count.type.kind === 'integer' &&
    count.type.integer === 'u16' &&
    count.type.endian === 'little' &&
    rest.every((field) => field.padding) &&
    elements?.name === 'elements' &&
    elements.type.kind === 'array'
  );
}

function fixedVec(struct: StructLayout): FieldType | undefined {
  const elements = struct.fields.at(-1);
  if (elements?.type.kind !== 'array') return undefined;
  const { element, count } = elements.type;
  return {
    kind: 'fixed-vec',
    element,
    elementBytes: sizeOf(element),
    capacity: count,
    elementsOffset: elements.offset,
  };
}

/** Of a list: what it takes without elements. */
export function sizeOf(type: FieldType): number {
  switch (type.kind) {
    case 'integer':
      return INTEGER_BYTES[type.integer];
    case 'bytes':
      return type.length;
    case 'struct':
      return type.struct.size;
    case 'array':
      return type.count * sizeOf(type.element);
    case 'fixed-vec':
      return type.elementsOffset + type.capacity * type.elementBytes;
    case 'list':
      return type.count.kind === 'prefix' ? INTEGER_BYTES[type.count.integer] : 0;
  }
}
