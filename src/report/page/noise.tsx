/** What was taken for noise: the fields, what was learned of them, and what did not fit. */
import type { JSX } from 'preact';
import type { NoiseFieldResult, NoiseResult } from '../model.ts';
import { formatCount } from './format.ts';
import { TableHead } from './table-head.tsx';

export function Noise({ noise }: { readonly noise: NoiseResult }): JSX.Element {
  const fields = [...noise.fields].sort((left, right) => right.alarms - left.alarms);
  return (
    <section class="panel noise" aria-label="Noise">
      <div class="panel-head">
        <h2>Noise</h2>
        <span class="muted">
          learned from {formatCount(noise.pairs)} pairs of {noise.source}; false alarms there:{' '}
          <Rate {...noise.falseAlarms} />
          {noise.divergences > 0 &&
            `; ${formatCount(noise.divergences)} divergences there are no noise`}
        </span>
      </div>
      <div class="table-scroll noise-scroll">
        <table>
          <TableHead
            columns={[
              'Messages',
              'Field',
              'Noise',
              'Learned',
              { name: 'Judged', isNumber: true },
              { name: 'Explained', isNumber: true, title: 'Pairs in which it differs and fits' },
              {
                name: 'Alarms',
                isNumber: true,
                title: 'Pairs in which it does not fit: divergences',
              },
              {
                name: 'False alarms',
                isNumber: true,
                title: 'Of the noise capture, each fifth by the others',
              },
            ]}
          />
          <tbody>
            {fields.map((field) => (
              <FieldRow key={`${field.domain} ${field.subject} ${field.field}`} {...field} />
            ))}
          </tbody>
        </table>
      </div>
      <NotLearned noise={noise} />
    </section>
  );
}

function FieldRow(row: NoiseFieldResult): JSX.Element {
  return (
    <tr data-noise={row.kind}>
      <td>{row.subject}</td>
      <td class="mono">{row.field}</td>
      <td>{row.kind}</td>
      <td class="evidence">{row.parameters}</td>
      <td class="number">{formatCount(row.judged)}</td>
      <td class="number">{formatCount(row.explained)}</td>
      <td class={`number ${row.alarms > 0 ? 'strong warn' : 'muted'}`}>
        {formatCount(row.alarms)}
      </td>
      <td class="number">
        <Rate {...row.falseAlarms} />
      </td>
    </tr>
  );
}

function Rate({ alarms, judged }: NoiseResult['falseAlarms']): JSX.Element {
  return (
    <span class={alarms > 0 ? 'warn' : ''}>
      {judged === 0 ? '-' : `${formatCount(alarms)} of ${formatCount(judged)}`}
    </span>
  );
}

function NotLearned({ noise }: { readonly noise: NoiseResult }): JSX.Element | null {
  const { unlearned, unlearnedTypes } = noise;
  if (unlearned.length + unlearnedTypes.length === 0) return null;
  return (
    <ul class="evidence">
      {unlearned.map(({ subject, field, differing, pairs, why }) => (
        <li key={`${subject} ${field}`}>
          not learned: {subject} <span class="mono">{field}</span>, which differs in{' '}
          {formatCount(differing)} of {formatCount(pairs)} pairs: {why}
        </li>
      ))}
      {unlearnedTypes.map(({ subject, pairs }) => (
        <li key={subject}>
          not in the noise capture: {subject}, of which {formatCount(pairs)} pairs differ
        </li>
      ))}
    </ul>
  );
}
