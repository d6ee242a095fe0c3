/** The selected divergence: what it is, both messages as fields and as bytes, and the link to it. */
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { DivergenceDetail, DivergenceRow, MessageView, ReportModel } from '../model.ts';
import { type DetailBytes, markBytes, type MessageBytes } from './byte-marks.ts';
import { CopyButton } from './copy-button.tsx';
import { type FieldOptions, FieldTable, rangeText, visibleFields } from './field-table.tsx';
import { identityText } from './filters.ts';
import { formatCount, formatOffsetNs, KIND_MEANS, KIND_SIGN } from './format.ts';
import { HexView } from './hex-view.tsx';
import { PairRemarks } from './remarks.tsx';

interface DetailProps {
  readonly model: ReportModel;
  readonly row: DivergenceRow;
  readonly options: FieldOptions;
  readonly showRemarks: boolean;
  /** Undefined when the result has no remarks. */
  readonly onRemarks?: (shown: boolean) => void;
  readonly onOptions: (options: FieldOptions) => void;
  readonly onGroup: (group: string) => void;
}

export function Detail(props: DetailProps): JSX.Element {
  const { model, row } = props;
  const detail = model.details[row.id];
  const group = model.groups.find((each) => each.id === row.group);
  const connection = model.connections.find((each) => each.id === row.connection);
  return (
    <section class="detail" aria-label={`Divergence ${row.id}`}>
      <div class="detail-head">
        <h2>
          <span class="muted">{row.id}</span>{' '}
          <span class={`kind kind-${row.kind}`} title={KIND_MEANS[row.kind]}>
            <span class="sign" aria-hidden="true">
              {KIND_SIGN[row.kind]}
            </span>
            {row.kind}
          </span>{' '}
          {row.subject}
        </h2>
        <CopyButton label="Copy link" text={() => `${location.href.split('#')[0]}#${row.id}`} />
      </div>
      <p class="detail-sentence">{row.detail}</p>
      <p class="detail-facts muted">
        {connection?.label ?? `connection ${row.connection}`}
        {row.identity !== null && <> · domain/source #sequence {identityText(row)}</>} ·{' '}
        {row.severity}
        {group !== undefined && (
          <>
            {' · group '}
            <button type="button" class="link" onClick={() => props.onGroup(group.id)}>
              {group.title}
            </button>{' '}
            ({formatCount(group.count)})
          </>
        )}
      </p>
      {detail === undefined ? (
        <NoDetail model={model} />
      ) : (
        <Messages
          key={row.id}
          detail={detail}
          absent={isUnforwarded(row, detail) ? 'not forwarded' : 'nothing on this side'}
          options={props.options}
          showRemarks={props.showRemarks}
          onRemarks={props.onRemarks}
          onOptions={props.onOptions}
        />
      )}
    </section>
  );
}

function NoDetail({ model }: { readonly model: ReportModel }): JSX.Element {
  return (
    <p class="notice">
      The bytes of this divergence are not in this page. Details of{' '}
      {formatCount(Object.keys(model.details).length)} of{' '}
      {formatCount(model.rows.length + model.rowsOmitted)} are; for the rest:{' '}
      <code>relaydiff diff {model.capture.name} --json</code>
    </p>
  );
}

/** A defect that only new has is what is left of something that old did forward. */
function isUnforwarded(row: DivergenceRow, detail: DivergenceDetail): boolean {
  return (
    row.kind === 'missing' || row.kind === 'extra' || (row.kind === 'defect' && detail.new === null)
  );
}

function Messages(props: {
  readonly detail: DivergenceDetail;
  readonly absent: string;
  readonly options: FieldOptions;
  readonly showRemarks: boolean;
  readonly onRemarks: ((shown: boolean) => void) | undefined;
  readonly onOptions: (options: FieldOptions) => void;
}): JSX.Element {
  const { detail, absent, options } = props;
  const bytes = useMemo(() => markBytes(detail), [detail]);
  const [hovered, setHovered] = useState<number | null>(null);
  const [pinned, setPinned] = useState<number | null>(null);
  const hot = hovered ?? pinned;
  const visible = visibleFields(detail, options);
  const pin = (row: number): void => setPinned(row);
  const link = { hot, onHover: setHovered, onPin: pin };
  if (detail.old === null && detail.new === null) {
    return <p class="notice">This divergence is an event; it has no bytes.</p>;
  }
  return (
    <>
      <OptionBar
        options={options}
        onOptions={props.onOptions}
        showRemarks={props.showRemarks}
        onRemarks={props.onRemarks}
      />
      <p class="byte-name" aria-live="polite">
        {hot === null
          ? 'Point at a byte or a field to see which belongs to which.'
          : byteName(detail, hot)}
      </p>
      <div class="messages">
        <FieldTable detail={detail} visible={visible} {...link} />
        <div class="hex-sides">
          <SideBytes side="old" absent={absent} view={detail.old} bytes={bytes.old} link={link} />
          <SideBytes side="new" absent={absent} view={detail.new} bytes={bytes.new} link={link} />
          <Legend bytes={bytes} />
        </div>
      </div>
      {props.showRemarks && <PairRemarks detail={detail} onHover={setHovered} />}
    </>
  );
}

function byteName(detail: DivergenceDetail, index: number): string {
  const row = detail.fields[index];
  if (row === undefined) return '';
  const state = row.differs ? ', differs' : '';
  return `${row.path}: bytes ${rangeText(row)}${state}`;
}

function OptionBar(props: {
  readonly options: FieldOptions;
  readonly onOptions: (options: FieldOptions) => void;
  readonly showRemarks: boolean;
  readonly onRemarks: ((shown: boolean) => void) | undefined;
}): JSX.Element {
  const { options, onRemarks } = props;
  const boxes: readonly { readonly key: keyof FieldOptions; readonly text: string }[] = [
    { key: 'onlyDifferences', text: 'Only differences' },
    { key: 'hidePadding', text: 'Hide padding' },
    { key: 'hideEncoding', text: 'Hide encoding' },
  ];
  return (
    <div class="options" role="group" aria-label="Fields shown">
      {boxes.map(({ key, text }) => (
        <label key={key}>
          <input
            type="checkbox"
            checked={options[key]}
            onChange={(event) =>
              props.onOptions({ ...options, [key]: event.currentTarget.checked })
            }
          />
          {text}
        </label>
      ))}
      {onRemarks !== undefined && (
        <label>
          <input
            type="checkbox"
            checked={!props.showRemarks}
            onChange={(event) => onRemarks(!event.currentTarget.checked)}
          />
          Hide remarks
        </label>
      )}
    </div>
  );
}

function SideBytes(props: {
  readonly side: 'old' | 'new';
  /** What it means that this side has no message. */
  readonly absent: string;
  readonly view: MessageView | null;
  readonly bytes: MessageBytes | null;
  readonly link: {
    readonly hot: number | null;
    readonly onHover: (row: number | null) => void;
    readonly onPin: (row: number) => void;
  };
}): JSX.Element {
  const { side, view, bytes } = props;
  const title = side === 'old' ? 'Old' : 'New';
  if (view === null || bytes === null) {
    return (
      <div class={`side side-${side}`}>
        <h3>
          <i class={`swatch ${side}`} aria-hidden="true" />
          {title}
        </h3>
        <p class="not-forwarded">
          <span aria-hidden="true">∅</span> {props.absent}
        </p>
      </div>
    );
  }
  return (
    <div class={`side side-${side}`}>
      <h3>
        <i class={`swatch ${side}`} aria-hidden="true" />
        {title}
        <span class="muted side-facts">
          #{view.ordinal} · {formatCount(bytes.bytes.length)} bytes at {formatCount(view.offset)} ·{' '}
          {formatOffsetNs(view.arrivalNs)}
        </span>
        <CopyButton label="Copy hex" text={() => view.hex} />
      </h3>
      <HexView label={`Bytes of the ${side} message`} message={bytes} {...props.link} />
    </div>
  );
}

function Legend({ bytes }: { readonly bytes: DetailBytes }): JSX.Element | null {
  if (bytes.old === null || bytes.new === null) return null;
  return (
    <p class="legend hex-legend">
      <span class="byte changed">00</span> differs
      <span class="byte alone">00</span> only on this side
      <span class="byte hot">00</span> field pointed at
    </p>
  );
}
