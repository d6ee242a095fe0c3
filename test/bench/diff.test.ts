/** The diff benchmark works from the command line and loses nothing; how fast anything is, is nothing for a test. */
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { hasTshark } from '../../bench/diff.ts';

const diffResult = z.object({
  measures: z.array(
    z.object({
      name: z.string(),
      frames: z.number(),
      compared: z.object({
        pairs: z.number(),
        divergences: z.number(),
        unjudged: z.number(),
        peakMiB: z.number().positive(),
        verdict: z.string(),
      }),
    }),
  ),
  byHand: z.object({ tsharkMs: z.number().positive() }).optional(),
});

/** A dozen processes are started, on a machine that may be busy. */
const TIME_LIMIT_MS = 240_000;

it(
  'compares captures that agree, that differ, and whose publishers are interleaved',
  () => {
    const args = ['scripts/run-tool.mjs', 'bench/main.ts', 'diff', '--quick', '--json'];
    const printed = execFileSync(process.execPath, args, { encoding: 'utf8' });
    const { measures, byHand } = diffResult.parse(JSON.parse(printed));
    expect(new Set(measures.map(({ name }) => name)).size).toBe(14);
    for (const { name, frames, compared } of measures) {
      if (name.includes('diverge')) continue;
      const { pairs, divergences, verdict } = compared;
      expect({ pairs, divergences, verdict }).toEqual({
        pairs: frames,
        divergences: 0,
        verdict: 'same',
      });
    }
    const manifold = measures.find(({ name }) => name.startsWith('30 %'));
    expect(manifold?.compared.divergences).toBeGreaterThan(500);
    expect(byHand !== undefined).toBe(hasTshark());
  },
  TIME_LIMIT_MS,
);
