import fc from 'fast-check';
import { expect, it } from 'vitest';
import { reduce } from '../../src/minimize/reduce.ts';

it('keeps what is needed and nothing else, whatever is needed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 60 }),
      fc.uniqueArray(fc.nat(59), { maxLength: 5 }),
      async (count, wanted) => {
        const items = Array.from({ length: count }, (_, index) => index);
        const needed = wanted.filter((item) => item < count);
        const asked: (readonly number[])[] = [];
        const kept = await reduce(items, async (part) => {
          asked.push(part);
          return needed.every((item) => part.includes(item));
        });
        expect(new Set(kept)).toEqual(new Set(needed));
        // In the order in which they were.
        expect(kept).toEqual(items.filter((item) => kept.includes(item)));
        expect(asked.length).toBeLessThan(20 + 6 * count);
      },
    ),
    { numRuns: 60 },
  );
});

it('leaves nothing that could be left out alone, also where parts need each other', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(15), fc.nat(15)), { maxLength: 6 }),
      fc.nat(15),
      async (pairs, needed) => {
        // Some need others, and one is needed.
        const shows = async (part: readonly number[]): Promise<boolean> =>
          part.includes(needed) &&
          pairs.every(([one, other]) => !part.includes(one) || part.includes(other));
        const kept = await reduce(
          Array.from({ length: 16 }, (_, index) => index),
          shows,
        );
        expect(await shows(kept)).toBe(true);
        for (const item of kept)
          expect(await shows(kept.filter((each) => each !== item))).toBe(false);
      },
    ),
    { numRuns: 60 },
  );
});
