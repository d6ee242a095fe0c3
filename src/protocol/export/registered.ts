/** The part of a dialect that messages use: its types, and the structs that their values are made of. */
import { registeredType } from '../decode.ts';
import type { Dialect, FieldType, StructLayout, TlvType } from '../types.ts';

/** In the order of their numbers; without the marker of the extended form, which is no type. */
export function registeredTypes(dialect: Dialect): readonly TlvType[] {
  return [...dialect.types.keys()]
    .toSorted((left, right) => left - right)
    .flatMap((number) => registeredType(dialect, number) ?? []);
}

/** Every struct that a TLV can hold, each after the structs inside it. */
export function messageStructs(dialect: Dialect): readonly StructLayout[] {
  const found = new Set<StructLayout>();
  const add = (struct: StructLayout): void => {
    if (found.has(struct)) return;
    for (const { type } of struct.fields) addType(type);
    found.add(struct);
  };
  const addType = (type: FieldType): void => {
    if (type.kind === 'struct') add(type.struct);
    else if ('element' in type) addType(type.element);
  };
  for (const { struct } of registeredTypes(dialect)) if (struct !== undefined) add(struct);
  return [...found];
}
