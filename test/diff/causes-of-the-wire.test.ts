/** Causes that lie in what a message is, in who wrote when, and in who was listening: each with its counter-case. */
import { expect, test } from 'vitest';
import type { DiffOptions } from '../../src/diff/diff-capture.ts';
import { numberingOf } from '../../src/diff/causes/domain-knowledge.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { encodeTlv } from '../../src/wire/tlv.ts';
import type { CaptureStep } from '../support/capture-builder.ts';
import { concat, testFrame } from '../support/frames.ts';
import { delivers, diffScenario, sends } from './support.ts';

const CLIENTS = ['publisher', 'consumer-1', 'consumer-2'];
const ALL = [1, 2, 3];
const GOOD = Array.from({ length: 10 }, (_, at) => testFrame(100 + at));
const protocol = loadBuiltInProtocol();
const numberings = protocol.dialectNames.map((name) => numberingOf(protocol.dialect(name)));

function causesOf(result: DiffResult): readonly string[] {
  return result.groups.map((group) => `${group.kind} x${group.count}: ${group.cause}`);
}

/** Old delivers all that is sent, new what is kept. */
function compare(
  sent: readonly Uint8Array[],
  kept: readonly Uint8Array[],
  options: Partial<DiffOptions> = {},
): DiffResult {
  return diffScenario(
    {
      connections: CLIENTS,
      steps: [
        ...sends(1, ...sent),
        ...delivers('old', ALL, ...sent),
        ...delivers('new', ALL, ...kept),
      ],
    },
    options,
  );
}

test('frames longer than a read are lost for that reason, not because they were written in pieces', () => {
  const value = new Uint8Array(40_000).fill(7);
  const long = testFrame(1, { payload: concat([encodeTlv(3, value), encodeTlv(3, value)]) });
  const pieces = [long.subarray(0, 65_536), long.subarray(65_536)];
  const result = diffScenario({
    connections: CLIENTS,
    steps: [
      ...sends(1, ...GOOD, ...pieces),
      ...delivers('old', ALL, ...GOOD, ...pieces),
      ...delivers('new', ALL, ...GOOD, pieces[0]!),
    ],
  });
  expect(causesOf(result)).toEqual([
    'missing x3: frame-longer-than-a-read',
    'defect x3: frame-longer-than-a-read',
  ]);
});

test('a domain that another dialect numbers otherwise is named with both numbers', () => {
  const identification = testFrame(0, {
    source: 2,
    sequence: 0n,
    timestamp: 0n,
    checksum: 'zero',
    payload: new Uint8Array(),
  });
  const trades = [1, 2, 3, 4].map((sequence) => testFrame(sequence, { domain: 0 }));
  const result = compare([identification, ...trades], [identification], { numberings });
  expect(causesOf(result)).toEqual(['missing x12: domain-numbering']);
  expect(result.groups[0]?.evidence).toMatch(
    /MarketData is 0 in [\w-]+, and 1 in torq-codec, which is forwarded/,
  );
});

test('a refused domain is no matter of numbering when the forwarded number carries another domain', () => {
  const signals = [1, 2, 3, 4].map((sequence) => testFrame(sequence, { domain: 2, type: 20 }));
  const result = compare([...GOOD, ...signals], GOOD, { numberings });
  expect(causesOf(result)).toEqual(['missing x12: other-domain']);
});

test("a collector's identification frame is named where its domain is refused", () => {
  const identification = testFrame(0, {
    source: 2,
    sequence: 0n,
    timestamp: 0n,
    checksum: 'zero',
    payload: new Uint8Array(),
  });
  const signals = [1, 2, 3].map((sequence) => testFrame(sequence, { domain: 2, type: 20 }));
  const result = compare([identification, ...signals], signals);
  expect(causesOf(result)).toEqual(['missing x3: identification-frame']);
});

test('TLVs of another domain are the cause when they, and hardly others, are lost', () => {
  const outside = [1, 2, 3].map((sequence) => testFrame(sequence, { type: 40 }));
  expect(causesOf(compare([...GOOD, ...outside], GOOD))).toEqual([
    'missing x9: type-outside-domain',
  ]);
  expect(causesOf(compare([...GOOD, ...outside], [...GOOD.slice(3), outside[0]!]))).toEqual([
    'missing x9: unexplained',
    'missing x6: unexplained',
  ]);
});

test('a side that drops wrong checksums, or messages without one, is told from one that drops at random', () => {
  const wrong = [1, 2, 3].map((sequence) => {
    const frame = testFrame(sequence);
    frame[28] = (frame[28] ?? 0) ^ 1;
    return frame;
  });
  const zero = [4, 5, 6].map((sequence) => testFrame(sequence, { checksum: 'zero' }));
  expect(causesOf(compare([...GOOD, ...wrong], GOOD))).toEqual([
    'missing x9: wrong-checksum-refused',
  ]);
  expect(causesOf(compare([...GOOD, ...zero], GOOD))).toEqual([
    'missing x9: zero-checksum-refused',
  ]);
  expect(causesOf(compare([...GOOD, ...zero], [...GOOD.slice(5), ...zero.slice(1)]))).toEqual([
    'missing x18: unexplained',
  ]);
  expect(causesOf(compare([...GOOD, wrong[0]!], GOOD))).toEqual(['missing x3: unexplained']);
});

