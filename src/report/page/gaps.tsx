/** What is missing from the capture or was not shown to the new relay: where, why, and which messages. */
import type { JSX } from 'preact';
import type { GapRow, ReportModel } from '../model.ts';
import { formatCount, formatDurationNs } from './format.ts';
import { TableHead } from './table-head.tsx';

export function Gaps({ model }: { readonly model: ReportModel }): JSX.Element | null {
  if (model.gaps.length === 0) return null;
  return (
    <section class="panel gaps" aria-label="Gaps">
      <div class="panel-head">
        <h2>Gaps</h2>
        <span class="muted">bytes that were not recorded, or not sent to the new relay</span>
      </div>
      <div class="table-scroll">
        <table>
          <TableHead
            columns={[
              'Connection',
              'Stream',
              'Missing',
              'From',
              { name: 'Frames', isNumber: true },
              { name: 'Bytes', isNumber: true },
              'First message',
              'Last message',
            ]}
          />
          <tbody>
            {model.gaps.map((gap) => (
              <Row key={`${gap.connection}/${gap.stream}/${gap.where}/${gap.offset}`} gap={gap} />
            ))}
          </tbody>
        </table>
      </div>
      {model.gapsOmitted > 0 && (
        <p class="empty">and {formatCount(model.gapsOmitted)} more, which the capture lists</p>
      )}
    </section>
  );
}

function Row({ gap }: { readonly gap: GapRow }): JSX.Element {
  const what = gap.where === 'mirror' ? 'not sent to new' : 'not recorded';
  return (
    <tr>
      <td>{gap.connection}</td>
      <td>
        {gap.stream} <span class="muted">at {formatCount(gap.offset)}</span>
      </td>
      <td>
        {what} <span class="muted">({gap.reason})</span>
      </td>
      <td>{formatDurationNs(gap.firstNs)}</td>
      <td class="number">{gap.frames === null ? 'unknown' : formatCount(gap.frames)}</td>
      <td class="number">{formatCount(gap.bytes)}</td>
      <td>{identityWords(gap.first)}</td>
      <td>{identityWords(gap.last)}</td>
    </tr>
  );
}

function identityWords(identity: GapRow['first']): string {
  if (identity === null) return '';
  return `domain ${identity.domain}, source ${identity.source}, sequence ${identity.sequence}`;
}
