import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DiffResult } from '../../src/diff/types.ts';
import type { CaptureStep } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { ignoring } from './rules/support.ts';
import { delivers, diffScenario, sends } from './support.ts';

const RUNS = { numRuns: 60 };
/** Few contents, so that most messages are sent several times. */
const CONTENTS = Array.from({ length: 4 }, (_, at) =>
  testFrame(at, { sequence: 0n, timestamp: 0n, checksum: 'zero' }),
);
const NUMBERED = Array.from({ length: 12 }, (_, at) => testFrame(100 + at));

function expectConserved({ counts }: DiffResult): void {
  const { divergences, swallowed } = counts;
  const found = (kind: 'missing' | 'extra' | 'duplicated'): number =>
    divergences[kind] + (swallowed?.divergences[kind] ?? 0);
  expect(counts.old + counts.new).toBe(
    2 * counts.pairs +
      found('missing') +
      found('extra') +
      found('duplicated') +
      counts.ignored +
      counts.gaps.frames,
  );
}

interface Message {
  readonly bytes: Uint8Array;
  readonly sender: number;
  readonly inOld: boolean;
  readonly inNew: boolean;
  readonly waitMs: number;
}

const message: fc.Arbitrary<Message> = fc.record({
  bytes: fc.constantFrom(...CONTENTS, ...NUMBERED),
  sender: fc.constantFrom(1, 2),
  inOld: fc.nat(9).map((chance) => chance > 1),
  inNew: fc.nat(9).map((chance) => chance > 1),
  waitMs: fc.constantFrom(0, 0, 0, 5, 50, 2_000),
});

function stepsOf(messages: readonly Message[]): CaptureStep[] {
  return messages.flatMap(({ bytes, sender, inOld, inNew, waitMs }) => [
    ...(waitMs === 0 ? [] : [{ waitMs }]),
    ...sends(sender, bytes),
    ...(inOld ? delivers('old', [1, 2, 3], bytes) : []),
    ...(inNew ? delivers('new', [1, 2, 3], bytes) : []),
  ]);
}

test('every frame of both sides is counted once, whatever was lost, repeated, cut off or left', () => {
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 40 }),
      fc.nat(40),
      fc.boolean(),
      fc.boolean(),
      fc.constantFrom(undefined, 'missing', 'extra', 'connection', 'defect'),
      (messages, leavesAfter, sealed, drained, ignored) => {
        const leave: CaptureStep = { connection: 3, event: 'close', on: 'client' };
        const steps = [
          ...stepsOf(messages.slice(0, leavesAfter)),
          leave,
          ...stepsOf(messages.slice(leavesAfter)),
        ];
        const stop: CaptureStep = {
          connection: undefined,
          event: 'stop',
          details: { drained: drained ? 1 : 0 },
        };
        const connections = ['one', 'two', 'three'];
        const rules = ignored && ignoring({ kind: ignored });
        expectConserved(diffScenario({ connections, steps: [...steps, stop], sealed }, { rules }));
      },
    ),
    RUNS,
  );
});

test('losses of repeated messages on both sides at once are never the same', () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 40 }), (messages) => {
      const isLost = messages.some(({ inOld, inNew }) => inOld !== inNew);
      const result = diffScenario({
        connections: ['one', 'two', 'three'],
        steps: stepsOf(messages),
      });
      expectConserved(result);
      const surplus = new Map<Uint8Array, number>();
      for (const { bytes, inOld, inNew } of messages) {
        surplus.set(bytes, (surplus.get(bytes) ?? 0) + Number(inOld) - Number(inNew));
      }
      const count = (sign: number): number =>
        3 * [...surplus.values()].reduce((sum, each) => sum + Math.max(0, each * sign), 0);
      const { missing, extra, duplicated } = result.counts.divergences;
      expect([missing, extra + duplicated]).toEqual([count(1), count(-1)]);
      if (count(1) + count(-1) > 0) expect(result.verdict).toBe('different');
      // A copy lost by old and another lost by new can only be told by their order, if it is owed.
      if (!isLost && messages.some(({ inOld }) => inOld)) expect(result.verdict).toBe('same');
    }),
    RUNS,
  );
});

test('a client that joins and leaves in the midst of equal messages hides no loss, and makes none', () => {
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 10, maxLength: 40 }),
      fc.nat(9),
      fc.nat(9),
      fc.constantFrom<'old' | 'new' | 'neither'>('old', 'new', 'neither'),
      (messages, joins, stays, late) => {
        const all = messages.map((each) => ({ ...each, inOld: true, inNew: true }));
        const [before, while_, after] = [
          all.slice(0, joins),
          all.slice(joins, joins + stays),
          all.slice(joins + stays),
        ];
        const toOthers = (those: readonly Message[]): CaptureStep[] =>
          those.flatMap(({ bytes, sender, waitMs }) => [
            ...(waitMs === 0 ? [] : [{ waitMs }]),
            ...sends(sender, bytes),
            ...delivers('old', [1, 2], bytes),
            ...delivers('new', [1, 2], bytes),
          ]);
        // One side still delivers the first message after the client left.
        const [first] = after;
        const straggler =
          first === undefined || late === 'neither' ? [] : delivers(late, [3], first.bytes);
        const result = diffScenario({
          connections: ['one', 'two', 'three'],
          steps: [
            ...toOthers(before),
            { connection: 3, event: 'upstream-open', on: 'old' },
            { connection: 3, event: 'upstream-open', on: 'new' },
            ...stepsOf(while_),
            { connection: 3, event: 'close', on: 'client' },
            { waitMs: 20 },
            ...toOthers(after.slice(0, 1)),
            ...straggler,
            ...toOthers(after.slice(1)),
          ],
        });
        expectConserved(result);
        expect(result.divergences).toEqual([]);
        expect(result.counts.ignored).toBe(straggler.length);
        expect(result.verdict).toBe('same');
      },
    ),
    RUNS,
  );
});
