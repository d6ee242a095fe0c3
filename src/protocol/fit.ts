/**
 * Whether bytes can be read as a struct: its size, what its lists hold included, and no FixedVec that says more
 * elements than it has room for. Total over any bytes.
 */
import { u16At, viewOf } from '../wire/header.ts';
import { type PlacedField, placeFields } from './list-layout.ts';
import { sizeOf } from './resolve-structs.ts';
import type { FieldType, StructLayout } from './types.ts';

export function fits(struct: StructLayout, value: Uint8Array): boolean {
  const fit = fitOf(struct);
  return fit.kind === 'size' ? value.byteLength === fit.sizeBytes : fit.test(value);
}

/** What bytes must be to be a struct. */
export type Fit =
  /** Every value has this size, and nothing else is asked. */
  | { readonly kind: 'size'; readonly sizeBytes: number }
  | { readonly kind: 'test'; readonly test: (value: Uint8Array) => boolean };

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
  const counts = hasCounts(struct);
  if (hasLists) {
    const test = (value: Uint8Array): boolean => {
      const placed = placeFields(struct, value);
      return placed !== undefined && !(counts && overfullPlaced(placed, value));
    };
    return { kind: 'test', test };
  }
  if (!openEnded && !counts) return { kind: 'size', sizeBytes: size };
  const hasSize = ({ byteLength }: Uint8Array): boolean =>
    openEnded ? byteLength >= size : byteLength === size;
  const places = countPlaces(struct);
  const isInside = (value: Uint8Array): boolean =>
    places === undefined
      ? overfullStruct(struct, viewOf(value), 0) === undefined
      : places.every(({ offset, capacity }) => u16At(value, offset) <= capacity);
  return { kind: 'test', test: (value) => hasSize(value) && isInside(value) };
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

/** Whether there is a FixedVec anywhere inside. */
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

/** Where the counts of FixedVecs stand, when all are fields of the struct itself: the usual case, quickly. */
function countPlaces(struct: StructLayout): readonly CountPlace[] | undefined {
  const own: CountPlace[] = [];
  for (const { type, offset } of struct.fields) {
    if (type.kind === 'fixed-vec') own.push({ offset, capacity: type.capacity });
    if (typeHasCounts(type.kind === 'fixed-vec' ? type.element : type)) return undefined;
  }
  return own;
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
