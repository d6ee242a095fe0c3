/** Runs scenarios one by one and keeps account, by kind of fault, of what was found, missed and invented. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openCapture } from '../../src/capture/open.ts';
import { diffCapture, type DiffOptions } from '../../src/diff/diff-capture.ts';
import type { DiffResult, Divergence } from '../../src/diff/types.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import type { Expected } from './expect.ts';
import { type Judged, judge } from './judge.ts';
import {
  FAULT_KINDS,
  type FaultKind,
  LATE_AFTER_MS,
  makeScenario,
  type Scenario,
  type ScenarioSize,
} from './scenario.ts';

export interface TruthOptions {
  readonly seed: number;
  readonly first: number;
  readonly runs: number;
  readonly size: ScenarioSize;
  readonly dialects: readonly Dialect[];
  /** Where the capture of the scenario under way is written. */
  readonly directory: string;
  readonly kind?: FaultKind | undefined;
  /** How the differ reads; by default these small captures are analysed whole. */
  readonly scan?: DiffOptions['scan'];
  readonly report?: (failure: Failure) => void;
}

export interface Failure {
  readonly run: number;
  readonly scenario: Scenario;
  readonly judged: Judged;
  readonly result: DiffResult;
}

export interface KindAccount {
  /** Faults that were injected. */
  faults: number;
  /** What had to be reported of them. */
  expected: number;
  found: number;
  /** Of those found: others were reported that explain the streams as well. */
  otherwise: number;
  missed: number;
  /** Where a scenario has faults of several kinds: of all together. */
  invented: number;
}

export interface TruthAccount {
  scenarios: number;
  failed: number;
  frames: number;
  readonly byKind: ReadonlyMap<FaultKind, KindAccount>;
  readonly total: KindAccount;
}

export function runScenarios(options: TruthOptions): TruthAccount {
  const empty = (): KindAccount => ({
    faults: 0,
    expected: 0,
    found: 0,
    otherwise: 0,
    missed: 0,
    invented: 0,
  });
  const byKind = new Map(FAULT_KINDS.map((kind) => [kind, empty()]));
  const account: TruthAccount = { scenarios: 0, failed: 0, frames: 0, byKind, total: empty() };
  for (let run = options.first; run < options.first + options.runs; run++) {
    const scenario = makeScenario({ ...options, run });
    const result = compare(scenario, options.scan, join(options.directory, `${run}.capture`));
    const judged = judge(scenario, result);
    account.scenarios++;
    account.frames += result.counts.old + result.counts.new;
    addTo(account, scenario, judged);
    if (judged.missed.length + judged.invented.length === 0 && isVerdictRight(scenario, result))
      continue;
    account.failed++;
    options.report?.({ run, scenario, judged, result });
  }
  return account;
}

/** Nothing is lost here, so the differ has no excuse to leave anything open. */
function isVerdictRight({ expected, traffic }: Scenario, { verdict }: DiffResult): boolean {
  if (traffic.legs.every(({ deliveries }) => deliveries.length === 0)) return true;
  if (expected.length > 0) return verdict === 'different';
  // Of what several clients sent alike the order may be nobody's: that is said, and is no difference.
  return verdict === 'same' || (verdict === 'inconclusive' && traffic.shared.size > 0);
}

function compare(scenario: Scenario, scan: DiffOptions['scan'], path: string): DiffResult {
  scenario.writeTo(path);
  const reader = openCapture(path);
  try {
    const { dialect } = scenario;
    const options = {
      oldDialect: dialect,
      newDialect: dialect,
      lateAfterMs: LATE_AFTER_MS,
      ...(scan && { scan }),
    };
    return diffCapture(reader, { ...options, divergencesListedMax: 1_000_000 });
  } finally {
    reader.close();
    rmSync(path, { force: true });
  }
}

function addTo({ byKind, total }: TruthAccount, { faults }: Scenario, judged: Judged): void {
  const add = (kind: FaultKind, what: keyof KindAccount, count = 1): void => {
    const account = byKind.get(kind);
    if (account !== undefined) account[what] += count;
    total[what] += count;
  };
  for (const kind of faults) add(kind, 'faults');
  const kindOf = ({ faults: numbers }: Expected): FaultKind => {
    // What is missing bears no mark: in a scenario of one kind it is of that kind.
    const [number = 0] = numbers;
    return faults[number] ?? 'none';
  };
  for (const expected of judged.found) {
    add(kindOf(expected), 'expected');
    add(kindOf(expected), 'found');
  }
  for (const expected of judged.otherwise) add(kindOf(expected), 'otherwise');
  for (const expected of judged.missed) {
    add(kindOf(expected), 'expected');
    add(kindOf(expected), 'missed');
  }
  add(faults[0] ?? 'none', 'invented', judged.invented.length);
}

export function precision({ found, invented }: KindAccount): number {
  return found + invented === 0 ? 1 : found / (found + invented);
}

export function recall({ found, expected }: KindAccount): number {
  return expected === 0 ? 1 : found / expected;
}

export function describe(failure: Failure): string {
  const { run, scenario, judged, result } = failure;
  const kinds = [...new Set(scenario.faults)].join(', ');
  return [
    `run ${run}: ${kinds || 'no fault'} in ${scenario.dialect.name}, verdict ${result.verdict}: ${result.reason}`,
    ...judged.missed.slice(0, LINES_MAX).map((one) => `  missed   ${expectedWords(one, scenario)}`),
    ...judged.invented.slice(0, LINES_MAX).map((one) => `  invented ${reportedWords(one)}`),
  ].join('\n');
}

const LINES_MAX = 6;

function expectedWords(
  { kind, connection, old, new: neu, fields, faults }: Expected,
  scenario: Scenario,
): string {
  const place = (at: Expected['old']): string =>
    at === undefined ? '-' : `${at.bytes.length} at ${at.offset}`;
  const named = (fields ?? []).map((paths) => paths.join(' or ')).join(', ');
  const from = [...faults].map((number) => scenario.faults[number]).join(', ');
  return `${kind} on ${connection}: old ${place(old)}, new ${place(neu)} ${named} (${from})`;
}

function reportedWords({
  kind,
  connection,
  old,
  new: neu,
  differences,
  detail,
}: Divergence): string {
  const place = (at: Divergence['old']): string =>
    at === null ? '-' : `${at.length} at ${at.offset}`;
  const named = differences.map(({ path }) => path).join(', ');
  return `${kind} on ${connection}: old ${place(old)}, new ${place(neu)} ${named}: ${detail}`;
}
