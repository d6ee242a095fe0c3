/** One comparison as a report of one case, so that `diff` and `check` are rendered by the same hands. Pure. */
import type { DiffResult, Verdict } from '../diff/types.ts';
import { comparisonOf, countWords } from './case-of-result.ts';
import type { CaseOutcome, CheckReport } from './check-report.ts';
import { checkReportOf } from './check-summary.ts';

const OUTCOMES: Readonly<Record<Verdict, CaseOutcome>> = {
  same: 'passed',
  different: 'failed',
  inconclusive: 'inconclusive',
};

export function checkReportOfDiff(
  result: DiffResult,
  run: Omit<CheckReport['run'], 'cases'>,
  divergencesMax: number,
): CheckReport {
  const comparison = comparisonOf(result, divergencesMax);
  const outcome = OUTCOMES[result.verdict];
  const isDifferent = result.verdict === 'different';
  const told = {
    golden: result.capture.name,
    replay: `${result.old.label} against ${result.new.label}`,
    title: null,
    domain: result.old.dialect,
    outcome,
    reason: isDifferent ? countWords(comparison.counts) : result.reason.replace(/\.$/, ''),
    relay: null,
    comparison,
    asShown: null,
    runs: [outcome],
    isStable: true,
    unstable: [],
    unstableOmitted: 0,
  };
  const nothing = { tail: '', bytes: 0 };
  const facts = {
    elapsedMs: run.elapsedMs,
    delivered: result.counts.new,
    fidelity: [],
    stdout: nothing,
    stderr: nothing,
    html: null,
    captures: [],
  };
  return checkReportOf([told], { relay: null, repeat: 1 }, { ...run, cases: [facts] });
}
