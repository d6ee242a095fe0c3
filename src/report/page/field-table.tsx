/** Both messages as decoded fields, row by row. Pointing at a row marks its bytes, and the reverse. */
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { DivergenceDetail, FieldRow, FieldSide } from '../model.ts';
import { OLD_AND_NEW, TableHead } from './table-head.tsx';

export interface FieldOptions {
  readonly onlyDifferences: boolean;
  readonly hidePadding: boolean;
  readonly hideEncoding: boolean;
}

/** Positions of the rows that the options leave. */
export function visibleFields(detail: DivergenceDetail, options: FieldOptions): number[] {
  const indexes: number[] = [];
  // Where one side has nothing, nothing is compared: the whole message is the difference.
  const isPair = detail.old !== null && detail.new !== null;
  for (const [index, row] of detail.fields.entries()) {
    if (options.onlyDifferences && isPair && !row.differs) continue;
    if (options.hidePadding && row.class === 'padding') continue;
    if (options.hideEncoding && row.class === 'encoding') continue;
    indexes.push(index);
  }
  return indexes;
}

interface FieldTableProps {
  readonly detail: DivergenceDetail;
  readonly visible: readonly number[];
  readonly hot: number | null;
  readonly onHover: (row: number | null) => void;
  readonly onPin: (row: number) => void;
}

export function FieldTable(props: FieldTableProps): JSX.Element {
  const { detail, visible, hot } = props;
  const body = useRef<HTMLTableSectionElement>(null);
  useEffect(() => {
    const row = body.current?.querySelector('tr.hot');
    if (row instanceof HTMLElement && !row.matches(':hover')) scrollWithin(row);
  }, [hot]);
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    event.stopPropagation();
    const at = visible.indexOf(hot ?? -1);
    const next = visible[Math.min(Math.max(at + step, 0), visible.length - 1)];
    if (next !== undefined) props.onPin(next);
  };
  return (
    <div class="fields" tabIndex={0} role="group" aria-label="Fields" onKeyDown={onKeyDown}>
      <table>
        <TableHead
          columns={[
            { name: 'Differs', isHidden: true },
            'Field',
            ...OLD_AND_NEW,
            { name: 'Bytes', isNumber: true },
          ]}
        />
        <tbody ref={body} onPointerLeave={() => props.onHover(null)}>
          {visible.map((index) => {
            const row = detail.fields[index];
            if (row === undefined) return null;
            return (
              <tr
                key={index}
                data-field={row.path}
                class={rowClass(row, index === hot)}
                onPointerEnter={() => props.onHover(index)}
                onClick={() => props.onPin(index)}
              >
                <td class="mark">{row.differs && <span title="differs">≠</span>}</td>
                <th scope="row">
                  <Path row={row} />
                </th>
                <Value side={row.old} whole={detail.old !== null} />
                <Value side={row.new} whole={detail.new !== null} />
                <Ranges row={row} />
              </tr>
            );
          })}
        </tbody>
      </table>
      {visible.length === 0 && <p class="empty">No field passes these options.</p>}
      {detail.fieldsOmitted > 0 && (
        <p class="empty">{detail.fieldsOmitted} more fields are not in this page.</p>
      )}
    </div>
  );
}

/** Moves the table only: the page would move away from under the pointer. */
function scrollWithin(row: HTMLElement): void {
  const box = row.closest('.fields');
  if (box === null) return;
  const { top, bottom } = box.getBoundingClientRect();
  const place = row.getBoundingClientRect();
  const headPx = box.querySelector('thead')?.getBoundingClientRect().height ?? 0;
  if (place.top < top + headPx) box.scrollTop -= top + headPx - place.top;
  else if (place.bottom > bottom) box.scrollTop += place.bottom - bottom;
}

function rowClass(row: FieldRow, isHot: boolean): string {
  return `class-${row.class}${row.differs ? ' differs' : ''}${isHot ? ' hot' : ''}`;
}

function Path({ row }: { readonly row: FieldRow }): JSX.Element {
  const end = row.path.lastIndexOf('.') + 1;
  return (
    <>
      <span class="path">
        <span class="muted">{row.path.slice(0, end)}</span>
        {row.path.slice(end)}
      </span>
      {row.class !== 'semantic' && <span class="tag">{row.class}</span>}
      {row.newPath !== undefined && <span class="tag">in new: {unitOf(row.newPath)}</span>}
      {row.note !== undefined && <div class="field-note">{row.note}</div>}
    </>
  );
}

/** `tlv[1]` of `tlv[1].Trade.price`: what follows is the same on both sides. */
function unitOf(path: string): string {
  return path.split('.', 1)[0] ?? path;
}

function Value(props: { readonly side: FieldSide | null; readonly whole: boolean }): JSX.Element {
  const { side } = props;
  if (side === null) return <td class="absent">{props.whole ? 'no such field' : ''}</td>;
  if (side.display === undefined || side.display === side.value) {
    return <td class="value">{side.value}</td>;
  }
  return (
    <td class="value">
      {side.display} <span class="raw">{side.value}</span>
    </td>
  );
}

function Ranges({ row }: { readonly row: FieldRow }): JSX.Element {
  return (
    <td class="number range">
      {rangesOf(row).map((range) => (
        <div key={range}>{range}</div>
      ))}
    </td>
  );
}

export function rangeText(row: FieldRow): string {
  return rangesOf(row).join(' / ');
}

/** Of old, then of new; once where both are the same. */
function rangesOf(row: FieldRow): readonly string[] {
  const ranges = [row.old, row.new].flatMap((side) => (side === null ? [] : [sideRange(side)]));
  return [...new Set(ranges)];
}

function sideRange(side: FieldSide): string {
  if (side.length === 0) return `${side.offset}, none`;
  if (side.length === 1) return String(side.offset);
  return `${side.offset}–${side.offset + side.length - 1}`;
}
