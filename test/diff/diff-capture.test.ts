import { expect, test } from 'vitest';
import { exitCodeOf } from '../../src/diff/verdict.ts';
import { encodeTlv } from '../../src/wire/tlv.ts';
import { concat, testFrame } from '../support/frames.ts';
import { delivers, diffScenario, kindsOf, sends } from './support.ts';

const [F1, F2, F3] = [testFrame(1), testFrame(2), testFrame(3)];
const FRAMES = [F1, F2, F3, ...Array.from({ length: 17 }, (_, at) => testFrame(at + 4))];

function without(index: number): Uint8Array[] {
  return FRAMES.filter((_, at) => at !== index);
}

test('two sides that delivered the same are the same', () => {
  const result = diffScenario({
    connections: ['publisher', 'consumer'],
    steps: [
      ...sends(1, ...FRAMES),
      ...delivers('old', [1, 2], ...FRAMES),
      ...delivers('new', [1, 2], concat(FRAMES)),
    ],
  });
  expect(result.verdict).toBe('same');
  expect(exitCodeOf(result.verdict)).toBe(0);
  expect(result.reason).toBe('Old and new delivered the same 40 messages.');
  expect(result.counts).toMatchObject({ old: 40, new: 40, pairs: 40, identical: 40, ignored: 0 });
  expect(result.divergences).toEqual([]);
  expect(result.connections[0]).toEqual({
    id: 1,
    label: 'publisher',
    clientFrames: 20,
    oldFrames: 20,
    newFrames: 20,
    divergences: 0,
  });
  expect(result.timeline.old.reduce((sum, count) => sum + count, 0)).toBe(40);
});

test('publishers may interleave differently, one publisher may not', () => {
  const other = (sequence: number): Uint8Array => testFrame(sequence, { source: 9 });
  const [O1, O2, O3] = [other(1), other(2), other(3)];
  const floating = diffScenario({
    connections: ['one', 'two'],
    steps: [
      ...sends(1, F1, F2, F3),
      ...sends(2, O1, O2, O3),
      ...delivers('old', [1], F1, F2, F3, O1, O2, O3),
      ...delivers('new', [1], O1, F1, O2, O3, F2, F3),
    ],
  });
  expect(floating.verdict).toBe('same');
  const swapped = diffScenario({
    connections: ['one', 'two'],
    steps: [
      ...sends(1, F1, F2, F3),
      ...sends(2, O1, O2, O3),
      ...delivers('old', [1], F1, F2, F3, O1, O2, O3),
      ...delivers('new', [1], O1, F2, F1, O2, O3, F3),
    ],
  });
  expect(kindsOf(swapped)).toEqual(['reordered']);
  expect(swapped.divergences[0]?.detail).toMatch(/1 message (later|earlier) in new/);
});

test('a lost message is missing on each connection, in one group', () => {
  const result = diffScenario({
    connections: ['publisher', 'a', 'b'],
    steps: [
      ...sends(1, ...FRAMES),
      ...delivers('old', [1, 2, 3], ...FRAMES),
      ...delivers('new', [1, 2, 3], ...without(7)),
    ],
  });
  expect(result.verdict).toBe('different');
  expect(exitCodeOf(result.verdict)).toBe(1);
  expect(result.counts).toMatchObject({ old: 60, new: 57, pairs: 57, divergences: { missing: 3 } });
  expect(result.divergences.map((divergence) => divergence.connection)).toEqual([1, 2, 3]);
  expect(result.divergences[0]).toMatchObject({
    id: 'd1',
    kind: 'missing',
    severity: 'error',
    group: 'g1',
    old: { ordinal: 7, offset: 700, length: 100, hex: Buffer.from(FRAMES[7]!).toString('hex') },
    new: null,
    identity: { domain: 1, source: 4, sequence: '8' },
  });
  expect(result.groups).toMatchObject([
    { id: 'g1', kind: 'missing', count: 3, cause: 'unexplained', first: 'd1' },
  ]);
  expect(result.groups[0]?.evidence).toContain(
    '3 divergences: 1 distinct message on 3 connections',
  );
});

