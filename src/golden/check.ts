/**
 * Runs the cases of a check, several at a time when that is asked for, each as often as it is asked for.
 * Answers for: results are in the order of the cases, whatever ended first; a failure that is no relay's
 * ends the others before it is thrown.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defined } from '../lib/assert.ts';
import { OperatingError } from '../lib/operating-error.ts';
import type { CaseRunFacts, CheckCase } from '../report/check-report.ts';
import type { PlannedCase } from './check-plan.ts';
import { type CheckRunOptions, runCase } from './check-run.ts';
import { CaseTally, type JudgedCase } from './judge-case.ts';
import { JudgeThread } from './judge-thread.ts';

export interface CheckOptions extends Omit<CheckRunOptions, 'signal'> {
  readonly jobs: number;
  readonly repeat: number;
  /** Divergences told of each case. */
  readonly divergencesMax: number;
  /** A directory for the replays; undefined: they are not kept. */
  readonly keepIn: string | undefined;
  readonly signal: AbortSignal;
  readonly onBegin: (plan: PlannedCase) => void;
  /** Returns the path of the report of this case, if it wrote one. */
  readonly onCase: (judged: JudgedCase, plan: PlannedCase) => string | undefined;
}

/** In the order of the plans. */
export interface CheckedCases {
  readonly cases: readonly CheckCase[];
  readonly facts: readonly CaseRunFacts[];
}

/** Throws CAPTURE_EXISTS before anything runs, and failures that are no relay's. */
export async function runCheck(
  plans: readonly PlannedCase[],
  options: CheckOptions,
): Promise<CheckedCases> {
  for (const plan of plans) refuseOverwriting(plan, options);
  const judged: JudgedCase[] = [];
  const halt = new AbortController();
  const signal = AbortSignal.any([options.signal, halt.signal]);
  let next = 0;
  const work = async (): Promise<void> => {
    const judge = new JudgeThread();
    try {
      for (let at = next++; at < plans.length; at = next++) {
        const plan = defined(plans[at], 'planned case');
        judged[at] = await checkCase(plan, { ...options, signal }, judge);
      }
    } catch (error) {
      halt.abort();
      throw error;
    } finally {
      await judge.halt();
    }
  };
  const jobs = Array.from({ length: Math.min(options.jobs, plans.length) }, work);
  const ends = await Promise.allSettled(jobs);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return {
    cases: judged.map(({ told }) => told),
    facts: judged.map(({ facts }) => facts),
  };
}

async function checkCase(
  plan: PlannedCase,
  options: CheckOptions,
  judge: JudgeThread,
): Promise<JudgedCase> {
  const { repeat, signal, divergencesMax } = options;
  const tally = new CaseTally(plan, divergencesMax);
  const captures: string[] = [];
  for (let nth = 1; nth <= repeat && !signal.aborted; nth++) {
    if (nth === 1) options.onBegin(plan);
    const keepAt = keptPath(plan, nth, options);
    tally.add(await runCase(plan, options, judge, keepAt));
    if (keepAt !== undefined && existsSync(keepAt)) captures.push(keepAt);
  }
  const judged = tally.judge();
  const html = options.onCase(judged, plan) ?? null;
  // The result itself is in the report now, and may be large.
  return { ...judged, facts: { ...judged.facts, html, captures }, result: undefined };
}

function keptPath(
  { fileName }: PlannedCase,
  nth: number,
  { keepIn, repeat }: CheckOptions,
): string | undefined {
  if (keepIn === undefined) return undefined;
  return join(keepIn, repeat === 1 ? `${fileName}.capture` : `${fileName}.${nth}.capture`);
}

function refuseOverwriting(plan: PlannedCase, options: CheckOptions): void {
  for (let nth = 1; nth <= options.repeat; nth++) {
    const path = keptPath(plan, nth, options);
    if (path === undefined || !existsSync(path)) continue;
    throw new OperatingError('CAPTURE_EXISTS', `${path} exists already`, {
      hint: 'Give --keep an empty directory; captures are never overwritten.',
    });
  }
}
