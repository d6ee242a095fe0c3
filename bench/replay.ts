/**
 * What the replayer achieves: frames a second at `max` against a bare client that writes the same bytes, in turn (A B A B
 * ...), what processor time that takes, and how late its sends are when it keeps the recorded times. Relay and replayer are
 * processes of their own, and the rate that is measured begins when they run.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Table from 'cli-table3';
import { CaptureWriter } from '../src/capture/writer.ts';
import { loadBuiltInProtocol } from '../src/protocol/files.ts';
import type { FidelityReport } from '../src/replay/fidelity.ts';
import { type Spread, spread } from './harness.ts';
import { makeFrames } from './shim-load.ts';
import { cpuNs, startRelay, untilQuiet } from './shim-processes.ts';

const CLI = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const FRAME_BYTES = 100;
const READ_BUFFER_BYTES = 65_536;
/** Says at its end what processor time the process has used, its threads and its start included. */
const SAYS_CPU = `data:text/javascript,${encodeURIComponent(`
import { isMainThread } from 'node:worker_threads';
if (isMainThread) process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  console.error('cpu ' + (user + system));
});
`)}`;
/** Of a busy publisher. */
const TIMED_FRAME_NS = 1_000_000;
const FLUSH_FRAMES = 10_000;

export interface ReplayEffort {
  readonly rounds: number;
  /** Of a turn at `max`. */
  readonly frames: number;
  readonly timedSeconds: number;
}

export interface ReplayResults {
  readonly bareFramesPerSecond: Spread;
  readonly replayFramesPerSecond: Spread;
  /** Replayer by bare client, round by round. */
  readonly share: Spread;
  /** Processor time a frame, in us, of each and of the relay behind it. */
  readonly cpu: Readonly<Record<CpuOf, Spread>>;
  readonly timed: FidelityReport;
}

const CPU_OF = ['bareClient', 'bareRelay', 'replay', 'replayRelay'] as const;
type CpuOf = (typeof CPU_OF)[number];

interface Played {
  readonly elapsedMs: number;
  readonly fidelity: FidelityReport;
  readonly cpuUs: number;
}

