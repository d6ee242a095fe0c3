import { expect, test } from 'vitest';
import type { DiffResult } from '../../src/diff/types.ts';
import { concat, testFrame } from '../support/frames.ts';
import { delivers, diffScenario, kindsOf, sends } from './support.ts';

const CLIENTS = ['publisher', 'consumer-1', 'consumer-2'];
const ALL = [1, 2, 3];
const FRAME = testFrame(1);
const GOOD = Array.from({ length: 10 }, (_, at) => testFrame(100 + at));
const SIGNAL = testFrame(2, { domain: 2, type: 20 });

function causesOf(result: DiffResult): readonly string[] {
  return result.groups.map((group) => `${group.kind} x${group.count}: ${group.cause}`);
}

test('a frame split behind its header is cut short in new: the read began inside a frame', () => {
  const [head, rest] = [FRAME.subarray(0, 60), FRAME.subarray(60)];
  const result = diffScenario({
    connections: CLIENTS,
    steps: [
      ...sends(1, head, rest),
      ...delivers('old', ALL, head, rest),
      ...delivers('new', ALL, head),
    ],
  });
  expect(causesOf(result)).toEqual([
    'missing x3: read-began-inside-a-frame',
    'defect x3: read-began-inside-a-frame',
  ]);
  expect(result.groups[1]?.title).toContain('cut short in new');
  expect(result.divergences.find((item) => item.kind === 'defect')).toMatchObject({
    old: null,
    new: { ordinal: 0, offset: 0, length: 60 },
    identity: { domain: 1, source: 4, sequence: '1' },
  });
  expect(result.divergences.find((item) => item.kind === 'defect')?.detail).toContain(
    'the beginning of',
  );
});

test('a message cut short is the lost one, however many share its header', () => {
  const header = { sequence: 0n, timestamp: 5n, checksum: 'zero' } as const;
  const [sent, cut] = [testFrame(1, header), testFrame(2, header)];
  const chunks = [sent, cut.subarray(0, 60), cut.subarray(60), GOOD[0]!];
  const result = diffScenario({
    connections: CLIENTS,
    steps: [
      ...sends(1, ...chunks),
      ...delivers('old', ALL, ...chunks),
      ...delivers('new', ALL, sent, cut.subarray(0, 60), GOOD[0]!),
    ],
  });
  expect(causesOf(result).toSorted()).toEqual([
    'defect x3: read-began-inside-a-frame',
    'missing x3: read-began-inside-a-frame',
  ]);
});

test('a frame split inside its header is lost: the read began inside a frame', () => {
  const chunks = [FRAME.subarray(0, 10), FRAME.subarray(10)];
  const result = diffScenario({
    connections: CLIENTS,
    steps: [...sends(1, ...chunks), ...delivers('old', ALL, ...chunks)],
  });
  expect(causesOf(result)).toEqual(['missing x3: read-began-inside-a-frame']);
  expect(result.groups[0]?.evidence).toContain('1 distinct message on 3 connections');
  expect(result.groups[0]?.evidence).toContain('new lost 1 and forwarded 0 all the same');
});

test('good frames behind another domain are lost with it', () => {
  const chunk = concat([SIGNAL, GOOD[0]!, GOOD[1]!]);
  const result = diffScenario({
    connections: CLIENTS,
    steps: [...sends(1, chunk), ...delivers('old', ALL, chunk)],
  });
  expect(causesOf(result)).toEqual([
    'missing x6: chunk-led-by-another-domain',
    'missing x3: other-domain',
  ]);
});

test('a refused domain is told from a relay that works', () => {
  const result = diffScenario({
    connections: CLIENTS,
    steps: [
      ...sends(1, ...GOOD, SIGNAL),
      ...delivers('old', ALL, ...GOOD, SIGNAL),
      ...delivers('new', ALL, ...GOOD),
    ],
  });
  expect(causesOf(result)).toEqual(['missing x3: other-domain']);
  expect(result.groups[0]?.evidence).toContain('of 10 messages in no such situation it lost 0');
});

test('a message of a refused domain that was forwarded behind a good one is a counter-example', () => {
  const behind = testFrame(3, { domain: 2, type: 20 });
  const chunk = concat([GOOD[1]!, behind]);
  const result = diffScenario({
    connections: CLIENTS,
    steps: [
      ...sends(1, GOOD[0]!, SIGNAL, chunk),
      ...delivers('old', ALL, GOOD[0]!, SIGNAL, chunk),
      ...delivers('new', ALL, GOOD[0]!, chunk),
    ],
  });
  expect(causesOf(result)).toEqual(['missing x3: other-domain']);
  expect(result.groups[0]?.evidence).toContain('new lost 1 and forwarded 1 all the same');
});

test('bytes without a header are a defect of old only: their chunk began with no header', () => {
  for (const bytes of [new Uint8Array(100).fill(1), FRAME.subarray(0, 31)]) {
    const result = diffScenario({
      connections: CLIENTS,
      steps: [...sends(1, bytes), ...delivers('old', ALL, bytes)],
    });
    expect(causesOf(result)).toEqual(['defect x3: chunk-not-a-header']);
    expect(result.divergences[0]).toMatchObject({ old: { length: bytes.length }, new: null });
  }
});

test('a side that forwards nothing is named so, however the clients wrote', () => {
  const split = [FRAME.subarray(0, 60), FRAME.subarray(60)];
  const result = diffScenario({
    connections: CLIENTS,
    steps: [...sends(1, ...GOOD, ...split), ...delivers('new', ALL, ...GOOD, ...split)],
  });
  expect(causesOf(result)).toEqual([
    'extra x33: side-forwards-nothing',
    'connection x3: side-forwards-nothing',
  ]);
  expect(new Set(kindsOf(result))).toEqual(new Set(['extra', 'connection']));
  expect(result.groups[0]?.title).toContain('old forwards nothing at all');
});

test('random losses stay unexplained when split frames get through as often as others', () => {
  const split = Array.from({ length: 10 }, (_, at) => testFrame(200 + at)).flatMap((frame) => [
    frame.subarray(0, 60),
    frame.subarray(60),
  ]);
  const all = [...GOOD, ...split];
  const kept = [...GOOD.slice(3), ...split.slice(6)];
  const result = diffScenario({
    connections: CLIENTS,
    steps: [...sends(1, ...all), ...delivers('old', ALL, ...all), ...delivers('new', ALL, ...kept)],
  });
  expect(causesOf(result)).toEqual(['missing x18: unexplained']);
});

test('a loss on one of three connections is not blamed on how the client wrote', () => {
  const split = [FRAME.subarray(0, 60), FRAME.subarray(60)];
  const result = diffScenario({
    connections: CLIENTS,
    steps: [
      ...sends(1, GOOD[0]!, ...split, GOOD[1]!),
      ...delivers('old', ALL, GOOD[0]!, ...split, GOOD[1]!),
      ...delivers('new', [1, 2], GOOD[0]!, ...split, GOOD[1]!),
      ...delivers('new', [3], GOOD[0]!, GOOD[1]!),
    ],
  });
  expect(causesOf(result)).toEqual(['missing x1: unexplained']);
});
