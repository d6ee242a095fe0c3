import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fidelity, fidelityWords, Histogram } from '../../src/replay/fidelity.ts';
import { type Due, Pace } from '../../src/replay/pace.ts';

const FOREVER = Number.POSITIVE_INFINITY;
const ms = (value: number): number => value * 1e6;

function duesOf(pace: Pace, timesMs: readonly number[], kind = 'send'): readonly Due[] {
  return timesMs.map((timeMs) => pace.next({ kind, timeNs: ms(timeMs) }));
}

describe('when a step is due', () => {
  test('is counted from the one start, whatever the speed', () => {
    const times = fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(times, fc.constantFrom(0.1, 1, 7, 1_000), (list, speed) => {
        const pace = new Pace({ mode: 'timed', speed, pauseMsMax: FOREVER });
        const sorted = list.toSorted((left, right) => left - right);
        for (const timeMs of sorted) {
          const due = pace.next({ kind: 'send', timeNs: ms(timeMs) });
          expect(due.kind === 'at' ? due.ms : Number.NaN).toBeCloseTo(timeMs / speed, 6);
        }
      }),
    );
  });

  test('long pauses are cut, and everything behind them comes that much earlier', () => {
    const pace = new Pace({ mode: 'timed', speed: 2, pauseMsMax: 100 });
    expect(duesOf(pace, [0, 100, 10_100, 10_200])).toEqual([
      { kind: 'at', ms: 0 },
      { kind: 'at', ms: 50 },
      { kind: 'at', ms: 150 },
      { kind: 'at', ms: 200 },
    ]);
  });

  test('at once, sends wait for nothing, and who comes or leaves, and what follows it, for 20 ms at most', () => {
    const pace = new Pace({ mode: 'max', speed: 1, pauseMsMax: FOREVER });
    const afters = [
      pace.next({ kind: 'open', timeNs: 0 }),
      pace.next({ kind: 'send', timeNs: ms(5) }),
      pace.next({ kind: 'send', timeNs: ms(500) }),
      pace.next({ kind: 'close', timeNs: ms(510) }),
      pace.next({ kind: 'send', timeNs: ms(900) }),
      pace.next({ kind: 'send', timeNs: ms(901) }),
    ];
    expect(afters.map((due) => due.kind === 'after' && [due.pauseMs, due.settles])).toEqual([
      [0, true],
      [5, true],
      [0, false],
      [10, true],
      [20, true],
      [0, false],
    ]);
  });
});

describe('fidelity', () => {
  test('quantiles are right to five percent', () => {
    const values = fc.array(fc.double({ min: 1, max: 1e7, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.constantFrom(0.5, 0.9, 0.99), (list, share) => {
        const histogram = new Histogram();
        for (const value of list) histogram.add(value);
        const sorted = list.toSorted((left, right) => left - right);
        const exact = sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
        expect(histogram.quantile(share)).toBeGreaterThanOrEqual(exact * 0.999);
        expect(histogram.quantile(share)).toBeLessThanOrEqual(exact * 1.05);
        expect(histogram.max).toBe(sorted.at(-1));
      }),
    );
  });

  test('tells a clock that runs away from sends that are late now and then', () => {
    const steady = new Fidelity();
    const running = new Fidelity();
    for (let at = 0; at <= 10_000; at += 10) {
      steady.sent(at, at + (at % 70 === 0 ? 5 : 0.05));
      running.sent(at, at * 1.01);
    }
    expect(Math.abs(steady.report().driftPercent ?? 1)).toBeLessThan(0.02);
    expect(running.report().driftPercent).toBeCloseTo(1, 3);
    expect(steady.report().lateness).toMatchObject({ p50Us: 52, maxUs: 5_000 });
  });

  test('says what it counted', () => {
    const fidelity = new Fidelity();
    fidelity.sent(undefined, 3);
    fidelity.overtook();
    fidelity.waited(true);
    fidelity.waited(false);
    expect(fidelityWords(fidelity.report())).toEqual([
      '1 sends, as fast as they were taken',
      "1 sends were overtaken by another client's",
      '2 waits for answers, 1 of them never came true',
    ]);
  });
});
