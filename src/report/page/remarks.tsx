/** What is odd about good messages: counted over the capture, and side by side for one divergence. */
import type { JSX } from 'preact';
import type { DivergenceDetail, PairRemark, RemarkCount, RemarkKind } from '../model.ts';
import { formatCount, REMARK_MEANS } from './format.ts';
import { OLD_AND_NEW, TableHead } from './table-head.tsx';

interface RemarksProps {
  readonly remarks: readonly RemarkCount[];
  readonly shown: boolean;
  readonly onShown: (shown: boolean) => void;
  /** How many rows of the list have a kind. */
  readonly listed: ReadonlyMap<RemarkKind, number>;
  readonly selected: RemarkKind | null;
  readonly onSelect: (kind: RemarkKind | null) => void;
}

export function Remarks(props: RemarksProps): JSX.Element {
  const { remarks, shown } = props;
  const total = remarks.reduce((sum, each) => sum + each.onlyOld + each.onlyNew, 0);
  return (
    <section class="panel remarks" aria-label="Remarks">
      <div class="panel-head">
        <h2>Remarks</h2>
        <span class="muted">
          odd, but readable; no differences
          {total > 0 && `, though ${formatCount(total)} on one side of a pair only`}
        </span>
        <label class="toggle">
          <input
            type="checkbox"
            checked={shown}
            onChange={(event) => props.onShown(event.currentTarget.checked)}
          />
          Show remarks
        </label>
      </div>
      {shown && <RemarkTable {...props} />}
    </section>
  );
}

function RemarkTable(props: RemarksProps): JSX.Element {
  const { remarks, listed, selected } = props;
  if (remarks.length === 0) return <p class="empty">No message has one.</p>;
  return (
    <div class="table-scroll remark-scroll">
      <table>
        <TableHead
          columns={[
            'Remark',
            'Messages',
            { name: 'Old', isNumber: true },
            { name: 'New', isNumber: true },
            { name: 'One side only', isNumber: true, title: 'Pairs that have it on one side only' },
            'Example',
          ]}
        />
        <tbody>
          {remarks.map((remark) => (
            <RemarkRow
              key={`${remark.kind} ${remark.subject}`}
              remark={remark}
              listed={listed.get(remark.kind) ?? 0}
              isSelected={remark.kind === selected}
              onSelect={props.onSelect}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function RemarkRow(props: {
  readonly remark: RemarkCount;
  readonly listed: number;
  readonly isSelected: boolean;
  readonly onSelect: (kind: RemarkKind | null) => void;
}): JSX.Element {
  const { remark, isSelected } = props;
  const { kind, example, onlyOld, onlyNew } = remark;
  return (
    <tr class={isSelected ? 'selected' : ''} data-remark={kind}>
      <td>
        <button
          type="button"
          class="link"
          title={REMARK_MEANS[kind]}
          aria-pressed={isSelected}
          disabled={props.listed === 0}
          onClick={() => props.onSelect(isSelected ? null : kind)}
        >
          {kind}
        </button>
        <span class="muted id"> in {formatCount(props.listed)} of the list</span>
      </td>
      <td>{remark.subject ?? <span class="muted">all other messages</span>}</td>
      <td class="number">{formatCount(remark.old)}</td>
      <td class="number">{formatCount(remark.new)}</td>
      <td class={`number ${onlyOld + onlyNew > 0 ? 'strong warn' : 'muted'}`}>
        {onlyOld + onlyNew === 0
          ? '0'
          : [
              onlyOld > 0 && `${formatCount(onlyOld)} old`,
              onlyNew > 0 && `${formatCount(onlyNew)} new`,
            ]
              .filter(Boolean)
              .join(', ')}
      </td>
      <td class="evidence">
        <span class="mono">{example.path}</span>: {example.detail}{' '}
        <span class="muted">
          (#{example.ordinal} of {example.side}, connection {example.connection})
        </span>
      </td>
    </tr>
  );
}

/** The remarks on the messages of one divergence. Pointing at one marks its field. */
export function PairRemarks(props: {
  readonly detail: DivergenceDetail;
  readonly onHover: (row: number | null) => void;
}): JSX.Element | null {
  const { detail } = props;
  const { remarks = [], remarksOmitted = 0 } = detail;
  if (remarks.length === 0) return null;
  const isPair = detail.old !== null && detail.new !== null;
  const rowOf = (path: string): number | null => {
    const index = detail.fields.findIndex((field) => field.path === path);
    return index < 0 ? null : index;
  };
  return (
    <div class="pair-remarks" role="group" aria-label="Remarks on these messages">
      <table>
        <TableHead columns={['Remark', 'Field', ...OLD_AND_NEW]} />
        <tbody onPointerLeave={() => props.onHover(null)}>
          {remarks.map((remark) => (
            <tr
              key={`${remark.kind} ${remark.path}`}
              class={isPair && isAlone(remark) ? 'alone' : ''}
              onPointerEnter={() => props.onHover(rowOf(remark.path))}
            >
              <th scope="row" title={REMARK_MEANS[remark.kind]}>
                {remark.kind}
                {isPair && isAlone(remark) && (
                  <span class="tag">only in {remark.old === null ? 'new' : 'old'}</span>
                )}
              </th>
              <td class="mono">{remark.path}</td>
              <td>{remark.old ?? <span class="muted">–</span>}</td>
              <td>{remark.new ?? <span class="muted">–</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {remarksOmitted > 0 && (
        <p class="empty">{formatCount(remarksOmitted)} more remarks are not in this page.</p>
      )}
    </div>
  );
}

function isAlone(remark: PairRemark): boolean {
  return (remark.old === null) !== (remark.new === null);
}
