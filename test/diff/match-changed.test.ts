import { expect, test } from 'vitest';
import { matchChanged } from '../../src/diff/match-changed.ts';
import type { Content, Unpaired } from '../../src/diff/records.ts';

let nextId = 0;
const sent = new Set<number>();

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
  readonly wasSent?: boolean;
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
    header: '',
    shape: frame.shape ?? '1',
    payload: frame.payload ?? `payload ${nextId}`,
    subject: 'Trade',
    remarks: 0,
  };
  if (frame.wasSent === true) sent.add(content.id);
  return {
    side,
    item: {
      index: frame.index,
      ordinal: frame.index,
      offset: frame.index * 100,
      arrivalNs: 0,
      content,
      detail: undefined,
      isTail: false,
    },
    slot: { after: frame.after ?? -1, before: frame.before ?? Number.POSITIVE_INFINITY },
    rank: 0,
    isInRun: false,
    isOrderOwed: true,
    isCopy: frame.isCopy ?? false,
    isElsewhere: false,
    copies: 1,
  };
}

function match(old: readonly Frame[], neu: readonly Frame[]) {
  const result = matchChanged(
    [...old.map((frame) => unpaired('old', frame)), ...neu.map((frame) => unpaired('new', frame))],
    ({ id }) => sent.has(id),
  );
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

test('two messages that clients really sent are never one that changed', () => {
  const key = { sequence: 7n, timestamp: 5n, wasSent: true };
  expect(match([{ index: 1, ...key }], [{ index: 1, ...key }])).toEqual({ changed: [], rest: 2 });
  const changed = { index: 1, ...key, wasSent: false };
  expect(match([{ index: 1, ...key }], [changed]).changed).toEqual([[1, 1]]);
});

test('the same sequence with another time is another message, unless it is in place', () => {
  const old = { index: 5, sequence: 7n, timestamp: 1n, after: 4, before: 6 };
  const neu = { sequence: 7n, timestamp: 2n };
  expect(match([old], [{ index: 5, ...neu }]).changed).toEqual([[5, 5]]);
  expect(match([old], [{ index: 90, ...neu }])).toEqual({ changed: [], rest: 2 });
});

test('one of several copies may have changed, a copy too many and one too few are no change', () => {
  const old = { index: 1, isCopy: true, wasSent: true, after: 0, before: 3 };
  expect(match([old], [{ index: 2 }]).changed).toEqual([[1, 2]]);
  const copies = match([old], [{ index: 2, isCopy: true }]);
  expect(copies).toEqual({ changed: [], rest: 2 });
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
