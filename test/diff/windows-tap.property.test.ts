/** A tap's recordings are analysed in windows, too: what it fed is what it had heard, however much later. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gapMade, withGaps } from './gaps-in-traffic.ts';
import { repeated, single, tappedStepsOf, traffic } from './faulty-traffic.ts';
import { compareBothWays, LIMITS, told } from './windowed.ts';

const tapping = fc.record({ feedLag: fc.nat(30), lostAfter: fc.integer({ min: 1, max: 100 }) });

test.each([
  ['without gaps', 0],
  ['with gaps', 2],
])("windows say of a tap's recording what the whole says, %s", (_name, gapsMax) => {
  fc.assert(
    fc.property(
      traffic(true, fc.oneof(single, single, repeated)),
      tapping,
      fc.array(gapMade, { maxLength: gapsMax }),
      (made, tapped, gaps) => {
        const steps = withGaps(tappedStepsOf(made, tapped), gaps);
        const options = { sealed: made.sealed, origin: 'tap', connections: ['tap-1', 'tap-2'] };
        const { whole, windowed } = compareBothWays(steps, LIMITS, options);
        expect(told(windowed)).toEqual(told(whole));
      },
    ),
    { numRuns: 40, endOnFailure: true },
  );
});
