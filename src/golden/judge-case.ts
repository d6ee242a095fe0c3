/**
 * From the runs of a case to what is said of it: the outcome, one sentence, and which divergences were not there each
 * time. Pure.
 */
import type { DiffResult } from '../diff/types.ts';
import { formatBytes, formatCount } from '../lib/format.ts';
import { assertNever, defined } from '../lib/assert.ts';
import { endWords, wordsOfTrouble } from '../replay/relay-evidence.ts';
import { comparisonOf, countWords, fingerprinted } from '../report/case-of-result.ts';
import type {
  CaseDivergence,
  CaseOutcome,
  CaseRunFacts,
  CheckCase,
  Comparison,
  UnstableDivergence,
} from '../report/check-report.ts';
import type { PlannedCase } from './check-plan.ts';
import type { CheckRun } from './check-run.ts';
import { replayName, showsOf } from './expected.ts';
import { showsDifferences, showsOfResult } from './shows.ts';

/** The worst outcome of the repetitions is that of the case. */
const RANK: Readonly<Record<CaseOutcome, number>> = {
  'relay-failed': 4,
  failed: 3,
  inconclusive: 2,
  skipped: 1,
  passed: 0,
};
const UNSTABLE_TOLD_MAX = 50;

export interface JudgedCase {
  readonly told: CheckCase;
  readonly facts: CaseRunFacts;
  /** Of the run that is told; for its report. */
  readonly result: DiffResult | undefined;
}

interface Seen {
  readonly divergence: CaseDivergence;
  readonly seenIn: number[];
}

/** Takes the runs of one case one by one, and keeps whole only the first of the worst. */
export class CaseTally {
  readonly #plan: PlannedCase;
  readonly #divergencesMax: number;
  readonly #outcomes: CaseOutcome[] = [];
  readonly #seen = new Map<string, Seen>();
  /** Trouble of each run, and how many divergences were not listed: equal in all, or not stable. */
  readonly #signs = new Set<string>();
  #worst: CheckRun | undefined;
  #elapsedMs = 0;

  constructor(plan: PlannedCase, divergencesMax: number) {
    this.#plan = plan;
    this.#divergencesMax = divergencesMax;
  }

  add(run: CheckRun): void {
    const outcome = outcomeOf(run);
    const worst = this.#worst === undefined ? undefined : outcomeOf(this.#worst);
    if (worst === undefined || RANK[outcome] > RANK[worst]) this.#worst = run;
    this.#outcomes.push(outcome);
    this.#elapsedMs += run.elapsedMs;
    if (outcome === 'skipped') return;
    this.#signs.add(`${outcome} ${run.trouble?.kind} ${run.result?.divergencesOmitted}`);
    if (run.result === undefined) return;
    const nth = this.#outcomes.length;
    for (const divergence of fingerprinted(run.result)) {
      const seen = this.#seen.get(divergence.fingerprint);
      if (seen === undefined) this.#seen.set(divergence.fingerprint, { divergence, seenIn: [nth] });
      else seen.seenIn.push(nth);
    }
  }

