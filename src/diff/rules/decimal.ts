/**
 * Decimal numbers of any size, exactly: a tolerance of 0.1 over a 64-bit price must not round. Only what
 * tolerances need: no division, no exponent.
 */

/** `digits / 10^scale`. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/** `-12.50`; undefined for any other text, exponents included. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = ''] = match;
  return { digits: BigInt(`${sign}${whole}${fraction}`), scale: fraction.length };
}

/** The number times 10^-places. */
export function shifted({ digits, scale }: Decimal, places: number): Decimal {
  return { digits, scale: scale + places };
}

export function isAtMost(left: Decimal, right: Decimal): boolean {
  const [a, b] = aligned(left, right);
  return a <= b;
}

/** |left - right| */
export function distance(left: Decimal, right: Decimal): Decimal {
  const [a, b, scale] = aligned(left, right);
  return { digits: a > b ? a - b : b - a, scale };
}

export function product(left: Decimal, right: Decimal): Decimal {
  return { digits: left.digits * right.digits, scale: left.scale + right.scale };
}

/** The larger of the two without their signs. */
export function magnitude(left: Decimal, right: Decimal): Decimal {
  const [a, b, scale] = aligned(left, right);
  const [sizeA, sizeB] = [a < 0n ? -a : a, b < 0n ? -b : b];
  return { digits: sizeA > sizeB ? sizeA : sizeB, scale };
}

function aligned(left: Decimal, right: Decimal): readonly [bigint, bigint, number] {
  const scale = Math.max(left.scale, right.scale);
  const digits = (value: Decimal): bigint => value.digits * 10n ** BigInt(scale - value.scale);
  return [digits(left), digits(right), scale];
}
