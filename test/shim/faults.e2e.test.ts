/** A few of the recordings that `npm run soak -- faults` and `-- account` make by the hundred. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { takeAccount } from '../soak/account.ts';
import { type Fault, FAULTS, runFault } from '../soak/faults.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const SEEDS: Readonly<Record<Fault, readonly number[]>> = {
  kill: [1, 2],
  cruel: [11, 12],
  'full-disk': [21],
};

describe('a recording that something happens to', () => {
  it.for(FAULTS.flatMap((fault) => SEEDS[fault].map((seed) => ({ fault, seed }))))(
    'accounts for every byte, and opens and verifies: $fault, seed $seed',
    async ({ fault, seed }, { skip }) => {
      const directory = join(temporaryDirectory(), 'fault');
      const outcome = await runFault({ fault, seed, directory });
      expect(outcome.failures).toEqual([]);
      if (outcome.skipped !== undefined) skip(outcome.skipped);
      expect(outcome.sentBytes).toBeGreaterThan(0);
    },
  );

  it.each(['gap', 'block'] as const)(
    'has all frames of all streams in the capture or in its gaps: --on-overload %s',
    async (onOverload) => {
      const directory = temporaryDirectory();
      const { lines, failures } = await takeAccount({ frames: 50_000, directory, onOverload });
      expect(failures).toEqual([]);
      expect(lines.reduce((sum, line) => sum + line.passedFrames, 0)).toBe(550_000);
      if (onOverload === 'block')
        expect(lines.map(({ gapFrames }) => gapFrames)).toEqual(lines.map(() => 0));
    },
  );
});
