/** Values as people read them: enum names, decimals, dates. Nothing is said when the value says it all. */
import type { EnumTable, FieldLayout } from './types.ts';

const NS_PER_SECOND = 1_000_000_000n;
/** The last second of the year 9999. */
const SECONDS_MAX = 253_402_300_799n;

export function displayInteger(
  field: Pick<FieldLayout, 'enum' | 'scale' | 'unit'>,
  value: number | bigint,
): string | undefined {
  if (field.enum !== undefined) return displayEnum(field.enum, Number(value));
  if (field.scale !== undefined) return displayFixedPoint(BigInt(value), field.scale);
  if (field.unit === 'unix-ns') return displayUnixNs(BigInt(value));
  if (field.unit === 'unix-s') return displayUnixSeconds(BigInt(value));
  return undefined;
}

export function displayEnum(table: EnumTable, value: number): string | undefined {
  return table.flags ? displayFlags(table, value) : table.names.get(value);
}

/** `collected|relayed`; bits without a name as `0x10`. */
function displayFlags(table: EnumTable, value: number): string | undefined {
  if (value === 0) return undefined;
  const names: string[] = [];
  let unnamed = value;
  for (const [bit, name] of table.names) {
    if (Math.floor(value / bit) % 2 === 0) continue;
    names.push(name);
    unnamed -= bit;
  }
  if (unnamed > 0) names.push(`0x${unnamed.toString(16)}`);
  return names.join('|');
}

/** `65000.00000000`. */
function displayFixedPoint(value: bigint, scale: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const sign = value < 0n ? '-' : '';
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** `2025-08-24T01:46:40.123456789Z`. */
export function displayUnixNs(value: bigint): string | undefined {
  const seconds = displayUnixSeconds(value / NS_PER_SECOND);
  const fraction = (value % NS_PER_SECOND).toString().padStart(9, '0');
  return seconds?.replace('Z', `.${fraction}Z`);
}

function displayUnixSeconds(value: bigint): string | undefined {
  if (value < 0n || value > SECONDS_MAX) return undefined;
  return new Date(Number(value) * 1000).toISOString().replace('.000Z', 'Z');
}
