import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from '../../src/diff/latency-histogram.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import { testFrame } from '../support/frames.ts';
import type { CaptureStep } from '../support/capture-builder.ts';
import { delivers, diffScenario, kindsOf, sends } from './support.ts';

const FRAMES = Array.from({ length: 6 }, (_, at) => testFrame(at + 1));
const MS = 1_000_000;

/** Sent, a millisecond later in old, and so many milliseconds after that in new. */
function steps(waits: readonly number[], frames = FRAMES): CaptureStep[] {
  return waits.flatMap((waitMs, at) => {
    const frame = frames[at] ?? new Uint8Array();
    return [
      ...sends(1, frame),
      ...delivers('old', [1], frame),
      ...(waitMs === 0 ? [] : [{ waitMs }]),
      ...delivers('new', [1], frame),
    ];
  });
}

function compare(waits: readonly number[], lateAfterMs?: number): DiffResult {
  return diffScenario({ steps: steps(waits) }, { lateAfterMs });
}

describe('a message that comes too late', () => {
  it('is reported once, with how late it was, when it is asked for', () => {
    const result = compare([0, 0, 80, 0, 0, 0], 50);
    expect(result.divergences).toMatchObject([
      { kind: 'late', old: { ordinal: 2 }, new: { ordinal: 2 }, differences: [] },
    ]);
    expect(result.divergences[0]?.detail).toContain('81 ms later in new (allowed: 50 ms)');
    expect(result.verdict).toBe('different');
    expect(result.counts).toMatchObject({ pairs: 6, identical: 6 });
  });

  it('is no divergence when nobody asks, and its latency is there all the same', () => {
    const { verdict, latency } = compare([0, 0, 80, 0, 0, 0]);
    expect(verdict).toBe('same');
    expect(latency).toMatchObject({
      lateAfterNs: null,
      old: { count: 6, maxNs: String(MS) },
      new: { count: 6, maxNs: String(82 * MS) },
      behind: { count: 6, maxNs: String(81 * MS) },
    });
    expect(Number(latency?.new?.p50Ns) / MS).toBeCloseTo(2, 1);
  });

  it('is not one that changed its place, nor one of equal ones of which a side has more', () => {
    const [first, second, ...rest] = FRAMES;
    const moved = diffScenario(
      {
        steps: [
          ...sends(1, ...FRAMES),
          ...delivers('old', [1], ...FRAMES),
          { waitMs: 1 },
          ...delivers('new', [1], second!, ...rest),
          { waitMs: 90 },
          ...delivers('new', [1], first!),
        ],
      },
      { lateAfterMs: 50 },
    );
    expect(kindsOf(moved)).toEqual(['reordered']);
    const lost = diffScenario(
      {
        steps: [
          ...steps([0, 0, 0], [first!, first!, first!]),
          { waitMs: 500 },
          ...sends(1, first!),
          ...delivers('old', [1], first!),
        ],
      },
      { lateAfterMs: 50 },
    );
    expect(kindsOf(lost)).toEqual(['missing']);
  });

  it('cannot be told without a clock in common, which is said', () => {
    const result = diffScenario(
      { origin: 'transcript', steps: steps([0, 0, 80, 0, 0, 0]) },
      { lateAfterMs: 50 },
    );
    expect([result.verdict, result.latency]).toEqual(['inconclusive', undefined]);
    expect(result.reason).toContain('old and new have no clock in common');
  });
});

describe('the cause of lateness', () => {
  const [first, second, third] = FRAMES;
  const connections = ['one', 'two'];
  const causesOf = ({ groups }: DiffResult): readonly unknown[] =>
    groups.map(({ cause, count, evidence }) => [cause, count, evidence]);
  /** Both clients are owed three messages over 100 ms; new hands them out to client 1 at the end of these. */
  const heldUp = (whatTwoGets: (at: number) => CaptureStep[]): CaptureStep[] => [
    ...[first!, second!, third!].flatMap((frame, at) => [
      ...sends(1, frame),
      ...delivers('old', [1, 2], frame),
      ...whatTwoGets(at),
      { waitMs: 50 },
    ]),
    ...delivers('new', [1], first!, second!, third!),
  ];

  it('is one thing for what came due in a pause and came together behind it; who else was served says more', () => {
    const others = [first!, second!, third!];
    const onlyOne = heldUp((at) => delivers('new', [2], others[at]!));
    const [group, ...rest] = diffScenario(
      { connections, steps: onlyOne },
      { lateAfterMs: 30 },
    ).groups;
    expect(rest).toEqual([]);
    expect(group).toMatchObject({
      kind: 'late',
      cause: 'held-up',
      count: 3,
      explanation: 'consistent with a client that did not read in time',
    });
    expect(group?.evidence).toContain('Other clients were served meanwhile.');
    const all = diffScenario(
      { connections, steps: [...heldUp(() => []), ...delivers('new', [2], ...others)] },
      { lateAfterMs: 30 },
    );
    expect(all.groups).toMatchObject([
      { cause: 'held-up', count: 6, explanation: 'consistent with a relay that stood still' },
    ]);
  });

  it('is that new takes longer where most messages are late one by one, and unknown where few are', () => {
    const slow = diffScenario({ steps: steps([60, 60, 60, 60, 0, 0]) }, { lateAfterMs: 50 });
    expect(causesOf(slow)).toEqual([
      [
        'slower-throughout',
        4,
        expect.stringContaining('4 of 6 messages that both delivered were late one by one'),
      ],
    ]);
    const few = diffScenario({ steps: steps([60, 0, 60, 0, 0, 0]) }, { lateAfterMs: 50 });
    expect(causesOf(few)).toMatchObject([['unexplained', 2, expect.anything()]]);
  });
});

describe('a latency histogram', () => {
  it('is exact in number and maximum, and at most one per cent high in percentiles', () => {
    const times = Array.from({ length: 10_000 }, (_, at) => Math.round(1_000 * 1.001 ** at));
    const histogram = new LatencyHistogram();
    for (const time of times.toReversed()) histogram.add(time);
    const { count, p50Ns, p99Ns, maxNs } = histogram.result() ?? {};
    expect([count, maxNs]).toEqual([10_000, String(times.at(-1))]);
    for (const [found, share] of [
      [p50Ns, 0.5],
      [p99Ns, 0.99],
    ] as const) {
      const exact = times[Math.ceil(share * times.length) - 1] ?? 0;
      expect(Number(found) / exact).toBeGreaterThanOrEqual(1 - 1e-9);
      expect(Number(found) / exact).toBeLessThan(1.01);
    }
  });

  it('takes times that lie before others, and nothing at all', () => {
    const histogram = new LatencyHistogram();
    expect(histogram.result()).toBeUndefined();
    for (const time of [-5_000_000, -4_000_000, 0, 7]) histogram.add(time);
    expect(histogram.result()).toMatchObject({ count: 4, maxNs: '7' });
    expect(Number(histogram.result()?.p50Ns) / -4_000_000).toBeCloseTo(1, 1);
  });
});
