/** With noise in every message, what became of each message is still found exactly. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NoiseModel } from '../../../src/diff/noise/model.ts';
import { nearest } from '../../../src/diff/nearest.ts';
import type { DivergenceKind } from '../../../src/diff/types.ts';
import { testFrame } from '../../support/frames.ts';
import { processorSeconds } from '../../support/processor-seconds.ts';
import { delivers, diffScenario, sends } from '../support.ts';
import {
  diffWith,
  heartbeat,
  learn,
  PRICE_AT,
  recordTwoRelays,
  SEQUENCE_AT,
  TIMESTAMP_AT,
} from './support.ts';

const STAMPS = [
  { kind: 'counter', offset: SEQUENCE_AT },
  { kind: 'clock', offset: TIMESTAMP_AT },
] as const;
const MESSAGES = 400;

let known: NoiseModel | undefined;
const learned = (): NoiseModel =>
  (known ??= learn(recordTwoRelays({ seed: 31, messages: 1_000, stamps: STAMPS })));

type Fault = 'lose' | 'copy' | 'swap' | 'change';
const KIND_OF: Readonly<Record<Fault, DivergenceKind>> = {
  lose: 'missing',
  copy: 'duplicated',
  swap: 'reordered',
  change: 'modified',
};

describe('faults among messages that all differ', () => {
  test('are each found once, with the right kind and place, and nothing else is', () => {
    const faults = fc.uniqueArray(
      fc.record({
        // Far enough apart that each is a fault of its own.
        slot: fc.integer({ min: 1, max: MESSAGES / 10 - 2 }),
        fault: fc.constantFrom<Fault>('lose', 'copy', 'swap', 'change'),
      }),
      { selector: ({ slot }) => slot, maxLength: 12 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), faults, (seed, chosen) => {
        const at = new Map(chosen.map(({ slot, fault }) => [slot * 10, fault]));
        const path = recordTwoRelays({
          seed,
          messages: MESSAGES,
          stamps: STAMPS,
          change: (frame, index) => {
            if (at.get(index) === 'change') frame[PRICE_AT] = (frame[PRICE_AT] ?? 0) ^ 0x40;
            return frame;
          },
          delivers: (stamped) => {
            const list: Uint8Array[] = [];
            for (let index = 0; index < stamped.length; index++) {
              const [one, next] = [stamped[index], stamped[index + 1]];
              if (one === undefined) continue;
              const fault = at.get(index);
              if (fault === 'lose') continue;
              if (fault === 'swap' && next !== undefined) list.push(next, one);
              else if (fault === 'copy') list.push(one, one);
              else list.push(one);
              if (fault === 'swap') index++;
            }
            return list;
          },
        });
        const found = diffWith(path, learned()).divergences;
        expect(found.map(({ detail }) => detail).join('\n')).not.toMatch(/clock|counter/);
        const places = found.map(({ kind, old }) => [
          Math.floor((old?.ordinal ?? -1) / 10) * 10,
          kind,
        ]);
        const wanted = [...at].map(([index, fault]) => [index, KIND_OF[fault]]);
        const inOrder = (list: readonly (readonly unknown[])[]): unknown[] =>
          list.map((each) => each.join(' ')).sort();
        expect(inOrder(places)).toEqual(inOrder(wanted));
      }),
      { numRuns: 15 },
    );
  }, 60_000);

  test('are found in linear time', () => {
    const secondsOf = (messages: number): number => {
      const path = recordTwoRelays({ seed: 8, messages, stamps: STAMPS });
      return processorSeconds(() => {
        const { counts } = diffWith(path, learned());
        expect(counts).toMatchObject({ pairs: messages, noisy: messages });
      });
    };
    secondsOf(1_000);
    expect(secondsOf(10_000)).toBeLessThan(10);
  }, 60_000);

  test('of equal messages those are left out that new broadcast after a client had left', () => {
    const clock = STAMPS.slice(1);
    const model = learn(
      recordTwoRelays({ seed: 12, messages: 300, stamps: clock, frame: heartbeat }),
    );
    const stamped = (aheadNs: bigint): Uint8Array[] =>
      Array.from({ length: 20 }, (_, at) =>
        testFrame(0, {
          type: 100,
          valueBytes: 16,
          sequence: 0n,
          timestamp: 1_700_000_000_000_000_000n + BigInt(at) * 1_000_000n + aheadNs,
        }),
      );
    const [old, neu] = [stamped(0n), stamped(30_000n)];
    const result = diffScenario(
      {
        connections: ['publisher', 'consumer', 'witness'],
        steps: [
          ...sends(1, ...Array.from({ length: 20 }, heartbeat)),
          ...delivers('old', [2, 3], ...old),
          ...delivers('new', [2, 3], ...neu.slice(0, 15)),
          { connection: 2, event: 'close', on: 'client' },
          { waitMs: 30 },
          ...delivers('new', [3], ...neu.slice(15)),
        ],
      },
      { noise: model },
    );
    expect(result.divergences.map(({ detail }) => detail)).toEqual([]);
    expect(result.counts).toMatchObject({ ignored: 5, pairs: 35, noisy: 35 });
    expect(result.ignored?.map(({ ordinal }) => ordinal)).toEqual([15, 16, 17, 18, 19]);
  });
});

describe('the partners of equal messages', () => {
  test('are as near together as any order-keeping choice can bring them', () => {
    const cost = (many: number[], few: number[], partners: readonly number[]): number =>
      few.reduce((sum, time, at) => sum + Math.abs(time - (many[partners[at] ?? 0] ?? 0)), 0);
    const best = (many: number[], few: number[]): number => {
      const [first, ...rest] = few;
      if (first === undefined) return 0;
      let least = Number.POSITIVE_INFINITY;
      for (let at = 0; at <= many.length - few.length; at++) {
        const here = Math.abs(first - (many[at] ?? 0));
        least = Math.min(least, here + best(many.slice(at + 1), rest));
      }
      return least;
    };
    const rising = (length: { minLength: number; maxLength: number }) =>
      fc.array(fc.nat(50), length).map((list) => list.sort((left, right) => left - right));
    fc.assert(
      fc.property(
        rising({ minLength: 6, maxLength: 9 }),
        rising({ minLength: 1, maxLength: 6 }),
        (many, few) => {
          const partners = nearest(many, few);
          expect([...new Set(partners)].sort((left, right) => left - right)).toEqual(partners);
          expect(cost(many, few, partners)).toBe(best(many, few));
        },
      ),
    );
  });
});
