/** A golden made by hand, relays to hold it against, and the verb as CI runs it, in a place of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCapture } from '../../src/capture/open.ts';
import { compareSides } from '../../src/golden/compare.ts';
import { type Expected, expectedText, type GoldenReplay } from '../../src/golden/expected.ts';
import { promiseOf } from '../../src/golden/promise.ts';
import { showsOfResult } from '../../src/golden/shows.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { livingWith } from '../../src/replay/process-table.ts';
import type { CheckReport } from '../../src/report/check-report.ts';
import { CLI } from '../support/built-cli.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { concat, testFrame } from '../support/frames.ts';
import { until } from '../support/processes.ts';

const BAD_RELAY = fileURLToPath(new URL('../fixtures/bad-relay.mjs', import.meta.url));

export const bad = (fault: string): string =>
  `"${process.execPath}" "${BAD_RELAY}" ${fault} {socket}`;

/** Each start has the next of these faults. */
export function badEach(file: string, faults: readonly string[]): string {
  writeFileSync(file, faults.join('\n'));
  return `${bad('each')} "${file}"`;
}

export const reference = (kind: 'original' | 'generic'): string =>
  `"${process.execPath}" "${CLI}" simulate relay --kind ${kind} --domain {domain} --socket {socket}`;

const RECORDED: GoldenReplay = { mode: 'causal', chunking: 'recorded', rewrite: null, speed: 1 };
export const ONE_REPLAY: Expected['replays'] = [RECORDED];
const REPLAYS: Expected['replays'] = [
  RECORDED,
  { ...RECORDED, mode: 'max', chunking: 'frame', shows: null },
];

/** A golden of 13 messages to two clients, of which the generic relay loses three: another domain, alone and in front. */
export function writeGolden(directory: string, replays = REPLAYS): void {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'capture.db');
  const steps: CaptureStep[] = [2, 1].flatMap((connection): CaptureStep[] => [
    { connection, event: 'open', on: 'client' },
    { connection, event: 'upstream-open', on: 'old' },
    { connection, event: 'upstream-open', on: 'new' },
    { waitMs: 20 },
  ]);
  const write = (bytes: Uint8Array, isDropped = false): void => {
    steps.push({ connection: 1, stream: 'client', bytes });
    for (const stream of isDropped ? (['old'] as const) : (['old', 'new'] as const)) {
      for (const connection of [1, 2]) steps.push({ connection, stream, bytes });
    }
  };
  for (let at = 1; at <= 10; at++) write(testFrame(at));
  write(testFrame(11, { domain: 2, type: 20 }), true);
  write(concat([testFrame(12, { domain: 2, type: 20 }), testFrame(13)]), true);
  steps.push({ waitMs: 3_000 });
  steps.push({ connection: undefined, event: 'stop', details: { drained: 1 } });
  buildCapture(path, { connections: ['publisher', 'listener'], steps });
  writeFileSync(join(directory, 'expected.json'), expectedText(expectedOf(path, replays)));
  writeFileSync(join(directory, 'rules.yaml'), 'rules: []\n');
  writeFileSync(join(directory, 'about.md'), '# Other domains\n');
}

function expectedOf(path: string, replays: Expected['replays']): Expected {
  const protocol = loadBuiltInProtocol();
  const capture = openCapture(path);
  try {
    const shown = compareSides(capture, { protocol, rules: [], today: '2026-01-01' });
    return {
      format: 'relaydiff-golden/1',
      title: 'Messages of another domain',
      dialect: capture.info.dialect,
      domain: 'market_data',
      replays,
      promise: promiseOf(capture, protocol.dialect(capture.info.dialect).header),
      shows: showsOfResult(shown),
    };
  } finally {
    capture.close();
  }
}

export interface CheckEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `scratch` is all that it has for temporary files: what is left there afterwards was left behind. */
export function startCheck(
  args: readonly string[],
  scratch: string,
  environment: Readonly<Record<string, string>> = {},
) {
  const child = spawn(process.execPath, [CLI, 'check', ...args], {
    env: { ...process.env, TMPDIR: scratch, GITHUB_STEP_SUMMARY: '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  const closed = once(child, 'close');
  const end = async (): Promise<CheckEnd> => {
    await closed;
    return { exitCode: child.exitCode, ...said };
  };
  return { child, end };
}

/** Everything that was started under it has its scratch directory in its environment. */
export async function nothingIsLeft(scratch: string): Promise<void> {
  await until(() => livingWith(`TMPDIR=${scratch}`).length === 0);
  await until(() => readdirSync(scratch).length === 0);
}

export function reportIn({ stdout, stderr }: CheckEnd): CheckReport {
  if (stdout === '') throw new Error(`no report: ${stderr}`);
  const report: CheckReport = JSON.parse(stdout);
  return report;
}
