/** Which lines of the list are shown: the state of the filters, and what the address can say of it. */
import type { DivergenceKind, DivergenceRow, RemarkKind, ReportModel } from '../model.ts';

export interface Filters {
  readonly kind: DivergenceKind | null;
  readonly group: string | null;
  readonly connection: number | null;
  readonly text: string;
  readonly remark: RemarkKind | null;
  /** First and last slice of the timeline, both included. */
  readonly slices: readonly [number, number] | null;
}

export const NO_FILTERS: Filters = {
  kind: null,
  group: null,
  connection: null,
  text: '',
  remark: null,
  slices: null,
};

export function isFiltered(filters: Filters): boolean {
  return (
    filters.kind !== null ||
    filters.group !== null ||
    filters.connection !== null ||
    filters.slices !== null ||
    filters.remark !== null ||
    filters.text.trim() !== ''
  );
}

/** Every row with the text that a search looks into, made once. */
export interface SearchableRow {
  readonly row: DivergenceRow;
  readonly text: string;
}

export function makeSearchable(model: ReportModel): readonly SearchableRow[] {
  return model.rows.map((row) => ({
    row,
    text: `${row.id} ${row.kind} ${row.subject} ${identityText(row)} ${row.detail}`.toLowerCase(),
  }));
}

export function identityText(row: DivergenceRow): string {
  if (row.identity === null) return '';
  const { domain, source, sequence } = row.identity;
  return `${domain}/${source} #${sequence}`;
}

export function filterRows(rows: readonly SearchableRow[], filters: Filters): DivergenceRow[] {
  const words = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
  const found: DivergenceRow[] = [];
  for (const { row, text } of rows) {
    if (filters.kind !== null && row.kind !== filters.kind) continue;
    if (filters.group !== null && row.group !== filters.group) continue;
    if (filters.connection !== null && row.connection !== filters.connection) continue;
    if (filters.slices !== null && !inSlices(row.slice, filters.slices)) continue;
    if (filters.remark !== null && !hasRemark(row, filters.remark)) continue;
    if (!words.every((word) => text.includes(word))) continue;
    found.push(row);
  }
  return found;
}

export function hasRemark(row: DivergenceRow, kind: RemarkKind): boolean {
  return row.remarks?.some((remark) => remark.kind === kind) === true;
}

function inSlices(slice: number | null, [first, last]: readonly [number, number]): boolean {
  return slice !== null && slice >= first && slice <= last;
}

/** `#d12` and `#g3`; anything else says nothing. */
export function readHash(
  hash: string,
): { readonly divergence: string } | { readonly group: string } | null {
  const id = hash.replace(/^#/, '');
  if (/^d\d+$/.test(id)) return { divergence: id };
  if (/^g\d+$/.test(id)) return { group: id };
  return null;
}
