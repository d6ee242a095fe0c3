/** Plain columns: readable in a log, and easy to cut. */
import Table from 'cli-table3';

const NO_LINES = [
  'top',
  'top-mid',
  'top-left',
  'top-right',
  'bottom',
  'bottom-mid',
  'bottom-left',
  'bottom-right',
  'left',
  'left-mid',
  'mid',
  'mid-mid',
  'right',
  'right-mid',
];

/** `right`: the columns whose numbers stand under each other. */
export function plainTable(
  head: readonly string[],
  right: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const table = new Table({
    head: [...head],
    chars: { ...Object.fromEntries(NO_LINES.map((name) => [name, ''])), middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: head.map((name) => (right.includes(name) ? 'right' : 'left')),
  });
  table.push(...rows.map((cells) => [...cells]));
  // The last column is padded, too.
  return table.toString().replaceAll(/ +$/gm, '');
}
