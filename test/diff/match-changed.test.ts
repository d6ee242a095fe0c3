import { expect, test } from 'vitest';
import { matchChanged } from '../../src/diff/match-changed.ts';
import type { Content, Unpaired } from '../../src/diff/records.ts';

let nextId = 0;

interface Frame {
  readonly index: number;
  readonly sequence?: bigint;
  readonly timestamp?: bigint;
  readonly source?: number;
  readonly shape?: string;
  readonly payload?: string;
  readonly after?: number;
  readonly before?: number;
  readonly isCopy?: boolean;
}

function unpaired(side: 'old' | 'new', frame: Frame): Unpaired {
  const content: Content = {
    id: nextId++,
    isFrame: true,
    length: 100,
    head: {
      domain: 1,
      source: frame.source ?? 4,
      sequence: frame.sequence ?? 0n,
      timestamp: frame.timestamp ?? 0n,
      frameBytes: 100,
    },
    shape: frame.shape ?? '1',
    payload: frame.payload ?? `payload ${nextId}`,
    subject: 'Trade',
  };
  return {
    side,
    item: {
      index: frame.index,
      offset: frame.index * 100,
      arrivalNs: 0,
      content,
      detail: undefined,
      isTail: false,
    },
    slot: { after: frame.after ?? -1, before: frame.before ?? Number.POSITIVE_INFINITY },
    isCopy: frame.isCopy ?? false,
  };
}

function match(old: readonly Frame[], neu: readonly Frame[]) {
  const result = matchChanged([
    ...old.map((frame) => unpaired('old', frame)),
    ...neu.map((frame) => unpaired('new', frame)),
  ]);
  return {
    changed: result.changed.map((pair) => [pair.old.index, pair.new.index]),
    rest: result.rest.length,
  };
}

test('a changed payload is found by sequence and types, wherever the message lies', () => {
  const far = { sequence: 7n, timestamp: 5n, after: 2, before: 4 };
  expect(match([{ index: 3, ...far }], [{ index: 90, sequence: 7n, timestamp: 5n }])).toEqual({
    changed: [[3, 90]],
    rest: 0,
  });
});

test('the same sequence after a restart goes with the same time, not with the first', () => {
  const result = match(
    [
      { index: 1, sequence: 1n, timestamp: 100n },
      { index: 2, sequence: 1n, timestamp: 200n },
    ],
    [{ index: 9, sequence: 1n, timestamp: 200n }],
  );
  expect(result).toEqual({ changed: [[2, 9]], rest: 1 });
});

test('a TLV that came or went is still the same message', () => {
  const key = { sequence: 7n, timestamp: 5n };
  expect(match([{ index: 1, ...key }], [{ index: 1, ...key, shape: '1,2' }]).changed).toEqual([
    [1, 1],
  ]);
});

test('a changed source or sequence is found by payload and place', () => {
  const payload = 'the same';
  const old = { index: 1, sequence: 7n, payload, after: 0, before: 2 };
  expect(match([old], [{ index: 1, sequence: 8n, source: 5, payload }]).changed).toEqual([[1, 1]]);
  expect(match([old], [{ index: 2, sequence: 8n, source: 5, payload }]).changed).toEqual([]);
});

test('without a sequence only the place between the same neighbours counts', () => {
  const old = { index: 5, after: 4, before: 6 };
  expect(match([old], [{ index: 5 }]).changed).toEqual([[5, 5]]);
  expect(match([old], [{ index: 7 }])).toEqual({ changed: [], rest: 2 });
  expect(match([old], [{ index: 5, shape: '2' }])).toEqual({ changed: [], rest: 2 });
});

test('a surplus copy is no changed message', () => {
  expect(match([{ index: 1 }], [{ index: 1, isCopy: true }])).toEqual({ changed: [], rest: 2 });
});

test('many messages of one key are matched in order and in place', () => {
  const old = Array.from({ length: 50 }, (_, at) => ({
    index: at * 2,
    after: at * 2 - 1,
    before: at * 2 + 1,
  }));
  const neu = old.filter((_, at) => at % 3 !== 0).map(({ index }) => ({ index }));
  expect(match(old, neu).changed).toEqual(neu.map(({ index }) => [index, index]));
});
