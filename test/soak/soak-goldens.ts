/**
 * `npm run soak -- goldens`: the goldens are played again and again to the reference relays, by `check`. The original one must
 * keep every promise each time; the generic one must show each time what the goldens say of it, where they say something.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { CheckCase, CheckReport } from '../../src/report/check-report.ts';
import { RELAY_KINDS, type RelayKind } from '../../src/simulate/relay-core.ts';
import { relayProgram } from '../../src/simulate/spawn.ts';

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

interface Totals {
  runs: number;
  cases: number;
  undefinedCases: number;
  failures: number;
}

export async function soakGoldens(args: readonly string[]): Promise<boolean> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '100' },
      jobs: { type: 'string', default: '2' },
      kind: { type: 'string', default: 'original' },
    },
  });
  const kind = RELAY_KINDS.find((each) => each === values.kind);
  if (kind === undefined) throw new Error(`--kind: one of ${RELAY_KINDS.join(', ')}`);
  const paths = positionals.length === 0 ? [root('captures')] : positionals;
  const totals: Totals = { runs: 0, cases: 0, undefinedCases: 0, failures: 0 };
  const startMs = performance.now();
  while (totals.runs < Number(values.runs)) {
    const cases = await check(kind, paths, values.jobs);
    totals.runs += 1;
    for (const each of cases) note(totals, kind, each);
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(0);
    console.log(
      `${kind}: ${totals.runs} runs, ${totals.cases} cases, ${totals.undefinedCases} of them undefined, ${totals.failures} failures, ${seconds} s`,
    );
  }
  return totals.failures === 0;
}

async function check(
  kind: RelayKind,
  paths: readonly string[],
  jobs: string,
): Promise<readonly CheckCase[]> {
  const relay = `"${process.execPath}" "${relayProgram}" --kind ${kind} --domain {domain} --socket {socket} --quiet`;
  const words = ['check', ...paths, '--relay', relay, '--jobs', jobs, '--json', '--quiet'];
  const child = spawn(process.execPath, [root('dist/cli/main.js'), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (printed === '') throw new Error(`check ended with exit code ${child.exitCode}`);
  const report: CheckReport = JSON.parse(printed);
  return report.cases;
}

function note(totals: Totals, kind: RelayKind, { golden, replay, ...judged }: CheckCase): void {
  totals.cases += 1;
  const { outcome, asShown, reason } = judged;
  const isCompared = outcome === 'passed' || outcome === 'failed';
  if (kind === 'generic' && isCompared && asShown === null) {
    totals.undefinedCases += 1;
    return;
  }
  if (kind === 'generic' ? isCompared && asShown === true : outcome === 'passed') return;
  totals.failures += 1;
  console.error(`run ${totals.runs}: ${golden} ${replay}: ${outcome}: ${reason}`);
}