test('a second copy in new is duplicated, one copy too few is missing', () => {
  const more = diffScenario({
    steps: [
      ...sends(1, F1, F2),
      ...delivers('old', [1], F1, F2),
      ...delivers('new', [1], F1, F1, F2),
    ],
  });
  expect(kindsOf(more)).toEqual(['duplicated']);
  expect(more.divergences[0]?.old).not.toBeNull();
  expect(more.divergences[0]?.new).not.toBeNull();
  const fewer = diffScenario({
    steps: [
      ...sends(1, F1, F1, F2),
      ...delivers('old', [1], F1, F1, F2),
      ...delivers('new', [1], F1, F2),
    ],
  });
  expect(kindsOf(fewer)).toEqual(['missing']);
  expect(fewer.divergences[0]?.detail).toContain(
    'one copy more than new, by the times this one of 2',
  );
});

test('a changed byte is one modified message, and the field has a name', () => {
  const changed = Uint8Array.from(F2);
  changed[6] = 5;
  const result = diffScenario({
    steps: [
      ...sends(1, F1, F2, F3),
      ...delivers('old', [1], F1, F2, F3),
      ...delivers('new', [1], F1, changed, F3),
    ],
  });
  expect(kindsOf(result)).toEqual(['modified']);
  expect(result.counts).toMatchObject({ pairs: 3, identical: 2, equivalent: 0 });
  expect(result.divergences[0]?.differences).toEqual([
    {
      path: 'header.source',
      old: '4',
      new: '5',
      bytes: { offset: 6, length: 1 },
      class: 'semantic',
    },
  ]);
});

test('an extended head and a checksum that is not computed are another encoding', () => {
  const value = new Uint8Array(10).fill(7);
  const frame = (extended: boolean, checksum: 'zero' | 'valid'): Uint8Array =>
    testFrame(2, { payload: encodeTlv(200, value, extended), checksum });
  const result = diffScenario({
    steps: [
      ...sends(1, F1, frame(false, 'valid'), F3),
      ...delivers('old', [1], F1, frame(false, 'valid'), F3),
      ...delivers('new', [1], F1, frame(true, 'zero'), F3),
    ],
  });
  expect(kindsOf(result)).toEqual(['encoding']);
  expect(result.counts).toMatchObject({ pairs: 3, identical: 2, equivalent: 1 });
  const paths = result.divergences[0]?.differences.map((difference) => difference.path);
  expect(paths).toContain('header.checksum');
  expect(result.divergences[0]?.differences.every((item) => item.class === 'encoding')).toBe(true);
});

test('an added TLV is one difference, not one for all that follow it', () => {
  const tlv = (type: number): Uint8Array => encodeTlv(type, new Uint8Array(8).fill(type));
  const old = testFrame(2, { payload: concat([tlv(201), tlv(203)]), checksum: 'zero' });
  const neu = testFrame(2, { payload: concat([tlv(201), tlv(202), tlv(203)]), checksum: 'zero' });
  const result = diffScenario({
    steps: [
      ...sends(1, F1, old),
      ...delivers('old', [1], F1, old),
      ...delivers('new', [1], F1, neu),
    ],
  });
  expect(kindsOf(result)).toEqual(['modified']);
  const differences = result.divergences[0]?.differences ?? [];
  expect(differences.map((item) => item.path.replace(/\..*/, ''))).toEqual(['header', 'tlv[1]']);
  expect(differences[1]).toMatchObject({ old: null, class: 'semantic' });
});

test('garbage that both sides forward is the same', () => {
  const garbage = new Uint8Array(50).fill(3);
  const result = diffScenario({
    steps: [
      ...sends(1, F1, garbage, F2),
      ...delivers('old', [1], F1, garbage, F2),
      ...delivers('new', [1], F1, garbage, F2),
    ],
  });
  expect(result.verdict).toBe('same');
  expect(result.counts).toMatchObject({ old: 2, new: 2 });
});

test('what the mirror was not sent makes the verdict inconclusive, not different', () => {
  const gap = {
    connection: 1,
    stream: 'client',
    where: 'mirror',
    reason: 'backlog',
    offset: 500,
    bytes: 200,
    frames: 2,
    firstTimeNs: 0n,
    lastTimeNs: 0n,
  } as const;
  const delivered = FRAMES.filter((_, at) => at !== 5 && at !== 6);
  const steps = [
    ...sends(1, ...FRAMES),
    { gap },
    ...delivers('old', [1, 2], ...FRAMES),
    ...delivers('new', [1, 2], ...delivered),
  ];
  const result = diffScenario({ connections: ['publisher', 'consumer'], steps });
  expect(result.verdict).toBe('inconclusive');
  expect(exitCodeOf(result.verdict)).toBe(3);
  expect(result.counts).toMatchObject({ pairs: 36, gaps: { frames: 4, bytes: 200 } });
  const worse = diffScenario({
    connections: ['publisher', 'consumer'],
    steps: steps.slice(0, -1),
  });
  expect(worse.verdict).toBe('different');
  expect(worse.counts.divergences.missing).toBe(1);
  expect(worse.reason).toContain('gap');
});

