/** Recordings with gaps are analysed in windows, too: what may lie in a gap, or was never sent, is said as it is of the whole. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gapMade, withGaps } from './gaps-in-traffic.ts';
import { repeated, single, stepsOf, traffic } from './faulty-traffic.ts';
import { compareBothWays, LIMITS, told } from './windowed.ts';

test.each([false, true])(
  'windows say of gaps what the whole says; publishers interleaved: %s',
  (isInterleaved) => {
    fc.assert(
      fc.property(
        traffic(isInterleaved, fc.oneof(single, single, repeated)),
        fc.array(gapMade, { minLength: 1, maxLength: 3 }),
        (made, gaps) => {
          const { whole, windowed } = compareBothWays(withGaps(stepsOf(made), gaps), LIMITS, made);
          expect(told(windowed)).toEqual(told(whole));
        },
      ),
      { numRuns: 40, endOnFailure: true },
    );
  },
);
