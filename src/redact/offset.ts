/** By how much a shift moves a value: a time for clocks, or a number in the unit of the field. */
import { type Decimal, parseDecimal, shifted } from '../diff/rules/decimal.ts';
import type { Measure } from './protected-fields.ts';

export interface Offset {
  readonly kind: 'time' | 'number';
  /** Seconds, or the number itself; not 0. */
  readonly value: Decimal;
}

/** Seconds of each unit that is one second or more, and powers of ten below. */
const SECONDS: Readonly<Record<string, bigint>> = { s: 1n, m: 60n, h: 3_600n, d: 86_400n };
const PLACES: Readonly<Record<string, number>> = { ms: 3, us: 6, ns: 9 };
const CHARACTERS_MAX = 60;

/** `-30d`, `+250ns`, `12.5`; undefined for what is no distance, and for none. */
export function parseOffset(text: string): Offset | undefined {
  const [, number = '', unit = ''] = /^\+?(-?\d+(?:\.\d+)?) ?([a-z]*)$/.exec(text) ?? [];
  const value = text.length > CHARACTERS_MAX ? undefined : parseDecimal(number);
  if (value === undefined || value.digits === 0n) return undefined;
  if (unit === '') return { kind: 'number', value };
  const seconds = SECONDS[unit];
  const places = PLACES[unit];
  if (seconds !== undefined)
    return { kind: 'time', value: { digits: value.digits * seconds, scale: value.scale } };
  return places === undefined ? undefined : { kind: 'time', value: shifted(value, places) };
}

/** What is added to the number on the wire; undefined when the field cannot be moved by just that. */
export function wireOffset({ kind, value }: Offset, measure: Measure): bigint | undefined {
  if (kind === 'time' && measure.kind !== 'time') return undefined;
  // A plain number for a clock counts what it counts, as in rules files.
  const places = kind === 'number' && measure.kind === 'time' ? 0 : measure.places;
  const scale = value.scale - places;
  if (scale <= 0) return value.digits * 10n ** BigInt(-scale);
  const unit = 10n ** BigInt(scale);
  return value.digits % unit === 0n ? value.digits / unit : undefined;
}
