/** The page: holds the filters and the selection, and keeps them and the address in step. */
import type { JSX, RefObject } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { DivergenceRow, RemarkKind, ReportModel } from '../model.ts';
import { Detail } from './detail.tsx';
import { DivergenceList } from './divergence-list.tsx';
import type { FieldOptions } from './field-table.tsx';
import { FilterBar } from './filter-bar.tsx';
import { type Filters, filterRows, makeSearchable, NO_FILTERS, readHash } from './filters.ts';
import { formatCount } from './format.ts';
import { Gaps } from './gaps.tsx';
import { Connections, Groups } from './groups.tsx';
import { Counts, Head } from './head.tsx';
import { Noise } from './noise.tsx';
import { Remarks } from './remarks.tsx';
import { Rules } from './rules.tsx';
import { Timeline } from './timeline.tsx';

interface Place {
  readonly filters: Filters;
  readonly selected: string | null;
}

export function App({ model }: { readonly model: ReportModel }): JSX.Element {
  const [place, setPlace] = useState<Place>(() => placeOfHash(model, firstPlace(model)));
  const { filters } = place;
  const searchable = useMemo(() => makeSearchable(model), [model]);
  const rows = useMemo(() => filterRows(searchable, filters), [searchable, filters]);
  const selected = rows.find((row) => row.id === place.selected) ?? rows[0];
  const setFilters = useCallback(
    (next: Filters) => setPlace((before) => ({ ...before, filters: next })),
    [],
  );
  const select = useCallback((id: string) => {
    setPlace((before) => ({ ...before, selected: id }));
    writeHash(id);
  }, []);
  const remarks = useRemarks(model, filters, setFilters);
  const selectGroup = (group: string | null): void => {
    setFilters({ ...NO_FILTERS, group });
    writeHash(group ?? '');
  };
  const workbench = useHash(model, setPlace);
  useListKeys(rows, selected, select);
  return (
    <>
      <Head model={model} />
      <main>
        <Overview model={model} filters={filters} onFilters={setFilters} onGroup={selectGroup} />
        <Rules model={model} />
        <Gaps model={model} />
        {model.rows.length > 0 && (
          <section class="workbench" aria-label="Divergences" ref={workbench}>
            <ListPanel
              model={model}
              filters={filters}
              rows={rows}
              selected={selected?.id ?? null}
              showRemarks={remarks.shown}
              remarks={remarks.shown ? [...remarks.listed.keys()] : []}
              onFilters={setFilters}
              onSelect={select}
            />
            {selected !== undefined && (
              <SelectedDetail
                model={model}
                row={selected}
                showRemarks={remarks.shown}
                {...(model.remarks !== undefined && { onRemarks: remarks.onShown })}
                onGroup={selectGroup}
              />
            )}
          </section>
        )}
        {model.noise !== undefined && <Noise noise={model.noise} />}
        <RemarksPanel
          model={model}
          state={remarks}
          selected={filters.remark}
          onSelect={(remark) => setFilters({ ...filters, remark })}
        />
      </main>
    </>
  );
}

/** What was found, from far: each part of it filters the list. */
function Overview(props: {
  readonly model: ReportModel;
  readonly filters: Filters;
  readonly onFilters: (filters: Filters) => void;
  readonly onGroup: (group: string | null) => void;
}): JSX.Element {
  const { model, filters, onFilters } = props;
  return (
    <>
      <Counts
        model={model}
        kind={filters.kind}
        onKind={(kind) => onFilters({ ...filters, kind })}
      />
      <Timeline
        timeline={model.timeline}
        selected={filters.slices}
        onSelect={(slices) => onFilters({ ...filters, slices })}
      />
      <div class="tables">
        <Groups groups={model.groups} selected={filters.group} onSelect={props.onGroup} />
        <Connections
          connections={model.connections}
          selected={filters.connection}
          onSelect={(connection) => onFilters({ ...filters, connection })}
        />
      </div>
    </>
  );
}

function RemarksPanel(props: {
  readonly model: ReportModel;
  readonly state: RemarksState;
  readonly selected: RemarkKind | null;
  readonly onSelect: (remark: RemarkKind | null) => void;
}): JSX.Element | null {
  const { model, state, ...selection } = props;
  if (model.remarks === undefined) return null;
  return <Remarks remarks={model.remarks} {...state} {...selection} />;
}

function ListPanel(props: {
  readonly model: ReportModel;
  readonly filters: Filters;
  readonly rows: readonly DivergenceRow[];
  readonly selected: string | null;
  readonly showRemarks: boolean;
  readonly remarks: readonly RemarkKind[];
  readonly onFilters: (filters: Filters) => void;
  readonly onSelect: (id: string) => void;
}): JSX.Element {
  return (
    <div class="panel">
      <div class="panel-head">
        <h2>Divergences</h2>
        <DetailsNotice model={props.model} />
        <span class="muted keys">
          <kbd>↑</kbd> <kbd>↓</kbd> or <kbd>k</kbd> <kbd>j</kbd>
        </span>
      </div>
      <FilterBar
        model={props.model}
        filters={props.filters}
        shown={props.rows.length}
        remarks={props.remarks}
        onChange={props.onFilters}
      />
      <DivergenceList
        rows={props.rows}
        connections={props.model.connections}
        rowsAll={props.model.rows.length}
        selected={props.selected}
        showRemarks={props.showRemarks}
        onSelect={props.onSelect}
      />
    </div>
  );
}

