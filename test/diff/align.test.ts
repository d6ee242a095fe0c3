import { expect, test } from 'vitest';
import { alignContents } from '../../src/diff/align.ts';

/** Letters are contents. */
function align(old: string, neu: string, limits?: Parameters<typeof alignContents>[2]) {
  const codes = (text: string): number[] => [...Buffer.from(text)];
  return alignContents(codes(old), codes(neu), limits);
}

const NO_EXACT = { wholeEditsMax: 0, stretchEditsMax: 0, stepsMax: 1_000_000 };

test('equal sequences pair in order and leave nothing', () => {
  const result = align('ABCA', 'ABCA');
  expect(result.inOrder.map((pair) => [pair.old, pair.new])).toEqual([
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
  expect([...result.moved, ...result.oldOnly, ...result.newOnly]).toEqual([]);
});

test('a lost and a new message are only on their side', () => {
  const result = align('ABCD', 'ACXD');
  expect(result.oldOnly).toEqual([1]);
  expect(result.newOnly).toEqual([2]);
  expect(result.moved).toEqual([]);
});

test('a message that moved says over how many it went, and in which direction', () => {
  expect(align('ABCDE', 'BCDAE').moved).toEqual([{ old: 0, new: 3, distance: 3 }]);
  expect(align('BCDAE', 'ABCDE').moved).toEqual([{ old: 3, new: 0, distance: -3 }]);
});

test('one message that jumped over many equal ones moved, not the equal ones', () => {
  expect(align('Urrrr', 'rrrrU').moved).toEqual([{ old: 0, new: 4, distance: 4 }]);
});

test('a lost copy among identical messages is one message too few and no reordering', () => {
  const result = align('HAHBHCH', 'HABHCH');
  expect(result.oldOnly).toHaveLength(1);
  expect(result.moved).toEqual([]);
});

test('a surplus copy is one message too many and no reordering', () => {
  const result = align('ABC', 'ABBC');
  expect(result.newOnly).toHaveLength(1);
  expect(result.moved).toEqual([]);
});

test('anchors hold the order when an exact script is too expensive', () => {
  const result = align('AxxBxxCxxD', 'AxBxxxDxxC', {
    wholeEditsMax: 0,
    stretchEditsMax: 20,
    stepsMax: 1_000_000,
  });
  expect(result.oldOnly).toEqual([]);
  expect(result.newOnly).toEqual([]);
  expect(result.moved.length).toBeGreaterThan(0);
});

test('beyond all limits dropped messages are still exactly the dropped ones', () => {
  const result = align('ABABABAB', 'ABBAB', NO_EXACT);
  expect(result.oldOnly).toHaveLength(3);
  expect([...result.moved, ...result.unordered]).toEqual([]);
});

test('beyond all limits the same contents in another order are one reordering of unknown distance', () => {
  const result = align('AABBAB', 'BABABA', NO_EXACT);
  expect(result.moved).toMatchObject([{ old: 0, distance: undefined }]);
  expect(result.oldOnly).toEqual([]);
  expect(result.newOnly).toEqual([]);
});

test('beyond all limits, with contents missing too, no order is claimed', () => {
  const result = align('AABBABC', 'BABABAD', NO_EXACT);
  expect(result.moved).toEqual([]);
  expect(result.oldOnly).toEqual([6]);
  expect(result.newOnly).toEqual([6]);
  expect(result.unordered.length + result.inOrder.length).toBe(6);
});
