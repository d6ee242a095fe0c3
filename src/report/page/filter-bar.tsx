/** The filters of the list as controls, and in words what they leave. */
import type { JSX } from 'preact';
import type { RemarkKind, ReportModel } from '../model.ts';
import { type Filters, isFiltered, NO_FILTERS } from './filters.ts';
import { formatCount } from './format.ts';

interface FilterBarProps {
  readonly model: ReportModel;
  readonly filters: Filters;
  readonly shown: number;
  /** The kinds of remarks that rows have; none when they are not shown. */
  readonly remarks: readonly RemarkKind[];
  readonly onChange: (filters: Filters) => void;
}

export function FilterBar(props: FilterBarProps): JSX.Element {
  const { model, filters } = props;
  const change = (part: Partial<Filters>): void => props.onChange({ ...filters, ...part });
  const kinds = [...new Set(model.rows.map((row) => row.kind))];
  return (
    <div class="filters" role="search" aria-label="Filter the divergences">
      <Choice
        label="Kind"
        value={filters.kind ?? ''}
        options={kinds.map((kind) => ({ value: kind, text: kind }))}
        onChange={(value) => change({ kind: kinds.find((kind) => kind === value) ?? null })}
      />
      <Choice
        label="Group"
        value={filters.group ?? ''}
        options={model.groups.map((group) => ({
          value: group.id,
          text: `${group.id} ${group.title}`,
        }))}
        onChange={(value) => change({ group: value === '' ? null : value })}
      />
      <Choice
        label="Connection"
        value={filters.connection === null ? '' : String(filters.connection)}
        options={model.connections.map((each) => ({ value: String(each.id), text: each.label }))}
        onChange={(value) => change({ connection: value === '' ? null : Number(value) })}
      />
      {props.remarks.length > 0 && (
        <Choice
          label="Remark"
          value={filters.remark ?? ''}
          options={props.remarks.map((kind) => ({ value: kind, text: kind }))}
          onChange={(value) =>
            change({ remark: props.remarks.find((kind) => kind === value) ?? null })
          }
        />
      )}
      <label class="search">
        <span class="sr-only">Text</span>
        <input
          type="search"
          placeholder="Find in subject, identity, detail"
          value={filters.text}
          onInput={(event) => change({ text: event.currentTarget.value })}
        />
      </label>
      <span class="shown-count" aria-live="polite">
        {formatCount(props.shown)} of {formatCount(model.rows.length)}
        {model.rowsOmitted > 0 && ` (${formatCount(model.rowsOmitted)} more not listed)`}
      </span>
      <button
        type="button"
        class="plain"
        disabled={!isFiltered(filters)}
        onClick={() => props.onChange(NO_FILTERS)}
      >
        Clear filters
      </button>
    </div>
  );
}

function Choice(props: {
  readonly label: string;
  readonly value: string;
  readonly options: readonly { readonly value: string; readonly text: string }[];
  readonly onChange: (value: string) => void;
}): JSX.Element {
  return (
    <label class={props.value === '' ? 'choice' : 'choice on'}>
      <span>{props.label}</span>
      <select value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)}>
        <option value="">all</option>
        {props.options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.text}
          </option>
        ))}
      </select>
    </label>
  );
}
