/** The shim benchmarks work from the command line; how fast anything is, is nothing for a test. */
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { hasSocat } from '../../bench/shim-processes.ts';

const spread = z.object({ p10: z.number(), median: z.number(), p90: z.number() });
const shimResult = z.object({
  standings: z.array(
    z.object({
      name: z.string(),
      contenders: z.array(
        z.object({
          name: z.string(),
          measures: z.record(z.string(), spread),
          ratios: z.record(z.string(), z.record(z.string(), spread)),
        }),
      ),
    }),
  ),
  sustained: z.array(z.object({ recordedFrames: z.number(), recordingGapBytes: z.number() })),
  gapBytes: z.number(),
  goals: z.array(z.object({ goal: z.string(), met: z.boolean() })),
});

function bench(...args: readonly string[]): unknown {
  const tool = ['scripts/run-tool.mjs', 'bench/main.ts', ...args, '--quick', '--json'];
  return JSON.parse(execFileSync(process.execPath, tool, { encoding: 'utf8' }));
}

/** More than a dozen processes are started, on a machine that may be busy. */
const TIME_LIMIT_MS = 240_000;

it(
  'measures every way to the relay in every kind of contest, and loses nothing on the way',
  () => {
    const { standings, sustained, gapBytes, goals } = shimResult.parse(
      bench('shim', '--only', '64 bytes'),
    );
    const ways = ['direct', 'socat', 'pass-through', 'mirror only', 'shim', 'mirror stopped'];
    const there = ways.filter((way) => way !== 'socat' || hasSocat());
    expect(standings.map(({ name }) => name)).toEqual([
      'round trip, 64 bytes, back to back',
      'throughput, 64 bytes, one write a frame',
      'throughput, 64 bytes, coalesced',
    ]);
    for (const { contenders } of standings) {
      expect(contenders.map(({ name }) => name)).toEqual(there);
      for (const { measures } of contenders) {
        const value = measures['p50 µs'] ?? measures['frames/s'];
        expect(value?.median).toBeGreaterThan(0);
      }
    }
    expect(gapBytes).toBe(0);
    expect(sustained).toMatchObject([{ recordingGapBytes: 0 }, { recordingGapBytes: 0 }]);
    for (const { recordedFrames } of sustained) expect(recordedFrames).toBeGreaterThan(0);
    expect(goals.length).toBeGreaterThan(standings.length);
  },
  TIME_LIMIT_MS,
);

it(
  'samples the memory of the shim while clients come and go',
  () => {
    const memory = z
      .object({
        visitors: z.number().positive(),
        residentMiB: z.array(z.number().positive()),
        recordedFrames: z.number(),
      })
      .parse(bench('shim-memory'));
    expect(memory.residentMiB.length).toBeGreaterThan(5);
    // The publisher's own frames alone, in two of the three streams.
    expect(memory.recordedFrames).toBeGreaterThan(4_000);
  },
  TIME_LIMIT_MS,
);
