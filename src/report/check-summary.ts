/** Many cases as one report: the counts, the verdict, and the exit code that wins. Pure. */
import { EXIT } from '../lib/operating-error.ts';
import {
  CHECK_FORMAT,
  type CaseOutcome,
  type CheckCase,
  type CheckReport,
} from './check-report.ts';

export function checkReportOf(
  cases: readonly CheckCase[],
  { relay, repeat }: Pick<CheckReport, 'relay' | 'repeat'>,
  run: CheckReport['run'],
): CheckReport {
  const counts = countsOf(cases);
  return {
    format: CHECK_FORMAT,
    ...verdictOf(counts),
    relay,
    repeat,
    counts,
    cases: [...cases],
    run,
  };
}

function countsOf(cases: readonly CheckCase[]): CheckReport['counts'] {
  const of = (outcome: CaseOutcome): number =>
    cases.filter((each) => each.outcome === outcome).length;
  return {
    cases: cases.length,
    passed: of('passed'),
    failed: of('failed'),
    inconclusive: of('inconclusive'),
    relayFailed: of('relay-failed'),
    skipped: of('skipped'),
    unstable: cases.filter(({ isStable }) => !isStable).length,
  };
}

/**
 * A relay that failed left something untested, so its exit code wins: whoever takes 1 for divergences to be looked at must
 * not be told so of a run that did not see everything. Divergences win over what could not be judged.
 */
function verdictOf({
  relayFailed,
  failed,
  inconclusive,
  skipped,
}: CheckReport['counts']): Pick<CheckReport, 'verdict' | 'exitCode'> {
  if (relayFailed > 0) return { verdict: 'relay-failed', exitCode: EXIT.failure };
  if (failed > 0) return { verdict: 'failed', exitCode: EXIT.different };
  if (inconclusive + skipped > 0) return { verdict: 'inconclusive', exitCode: EXIT.inconclusive };
  return { verdict: 'passed', exitCode: EXIT.same };
}
