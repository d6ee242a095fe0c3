import { expect, test } from 'vitest';
import type { CaptureEvent, StreamKind } from '../../src/capture/types.ts';
import type { CaptureStep } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { delivers, diffScenario, sends } from './support.ts';

const FRAME = testFrame(1);

function on(kind: CaptureEvent['kind'], stream: StreamKind): CaptureStep {
  return { connection: 1, event: kind, on: stream };
}

const TALK: readonly CaptureStep[] = [
  on('upstream-open', 'old'),
  on('upstream-open', 'new'),
  ...sends(1, FRAME),
  ...delivers('old', [1], FRAME),
  ...delivers('new', [1], FRAME),
];

function subjectsOf(steps: readonly CaptureStep[]): readonly string[] {
  const { divergences } = diffScenario({ steps: [...TALK, ...steps] });
  return divergences.map(({ subject, detail }) => `${subject}: ${detail}`);
}

test('a client that neither relay took is nothing to compare', () => {
  const result = diffScenario({
    connections: ['lost', 'served'],
    steps: [
      on('upstream-failed', 'old'),
      on('upstream-failed', 'new'),
      ...sends(2, FRAME),
      ...delivers('old', [2], FRAME),
      ...delivers('new', [2], FRAME),
    ],
  });
  expect(result.verdict).toBe('inconclusive');
  expect(result.reason).toContain('connection 1: neither relay could be reached');
});

test('a relay that never accepts a client is a divergence of the connection', () => {
  const steps = (waitMs: number): CaptureStep[] => [
    on('upstream-open', 'old'),
    { waitMs },
    ...sends(2, FRAME),
    ...delivers('old', [2], FRAME),
    ...delivers('new', [2], FRAME),
  ];
  const connections = ['waiting', 'served'];
  const result = diffScenario({ connections, steps: steps(2_000) });
  expect(result.divergences).toMatchObject([
    { kind: 'connection', connection: 1, subject: 'never accepted' },
  ]);
  const tooShort = diffScenario({ connections, steps: steps(10) });
  expect(tooShort.verdict).toBe('inconclusive');
  expect(tooShort.reason).toContain('had not accepted the client');
});

test('a relay that leaves at once where the other serves a half-closed client on closed early', () => {
  const steps = [
    on('end', 'client'),
    on('end', 'new'),
    on('close', 'new'),
    { waitMs: 60_000 },
    on('end', 'old'),
    on('close', 'old'),
    on('close', 'client'),
  ];
  expect(subjectsOf(steps)).toEqual([
    'closed early: the new relay closed its connection while the client was open, the old one did not',
  ]);
});

test('two relays that answer a half-close with a close, one a moment later, agree', () => {
  const result = diffScenario({
    steps: [
      ...TALK,
      on('end', 'client'),
      on('end', 'old'),
      on('close', 'old'),
      on('close', 'client'),
      on('end', 'new'),
      on('close', 'new'),
    ],
  });
  expect(result.verdict).toBe('same');
});

test('when the client is closed because old was, whether new would have closed is not known', () => {
  const result = diffScenario({
    steps: [
      ...TALK,
      on('end', 'old'),
      on('close', 'old'),
      on('close', 'client'),
      on('close', 'new'),
    ],
  });
  expect(result.divergences).toEqual([]);
  expect(result.verdict).toBe('inconclusive');
  expect(result.reason).toContain('whether the new one would have by itself is not known');
});

test('two relays that both drop an open client agree on that, but not on what it would have got', () => {
  const result = diffScenario({
    steps: [...TALK, on('close', 'new'), on('close', 'old'), on('close', 'client')],
  });
  expect(result.divergences).toEqual([]);
  expect(result.verdict).toBe('inconclusive');
  expect(result.reason).toContain('both relays closed it while the client was open');
});

test('a mirror that closes a moment before its client leaves closed early', () => {
  const steps = [on('close', 'new'), { waitMs: 300 }, on('close', 'client'), on('close', 'old')];
  expect(subjectsOf(steps)).toHaveLength(1);
});
