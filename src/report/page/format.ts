/** Numbers, times and names as people read them. */
import type { DivergenceKind, RemarkKind, Verdict } from '../model.ts';

export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}

/** Time since the start of the capture. */
export function formatOffsetMs(ms: number): string {
  return `${(ms / 1000).toLocaleString('en-US', { minimumFractionDigits: 3, maximumFractionDigits: 3 })} s`;
}

export function formatOffsetNs(ns: string): string {
  const digits = ns.padStart(10, '0');
  const seconds = BigInt(digits.slice(0, -9)).toLocaleString('en-US');
  return `${seconds}.${digits.slice(-9, -3)} s`;
}

export function formatDurationNs(ns: string): string {
  const ms = Number(BigInt(ns) / 1_000_000n);
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  return parts
    .map((part, index) => `${part} ${'hms'.charAt(index)}`)
    .filter((_, index) => index > 0 || (parts[0] ?? 0) > 0)
    .join(' ');
}

/** Imported evidence may not know its time of day: it says 0. */
export function formatWallClock(unixNs: string): string {
  if (unixNs === '0') return 'time unknown';
  const date = new Date(Number(BigInt(unixNs) / 1_000_000n));
  return `${date.toISOString().replace('T', ' ').slice(0, 19)} UTC`;
}

export function hexOffset(offset: number, digits: number): string {
  return offset.toString(16).padStart(digits, '0');
}

/** A sign for each kind, so that colour is never the only one. */
export const KIND_SIGN: Readonly<Record<DivergenceKind, string>> = {
  missing: '−',
  extra: '+',
  duplicated: '×',
  reordered: '↕',
  modified: '≠',
  encoding: '≈',
  defect: '!',
  connection: '⊘',
  late: '»',
};

export const KIND_MEANS: Readonly<Record<DivergenceKind, string>> = {
  missing: 'In old, not in new',
  extra: 'In new, not in old',
  duplicated: 'More often in new',
  reordered: 'In another order',
  modified: 'Other content',
  encoding: 'Same content, other bytes',
  defect: 'Bytes that are no frame',
  connection: 'Connects, closes or errors',
  late: 'Later than allowed',
};

export const REMARK_MEANS: Readonly<Record<RemarkKind, string>> = {
  'wrong-declared-size': 'The registry declares another size for the type',
  'out-of-bounds-size': 'Shorter or longer than the registry allows',
  'unfit-struct': 'The bytes are not the struct of the type, so they stay raw',
  'count-over-capacity': 'More elements than there is room for',
  'zero-checksum': 'The publisher did not compute the checksum',
  'wrong-checksum': 'The checksum is not that of the bytes',
  'unknown-enum-number': 'A number that the dialect has no name for',
  'non-zero-padding': 'Padding that holds something',
  'type-outside-domain-range': 'The type belongs to another domain than the header says',
  'unknown-type': 'A type that is in no registry',
  'unusual-version': 'Another version than publishers write',
};

export const VERDICT_SIGN: Readonly<Record<Verdict, string>> = {
  same: '✓',
  different: '≠',
  inconclusive: '?',
};
