/**
 * How far apart two values of a field may be: `5ms`, `0.01`, `0.1%`. Exact for values of any width; says of a
 * value that cannot be measured in the unit of the tolerance that it cannot.
 */
import {
  type Decimal,
  distance,
  isAtMost,
  magnitude,
  parseDecimal,
  product,
  shifted,
} from './decimal.ts';

/** Two values of a field, in one unit. */
export interface Measured {
  readonly old: Decimal;
  readonly new: Decimal;
  /** Seconds of a clock, or a number that says itself. */
  readonly kind: 'time' | 'number';
  /** 10^rawPlaces of what the field holds are one of the unit. */
  readonly rawPlaces: number;
}

export interface Absolute {
  readonly kind: 'time' | 'number';
  /** Seconds, or the number itself. */
  readonly value: Decimal;
}

export interface Tolerance {
  readonly absolute: Absolute | undefined;
  /** A part of the larger of the two values. */
  readonly relative: Decimal | undefined;
}

export type Judged = 'within' | 'beyond' | 'not measurable';

/** Powers of ten that make a second of it. */
const TIME_PLACES: Readonly<Record<string, number>> = { ns: 9, us: 6, ms: 3, s: 0 };
const RELATIVE_PLACES: Readonly<Record<string, number>> = { '': 0, '%': 2, bps: 4, ppm: 6 };
const ONE: Decimal = { digits: 1n, scale: 0 };
const CHARACTERS_MAX = 60;

/** `5ms`, `0.01`; undefined for what is no tolerance. */
export function parseAbsolute(text: string): Absolute | undefined {
  const { number, unit } = split(text);
  if (number === undefined) return undefined;
  if (unit === '') return { kind: 'number', value: number };
  const places = TIME_PLACES[unit];
  return places === undefined ? undefined : { kind: 'time', value: shifted(number, places) };
}

/** `0.1%`, `5bps`, `20ppm`, `0.001`: above 0, at most the whole. */
export function parseRelative(text: string): Decimal | undefined {
  const { number, unit } = split(text);
  const places = RELATIVE_PLACES[unit];
  if (number === undefined || places === undefined) return undefined;
  const part = shifted(number, places);
  return part.digits > 0n && isAtMost(part, ONE) ? part : undefined;
}

function split(text: string): { readonly number: Decimal | undefined; readonly unit: string } {
  const match = /^(\d+(?:\.\d+)?) ?([a-z%]*)$/.exec(text);
  if (match === null || text.length > CHARACTERS_MAX) return { number: undefined, unit: '' };
  return { number: parseDecimal(match[1] ?? ''), unit: match[2] ?? '' };
}

/** Within is at most: a distance that is exactly the tolerance is tolerated. One of the two limits is enough. */
export function judgeDistance(measured: Measured, { absolute, relative }: Tolerance): Judged {
  const apart = distance(measured.old, measured.new);
  let isMeasurable = false;
  if (absolute !== undefined && (absolute.kind === 'number' || measured.kind === 'time')) {
    isMeasurable = true;
    // A plain number counts what a clock counts: ns of a field in ns.
    const isRaw = absolute.kind === 'number' && measured.kind === 'time';
    const limit = isRaw ? shifted(absolute.value, measured.rawPlaces) : absolute.value;
    if (isAtMost(apart, limit)) return 'within';
  }
  // A part of a time of day is years of it: what people mean by that is an absolute limit.
  if (relative !== undefined && measured.kind === 'number') {
    isMeasurable = true;
    const limit = product(relative, magnitude(measured.old, measured.new));
    if (isAtMost(apart, limit)) return 'within';
  }
  return isMeasurable ? 'beyond' : 'not measurable';
}