test('a recording gap excuses what would lie in it, and nothing else', () => {
  const gap = {
    connection: 1,
    stream: 'new',
    where: 'recording',
    reason: 'disk full',
    offset: 500,
    bytes: 200,
    frames: undefined,
    firstTimeNs: 0n,
    lastTimeNs: 0n,
  } as const;
  const steps = (lost: number) => [
    ...sends(1, ...FRAMES),
    ...delivers('old', [1], ...FRAMES),
    ...delivers('new', [1], ...FRAMES.slice(0, 5)),
    { gap },
    ...delivers('new', [1], ...FRAMES.slice(7).filter((_, at) => at !== lost)),
  ];
  const result = diffScenario({ steps: steps(-1) });
  expect(result.verdict).toBe('inconclusive');
  expect(result.counts).toMatchObject({ pairs: 18, gaps: { frames: 2, bytes: 200 } });
  const worse = diffScenario({ steps: steps(4) });
  expect(worse.counts.divergences.missing).toBe(1);
  expect(worse.verdict).toBe('different');
});

test('the end of a capture that was not sealed cannot be judged', () => {
  const steps = [
    ...sends(1, ...FRAMES),
    ...delivers('new', [1], ...FRAMES.slice(0, 18), FRAMES[18]!.subarray(0, 40)),
    ...delivers('old', [1], ...FRAMES),
  ];
  const killed = diffScenario({ steps, sealed: false });
  expect(killed.verdict).toBe('inconclusive');
  expect(killed.divergences).toEqual([]);
  expect(killed.reason).toContain('not sealed');
  expect(kindsOf(diffScenario({ steps })).toSorted()).toEqual(['defect', 'missing', 'missing']);
});

test('a capture in which nobody got anything proves nothing', () => {
  const nothing = diffScenario({ steps: [] });
  expect(nothing.verdict).toBe('inconclusive');
  expect(nothing.reason).toContain('nothing was compared');
  expect(diffScenario({ steps: sends(1, F1, F2) }).verdict).toBe('inconclusive');
});

test('a relay that refuses or leaves one client is a divergence of the connection', () => {
  const result = diffScenario({
    connections: ['refused', 'left'],
    steps: [
      { connection: 1, event: 'upstream-failed', on: 'new' },
      ...sends(1, F1),
      ...delivers('old', [1], F1),
      ...delivers('old', [2], F1),
      ...delivers('new', [2], F1),
      { connection: 2, event: 'close', on: 'new' },
    ],
  });
  const connections = result.divergences.filter((item) => item.kind === 'connection');
  expect(connections.map((item) => [item.connection, item.subject])).toEqual([
    [1, 'refused'],
    [2, 'closed early'],
  ]);
  const missing = result.groups.find((group) => group.kind === 'missing');
  expect(missing?.cause).toBe('connection-down');
});

test('no more than the limit is listed, but the first of every group is, and all are counted', () => {
  const result = diffScenario(
    {
      steps: [
        ...sends(1, ...FRAMES),
        ...delivers('old', [1], ...FRAMES),
        ...delivers('new', [1], F1, F3),
        ...delivers('new', [1], testFrame(99, { source: 7, type: 200 })),
      ],
    },
    { divergencesListedMax: 4 },
  );
  expect(result.divergences).toHaveLength(4);
  expect(result.divergencesOmitted).toBe(15);
  expect(result.counts.divergences).toMatchObject({ missing: 18, extra: 1 });
  for (const group of result.groups) {
    expect(result.divergences.find((item) => item.id === group.first)?.group).toBe(group.id);
  }
});

test('what is like a message that both delivered is another one, and not that message changed', () => {
  const frames = [1, 2, 3, 4].map((sequence) => testFrame(sequence));
  const like = testFrame(2, { sequence: 5_002n, timestamp: 5_002n });
  const [first, ...rest] = frames;
  if (first === undefined) throw new Error('four frames');
  const result = diffScenario({
    steps: [
      ...sends(1, ...frames),
      ...delivers('old', [1], ...frames),
      ...delivers('new', [1], first, like, ...rest),
    ],
  });
  expect(kindsOf(result)).toEqual(['extra']);
});
