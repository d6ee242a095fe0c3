/** What each rule swallowed, and which of them nobody needs any more or have expired. */
import type { JSX } from 'preact';
import type { ReportModel, RuleOutcome } from '../model.ts';
import { ruleAmount, ruleSelection, rulesInOrder, ruleTerms } from '../rules.ts';
import { formatCount } from './format.ts';
import { TableHead } from './table-head.tsx';

export function Rules({ model }: { readonly model: ReportModel }): JSX.Element | null {
  const { rules = [] } = model;
  if (rules.length === 0) return null;
  return (
    <section class="panel rules" aria-label="Rules">
      <div class="panel-head">
        <h2>Rules</h2>
        <span class="muted">what is no divergence, or an expected one; it is not in the list</span>
      </div>
      <div class="table-scroll">
        <table>
          <TableHead
            columns={[
              'Rule',
              'State',
              { name: 'Divergences', isNumber: true },
              { name: 'Differences', isNumber: true },
              'Action',
              'Selects',
              'Reason',
              'First',
            ]}
          />
          <tbody>
            {rulesInOrder(rules).map((rule) => (
              <Row key={rule.id} rule={rule} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

const STATE_SIGN: Readonly<Record<RuleOutcome['state'], string>> = {
  used: '✓',
  unused: '○',
  expired: '!',
};

function Row({ rule }: { readonly rule: RuleOutcome }): JSX.Element {
  return (
    <tr class={rule.state} data-rule={rule.id}>
      <td>
        {rule.id}
        <div class="muted id">
          {rule.file}:{rule.line}
        </div>
      </td>
      <td>
        <span class={rule.state === 'used' ? '' : 'warn'} title={ruleAmount(rule)}>
          {STATE_SIGN[rule.state]} {rule.state}
        </span>
        {rule.unmeasured > 0 && (
          <div class="muted">{formatCount(rule.unmeasured)} in no unit of its limit</div>
        )}
      </td>
      <td class="number">
        {formatCount(rule.divergences)}
        {rule.trimmed > 0 && <div class="muted">and a part of {formatCount(rule.trimmed)}</div>}
      </td>
      <td class="number">{formatCount(rule.differences)}</td>
      <td>{ruleTerms(rule)}</td>
      <td class="selects">{ruleSelection(rule)}</td>
      <td class="reason-cell">{rule.reason}</td>
      <td class="evidence">{rule.first === null ? '' : <Example example={rule.first} />}</td>
    </tr>
  );
}

function Example(props: { readonly example: NonNullable<RuleOutcome['first']> }): JSX.Element {
  const { connection, detail, differences } = props.example;
  return (
    <>
      connection {connection}: {detail}
      {differences.map(({ path, old, new: neu }) => (
        <div key={path} class="example-difference">
          <code>{path}</code> {old ?? 'nothing'} → {neu ?? 'nothing'}
        </div>
      ))}
    </>
  );
}
