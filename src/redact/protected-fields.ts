/**
 * Which fields are never redacted, because frames or identities hang on them: every header field but the time and the
 * flags, the heads of TLVs, and counts of elements. And which unit a field can be moved in.
 */
import { TIME_PLACES } from '../diff/rules/field-units.ts';
import { placePattern, pathPattern } from '../diff/rules/patterns.ts';
import type { Dialect, FieldLayout, FieldType, StructLayout } from '../protocol/types.ts';
import type { HeaderOffsets } from '../wire/types.ts';

/** What a number counts. */
export interface Measure {
  readonly kind: 'time' | 'number';
  /** 10^places of what is on the wire are a second, or one. */
  readonly places: number;
}

export const HEADER_TIME: Measure = { kind: 'time', places: 9 };

export function measureOf(field: FieldLayout): Measure | undefined {
  if (field.enum !== undefined) return undefined;
  const places = TIME_PLACES[field.unit ?? ''];
  if (places !== undefined) return { kind: 'time', places };
  return { kind: 'number', places: field.scale ?? 0 };
}

const FREE_HEADER_FIELDS: ReadonlySet<keyof HeaderOffsets> = new Set(['timestamp', 'flags']);

export function isFreeHeaderField(name: keyof HeaderOffsets): boolean {
  return FREE_HEADER_FIELDS.has(name);
}

const countFieldsOf = new WeakMap<Dialect, ReadonlySet<FieldLayout>>();

/** Fields that say how many elements others have: how the bytes behind are read hangs on them. */
export function countFields(dialect: Dialect): ReadonlySet<FieldLayout> {
  let fields = countFieldsOf.get(dialect);
  if (fields === undefined) {
    const found = new Set<FieldLayout>();
    for (const struct of allStructs(dialect)) {
      const lists = struct.fields.flatMap(({ type }) => (type.kind === 'list' ? [type.count] : []));
      const counting = new Set(
        lists.flatMap((count) => (count.kind === 'field' ? [count.name] : [])),
      );
      for (const field of struct.fields) {
        if (field.counts !== undefined || counting.has(field.name)) found.add(field);
      }
    }
    fields = found;
    countFieldsOf.set(dialect, fields);
  }
  return fields;
}

function allStructs(dialect: Dialect): ReadonlySet<StructLayout> {
  const structs = new Set<StructLayout>();
  const visit = (struct: StructLayout): void => {
    if (structs.has(struct)) return;
    structs.add(struct);
    for (const { type } of struct.fields) visitType(type);
  };
  const visitType = (type: FieldType): void => {
    if (type.kind === 'struct') visit(type.struct);
    else if (type.kind === 'array' || type.kind === 'fixed-vec' || type.kind === 'list')
      visitType(type.element);
  };
  for (const { struct } of dialect.types.values()) if (struct !== undefined) visit(struct);
  return structs;
}

interface Place {
  readonly path: string;
  readonly isProtected: boolean;
}

const placesOf = new WeakMap<Dialect, readonly Place[]>();

/** Why nothing that a path selects may be redacted; undefined when some of it may, or when it selects nothing. */
export function isOnlyProtected(pattern: string, dialect: Dialect): string | undefined {
  let places = placesOf.get(dialect);
  if (places === undefined) placesOf.set(dialect, (places = [...allPlaces(dialect)]));
  // Positions do not decide what a field is.
  const general = pattern.replaceAll(/\[[^\]]*\]/g, '[*]');
  const field = pathPattern(general);
  const selected = places.filter(({ path }) => field.test(path));
  if (selected.length === 0 || selected.some(({ isProtected }) => !isProtected)) return undefined;
  const exact = placePattern(general);
  const example = selected.find(({ path }) => exact.test(path)) ?? selected[0];
  return `"${pattern}" cannot be redacted: ${whyProtected(example?.path ?? '')}`;
}

function whyProtected(path: string): string {
  if (path === 'header.checksum')
    return 'checksums follow what they are of: valid ones stay valid, 0 stays 0, wrong ones stay wrong';
  if (/^header\.(relay_domain|source|sequence)$/.test(path))
    return 'messages are known by domain, source and sequence';
  return 'where frames and fields begin and end hangs on it';
}

/** Every field that messages of a dialect can have, with [0] for every position. */
function* allPlaces(dialect: Dialect): Generator<Place> {
  for (const { name } of dialect.headerFields.get(dialect.header.generation) ?? [])
    yield { path: `header.${name}`, isProtected: !isFreeHeaderField(name) };
  for (const part of ['marker', 'reserved', 'type', 'length'])
    yield { path: `tlv[0].${part}`, isProtected: true };
  yield { path: 'payload.undecoded', isProtected: false };
  const counting = countFields(dialect);
  const named = [...dialect.types.values()].map(({ name, struct }) => ({ name, struct }));
  for (const { name, struct } of [...named, { name: 'Unknown', struct: undefined }]) {
    const at = `tlv[0].${name}`;
    yield { path: `${at}.raw`, isProtected: false };
    if (struct === undefined) continue;
    if (struct.openEnded) yield { path: `${at}.data`, isProtected: false };
    yield* placesIn(struct, at, counting);
  }
}

function* placesIn(
  struct: StructLayout,
  at: string,
  counting: ReadonlySet<FieldLayout>,
): Generator<Place> {
  for (const field of struct.fields) {
    const path = `${at}.${field.name}`;
    const { type } = field;
    if (type.kind === 'fixed-vec') {
      yield { path: `${path}.count`, isProtected: true };
      yield { path: `${path}._padding`, isProtected: false };
      yield { path: `${path}.unused`, isProtected: false };
      yield* placesOfType(type.element, `${path}.elements[0]`, counting);
    } else if (type.kind === 'list' || type.kind === 'array') {
      if (type.kind === 'list' && type.count.kind === 'prefix')
        yield { path: `${path}.count`, isProtected: true };
      yield* placesOfType(type.element, `${path}[0]`, counting);
    } else if (type.kind === 'struct') yield* placesIn(type.struct, path, counting);
    else yield { path, isProtected: counting.has(field) };
  }
}

function* placesOfType(
  type: FieldType,
  path: string,
  counting: ReadonlySet<FieldLayout>,
): Generator<Place> {
  if (type.kind === 'struct') yield* placesIn(type.struct, path, counting);
  else if (type.kind === 'array') yield* placesOfType(type.element, `${path}[0]`, counting);
  else yield { path, isProtected: false };
}
