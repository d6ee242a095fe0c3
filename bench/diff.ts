/**
 * What a comparison costs: sides that agree, that differ now and then, that differ all over, and two publishers whose
 * messages come in another order; each at several sizes, so that one sees whether time is linear and memory is not.
 * Beside it, at a size that one can wait for, what a person would do without relaydiff: tshark and diff.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { type DiffTraffic, writeDiffCapture } from './diff-captures.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TOOL = join(ROOT, 'scripts', 'run-tool.mjs');
const CLI = join(ROOT, 'dist', 'cli', 'main.js');

export interface DiffEffort {
  readonly frames: number;
  /** Parts of `frames` that are compared too. */
  readonly sizes: readonly number[];
  readonly tsharkFrames: number;
  readonly only: string;
}

export interface DiffMeasure extends DiffTraffic {
  readonly remarks: 'count' | 'hide';
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakMiB: number;
  readonly verdict: string;
  readonly pairs: number;
  readonly divergences: number;
  readonly unjudged: number;
}

export interface ByHand {
  readonly frames: number;
  readonly tsharkMs: number;
  readonly diffMs: number;
  /** The same capture, the whole command line. */
  readonly relaydiffMs: number;
}

const KINDS: readonly Omit<DiffTraffic, 'frames'>[] = [
  { name: 'agree', divergesEvery: Infinity, isInterleaved: false },
  { name: '0.01 % diverge', divergesEvery: 10_000, isInterleaved: false },
  { name: '1 % diverge', divergesEvery: 100, isInterleaved: false },
  { name: '30 % diverge', divergesEvery: 10 / 3, isInterleaved: false },
  { name: 'two publishers, interleaved', divergesEvery: Infinity, isInterleaved: true },
];

export function benchDiff(
  { frames, sizes, only }: DiffEffort,
  onMeasure: (measure: DiffMeasure) => void,
): readonly DiffMeasure[] {
  const measures: DiffMeasure[] = [];
  for (const kind of KINDS.filter(({ name }) => name.includes(only))) {
    for (const size of sizes) {
      const traffic = { ...kind, frames: Math.round(frames * size) };
      inDirectory((directory) => {
        const path = join(directory, 'bench.capture');
        writeDiffCapture(path, traffic);
        for (const remarks of ['hide', 'count'] as const) {
          const printed = execFileSync(
            process.execPath,
            [TOOL, 'bench/diff-child.ts', path, remarks],
            {
              cwd: ROOT,
              encoding: 'utf8',
            },
          );
          const measured: Omit<DiffMeasure, keyof DiffTraffic | 'remarks'> = JSON.parse(printed);
          const measure = { ...traffic, remarks, ...measured };
          measures.push(measure);
          onMeasure(measure);
        }
      });
    }
  }
  return measures;
}

export const hasTshark = (): boolean => spawnSync('tshark', ['--version']).status === 0;

/** Dissects both sides to text and compares the text; returns undefined where tshark is not installed. */
export function benchByHand(frames: number): ByHand | undefined {
  if (!hasTshark()) return undefined;
  return inDirectory((directory) => {
    const at = (name: string): string => join(directory, name);
    const traffic = { name: '1 % diverge', frames, divergesEvery: 100, isInterleaved: false };
    writeDiffCapture(at('bench.capture'), traffic);
    const relaydiff = (...args: readonly string[]): void => {
      spawnSync(process.execPath, [CLI, ...args], { stdio: 'ignore' });
    };
    relaydiff('export', at('bench.capture'), '--format', 'pcapng', '--out', at('bench.pcapng'));
    relaydiff('schema', 'export', '--format', 'wireshark', '--out', at('bench.lua'));
    const tsharkMs = timed(() => {
      for (const side of ['old', 'new']) {
        const file = openSync(at(`${side}.txt`), 'w');
        const filter = `frame.interface_name contains " ${side}"`;
        const args = [
          '-X',
          `lua_script:${at('bench.lua')}`,
          '-r',
          at('bench.pcapng'),
          '-Y',
          filter,
        ];
        spawnSync('tshark', [...args, '-O', 'protocol-v2', '-V'], {
          stdio: ['ignore', file, 'ignore'],
        });
        closeSync(file);
      }
    });
    const diffMs = timed(() => {
      spawnSync('diff', [at('old.txt'), at('new.txt')], { stdio: ['ignore', 'ignore', 'ignore'] });
    });
    const relaydiffMs = timed(() => relaydiff('diff', at('bench.capture'), '--json'));
    return { frames, tsharkMs, diffMs, relaydiffMs };
  });
}

function timed(work: () => void): number {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}

function inDirectory<T>(work: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'relaydiff-bench-'));
  try {
    return work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export function describeMeasures(measures: readonly DiffMeasure[]): string {
  const head = [
    '',
    'frames',
    'remarks',
    'ns a pair',
    'cpu ns',
    'million/s',
    'peak MiB',
    'divergences',
    'unjudged',
  ];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const each of measures) {
    const { name, frames, remarks, wallMs, cpuMs, peakMiB, divergences, unjudged } = each;
    table.push([
      name,
      frames.toLocaleString('en'),
      remarks,
      ((wallMs * 1e6) / frames).toFixed(0),
      ((cpuMs * 1e6) / frames).toFixed(0),
      (frames / wallMs / 1e3).toFixed(2),
      peakMiB.toFixed(0),
      divergences.toLocaleString('en'),
      unjudged.toLocaleString('en'),
    ]);
  }
  return table.toString();
}

export function describeByHand({ frames, tsharkMs, diffMs, relaydiffMs }: ByHand): string {
  const perFrame = (ms: number): string => `${((ms * 1e3) / frames).toFixed(1)} µs a pair`;
  return (
    `by hand, ${frames.toLocaleString('en')} frames with 1 % divergences: tshark ${perFrame(tsharkMs)}, diff ${perFrame(diffMs)}; ` +
    `relaydiff diff ${perFrame(relaydiffMs)}, ${((tsharkMs + diffMs) / relaydiffMs).toFixed(1)} times as fast`
  );
}
