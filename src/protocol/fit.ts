/**
 * Whether bytes can be read as a struct: its size, what its lists hold included, and no FixedVec that says more
 * elements than it has room for. Total over any bytes.
 */
import { u16At, viewOf } from '../wire/header.ts';
import { type PlacedField, placeFields } from './list-layout.ts';
import { sizeOf } from './resolve-structs.ts';
import type { FieldType, StructLayout } from './types.ts';

export function fits(struct: StructLayout, value: Uint8Array): boolean {
  const { byteLength } = value;
  const { size, openEnded, hasLists } = struct;
  if (hasLists) {
    const placed = placeFields(struct, value);
    return (
      placed !== undefined && (!hasCounts(struct) || overfullPlaced(placed, value) === undefined)
    );
  }
  if (openEnded ? byteLength < size : byteLength !== size) return false;
  if (!hasCounts(struct)) return true;
  const places = countPlaces(struct);
  if (places === undefined) return overfullStruct(struct, viewOf(value), 0) === undefined;
  return places.every(({ offset, capacity }) => u16At(value, offset) <= capacity);
}

/** The size of every value of the struct, when nothing else decides whether bytes fit. */
export function onlySize(struct: StructLayout): number | undefined {
  const { size, openEnded, hasLists } = struct;
  return openEnded || hasLists || hasCounts(struct) ? undefined : size;
}

export interface Overfull {
  /** Of the FixedVec in the struct: `bids`. */
  readonly path: string;
  readonly count: number;
  readonly capacity: number;
}

/** The first FixedVec with more elements than room, of bytes that have the size of the struct otherwise. */
export function overfullCount(struct: StructLayout, value: Uint8Array): Overfull | undefined {
  const { size, openEnded, hasLists } = struct;
  if (hasLists) {
    const placed = placeFields(struct, value);
    return placed && overfullPlaced(placed, value);
  }
  if (openEnded ? value.byteLength < size : value.byteLength !== size) return undefined;
  return overfullStruct(struct, viewOf(value), 0);
}

const countHolders = new WeakMap<StructLayout, boolean>();

/** Whether there is a FixedVec anywhere inside; asked for every value, so it is kept. */
function hasCounts(struct: StructLayout): boolean {
  let found = countHolders.get(struct);
  if (found === undefined) {
    found = struct.fields.some((field) => typeHasCounts(field.type));
    countHolders.set(struct, found);
  }
  return found;
}

interface CountPlace {
  readonly offset: number;
  readonly capacity: number;
}

const placesOfCounts = new WeakMap<StructLayout, readonly CountPlace[] | 'inside'>();

/** Where the counts of FixedVecs stand, when all are fields of the struct itself: the usual case, quickly. */
function countPlaces(struct: StructLayout): readonly CountPlace[] | undefined {
  let places = placesOfCounts.get(struct);
  if (places === undefined) {
    const own: CountPlace[] = [];
    let inside = false;
    for (const { type, offset } of struct.fields) {
      if (type.kind === 'fixed-vec') own.push({ offset, capacity: type.capacity });
      inside ||= typeHasCounts(type.kind === 'fixed-vec' ? type.element : type);
    }
    places = inside ? 'inside' : own;
    placesOfCounts.set(struct, places);
  }
  return places === 'inside' ? undefined : places;
}

function typeHasCounts(type: FieldType): boolean {
  switch (type.kind) {
    case 'integer':
    case 'bytes':
      return false;
    case 'struct':
      return hasCounts(type.struct);
    case 'array':
    case 'list':
      return typeHasCounts(type.element);
    case 'fixed-vec':
      return true;
  }
}

function overfullPlaced(placed: readonly PlacedField[], value: Uint8Array): Overfull | undefined {
  const view = viewOf(value);
  for (const { field, offset, count } of placed) {
    const { type, size, name } = field;
    const found =
      type.kind === 'list'
        ? overfullElement(type.element, count, view, offset + size)
        : overfullType(type, view, offset);
    if (found !== undefined) return inside(name, found);
  }
  return undefined;
}

function overfullStruct(
  struct: StructLayout,
  view: DataView,
  offset: number,
): Overfull | undefined {
  for (const { name, type, offset: fieldOffset } of struct.fields) {
    const found = overfullType(type, view, offset + fieldOffset);
    if (found !== undefined) return inside(name, found);
  }
  return undefined;
}

function overfullType(type: FieldType, view: DataView, offset: number): Overfull | undefined {
  switch (type.kind) {
    case 'integer':
    case 'bytes':
    // Lists are not nested; overfullPlaced looks at them.
    case 'list':
      return undefined;
    case 'struct':
      return overfullStruct(type.struct, view, offset);
    case 'array':
      return overfullElement(type.element, type.count, view, offset);
    case 'fixed-vec': {
      const { capacity, element, elementsOffset } = type;
      const count = view.getUint16(offset, true);
      if (count > capacity) return { path: '', count, capacity };
      const found = overfullElement(element, count, view, offset + elementsOffset);
      return found && inside('elements', found);
    }
  }
}

function overfullElement(
  element: FieldType,
  count: number,
  view: DataView,
  offset: number,
): Overfull | undefined {
  if (!typeHasCounts(element)) return undefined;
  const bytes = sizeOf(element);
  for (let index = 0; index < count; index++) {
    const found = overfullType(element, view, offset + index * bytes);
    if (found !== undefined) return inside(`[${index}]`, found);
  }
  return undefined;
}

function inside(name: string, found: Overfull): Overfull {
  const joint = found.path === '' || found.path.startsWith('[') ? '' : '.';
  return { ...found, path: `${name}${joint}${found.path}` };
}