function SelectedDetail(props: {
  readonly model: ReportModel;
  readonly row: DivergenceRow;
  readonly showRemarks: boolean;
  readonly onRemarks?: (shown: boolean) => void;
  readonly onGroup: (group: string) => void;
}): JSX.Element {
  const [options, setOptions] = useState<FieldOptions>({
    onlyDifferences: false,
    hidePadding: false,
    hideEncoding: false,
  });
  return <Detail {...props} options={options} onOptions={setOptions} />;
}

function DetailsNotice({ model }: { readonly model: ReportModel }): JSX.Element | null {
  const detailed = Object.keys(model.details).length;
  const all = model.rows.length + model.rowsOmitted;
  if (detailed === all) return null;
  return (
    <span class="muted">
      details of {formatCount(detailed)} of {formatCount(all)} are in this page; the rest:{' '}
      <code>relaydiff diff {model.capture.name} --json</code>
    </span>
  );
}

interface RemarksState {
  readonly shown: boolean;
  readonly onShown: (shown: boolean) => void;
  /** How many rows have a kind of remark. */
  readonly listed: ReadonlyMap<RemarkKind, number>;
}

function useRemarks(
  model: ReportModel,
  filters: Filters,
  setFilters: (filters: Filters) => void,
): RemarksState {
  const [shown, setShown] = useState(true);
  const listed = useMemo(() => countRowRemarks(model.rows), [model]);
  const onShown = (next: boolean): void => {
    setShown(next);
    // A filter that nobody sees would leave rows out for no reason that is to be seen.
    if (!next) setFilters({ ...filters, remark: null });
  };
  return { shown, onShown, listed };
}

function countRowRemarks(rows: readonly DivergenceRow[]): ReadonlyMap<RemarkKind, number> {
  const counts = new Map<RemarkKind, number>();
  for (const { remarks = [] } of rows) {
    for (const kind of new Set(remarks.map((remark) => remark.kind))) {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
  }
  return counts;
}

/** What nobody explained is what a reviewer came for. */
function firstPlace(model: ReportModel): Place {
  return { filters: NO_FILTERS, selected: model.groups[0]?.first ?? null };
}

function placeOfHash(model: ReportModel, before: Place): Place {
  const target = readHash(location.hash);
  if (target === null) return before;
  if ('group' in target) {
    if (!model.groups.some((group) => group.id === target.group)) return before;
    return { ...before, filters: { ...NO_FILTERS, group: target.group } };
  }
  if (!model.rows.some((row) => row.id === target.divergence)) return before;
  return { filters: NO_FILTERS, selected: target.divergence };
}

function writeHash(id: string): void {
  history.replaceState(null, '', `#${id}`);
}

/** A link into the report opens at the list; a changed address moves there without a reload. */
function useHash(
  model: ReportModel,
  setPlace: (change: (before: Place) => Place) => void,
): RefObject<HTMLElement | null> {
  const element = useRef<HTMLElement>(null);
  useEffect(() => {
    const follow = (): void => {
      setPlace((before) => placeOfHash(model, before));
      element.current?.scrollIntoView();
    };
    if (readHash(location.hash) !== null) element.current?.scrollIntoView();
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, [model, setPlace]);
  return element;
}

const PAGE_ROWS = 10;

function useListKeys(
  rows: readonly DivergenceRow[],
  selected: DivergenceRow | undefined,
  select: (id: string) => void,
): void {
  // Keys can come faster than effects run: the listener must see the latest rendering, not the one it was made in.
  const latest = useRef({ rows, selected });
  latest.current = { rows, selected };
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target instanceof Element ? event.target : document.body;
      if (target.closest('input, select, textarea') !== null) return;
      const now = latest.current;
      const index = now.selected === undefined ? -1 : now.rows.indexOf(now.selected);
      const inList = target.closest('[role=listbox]') !== null;
      const next = rowByKey(event.key, { index, last: now.rows.length - 1, inList });
      const row = next === undefined ? undefined : now.rows[next];
      if (row === undefined) return;
      event.preventDefault();
      select(row.id);
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, [select]);
}

/** Letters work everywhere; keys that also scroll the page only where the list has the focus. */
function rowByKey(
  key: string,
  at: { readonly index: number; readonly last: number; readonly inList: boolean },
): number | undefined {
  const clamp = (index: number): number => Math.min(Math.max(index, 0), at.last);
  if (key === 'j') return clamp(at.index + 1);
  if (key === 'k') return clamp(at.index - 1);
  if (!at.inList) return undefined;
  if (key === 'ArrowDown') return clamp(at.index + 1);
  if (key === 'ArrowUp') return clamp(at.index - 1);
  if (key === 'PageDown') return clamp(at.index + PAGE_ROWS);
  if (key === 'PageUp') return clamp(at.index - PAGE_ROWS);
  if (key === 'Home') return 0;
  if (key === 'End') return at.last;
  return undefined;
}
