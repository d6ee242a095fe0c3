import { diffArrays } from 'diff';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Alignment, alignContents } from '../../src/diff/align.ts';

const LIMITS = [
  undefined,
  { wholeEditsMax: 2, stretchEditsMax: 8, stepsMax: 1_000_000 },
  { wholeEditsMax: 0, stretchEditsMax: 0, stepsMax: 1_000_000 },
];
const limits = fc.constantFrom(...LIMITS);
const fewContents = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 40 });
const someContents = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 60 });
const contents = fc.oneof(fewContents, someContents);

function allPairs(result: Alignment) {
  return [...result.inOrder, ...result.moved, ...result.unordered];
}

test('every index of both sides lands in exactly one place, and pairs are equal', () => {
  fc.assert(
    fc.property(contents, contents, limits, (old, neu, limit) => {
      const result = alignContents(old, neu, limit);
      const pairs = allPairs(result);
      for (const pair of pairs) expect(old[pair.old]).toBe(neu[pair.new]);
      const oldSeen = [...pairs.map((pair) => pair.old), ...result.oldOnly];
      const newSeen = [...pairs.map((pair) => pair.new), ...result.newOnly];
      expect(oldSeen.sort((a, b) => a - b)).toEqual([...old.keys()]);
      expect(newSeen.sort((a, b) => a - b)).toEqual([...neu.keys()]);
      for (const [at, pair] of result.inOrder.entries()) {
        const next = result.inOrder[at + 1];
        if (next === undefined) continue;
        expect(next.old).toBeGreaterThan(pair.old);
        expect(next.new).toBeGreaterThan(pair.new);
      }
    }),
  );
});

test('what is left over is the difference of the two bags of contents', () => {
  fc.assert(
    fc.property(contents, contents, limits, (old, neu, limit) => {
      const result = alignContents(old, neu, limit);
      const count = (values: readonly number[], value: number): number =>
        values.filter((each) => each === value).length;
      for (const value of new Set([...old, ...neu])) {
        const surplus = count(old, value) - count(neu, value);
        const oldOnly = result.oldOnly.filter((index) => old[index] === value).length;
        const newOnly = result.newOnly.filter((index) => neu[index] === value).length;
        expect([oldOnly, newOnly]).toEqual([Math.max(0, surplus), Math.max(0, -surplus)]);
      }
    }),
  );
});

test('a sequence against itself leaves nothing', () => {
  fc.assert(
    fc.property(contents, limits, (old, limit) => {
      expect(alignContents(old, old, limit).inOrder).toHaveLength(old.length);
    }),
  );
});

test('the mirrored comparison is the mirror of the comparison', () => {
  fc.assert(
    fc.property(contents, contents, limits, (old, neu, limit) => {
      const one = alignContents(old, neu, limit);
      const other = alignContents(neu, old, limit);
      expect(other.oldOnly).toEqual(one.newOnly);
      expect(other.newOnly).toEqual(one.oldOnly);
      expect(other.inOrder.map((pair) => [pair.new, pair.old])).toEqual(
        one.inOrder.map((pair) => [pair.old, pair.new]),
      );
      expect(other.moved).toHaveLength(one.moved.length);
    }),
  );
});

test('dropping messages never makes one seem reordered, however few contents there are', () => {
  fc.assert(
    fc.property(
      fewContents.chain((old) => fc.tuple(fc.constant(old), fc.subarray(old))),
      limits,
      ([old, kept], limit) => {
        const result = alignContents(old, kept, limit);
        expect(result.moved).toEqual([]);
        expect(result.inOrder).toHaveLength(kept.length);
        const removed = diffArrays(old, kept).filter((part) => part.removed);
        expect(result.oldOnly).toHaveLength(removed.reduce((sum, part) => sum + part.count, 0));
      },
    ),
  );
});

test('a message that moved has a distance, and within the exact limits it is never 0', () => {
  fc.assert(
    fc.property(contents, contents, (old, neu) => {
      for (const pair of alignContents(old, neu).moved) expect(pair.distance).not.toBe(0);
    }),
  );
});
