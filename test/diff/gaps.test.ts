import { expect, test } from 'vitest';
import type { Gap } from '../../src/capture/types.ts';
import type { GapToBuild } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { delivers, diffScenario, sends } from './support.ts';

const FRAMES = Array.from({ length: 100 }, (_, at) => testFrame(at + 1));

function gap(options: Pick<Gap, 'stream' | 'where' | 'offset' | 'bytes'>): {
  readonly gap: GapToBuild;
} {
  return {
    gap: {
      connection: 1,
      reason: 'disk full',
      frames: undefined,
      firstTimeNs: 0n,
      lastTimeNs: 0n,
      ...options,
    },
  };
}

test('a recording gap excuses no more than it can hold', () => {
  const result = diffScenario({
    steps: [
      ...sends(1, ...FRAMES),
      ...delivers('old', [1], ...FRAMES),
      ...delivers('new', [1], FRAMES[0]!),
      gap({ stream: 'new', where: 'recording', offset: 100, bytes: 250 }),
      ...delivers('new', [1], FRAMES[99]!),
    ],
  });
  expect(result.verdict).toBe('different');
  expect(result.counts).toMatchObject({ gaps: { frames: 2 }, divergences: { missing: 96 } });
});

test('the pieces of frames at the ends of a recording gap make room for whole frames', () => {
  const result = diffScenario({
    steps: [
      ...sends(1, ...FRAMES),
      ...delivers('old', [1], ...FRAMES),
      ...delivers('new', [1], FRAMES[0]!, FRAMES[1]!.subarray(0, 60)),
      gap({ stream: 'new', where: 'recording', offset: 160, bytes: 80 }),
      ...delivers('new', [1], FRAMES[2]!.subarray(40), ...FRAMES.slice(3)),
    ],
  });
  expect(result.verdict).toBe('inconclusive');
  expect(result.counts.setAside).toEqual([
    { reason: 'recording-gap', side: 'old', frames: 2, others: 0 },
    { reason: 'recording-gap', side: 'new', frames: 0, others: 2 },
  ]);
});

test('what was neither mirrored nor recorded makes losses of unknown content unjudged, not missing', () => {
  const place = { stream: 'client', offset: 500, bytes: 200 } as const;
  const result = diffScenario({
    connections: ['publisher', 'consumer'],
    steps: [
      ...sends(1, ...FRAMES.slice(0, 5)),
      gap({ where: 'recording', ...place }),
      gap({ where: 'mirror', ...place }),
      ...sends(1, ...FRAMES.slice(7, 10)),
      ...delivers('old', [1, 2], ...FRAMES.slice(0, 10)),
      ...delivers('new', [1, 2], ...FRAMES.slice(0, 5), ...FRAMES.slice(7, 10)),
    ],
  });
  expect(result.verdict).toBe('inconclusive');
  expect(result.counts).toMatchObject({ pairs: 16, gaps: { frames: 4 } });
});

test('the frames in a gap of the mirror are counted once, however many clients lack them', () => {
  const result = diffScenario({
    connections: ['publisher', 'a', 'b'],
    steps: [
      ...sends(1, ...FRAMES.slice(0, 3)),
      gap({ stream: 'client', where: 'mirror', offset: 100, bytes: 100 }),
      ...delivers('old', [1, 2, 3], ...FRAMES.slice(0, 3)),
      ...delivers('new', [1, 2, 3], FRAMES[0]!, FRAMES[2]!),
    ],
  });
  expect(result.counts.gaps).toEqual({ frames: 3, bytes: 100, inside: 1 });
});
