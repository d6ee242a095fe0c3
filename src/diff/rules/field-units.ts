/**
 * What the values of a field can be measured in, by the path of a difference: a fixed-point price in its decimal
 * scale, a clock in seconds, any other number as it is. Names, addresses, hashes and what says how a message is
 * written have no unit: one apart is not nearly the same.
 */
import { numberOfHex } from '../../protocol/field-values.ts';
import type {
  BytesNumber,
  Dialect,
  FieldLayout,
  FieldType,
  StructLayout,
} from '../../protocol/types.ts';
import type { Difference } from '../types.ts';
import { type Decimal, parseDecimal } from './decimal.ts';
import type { Measured } from './tolerance.ts';

interface Unit {
  readonly kind: 'time' | 'number';
  /** Decimal places of the raw number. */
  readonly places: number;
  readonly bytes: BytesNumber | undefined;
}

const DURATION_PLACES = 6;
/** Powers of ten that make a second of it. A duration in `us` is a time, too. */
export const TIME_PLACES: Readonly<Record<string, number>> = {
  'unix-ns': 9,
  us: DURATION_PLACES,
  'unix-s': 0,
};
const HEADER_UNITS: Readonly<Record<string, Unit>> = {
  'header.timestamp': { kind: 'time', places: 9, bytes: undefined },
  'header.sequence': { kind: 'number', places: 0, bytes: undefined },
};
const PATHS_KEPT_MAX = 10_000;

export class FieldUnits {
  readonly #old: Dialect;
  readonly #new: Dialect;
  readonly #isByMeaning: boolean;
  /** Both sides of a path, its positions left out. */
  readonly #units = new Map<string, readonly [Unit | undefined, Unit | undefined]>();

  constructor(dialects: { readonly old: Dialect; readonly new: Dialect }) {
    this.#old = dialects.old;
    this.#new = dialects.new;
    this.#isByMeaning = dialects.old.name !== dialects.new.name;
  }

  /** undefined: one side has no value, or it is nothing that can be measured. */
  measure({ path, old, new: neu }: Difference): Measured | undefined {
    if (old === null || neu === null) return undefined;
    const [oldUnit, newUnit] = this.#unitsOf(path.replaceAll(/\[\d+\]/g, '[]'));
    if (oldUnit === undefined || newUnit === undefined || oldUnit.kind !== newUnit.kind)
      return undefined;
    // Between two dialects numbers of two scales are told with their points.
    const isPlain = oldUnit.places === newUnit.places;
    if (!isPlain && [oldUnit, newUnit].some(isDuration)) return undefined;
    const oldValue = this.#read(old, oldUnit, isPlain);
    const newValue = this.#read(neu, newUnit, isPlain);
    if (oldValue === undefined || newValue === undefined) return undefined;
    return { kind: oldUnit.kind, rawPlaces: oldUnit.places, old: oldValue, new: newValue };
  }

  #read(text: string, unit: Unit, isPlain: boolean): Decimal | undefined {
    if (unit.bytes !== undefined && !this.#isByMeaning)
      return { digits: numberOfHex(text, unit.bytes), scale: unit.places };
    const value = parseDecimal(text);
    if (value === undefined) return undefined;
    return isPlain ? { digits: value.digits, scale: value.scale + unit.places } : value;
  }

  #unitsOf(path: string): readonly [Unit | undefined, Unit | undefined] {
    const known = this.#units.get(path);
    if (known !== undefined) return known;
    const naming = this.#isByMeaning ? 'shared' : 'own';
    const units = [unitAt(this.#old, path, naming), unitAt(this.#new, path, naming)] as const;
    if (this.#units.size < PATHS_KEPT_MAX) this.#units.set(path, units);
    return units;
  }
}

/** A duration and a clock never say the same in two dialects. */
function isDuration({ kind, places }: Unit): boolean {
  return kind === 'time' && places === DURATION_PLACES;
}

type Naming = 'own' | 'shared';

function unitAt(dialect: Dialect, path: string, naming: Naming): Unit | undefined {
  const headerUnit = HEADER_UNITS[path];
  if (headerUnit !== undefined) return headerUnit;
  const [tlv, name, ...steps] = path.split('.').map((step) => step.replace('[]', ''));
  if (tlv !== 'tlv') return undefined;
  const struct = [...dialect.types.values()].find((type) => type.name === name)?.struct;
  return struct && unitIn(struct, steps, naming);
}

function unitIn(
  struct: StructLayout,
  [step, ...rest]: readonly string[],
  naming: Naming,
): Unit | undefined {
  const field = struct.fields.find(
    (each) => (naming === 'own' ? each.name : (each.as ?? each.name)) === step,
  );
  if (field === undefined || field.padding) return undefined;
  const inner = field.type.kind === 'fixed-vec' && rest[0] === 'elements' ? rest.slice(1) : rest;
  const type = elementOf(field.type);
  if (type.kind === 'struct') return unitIn(type.struct, inner, naming);
  return inner.length === 0 ? unitOf(field, type) : undefined;
}

/** What an array, a vector or a list is made of. */
export function elementOf(type: FieldType): FieldType {
  return type.kind === 'array' || type.kind === 'fixed-vec' || type.kind === 'list'
    ? elementOf(type.element)
    : type;
}

function unitOf(field: FieldLayout, type: FieldType): Unit | undefined {
  if (field.enum !== undefined) return undefined;
  const timePlaces = TIME_PLACES[field.unit ?? ''];
  const unit = timePlaces === undefined ? 'number' : 'time';
  if (type.kind === 'integer')
    return { kind: unit, places: timePlaces ?? field.scale ?? 0, bytes: undefined };
  if (type.kind === 'bytes' && field.number !== undefined)
    return { kind: 'number', places: 0, bytes: field.number };
  return undefined;
}