export async function benchReplay(effort: ReplayEffort): Promise<ReplayResults> {
  const directory = mkdtempSync(join(tmpdir(), 'relaydiff-bench-'));
  const at = (name: string): string => join(directory, name);
  const relay = await startRelay(at('relay'));
  try {
    const frames = makeFrames(FRAME_BYTES, effort.frames);
    writeRecording(at('fast.capture'), frames, 1_000);
    const bare: number[] = [];
    const replayed: number[] = [];
    const cpu: Record<CpuOf, number[]> = {
      bareClient: [],
      bareRelay: [],
      replay: [],
      replayRelay: [],
    };
    const note = (of: CpuOf, us: number): void => void cpu[of].push(us / frames.length);
    for (let round = 0; round < effort.rounds; round++) {
      const [before, own] = [cpuNs(relay.pid), process.cpuUsage()];
      bare.push((frames.length / (await writeAll(relay.path, frames))) * 1e3);
      const { user, system } = process.cpuUsage(own);
      note('bareClient', user + system);
      await untilQuiet([relay.pid]);
      const between = cpuNs(relay.pid);
      note('bareRelay', (between - before) / 1e3);
      const source = { source: at('fast.capture'), out: at(`fast-${round}.capture`) };
      const { elapsedMs, cpuUs } = await play(source, relay.path, 'max');
      replayed.push((frames.length / elapsedMs) * 1e3);
      note('replay', cpuUs);
      await untilQuiet([relay.pid]);
      note('replayRelay', (cpuNs(relay.pid) - between) / 1e3);
      rmSync(source.out);
    }
    const timedFrames = makeFrames(FRAME_BYTES, (effort.timedSeconds * 1e9) / TIMED_FRAME_NS);
    writeRecording(at('timed.capture'), timedFrames, TIMED_FRAME_NS);
    const timed = { source: at('timed.capture'), out: at('timed-out.capture') };
    const { fidelity } = await play(timed, relay.path, 'timed');
    return {
      bareFramesPerSecond: spread(bare),
      replayFramesPerSecond: spread(replayed),
      share: spread(replayed.map((rate, round) => rate / (bare[round] ?? Number.NaN))),
      cpu: {
        bareClient: spread(cpu.bareClient),
        bareRelay: spread(cpu.bareRelay),
        replay: spread(cpu.replay),
        replayRelay: spread(cpu.replayRelay),
      },
      timed: fidelity,
    };
  } finally {
    await relay.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** One client that sends a frame at a time, and hears all of them. */
function writeRecording(path: string, frames: readonly Uint8Array[], stepNs: number): void {
  const dialect = loadBuiltInProtocol().dialect('torq-types');
  const writer = CaptureWriter.create(path, {
    origin: 'record',
    writer: 'bench',
    startedUnixNs: 0n,
    dialect: dialect.name,
    layout: dialect.header,
    notes: {},
    protocolSchemas: new Map(),
  });
  writer.addConnection({ id: 1, label: 'publisher', openedNs: 0n });
  frames.forEach((bytes, index) => {
    const timeNs = BigInt((index + 1) * stepNs);
    const offset = index * FRAME_BYTES;
    writer.addChunk({ connection: 1, stream: 'client', ordinal: 2 * index, timeNs, offset, bytes });
    writer.addChunk({
      connection: 1,
      stream: 'old',
      ordinal: 2 * index + 1,
      timeNs,
      offset,
      bytes,
    });
    if (index % FLUSH_FRAMES === 0) writer.flush();
  });
  writer.seal();
}

async function play(
  { source, out }: { readonly source: string; readonly out: string },
  target: string,
  mode: 'max' | 'timed',
): Promise<Played> {
  const how = ['--target', target, '--out', out, '--mode', mode, '--json', '--quiet'];
  const args = ['--import', SAYS_CPU, CLI, 'replay', source, ...how];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
  const played: Omit<Played, 'cpuUs'> = JSON.parse(stdout);
  return { ...played, cpuUs: Number(/^cpu (\d+)$/m.exec(stderr)?.[1]) };
}

/** As fast as a program of a few lines can; reads what comes back. Resolves with the ms until all were taken. */
async function writeAll(path: string, frames: readonly Uint8Array[]): Promise<number> {
  const socket = connect({
    path,
    onread: { buffer: new Uint8Array(READ_BUFFER_BYTES), callback: () => true },
  });
  await once(socket, 'connect');
  const startMs = performance.now();
  for (const frame of frames) {
    if (!socket.write(frame)) await once(socket, 'drain');
  }
  // Called back when everything before it was taken, too.
  await new Promise((resolve) => {
    socket.write(new Uint8Array(0), resolve);
  });
  const elapsedMs = performance.now() - startMs;
  socket.destroy();
  return elapsedMs;
}

export function describeReplay(results: ReplayResults): string {
  const table = new Table({
    head: ['max, 100 bytes', 'median', 'p10 .. p90'],
    style: { head: [] },
  });
  const row = (name: string, { p10, median, p90 }: Spread, digits: number): void => {
    table.push([name, median.toFixed(digits), `${p10.toFixed(digits)} .. ${p90.toFixed(digits)}`]);
  };
  row('bare client, frames/s', results.bareFramesPerSecond, 0);
  row('replay, frames/s', results.replayFramesPerSecond, 0);
  row('replay / bare client (goal 0.8)', results.share, 2);
  row('bare client, µs of processor a frame', results.cpu.bareClient, 2);
  row('  the relay meanwhile', results.cpu.bareRelay, 2);
  row('replay, its start and all threads included', results.cpu.replay, 2);
  row('  the relay meanwhile', results.cpu.replayRelay, 2);
  const { lateness, driftPercent } = results.timed;
  const late =
    lateness === null
      ? 'no sends'
      : `p50 ${lateness.p50Us} µs (goal 100), p90 ${lateness.p90Us} µs, p99 ${lateness.p99Us} µs (goal 2000), max ${lateness.maxUs} µs`;
  return `${table.toString()}\ntimed, a frame every ms: ${late}; drift ${driftPercent} % (goal 0.05)`;
}
