/** Structs as types of a Kaitai specification, and the helper types that some of their fields need. */
import type { FieldLayout, FieldType, IntegerType, StructLayout } from '../types.ts';
import type { IntegerCoding } from '../values.ts';
import { Scope } from './names.ts';

/** A piece of the specification, as YAML will have it. */
export interface KaitaiMap {
  readonly [key: string]: unknown;
}

/** Kaitai's names for what it can read itself. */
const PRIMITIVES: Readonly<Partial<Record<IntegerType, string>>> = {
  u8: 'u1',
  u16: 'u2',
  u32: 'u4',
  u64: 'u8',
  i32: 's4',
  i64: 's8',
};

/** Identifiers of the types for 128 bits. */
export const HALVES_TYPES: readonly string[] = ['u128le', 'u128be', 'i128le', 'i128be'];

/** What the expression language reads as its own words. */
const WORDS = ['and', 'or', 'not', 'true', 'false', 'sizeof', 'bitsizeof'];

/** Up to 64 bits; wider ones are types of two halves. */
export function integerAttribute({ integer, endian }: IntegerCoding): KaitaiMap {
  const primitive = PRIMITIVES[integer];
  if (primitive === undefined) return { type: `${integer}${endian === 'big' ? 'be' : 'le'}` };
  return { type: endian === 'big' && primitive !== 'u1' ? `${primitive}be` : primitive };
}

export class KaitaiTypes {
  readonly #types: Scope;
  readonly #enums: Scope;
  readonly #made = new Map<string, KaitaiMap>();
  readonly #structs = new Map<StructLayout, string>();

  constructor(types: Scope, enums: Scope) {
    this.#types = types;
    this.#enums = enums;
  }

  /** In the order in which they were needed. */
  all(): KaitaiMap {
    return Object.fromEntries(this.#made);
  }

  idOf(struct: StructLayout): string {
    return this.#structs.get(struct) ?? this.addStruct(struct);
  }

  addStruct(struct: StructLayout): string {
    const id = this.#types.idOf(struct.name);
    this.#structs.set(struct, id);
    const scope = new Scope([...WORDS, ...(struct.openEnded ? ['data'] : [])]);
    // First all fields, so that each keeps its name, then what is put beside them.
    const ids = new Map(struct.fields.map((field) => [field.name, scope.idOf(field.name)]));
    const seq = struct.fields.flatMap((field) => this.#field(field, ids, scope));
    if (struct.openEnded) seq.push({ id: 'data', 'size-eos': true });
    const instances = flagInstances(struct, ids, scope);
    this.#made.set(id, { seq, ...(Object.keys(instances).length === 0 ? {} : { instances }) });
    return id;
  }

  #field(field: FieldLayout, ids: ReadonlyMap<string, string>, scope: Scope): KaitaiMap[] {
    const { name, type } = field;
    const id = ids.get(name) ?? scope.idOf(name);
    if (field.padding) return [{ id, size: field.size }];
    const described = { id, ...(id === name ? {} : { '-orig-id': name }), ...documented(field) };
    if (type.kind !== 'list')
      return [{ ...described, ...this.#value(type), ...this.#enumOf(field) }];
    const { count, element } = type;
    const repeated = (counter: string): KaitaiMap => ({
      ...described,
      ...this.#element(element),
      repeat: 'expr',
      'repeat-expr': counter,
    });
    if (count.kind === 'field') return [repeated(ids.get(count.name) ?? count.name)];
    const counter = scope.fresh(`${name}_count`);
    return [{ id: counter, ...integerAttribute(count) }, repeated(counter)];
  }

  #enumOf({ enum: table }: FieldLayout): KaitaiMap {
    if (table === undefined || table.flags || table.names.size === 0) return {};
    return { enum: this.#enums.idOf(table.name) };
  }

  /** How one value is read; arrays repeat it. */
  #value(type: FieldType): KaitaiMap {
    switch (type.kind) {
      case 'integer':
        this.#addHalves(type);
        return integerAttribute(type);
      case 'bytes':
        return { size: type.length };
      case 'struct':
        return { type: this.idOf(type.struct) };
      case 'array':
        return { ...this.#element(type.element), repeat: 'expr', 'repeat-expr': type.count };
      case 'list':
        // Fields of the struct of a TLV only, and #field writes them.
        return this.#value(type.element);
      case 'fixed-vec':
        return { type: this.#fixedVec(type) };
    }
  }

  /** What is repeated already cannot be repeated again: an array in an array is a type of its own. */
  #element(type: FieldType): KaitaiMap {
    if (type.kind !== 'array') return this.#value(type);
    const body = { seq: [{ id: 'elements', ...this.#value(type) }] };
    return { type: this.#helper(`array_of_${type.count}`, body) };
  }

  #fixedVec(type: FieldType & { kind: 'fixed-vec' }): string {
    const { capacity, elementBytes, elementsOffset } = type;
    const element = this.#element(type.element);
    const padding = elementsOffset - 2;
    const body = {
      doc: `room for ${capacity} elements, of which the first \`count\` are used`,
      seq: [
        { id: 'count', type: 'u2', valid: { max: capacity } },
        ...(padding > 0 ? [{ id: 'padding', size: padding }] : []),
        { id: 'elements', ...element, repeat: 'expr', 'repeat-expr': 'count' },
        { id: 'unused', size: `(${capacity} - count) * ${elementBytes}` },
      ],
    };
    return this.#helper(`fixed_vec_${elementName(type.element)}_${capacity}`, body);
  }

  /** Two helpers with the same body are one. */
  #helper(name: string, body: KaitaiMap): string {
    const text = JSON.stringify(body);
    const same = [...this.#made].find(([, made]) => JSON.stringify(made) === text);
    if (same !== undefined) return same[0];
    const id = this.#types.fresh(name);
    this.#made.set(id, body);
    return id;
  }

  #addHalves(type: IntegerCoding): void {
    if (PRIMITIVES[type.integer] !== undefined) return;
    const { endian } = type;
    const id = String(integerAttribute(type)['type']);
    const low = { id: 'low', ...integerAttribute({ integer: 'u64', endian }) };
    const highType = type.integer === 'i128' ? 'i64' : 'u64';
    const high = { id: 'high', ...integerAttribute({ integer: highType, endian }) };
    this.#made.set(id, {
      doc: 'high * 2^64 + low',
      seq: endian === 'big' ? [high, low] : [low, high],
    });
  }
}

function elementName(type: FieldType): string {
  if (type.kind === 'struct') return type.struct.name;
  return type.kind === 'integer' ? type.integer : type.kind;
}

function documented({ scale, unit, note, enum: table }: FieldLayout): KaitaiMap {
  const parts = [
    scale === undefined ? undefined : `fixed point: divide by 10^${scale}`,
    unit,
    table?.flags === true ? `bits of ${table.name}` : undefined,
    note,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? {} : { doc: parts.join('; ') };
}

/** `stage_flags_collected`: whether the bit is set. */
function flagInstances(
  struct: StructLayout,
  ids: ReadonlyMap<string, string>,
  scope: Scope,
): KaitaiMap {
  return Object.fromEntries(
    struct.fields.flatMap(({ name, type, enum: table, padding }) => {
      if (padding || type.kind !== 'integer' || table?.flags !== true) return [];
      const id = ids.get(name) ?? name;
      return [...table.names].map(([bit, flag]) => [
        scope.fresh(`${name}_${flag}`),
        { value: `(${id} & ${bit}) != 0` },
      ]);
    }),
  );
}