test('checksums that new writes where old left them out are one cause, with those that it left alone', () => {
  const zero = [1, 2, 3, 4].map((sequence) => testFrame(sequence, { checksum: 'zero' }));
  const valid = [1, 2, 3].map((sequence) => testFrame(sequence));
  const result = compare(zero, [...valid, zero[3]!]);
  expect(causesOf(result)).toEqual(['encoding x9: checksum-rewritten']);
  expect(result.groups[0]?.evidence).toContain(
    'Of 12 messages whose checksum is not computed in old, new has another one in 9 and the same in 3.',
  );
  const once = compare(
    [...zero, ...GOOD.map((_, at) => testFrame(300 + at, { checksum: 'zero' }))],
    [
      valid[0]!,
      ...zero.slice(1),
      ...GOOD.map((_, at) => testFrame(300 + at, { checksum: 'zero' })),
    ],
  );
  expect(causesOf(once)).toEqual(['encoding x3: unexplained']);
});

test('pieces of two publishers that new mixed are told from pieces that it drops', () => {
  const [first, second] = [testFrame(1, { source: 4 }), testFrame(2, { source: 9 })];
  const split = testFrame(3, { source: 4 });
  const steps: CaptureStep[] = [
    ...sends(1, ...GOOD, split.subarray(0, 60), split.subarray(60)),
    ...sends(1, first.subarray(0, 60)),
    ...sends(2, second),
    ...sends(1, first.subarray(60)),
  ];
  const whole = [...GOOD, split, second, first];
  const mixed = [...GOOD, split, first.subarray(0, 60), second, first.subarray(60)];
  const result = diffScenario({
    connections: ['one', 'two', 'consumer'],
    steps: [...steps, ...delivers('old', ALL, ...whole), ...delivers('new', ALL, ...mixed)],
  });
  const causes = new Set(result.groups.map(({ kind, cause }) => `${kind}: ${cause}`));
  expect(causes).toContain('missing: publishers-interleaved');
  const dropped = diffScenario({
    connections: ['one', 'two', 'consumer'],
    steps: [...steps, ...delivers('old', ALL, ...whole), ...delivers('new', ALL, ...GOOD, second)],
  });
  expect(causesOf(dropped)).toEqual(['missing x6: read-began-inside-a-frame']);
});

test('what a client loses because it does not read is a stretch that others got, and what follows had waited', () => {
  const stall = (waitMs: number, lost: readonly number[]): DiffResult => {
    const kept = GOOD.filter((_, at) => !lost.includes(at));
    const resumed = kept.findIndex((frame) => GOOD.indexOf(frame) > Math.max(...lost));
    return diffScenario({
      connections: ['publisher', 'consumer'],
      steps: [
        ...GOOD.flatMap((frame) => [
          ...sends(1, frame),
          ...delivers('old', [1, 2], frame),
          ...delivers('new', [1], frame),
          ...(kept.indexOf(frame) >= 0 && kept.indexOf(frame) < resumed
            ? delivers('new', [2], frame)
            : []),
        ]),
        { waitMs },
        ...delivers('new', [2], ...kept.slice(resumed)),
      ],
    });
  };
  const lagged = stall(500, [3, 4, 5]);
  expect(causesOf(lagged)).toEqual(['missing x3: broadcast-lag']);
  expect(lagged.groups[0]?.evidence).toContain(
    '3 messages are missing in 1 stretch without a hole',
  );
  expect(causesOf(stall(500, [3]))).toEqual(['missing x1: unexplained']);
  // They were lost, but nothing had stood still.
  const prompt = diffScenario({
    connections: ['publisher', 'consumer'],
    steps: GOOD.flatMap((frame, at) => [
      ...sends(1, frame),
      ...delivers('old', [1, 2], frame),
      ...delivers('new', at >= 3 && at <= 5 ? [1] : [1, 2], frame),
    ]),
  });
  expect(causesOf(prompt)).toEqual(['missing x3: unexplained']);
});

test('a client that has just come back misses what was sent before the first that it gets', () => {
  const result = diffScenario({
    connections: ['publisher', 'returned'],
    steps: [
      { connection: 2, event: 'upstream-open', on: 'old' },
      { connection: 2, event: 'upstream-open', on: 'new' },
      { waitMs: 50 },
      ...GOOD.slice(0, 3).flatMap((frame) => [
        ...sends(1, frame),
        ...delivers('old', [1, 2], frame),
        ...delivers('new', [1], frame),
      ]),
      ...GOOD.slice(3).flatMap((frame) => [
        ...sends(1, frame),
        ...delivers('old', [1, 2], frame),
        ...delivers('new', [1, 2], frame),
      ]),
    ],
  });
  expect(causesOf(result)).toEqual(['missing x3: just-joined']);
});

test('messages whose sender left right behind them are told from others', () => {
  const result = diffScenario({
    connections: ['publisher', 'consumer', 'short-lived'],
    steps: [
      ...sends(1, ...GOOD.slice(0, 8)),
      ...delivers('old', [1, 2], ...GOOD.slice(0, 8)),
      ...delivers('new', [1, 2], ...GOOD.slice(0, 8)),
      ...sends(3, GOOD[8]!, GOOD[9]!),
      { connection: 3, event: 'close', on: 'client' },
      ...delivers('old', [1, 2], GOOD[8]!, GOOD[9]!),
      { waitMs: 3_000 },
      { connection: undefined, event: 'stop', details: { drained: 1 } },
    ],
  });
  expect(causesOf(result)).toEqual(['missing x4: sender-left']);
});
