/**
 * What a comparison costs: sides that agree, that differ now and then, that differ all over, and two publishers whose
 * messages come in another order; each at several sizes, so that one sees whether time is linear and memory is not.
 * Beside it, at a size that one can wait for, what a person would do without relaydiff: tshark and diff.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync, closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { openCapture } from '../src/capture/open.ts';
import { learnFromCapture } from '../src/diff/noise/learn-capture.ts';
import { loadBuiltInProtocol } from '../src/protocol/files.ts';
import { DIALECTS, type DiffTraffic, writeDiffCaptures } from './diff-captures.ts';

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

/** As a user runs it by default, and without looking for what is odd about messages. */
const REMARKS = ['count', 'hide'] as const;

/** What the process that compared says of itself. */
interface Compared {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakMiB: number;
  readonly verdict: string;
  readonly pairs: number;
  readonly divergences: number;
  readonly unjudged: number;
}

export interface DiffMeasure extends DiffTraffic {
  readonly remarks: (typeof REMARKS)[number];
  /** Why there is nothing: the process did not come to its end. */
  readonly failure: string | undefined;
  readonly compared: Compared | undefined;
}

export interface ByHand {
  readonly frames: number;
  readonly tsharkMs: number;
  readonly diffMs: number;
  /** The same capture, the whole command line. */
  readonly relaydiffMs: number;
}

const AGREE: Omit<DiffTraffic, 'frames'> = {
  name: 'agree',
  divergesEvery: Infinity,
  isInterleaved: false,
  messages: 'noise',
  recordings: 1,
  recording: 'plain',
  relays: 'passing',
};

const KINDS: readonly Omit<DiffTraffic, 'frames'>[] = [
  AGREE,
  { ...AGREE, name: 'agree, market data one by one', messages: 'market' },
  { ...AGREE, name: '0.01 % diverge', divergesEvery: 10_000 },
  { ...AGREE, name: '1 % diverge', divergesEvery: 100 },
  { ...AGREE, name: '30 % diverge', divergesEvery: 10 / 3 },
  { ...AGREE, name: 'two publishers, interleaved', isInterleaved: true },
  { ...AGREE, name: 'two recordings, agree', recordings: 2 },
  { ...AGREE, name: 'two recordings, 1 % diverge', recordings: 2, divergesEvery: 100 },
  { ...AGREE, name: '1 % diverge, with gaps', divergesEvery: 100, recording: 'with gaps' },
  { ...AGREE, name: "1 % diverge, a tap's", divergesEvery: 100, recording: 'of a tap' },
  { ...AGREE, name: 'two dialects that agree', relays: 'translating' },
  { ...AGREE, name: 'two dialects, 1 % diverge', relays: 'translating', divergesEvery: 100 },
  { ...AGREE, name: 'stamps that agree', relays: 'stamping' },
  { ...AGREE, name: 'stamps, 1 % diverge', relays: 'stamping', divergesEvery: 100 },
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
        const files = writeDiffCaptures(path, traffic);
        const noise = traffic.relays === 'stamping' ? noiseModel(directory) : '';
        for (const remarks of REMARKS) {
          const measure = { ...traffic, remarks, ...compare(files, remarks, traffic, noise) };
          measures.push(measure);
          onMeasure(measure);
        }
      });
    }
  }
  return measures;
}

