/** Values as three parsers write them, in one form: what they read can then be compared and hashed. */

const TWO_TO_64 = 2 ** 64;

/** Numbers as a double, because Kaitai has no wider ones in JavaScript; bytes as hex; lists element by element. */
export function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return plainInteger(value);
  if (typeof value === 'string' && /^-?\d{1,39}$/.test(value)) return plainInteger(BigInt(value));
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value !== 'object' || value === null) return value;
  if ('low' in value && 'high' in value) return Number(value.low) + Number(value.high) * TWO_TO_64;
  if ('elements' in value && Array.isArray(value.elements)) {
    return value.elements.map((level) => plainFields(level, LEVEL_FIELDS));
  }
  return value;
}

const LEVEL_FIELDS = ['price', 'size', 'order_count', 'reserved'];

function plainInteger(value: bigint): number {
  if (value < 0n) return Number(value);
  return Number(BigInt.asUintN(64, value)) + Number(value >> 64n) * TWO_TO_64;
}

/** `names` as the schemas write them; the others write them in camel case. */
export function plainFields(
  fields: Readonly<Record<string, unknown>>,
  names: readonly string[],
): readonly unknown[] {
  return names.map((name) => plainValue(fields[name] ?? fields[camelCase(name)]));
}

function camelCase(name: string): string {
  return name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}
