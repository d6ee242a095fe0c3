/** `npm run soak -- faults`: many recordings that something happens to; see faults.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Fault, type FaultOutcome, FAULTS, type Kill, runFault } from './faults.ts';

/** A report of what happened so far. */
const REPORT_RUNS = 20;
/** What is read lies at most so long in memory. */
const UNFLUSHED_MS_MAX = 50;
const WARM_MS = 500;

interface Tally {
  runs: number;
  skipped: number;
  failed: number;
  sentBytes: number;
  gapBytes: number;
  readonly kills: Kill[];
}

export async function soakFaults(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
      kind: { type: 'string', default: FAULTS.join(',') },
    },
  });
  const kinds = FAULTS.filter((fault) => values.kind.split(',').includes(fault));
  if (kinds.length === 0) throw new Error(`--kind: one of ${FAULTS.join(', ')}`);
  let isWell = true;
  for (const fault of kinds) {
    const tally = await soakFault(fault, Number(values.seed), Number(values.runs));
    isWell &&= tally.failed === 0;
  }
  return isWell;
}

async function soakFault(fault: Fault, firstSeed: number, runs: number): Promise<Tally> {
  const tally: Tally = { runs: 0, skipped: 0, failed: 0, sentBytes: 0, gapBytes: 0, kills: [] };
  const startMs = performance.now();
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const directory = mkdtempSync(join(tmpdir(), 'rd-fault-'));
    const outcome = await runFault({ fault, seed, directory });
    note(tally, outcome);
    if (outcome.failures.length === 0) rmSync(directory, { recursive: true, force: true });
    else tell(fault, seed, directory, outcome);
    if (tally.runs % REPORT_RUNS === 0 || seed === firstSeed + runs - 1) {
      const seconds = ((performance.now() - startMs) / 1_000).toFixed(0);
      console.log(`${fault}: ${words(fault, tally)}, ${seconds} s`);
    }
  }
  return tally;
}

function note(tally: Tally, outcome: FaultOutcome): void {
  tally.runs += 1;
  tally.sentBytes += outcome.sentBytes;
  tally.gapBytes += outcome.gapBytes;
  if (outcome.kill !== undefined) tally.kills.push(outcome.kill);
  if (outcome.skipped !== undefined) tally.skipped += 1;
  if (outcome.failures.length > 0) tally.failed += 1;
}

function tell(fault: Fault, seed: number, directory: string, outcome: FaultOutcome): void {
  console.error(
    `${fault}, seed ${seed} (kept in ${directory}; again: --kind ${fault} --seed ${seed} --runs 1)`,
  );
  for (const failure of outcome.failures.slice(0, 10)) console.error(`  ${failure}`);
}

function words(fault: Fault, tally: Tally): string {
  return [
    `${tally.runs} runs`,
    ...(tally.skipped === 0 ? [] : [`${tally.skipped} skipped`]),
    `${(tally.sentBytes / 1e6).toFixed(1)} MB sent`,
    `${(tally.gapBytes / 1e6).toFixed(1)} MB in gaps`,
    ...(fault === 'kill' ? killWords(tally.kills) : []),
    `${tally.failed} failed`,
  ].join(', ');
}

/** A program that has just started is slower, so the first moments are told apart. */
function killWords(kills: readonly Kill[]): readonly string[] {
  const lost = kills.map(({ lostMs }) => lostMs).toSorted((left, right) => left - right);
  const quantile = (share: number): string =>
    (lost[Math.min(lost.length - 1, Math.floor(share * lost.length))] ?? 0).toFixed(0);
  const late = kills.filter(({ lostMs }) => lostMs > UNFLUSHED_MS_MAX);
  const lateAndWarm = late.filter(({ afterMs }) => afterMs > WARM_MS).length;
  return [
    `oldest byte lost: p50 ${quantile(0.5)} ms, p90 ${quantile(0.9)} ms, max ${quantile(1)} ms`,
    `${late.length} of more than ${UNFLUSHED_MS_MAX} ms (${lateAndWarm} of them after the first ${WARM_MS} ms)`,
  ];
}