/** In a process of its own. One that runs out of memory is a result, and the others are measured all the same. */
function compare(
  files: readonly string[],
  remarks: string,
  { relays }: DiffTraffic,
  noise: string,
): Pick<DiffMeasure, 'failure' | 'compared'> {
  const { old, new: neu } = DIALECTS[relays];
  const args = [TOOL, 'bench/diff-child.ts', remarks, old, neu, noise, ...files];
  const child = spawnSync(process.execPath, args, {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (child.status !== 0) {
    const said = /(?:Error|FATAL ERROR): .*/.exec(child.stderr)?.[0];
    return {
      failure: said ?? `it ended with ${child.status ?? child.signal}`,
      compared: undefined,
    };
  }
  const compared: Compared = JSON.parse(child.stdout);
  return { failure: undefined, compared };
}

/** What two relays that stamp differ in, learned from a small recording of them; the path of its file. */
function noiseModel(directory: string): string {
  const path = join(directory, 'noise.capture');
  const traffic = { ...AGREE, relays: 'stamping', frames: NOISE_FRAMES } as const;
  writeDiffCaptures(path, traffic);
  const reader = openCapture(path);
  const model = learnFromCapture(reader, loadBuiltInProtocol().dialect(DIALECTS.stamping.old));
  reader.close();
  const file = join(directory, 'noise.json');
  writeFileSync(file, JSON.stringify(model));
  return file;
}

const NOISE_FRAMES = 10_000;

export const hasTshark = (): boolean => spawnSync('tshark', ['--version']).status === 0;

/** Dissects both sides to text and compares the text; returns undefined where tshark is not installed. */
export function benchByHand(frames: number): ByHand | undefined {
  if (!hasTshark()) return undefined;
  return inDirectory((directory) => {
    const at = (name: string): string => join(directory, name);
    writeDiffCaptures(at('bench.capture'), { ...AGREE, frames, divergesEvery: 100 });
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
  for (const { name, frames, remarks, compared, failure } of measures) {
    if (compared === undefined) {
      table.push([name, frames.toLocaleString('en'), remarks, { colSpan: 6, content: failure }]);
      continue;
    }
    const { wallMs, cpuMs, peakMiB, divergences, unjudged } = compared;
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

const PAIRS_A_SECOND_GOAL = 1e6;
const PEAK_MIB_GOAL = 512;

/** What the goals of the differ come to: speed where sides agree, memory everywhere, and time by size. */
export function describeDiffGoals(measures: readonly DiffMeasure[]): string {
  const verdict = (isMet: boolean): string => (isMet ? 'met' : 'missed');
  const lines: string[] = [];
  for (const { name } of KINDS) {
    for (const remarks of REMARKS) {
      const own = measures.filter((each) => each.name === name && each.remarks === remarks);
      const [first, last] = [own.at(0), own.at(-1)];
      if (first?.compared === undefined || last?.compared === undefined) continue;
      const rate = (last.frames / last.compared.wallMs) * 1e3;
      const peakMiB = Math.max(...own.map(({ compared }) => compared?.peakMiB ?? Infinity));
      const growth = last.compared.cpuMs / last.frames / (first.compared.cpuMs / first.frames);
      const cpuRate = last.frames / last.compared.cpuMs / 1e3;
      const goals = [
        `${(rate / 1e6).toFixed(2)} million pairs a second, ${cpuRate.toFixed(2)} of processor time` +
          (last.divergesEvery === Infinity
            ? ` (goal 1: ${verdict(rate >= PAIRS_A_SECOND_GOAL)})`
            : ''),
        `peak ${peakMiB.toFixed(0)} MiB (goal ${PEAK_MIB_GOAL}: ${verdict(peakMiB <= PEAK_MIB_GOAL)})`,
        `${(last.frames / first.frames).toFixed(0)} times the frames take ${growth.toFixed(2)} times the processor time a pair`,
      ];
      lines.push(`${name}, remarks ${remarks}: ${goals.join('; ')}`);
    }
  }
  return lines.join('\n');
}

export function describeByHand(
  { frames, tsharkMs, diffMs, relaydiffMs }: ByHand,
  measures: readonly DiffMeasure[],
): string {
  const micros = (ms: number, of = frames): number => (ms * 1e3) / of;
  const byHand = micros(tsharkMs + diffMs);
  const [largest] = measures
    .filter(({ name, remarks }) => name === AGREE.name && remarks === 'count')
    .toSorted((left, right) => right.frames - left.frames);
  const atLarge = largest?.compared && micros(largest.compared.wallMs, largest.frames);
  return (
    `by hand, ${frames.toLocaleString('en')} frames with 1 % divergences: tshark ${micros(tsharkMs).toFixed(1)} µs a pair, ` +
    `diff ${micros(diffMs).toFixed(1)}; relaydiff diff ${micros(relaydiffMs).toFixed(1)}, its start included: ` +
    `${(byHand / micros(relaydiffMs)).toFixed(1)} times as fast` +
    (atLarge === undefined
      ? ''
      : `; at the largest size that agrees ${atLarge.toFixed(2)}: ${(byHand / atLarge).toFixed(0)} times`)
  );
}
