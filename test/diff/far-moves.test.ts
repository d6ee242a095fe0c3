/** Messages that moved farther than a window sees: how far is told truly, or not at all. */
import { expect, test } from 'vitest';
import type { DiffResult } from '../../src/diff/types.ts';
import type { CaptureStep } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { delivers, sends } from './support.ts';
import { compareBothWays, LIMITS } from './windowed.ts';

const FRAMES = Array.from({ length: 600 }, (_, at) => testFrame(at + 1));

/** New is this many messages behind old, and delivers one of them out of its place. */
function stepsOf(from: number, to: number, behind: number): readonly CaptureStep[] {
  const neu = FRAMES.toSpliced(from, 1);
  neu.splice(to, 0, ...FRAMES.slice(from, from + 1));
  return Array.from({ length: FRAMES.length + behind }, (_, at) => {
    const sent = FRAMES.slice(at, at + 1);
    const delivered = at < behind ? [] : neu.slice(at - behind, at - behind + 1);
    return [
      ...sends(1, ...sent),
      ...delivers('old', [1], ...sent),
      ...delivers('new', [1], ...delivered),
    ];
  }).flat();
}

function compare(
  from: number,
  to: number,
  behind: number,
): Record<'whole' | 'windowed', DiffResult> {
  const limits = { ...LIMITS, recordsMax: 60 };
  return compareBothWays(stepsOf(from, to, behind), limits, { connections: ['one'] });
}

test.each([
  [500, 100],
  [100, 500],
  [300, 280],
  [280, 300],
  [590, 300],
])(
  'from %s to %s, however far new is behind, no other distance is told than the true one',
  (from, to) => {
    for (const behind of [0, 50, 200, 600]) {
      const { whole, windowed } = compare(from, to, behind);
      expect(whole.divergences).toMatchObject([{ kind: 'reordered', distance: to - from }]);
      for (const { kind, distance } of windowed.divergences) {
        if (kind === 'reordered') expect([null, to - from]).toContain(distance);
        else expect(['missing', 'extra']).toContain(kind);
      }
    }
  },
);

test('what is out of view is said to be: the distance is at least what is in view', () => {
  const [divergence] = compare(500, 100, 600).windowed.divergences;
  expect(divergence).toMatchObject({ kind: 'reordered', distance: null });
  expect(divergence?.detail).toMatch(/at least \d+ messages earlier in new/);
});

test('what is late, and was passed by what comes behind its window, moved at least so far', () => {
  for (const to of [15, 30, 200]) {
    const [divergence] = compare(5, to, 0).windowed.divergences;
    if (divergence?.kind === 'missing') continue;
    expect(divergence?.kind).toBe('reordered');
    expect([null, to - 5]).toContain(divergence?.distance);
  }
});
