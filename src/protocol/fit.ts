/**
 * Whether bytes can be read as a struct: its size, what its lists hold included, and no FixedVec that says more
 * elements than it has room for. Total over any bytes.
 */
import { viewOf, wholeView } from '../wire/header.ts';
import { type PlacedField, placeFields } from './list-layout.ts';
import { sizeOf } from './resolve-structs.ts';
import type { FieldType, StructLayout } from './types.ts';

export function fits(struct: StructLayout, value: Uint8Array): boolean {
  const fit = fitOf(struct);
  if (fit.kind === 'test') return fit.test(value);
  const view = wholeView(value.buffer);
  return value.byteLength === fit.sizeBytes && haveRoom(fit.counts, view, value.byteOffset);
}

/** What bytes must be to be a struct. */
export type Fit =
  /** The usual case, which is asked without a view of the value: one size, and counts at known places. */
  | {
      readonly kind: 'size';
      readonly sizeBytes: number;
      readonly counts: readonly CountPlace[];
    }
  | { readonly kind: 'test'; readonly test: (value: Uint8Array) => boolean };

/** Where a FixedVec says how many of its elements are used. */
interface CountPlace {
  readonly offset: number;
  readonly capacity: number;
}

/** `at`: where the struct begins in `view`. */
export function haveRoom(counts: readonly CountPlace[], view: DataView, at: number): boolean {
  for (const { offset, capacity } of counts) {
    if (view.getUint16(at + offset, true) > capacity) return false;
  }
  return true;
}

const fitsOfStructs = new WeakMap<StructLayout, Fit>();

/** Asked for every value, so it is worked out once. */
export function fitOf(struct: StructLayout): Fit {
  let fit = fitsOfStructs.get(struct);
  if (fit === undefined) {
    fit = makeFit(struct);
    fitsOfStructs.set(struct, fit);
  }
  return fit;
}

function makeFit(struct: StructLayout): Fit {
  const { size, openEnded, hasLists } = struct;
  if (hasLists) {
    const test = (value: Uint8Array): boolean => {
      const placed = placeFields(struct, value);
      return placed !== undefined && overfullPlaced(placed, value) === undefined;
    };
    return { kind: 'test', test };
  }
  const counts = countPlaces(struct);
  if (!openEnded && counts !== undefined) return { kind: 'size', sizeBytes: size, counts };
  const test = (value: Uint8Array): boolean =>
    (openEnded ? value.byteLength >= size : value.byteLength === size) &&
    overfullStruct(struct, viewOf(value), 0) === undefined;
  return { kind: 'test', test };
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

/** Undefined when a FixedVec stands anywhere but among the fields of the struct itself. */
function countPlaces(struct: StructLayout): readonly CountPlace[] | undefined {
  const places: CountPlace[] = [];
  for (const { type, offset } of struct.fields) {
    if (type.kind === 'fixed-vec') places.push({ offset, capacity: type.capacity });
    if (typeHasCounts(type.kind === 'fixed-vec' ? type.element : type)) return undefined;
  }
  return places;
}

/** Whether there is a FixedVec anywhere inside. */
function typeHasCounts(type: FieldType): boolean {
  switch (type.kind) {
    case 'integer':
    case 'bytes':
      return false;
    case 'struct':
      return type.struct.fields.some((field) => typeHasCounts(field.type));
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
