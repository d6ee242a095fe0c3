/** The heads of the columns of a table. */
import type { JSX } from 'preact';

interface Column {
  readonly name: string;
  /** Numbers stand right. */
  readonly isNumber?: boolean;
  readonly title?: string;
  /** The column of one side, with its colour. */
  readonly side?: 'old' | 'new';
  /** For those who hear the page; nothing is shown. */
  readonly isHidden?: boolean;
}

export const OLD_AND_NEW: readonly Column[] = [
  { name: 'Old', side: 'old' },
  { name: 'New', side: 'new' },
];

export function TableHead(props: { readonly columns: readonly (string | Column)[] }): JSX.Element {
  return (
    <thead>
      <tr>
        {props.columns.map((column) => {
          const one = typeof column === 'string' ? { name: column } : column;
          return <Head key={one.name} {...one} />;
        })}
      </tr>
    </thead>
  );
}

function Head({ name, isNumber, title, side, isHidden }: Column): JSX.Element {
  return (
    <th scope="col" class={isNumber ? 'number' : undefined} title={title}>
      {side !== undefined && <i class={`swatch ${side}`} aria-hidden="true" />}
      {isHidden ? <span class="sr-only">{name}</span> : name}
    </th>
  );
}