  judge(): JudgedCase {
    const { golden, replay, name, domain } = this.#plan;
    const run = this.#worst;
    const result = run?.result;
    const outcome = run === undefined ? 'skipped' : outcomeOf(run);
    const comparison = result === undefined ? null : comparisonOf(result, this.#divergencesMax);
    const unstable = this.#unstable();
    const isStable = this.#signs.size <= 1 && unstable.length === 0;
    const told: CheckCase = {
      golden: name,
      replay: replayName(replay),
      title: golden.expected?.title ?? null,
      domain,
      outcome,
      reason: `${reasonOf(outcome, run, comparison)}${isStable ? '' : this.#stabilityWords(outcome)}`,
      relay: relayOf(run),
      comparison,
      asShown: this.#asShown(result),
      runs: this.#outcomes,
      isStable,
      unstable: unstable.slice(0, UNSTABLE_TOLD_MAX),
      unstableOmitted: Math.max(0, unstable.length - UNSTABLE_TOLD_MAX),
    };
    return { told, facts: this.#facts(run), result };
  }

  #facts(run: CheckRun | undefined): CaseRunFacts {
    const played = run?.played;
    const nothing = { tail: '', bytes: 0 };
    const wordsOf = (from: 'stdout' | 'stderr'): CaseRunFacts['stdout'] =>
      run === undefined
        ? nothing
        : { tail: run.evidence[from].text, bytes: run.evidence[from].bytes };
    return {
      elapsedMs: Math.round(this.#elapsedMs),
      delivered: run?.result?.counts.new ?? 0,
      fidelity: [
        ...(played === undefined
          ? []
          : [`sent ${formatBytes(played.sentBytes)} of ${formatBytes(played.played.sentBytes)}`]),
        ...(run?.fidelity ?? []),
      ],
      stdout: wordsOf('stdout'),
      stderr: wordsOf('stderr'),
      html: null,
      captures: [],
    };
  }

  /** What only some of the runs showed that had a comparison at all. */
  #unstable(): readonly UnstableDivergence[] {
    const compared = this.#outcomes.filter((outcome) => outcome !== 'skipped').length;
    return [...this.#seen.values()]
      .filter(({ seenIn }) => seenIn.length < compared)
      .map(({ divergence: { fingerprint, kind, connection, subject, detail }, seenIn }) => ({
        fingerprint,
        kind,
        connection,
        subject,
        detail,
        seenIn,
      }));
  }

  #stabilityWords(outcome: CaseOutcome): string {
    const same = this.#outcomes.filter((each) => each === outcome).length;
    const all = this.#outcomes.length;
    if (same < all) return `; only in ${same} of ${all} repetitions`;
    return `; not the same in all of ${all} repetitions`;
  }

  #asShown(result: DiffResult | undefined): boolean | null {
    const { golden, replay } = this.#plan;
    if (golden.expected === undefined || result === undefined) return null;
    const shows = showsOf(golden.expected, replay);
    return shows === null ? null : showsDifferences(shows, showsOfResult(result)).length === 0;
  }
}

function outcomeOf({ isStopped, trouble, result, played }: CheckRun): CaseOutcome {
  if (isStopped) return 'skipped';
  if (trouble !== undefined) return 'relay-failed';
  const { verdict } = defined(result, 'comparison of a case without trouble');
  switch (verdict) {
    case 'same':
      return 'passed';
    case 'different':
      return 'failed';
    case 'inconclusive':
      // Nobody but the relay ends a connection of a replay before its time.
      return (played?.unsentBytes ?? 0) > 0 ? 'failed' : 'inconclusive';
    default:
      return assertNever(verdict, 'verdict');
  }
}

function reasonOf(
  outcome: CaseOutcome,
  run: CheckRun | undefined,
  comparison: Comparison | null,
): string {
  switch (outcome) {
    case 'skipped':
      return 'stopped before it was done';
    case 'relay-failed': {
      const words = run?.trouble === undefined ? '' : wordsOfTrouble(run.trouble);
      return comparison === null ? words : `${words}; its answers: ${answerWords(run, comparison)}`;
    }
    case 'passed':
    case 'failed':
    case 'inconclusive':
      return comparison === null ? '' : answerWords(run, comparison);
    default:
      return assertNever(outcome, 'outcome');
  }
}

function answerWords(run: CheckRun | undefined, comparison: Comparison): string {
  const { verdict, reason, promised, counts, swallowed } = comparison;
  const bySwallowing = swallowed === 0 ? '' : ` but for ${swallowed} that rules swallow`;
  if (verdict === 'same') {
    return promised === 0
      ? 'silent, as promised'
      : `${formatCount(promised)} messages as promised${bySwallowing}`;
  }
  const early = (run?.played?.unsentBytes ?? 0) > 0;
  const words = [
    ...(verdict === 'different' ? [countWords(counts)] : [reason.replace(/\.$/, '')]),
    ...strangeWords(counts, run?.result?.counts.new === 0 && promised > 0),
    ...(early ? ['the relay closed clients before they had sent everything'] : []),
  ];
  return words.join('; ');
}

/** What a reader of counts alone might not see. */
function strangeWords(counts: Comparison['counts'], isSilent: boolean): readonly string[] {
  const hasNoMessages = (counts.defect ?? 0) > 0;
  if (isSilent && hasNoMessages)
    return ['the relay answered nothing but bytes that are no messages'];
  if (isSilent) return ['the relay answered nothing'];
  return hasNoMessages ? ['the relay answered bytes that are no messages'] : [];
}

function relayOf(run: CheckRun | undefined): CheckCase['relay'] {
  if (run === undefined) return null;
  const { evidence, trouble } = run;
  return {
    trouble: trouble?.kind ?? null,
    end: evidence.notStarted === undefined ? endWords(evidence) : null,
    leftBehind: evidence.leftBehind,
  };
}
