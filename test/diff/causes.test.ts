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

test('two frames cut short that read as one frame are two beginnings, not a changed message', () => {
  for (const after of [[], [GOOD[0]!]]) {
    const other = testFrame(3);
    const heads = [FRAME.subarray(0, 60), other.subarray(0, 60)];
    const chunks = [heads[0]!, FRAME.subarray(60), heads[1]!, other.subarray(60), ...after];
    const result = diffScenario({
      connections: CLIENTS,
      steps: [
        ...sends(1, ...chunks),
        ...delivers('old', ALL, ...chunks),
        ...delivers('new', ALL, ...heads, ...after),
      ],
    });
    expect(causesOf(result).toSorted()).toEqual([
      'defect x6: read-began-inside-a-frame',
      'missing x6: read-began-inside-a-frame',
    ]);
    const defects = result.divergences.filter((item) => item.kind === 'defect');
    expect(defects.map((item) => item.new?.hex)).toContain(Buffer.from(heads[1]!).toString('hex'));
  }
});

test('a beginning that several lost messages share is said to be of one of them', () => {
  const header = { sequence: 0n, timestamp: 5n, checksum: 'zero' } as const;
  const frames = [1, 2, 3].map((last) => {
    const frame = testFrame(9, header);
    frame[99] = last;
    return frame;
  });
  const result = diffScenario({
    steps: [
      ...sends(1, ...frames),
      ...delivers('old', [1], ...frames),
      ...delivers('new', [1], frames[0]!.subarray(0, 60), GOOD[0]!),
    ],
  });
  const defect = result.divergences.find((item) => item.kind === 'defect');
  expect(defect?.detail).toContain('one of 3 messages that begin like this');
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

test('messages of a refused domain that were forwarded behind a good one are counter-examples', () => {
  const signals = [2, 3, 4].map((sequence) => testFrame(sequence, { domain: 2, type: 20 }));
  const behind = concat([GOOD[1]!, testFrame(5, { domain: 2, type: 20 })]);
  const result = diffScenario({
    connections: CLIENTS,
    steps: [
      ...sends(1, ...GOOD, ...signals, behind),
      ...delivers('old', ALL, ...GOOD, ...signals, behind),
      ...delivers('new', ALL, ...GOOD, behind),
    ],
  });
  expect(causesOf(result)).toEqual(['missing x9: other-domain']);
  expect(result.groups[0]?.evidence).toContain('new lost 3 and forwarded 1 all the same');
});

test('a domain of which a part gets through is not refused', () => {
  const signals = [2, 3, 4, 5, 6].map((sequence) => testFrame(sequence, { domain: 2, type: 20 }));
  const result = diffScenario({
    steps: [
      ...sends(1, ...GOOD, ...signals),
      ...delivers('old', [1], ...GOOD, ...signals),
      ...delivers('new', [1], ...GOOD, signals[0]!, signals[3]!),
    ],
  });
  expect(causesOf(result)).toEqual(['missing x3: unexplained']);
});

test('where every message is in the situation, losses at random stay unexplained', () => {
  const all = concat(GOOD);
  const chunks = [all.subarray(0, 50)];
  for (let at = 50; at < all.length; at += 200) chunks.push(all.subarray(at, at + 200));
  const result = diffScenario({
    steps: [
      ...sends(1, ...chunks),
      ...delivers('old', [1], ...GOOD),
      ...delivers('new', [1], ...GOOD.filter((_, at) => at !== 5)),
    ],
  });
  expect(causesOf(result)).toEqual(['missing x1: unexplained']);
});

test('the evidence says so when there is nothing to compare with', () => {
  const split = [FRAME.subarray(0, 10), FRAME.subarray(10)];
  const result = diffScenario({ steps: [...sends(1, ...split), ...delivers('old', [1], FRAME)] });
  expect(result.groups[0]?.cause).toBe('read-began-inside-a-frame');
  expect(result.groups[0]?.evidence).toContain('no message in no such situation to compare with');
});

test('a heartbeat that one client lacks is not blamed on how another copy of it was written', () => {
  const hearts = Array.from({ length: 20 }, () => FRAME);
  const result = diffScenario({
    connections: ['publisher', 'consumer'],
    steps: [
      ...sends(1, FRAME.subarray(0, 60), FRAME.subarray(60), ...hearts),
      ...delivers('old', [1, 2], FRAME, ...hearts),
      ...delivers('new', [1], FRAME, ...hearts),
      ...delivers('new', [2], ...hearts),
    ],
  });
  expect(causesOf(result)).toEqual(['missing x1: unexplained']);
});

test('a side of which nothing was recorded is not said to forward nothing', () => {
  const gap = {
    connection: 1,
    stream: 'new',
    where: 'recording',
    reason: 'disk full',
    offset: 0,
    bytes: 500,
    frames: undefined,
    firstTimeNs: 0n,
    lastTimeNs: 0n,
  } as const;
  const result = diffScenario({
    connections: ['publisher', 'consumer'],
    steps: [
      ...sends(1, ...GOOD.slice(0, 5)),
      ...delivers('old', [1, 2], ...GOOD.slice(0, 5)),
      { gap },
    ],
  });
  expect(causesOf(result)).toEqual(['missing x5: unexplained']);
});

test('a message lost after its client had left is no fault of a connection that was closed then', () => {
  const result = diffScenario({
    connections: ['publisher', 'consumer'],
    steps: [
      { connection: 2, event: 'upstream-open', on: 'old' },
      { connection: 2, event: 'upstream-open', on: 'new' },
      { waitMs: 20 },
      ...sends(1, GOOD[0]!, GOOD[1]!),
      ...delivers('old', [2], GOOD[0]!),
      ...delivers('new', [2], GOOD[0]!),
      { waitMs: 3_000 },
      { connection: 2, event: 'close', on: 'client' },
      { connection: 2, event: 'close', on: 'new' },
      ...delivers('old', [2], GOOD[1]!),
    ],
  });
  expect(causesOf(result)).toEqual(['missing x1: unexplained']);
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
