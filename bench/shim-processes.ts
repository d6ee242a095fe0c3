/** Starts and stops what stands between the client of the benchmark and a relay, and reads what it costs. Linux only. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TOOL = join(ROOT, 'scripts', 'run-tool.mjs');
const CLI = join(ROOT, 'dist', 'cli', 'main.js');
const START_WAIT_MS_MAX = 120_000;
const POLL_MS = 20;

export interface Running {
  readonly path: string;
  readonly pid: number;
  /** Ends it in good order; resolves with what it has printed. */
  readonly stop: () => Promise<string>;
}

/** What `record --json` says at its end, as far as the benchmark looks at it. */
export interface ShimSummary {
  readonly streams: Readonly<
    Record<'client' | 'old' | 'new', { seenBytes: number; recordedBytes: number }>
  >;
  readonly recordingGapBytes: number;
  readonly mirrorGapBytes: number;
  readonly fileBytes: number;
}

/** Paths of what works for one contender. */
export interface ShimPlaces {
  readonly listen: string;
  readonly old: string;
  readonly mirror: string;
  readonly out: string;
}

export const startRelay = async (path: string): Promise<Running> =>
  start(process.execPath, [TOOL, 'bench/shim-relay.ts', path], path);

export async function startPassThrough(
  { listen, old, mirror }: ShimPlaces,
  what: 'forward' | 'mirror',
): Promise<Running> {
  const args = [TOOL, 'bench/shim-pass-through.ts', listen, old, mirror, what];
  return start(process.execPath, args, listen);
}

/** The built product. `RELAYDIFF_BENCH_NODE_OPTIONS` reaches its Node alone: `--cpu-prof --cpu-prof-dir=DIR`. */
export async function startShim({ listen, old, mirror, out }: ShimPlaces): Promise<Running> {
  const nodeOptions = (process.env['RELAYDIFF_BENCH_NODE_OPTIONS'] ?? '').split(' ');
  const sockets = ['--listen', listen, '--old', old, '--new', mirror];
  const args = [CLI, 'record', ...sockets, '--out', out, '--json', '--quiet'];
  return start(process.execPath, [...nodeOptions.filter((text) => text !== ''), ...args], listen);
}

/** With the settings that it has when nobody changes them. */
export const startSocat = async (listen: string, relay: string): Promise<Running> =>
  start('socat', [`UNIX-LISTEN:${listen},fork`, `UNIX-CONNECT:${relay}`], listen);

export const hasSocat = (): boolean =>
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .some((directory) => existsSync(join(directory, 'socat')));

/** Resolves when the socket is there. */
async function start(command: string, args: readonly string[], path: string): Promise<Running> {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const closed = once(child, 'close');
  const deadlineMs = performance.now() + START_WAIT_MS_MAX;
  while (!existsSync(path)) {
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      child.kill('SIGKILL');
      throw new Error(`${command} ${args.join(' ')} does not listen`);
    }
    await pause(POLL_MS);
  }
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} has no process`);
  return { path, pid, stop: async () => stop(child, closed, () => printed) };
}

async function stop(
  child: ChildProcess,
  closed: Promise<unknown>,
  printed: () => string,
): Promise<string> {
  child.kill('SIGINT');
  // A process that was stopped hears of it only when it goes on.
  child.kill('SIGCONT');
  await closed;
  return printed();
}

export function parseSummary(printed: string): ShimSummary {
  const summary: ShimSummary = JSON.parse(printed);
  return summary;
}

/** Time on a processor of all threads of a process and of the processes that it forked. */
export function cpuNs(pid: number): number {
  let ns = 0;
  for (const task of listTasks(pid)) {
    const base = `/proc/${pid}/task/${task}`;
    ns += Number(readOr(`${base}/schedstat`, '0').split(' ')[0]);
    const children = readOr(`${base}/children`, '').split(' ');
    for (const child of children.filter((text) => text !== '')) ns += cpuNs(Number(child));
  }
  return ns;
}

export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readOr(`/proc/${pid}/status`, ''));
  return Number(line?.[1] ?? Number.NaN) * 1024;
}

const QUIET_PROBE_MS = 50;
const QUIET_SHARE = 0.05;
const QUIET_WAIT_MS_MAX = 30_000;

/** Resolves when the processes have nothing to do any more: the next turn must not pay for the last one. */
export async function untilQuiet(pids: readonly number[]): Promise<void> {
  const all = (): number => pids.reduce((ns, pid) => ns + cpuNs(pid), 0);
  const deadlineMs = performance.now() + QUIET_WAIT_MS_MAX;
  for (let before = all(); performance.now() < deadlineMs; ) {
    await pause(QUIET_PROBE_MS);
    const after = all();
    if (after - before < QUIET_PROBE_MS * 1e6 * QUIET_SHARE) return;
    before = after;
  }
}

function listTasks(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    // Processes end at any time; one that is gone costs nothing.
    return [];
  }
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
