/** Precision and recall as a Markdown table, a row for each kind of fault. */
import { type KindAccount, precision, recall, type TruthAccount } from './run.ts';
import type { ScenarioSize } from './scenario.ts';

export interface Table {
  readonly text: string;
  readonly precision: number;
  readonly recall: number;
}

/** Several kinds in one scenario: what was invented there comes from none of them alone. */
export function tableOf({ byKind, total }: TruthAccount, size: ScenarioSize): Table {
  const isSingle = size === 'single';
  const rows = [...byKind]
    .filter(([, account]) => account.faults + account.expected + account.invented > 0)
    .map(([kind, account]) => rowOf(kind, account, isSingle));
  const text = [
    '| fault | injected | to be reported | found | of these otherwise | missed | invented | precision | recall |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows,
    rowOf('all', total, true),
  ].join('\n');
  return { text, precision: precision(total), recall: recall(total) };
}

function rowOf(name: string, account: KindAccount, hasPrecision: boolean): string {
  const { faults, expected, found, otherwise, missed, invented } = account;
  const share = (value: number): string => value.toFixed(4);
  const cells = [
    name,
    faults,
    expected,
    found,
    otherwise,
    missed,
    hasPrecision ? invented : '',
    hasPrecision ? share(precision(account)) : '',
    share(recall(account)),
  ];
  return `| ${cells.join(' | ')} |`;
}
