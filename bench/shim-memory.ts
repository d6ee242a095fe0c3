/**
 * Whether the shim's memory stays flat under load: one publisher at a steady rate, and clients that come, send and go;
 * the resident memory once a second, and its slope when the start is over.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startShimIn } from './shim-contenders.ts';
import { LoadClient, makeFrames } from './shim-load.ts';
import { parseSummary, pause, residentBytes } from './shim-processes.ts';

export interface MemoryEffort {
  readonly durationMs: number;
  readonly framesPerSecond: number;
  readonly sampleEveryMs: number;
  /** How long a visitor stays; the next one comes when it is gone. */
  readonly visitMs: number;
  /** How long the shim is left alone afterwards: what it holds then it needs, or has lost. */
  readonly restMs: number;
}

export interface MemoryResult {
  readonly effort: MemoryEffort;
  /** Clients that came and went. */
  readonly visitors: number;
  readonly recordedFrames: number;
  readonly gapBytes: number;
  readonly residentMiB: readonly number[];
  /** Least squares over what follows the first fifth. */
  readonly slopeMiBPerMinute: number;
  readonly atRestMiB: number;
}

const FRAME_BYTES = 100;
/** More than a recorder looks back on. */
const FRAMES = 300_000;
const MIB = 2 ** 20;
const FRAMES_A_VISIT = 10;
/** Heaps grow to their working size first. */
const WARM_SHARE = 0.2;

export async function benchMemory(effort: MemoryEffort): Promise<MemoryResult> {
  const directory = mkdtempSync(join(tmpdir(), 'relaydiff-bench-'));
  try {
    const shim = await startShimIn(join(directory, 'shim'));
    const residentMiB: number[] = [];
    const sampler = setInterval(
      () => residentMiB.push(residentBytes(shim.between?.pid ?? 0) / MIB),
      effort.sampleEveryMs,
    );
    const publisher = await LoadClient.connect(shim.path);
    const frames = makeFrames(FRAME_BYTES, FRAMES);
    const visits = visitUntil(shim.path, frames, effort);
    await publisher.pace(frames, effort);
    const visitors = await visits;
    clearInterval(sampler);
    await publisher.close();
    await pause(effort.restMs);
    const atRestMiB = residentBytes(shim.between?.pid ?? 0) / MIB;
    const { streams, ...summary } = parseSummary(await shim.stop());
    const recordedBytes = Object.values(streams).reduce((sum, each) => sum + each.recordedBytes, 0);
    return {
      effort,
      visitors,
      recordedFrames: recordedBytes / FRAME_BYTES,
      gapBytes: summary.recordingGapBytes + summary.mirrorGapBytes,
      residentMiB,
      atRestMiB,
      slopeMiBPerMinute: slope(residentMiB, effort.sampleEveryMs / 60_000),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Visitors do not wait for their echo: they hear the publisher too, and leave in the middle of it. */
async function visitUntil(
  path: string,
  frames: readonly Uint8Array[],
  { durationMs, visitMs }: MemoryEffort,
): Promise<number> {
  const deadlineMs = performance.now() + durationMs;
  let visitors = 0;
  while (performance.now() < deadlineMs) {
    const visitor = await LoadClient.connect(path);
    visitors += 1;
    await visitor.sendAll(frames.slice(0, FRAMES_A_VISIT));
    await pause(visitMs);
    await visitor.close();
  }
  return visitors;
}

function slope(values: readonly number[], step: number): number {
  const settled = values.slice(Math.floor(values.length * WARM_SHARE));
  const middle = (settled.length - 1) / 2;
  const mean = settled.reduce((sum, value) => sum + value, 0) / settled.length;
  let covariance = 0;
  let variance = 0;
  for (const [index, value] of settled.entries()) {
    covariance += (index - middle) * (value - mean);
    variance += (index - middle) ** 2;
  }
  return covariance / variance / step;
}

/** Growth in ten minutes that counts as none: what a heap breathes. */
const FLAT_MIB_IN_TEN_MINUTES = 10;

export function describeMemory(result: MemoryResult): string {
  const { effort, residentMiB, slopeMiBPerMinute } = result;
  const perMinute = Math.max(1, Math.round(60_000 / effort.sampleEveryMs));
  const minutes = residentMiB.filter((_, index) => index % perMinute === perMinute - 1);
  const isFlat = slopeMiBPerMinute * 10 <= FLAT_MIB_IN_TEN_MINUTES;
  return [
    `${(effort.durationMs / 1e3).toFixed(0)} s, ${effort.framesPerSecond} frames of ${FRAME_BYTES} bytes a second, ${result.visitors} clients came and went`,
    `recorded ${Math.round(result.recordedFrames).toLocaleString('en')} frames, gaps ${result.gapBytes} bytes`,
    `resident MiB: highest ${Math.max(...residentMiB).toFixed(1)}, at the end of each minute ${minutes.map((value) => value.toFixed(1)).join(' ')}`,
    `slope after the first fifth ${slopeMiBPerMinute.toFixed(2)} MiB a minute: ${isFlat ? 'flat' : 'NOT FLAT'} (limit ${FLAT_MIB_IN_TEN_MINUTES} MiB in ten minutes)`,
    `at rest ${(effort.restMs / 1e3).toFixed(0)} s later: ${result.atRestMiB.toFixed(1)} MiB`,
  ].join('\n');
}
