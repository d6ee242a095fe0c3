/** Clients of the old relay that the recorder does not have: what they send is heard, and no divergence. */
import { describe, expect, test } from 'vitest';
import type { DiffResult } from '../../src/diff/types.ts';
import type { CaptureStep } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { delivers, diffScenario, kindsOf, sends } from './support.ts';

const OWN = [1, 2, 3].map((sequence) => testFrame(sequence));
const STRANGE = [101, 102].map((sequence) => testFrame(sequence, { source: 9 }));

function started(details: Readonly<Record<string, string | number>>): CaptureStep {
  return { connection: undefined, event: 'start', details };
}

function noted(details: Readonly<Record<string, string | number>>): CaptureStep {
  return { connection: undefined, event: 'note', details };
}

const AGREED: readonly CaptureStep[] = [
  ...sends(1, ...OWN),
  ...delivers('old', [1], ...OWN),
  ...delivers('new', [1], ...OWN),
  { waitMs: 5_000 },
];
const HEARD: readonly CaptureStep[] = [...delivers('old', [1], ...STRANGE), { waitMs: 5_000 }];

function diffSteps(...steps: readonly CaptureStep[]): DiffResult {
  return diffScenario({ steps });
}

describe('what clients sent whom the recorder did not have', () => {
  test.each([
    ['a known number of them', started({ takenOver: '/run/md.sock', earlierClients: 2 })],
    ['an unknown number of them', started({ takenOver: '/run/md.sock' })],
  ])('is left out when the path was taken over with %s', (_, start) => {
    const result = diffSteps(start, ...AGREED, ...HEARD);
    expect(result.verdict).toBe('same');
    expect(result.reason).toBe(
      'Old and new delivered the same 3 messages of what was mirrored; 2 messages of old came from clients that were connected to it directly, and were left out.',
    );
    expect(result.counts.leftOut).toMatchObject({ frames: 2, unseenSenders: 2 });
    expect(result.counts.setAside).toEqual([
      { reason: 'unseen-sender', side: 'old', frames: 2, others: 0 },
    ]);
  });

  test('is left out from when the path was given back', () => {
    const start = started({ takenOver: '/run/md.sock', earlierClients: 0 });
    const left = noted({ pathGivenBack: '/run/md.sock' });
    expect(diffSteps(start, ...AGREED, left, ...HEARD).verdict).toBe('same');
    expect(kindsOf(diffSteps(start, ...HEARD, ...AGREED, left))).toEqual(['missing', 'missing']);
  });

  test('is left out from two seconds before the loss of the path was noticed', () => {
    const lost = noted({ pathLost: '/run/md.sock' });
    const late = { waitMs: 1_000 };
    const heard = delivers('old', [1], ...STRANGE);
    const result = diffSteps(started({}), ...AGREED, ...heard, late, lost, { waitMs: 5_000 });
    expect(result.verdict).toBe('same');
  });

  test('is a divergence where every client came through the recorder', () => {
    const nobody = started({ takenOver: '/run/md.sock', earlierClients: 0 });
    for (const start of [started({}), nobody]) {
      expect(kindsOf(diffSteps(start, ...AGREED, ...HEARD))).toEqual(['missing', 'missing']);
    }
  });

  test('excuses nothing that a recorded client sent, and nothing of the new relay', () => {
    const start = started({ takenOver: '/run/md.sock', earlierClients: 2 });
    const lost = testFrame(4);
    const result = diffSteps(
      start,
      ...AGREED,
      ...sends(1, lost),
      ...delivers('old', [1], lost),
      ...delivers('new', [1], testFrame(200, { source: 8 })),
      { waitMs: 5_000 },
    );
    expect(kindsOf(result).toSorted()).toEqual(['extra', 'missing']);
  });
});
