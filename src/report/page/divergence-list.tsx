/** The list of divergences: only the rows in view exist, so that a hundred thousand scroll like ten. */
import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { ConnectionSummary, DivergenceRow } from '../model.ts';
import { identityText } from './filters.ts';
import { formatOffsetMs, KIND_SIGN } from './format.ts';
import { useVirtualRows } from './use-virtual-rows.ts';

const ROW_PX = 26;
const ROWS_IN_VIEW = 10;
const ROWS_IN_VIEW_MIN = 3;

interface ListProps {
  readonly rows: readonly DivergenceRow[];
  readonly connections: readonly ConnectionSummary[];
  /** How many rows there are without filters: filtering must not move what is below. */
  readonly rowsAll: number;
  readonly selected: string | null;
  readonly showRemarks: boolean;
  readonly onSelect: (id: string) => void;
}

export function DivergenceList(props: ListProps): JSX.Element {
  const { rows, selected } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualRows({ count: rows.length, rowPx: ROW_PX, scroller });
  const selectedIndex = rows.findIndex((row) => row.id === selected);
  useLayoutEffect(() => {
    if (selectedIndex >= 0) virtual.scrollTo(selectedIndex);
    // The position must follow the selection and the filters, not every frame of scrolling.
  }, [selectedIndex, rows]);
  const rowsInView = Math.min(Math.max(props.rowsAll, ROWS_IN_VIEW_MIN), ROWS_IN_VIEW);
  const heightPx = rowsInView * ROW_PX + 4;
  const labels = new Map(props.connections.map((each) => [each.id, each.label]));
  return (
    <div class="list">
      <div class="list-row list-head" aria-hidden="true">
        <span>id</span>
        <span>kind</span>
        <span>subject</span>
        <span class="optional">connection</span>
        <span class="number optional">time</span>
        <span class="optional">domain/source #seq</span>
        <span>detail</span>
      </div>
      <div
        ref={scroller}
        class="list-scroll"
        role="listbox"
        tabIndex={0}
        style={{ height: `${heightPx}px` }}
        aria-label="Divergences"
        {...(selectedIndex >= 0 ? { 'aria-activedescendant': `row-${selected}` } : {})}
      >
        {rows.length === 0 && <p class="empty">No divergence passes the filters.</p>}
        <div role="presentation" style={{ height: `${virtual.totalPx}px`, position: 'relative' }}>
          {virtual.items.map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            return (
              <Row
                key={row.id}
                row={row}
                index={item.index}
                count={rows.length}
                topPx={item.start}
                connection={labels.get(row.connection) ?? String(row.connection)}
                isSelected={row.id === selected}
                showRemarks={props.showRemarks}
                onSelect={props.onSelect}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Row(props: {
  readonly row: DivergenceRow;
  readonly index: number;
  readonly count: number;
  readonly topPx: number;
  readonly connection: string;
  readonly isSelected: boolean;
  readonly showRemarks: boolean;
  readonly onSelect: (id: string) => void;
}): JSX.Element {
  const { row } = props;
  const remarks = props.showRemarks ? remarkText(row) : '';
  return (
    <div
      id={`row-${row.id}`}
      class={`list-row severity-${row.severity}`}
      role="option"
      aria-selected={props.isSelected}
      aria-posinset={props.index + 1}
      aria-setsize={props.count}
      style={{ transform: `translateY(${props.topPx}px)` }}
      onClick={() => props.onSelect(row.id)}
    >
      <span class="muted">{row.id}</span>
      <span class={`kind kind-${row.kind}`}>
        <span class="sign" aria-hidden="true">
          {KIND_SIGN[row.kind]}
        </span>
        {row.kind}
      </span>
      <span class="strong">{row.subject}</span>
      <span class="optional">{props.connection}</span>
      <span class="number optional">{row.timeMs === null ? '' : formatOffsetMs(row.timeMs)}</span>
      <span class="optional mono">{identityText(row)}</span>
      <span class="detail-text" title={row.detail}>
        {row.detail}
        {remarks !== '' && <span class="remark-text"> · {remarks}</span>}
      </span>
    </div>
  );
}

/** Only what one side alone has: nearly every message has some remark. */
function remarkText(row: DivergenceRow): string {
  return (row.remarks ?? [])
    .flatMap(({ kind, only }) => (only === undefined ? [] : [`only ${only}: ${kind}`]))
    .join(', ');
}
