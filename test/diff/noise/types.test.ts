/** Each type of noise by itself: what it learns, what it lets pass, what it finds. */
import { describe, expect, test } from 'vitest';
import { AliasJudge, learnAlias } from '../../../src/diff/noise/alias.ts';
import { ClockJudge, learnClock } from '../../../src/diff/noise/clock.ts';
import { CounterJudge, learnCounter, learnUnevenCounter } from '../../../src/diff/noise/counter.ts';
import { type FieldJudgement, judgeSeries } from '../../../src/diff/noise/judgement.ts';
import type {
  AliasModel,
  ClockModel,
  CounterModel,
  RandomModel,
} from '../../../src/diff/noise/model.ts';
import { learnRandom, RandomJudge } from '../../../src/diff/noise/random.ts';
import type { Observation } from '../../../src/diff/noise/traffic.ts';
import type { Content, Item } from '../../../src/diff/records.ts';
import { defined } from '../../../src/lib/assert.ts';
import { createRandom } from '../../../src/lib/random.ts';

const PERIOD_NS = 1_000_000;

/** One message each millisecond on one connection. */
function observations(
  count: number,
  valuesAt: (index: number) => { readonly old: bigint; readonly new: bigint },
): Observation[] {
  const content: Content = {
    id: 0,
    isFrame: true,
    length: 32,
    head: { domain: 1, source: 4, sequence: 0n, timestamp: 0n, frameBytes: 32 },
    header: '',
    shape: '1',
    payload: '',
    subject: 'Trade',
    remarks: 0,
  };
  const values = { layout: { type: '1 1', fields: [] }, bytes: '', order: '', checksum: 0 };
  return Array.from({ length: count }, (_, index) => {
    const item: Item = {
      index,
      ordinal: index,
      offset: 32 * index,
      arrivalNs: index * PERIOD_NS,
      content,
      detail: undefined,
      isTail: false,
    };
    const pair = {
      connection: 1,
      old: item,
      new: item,
      isMoved: false,
      type: '1 1',
      oldValues: values,
      newValues: values,
    };
    return { pair, path: 'header.sequence', ...valuesAt(index) };
  });
}

const judgeClock = (some: Observation[], model: ClockModel, field: string): FieldJudgement =>
  judgeSeries(new ClockJudge(model, field), some);
const judgeCounter = (some: Observation[], model: CounterModel, field: string): FieldJudgement =>
  judgeSeries(new CounterJudge(model, field), some);
const judgeAlias = (some: Observation[], model: AliasModel, field: string): FieldJudgement =>
  judgeSeries(new AliasJudge(model, field), some);
const judgeRandom = (some: Observation[], model: RandomModel, field: string): FieldJudgement =>
  judgeSeries(new RandomJudge(model, field), some);

const detailsOf = ({ alarms }: FieldJudgement): string[] => alarms.map(({ detail }) => detail);

describe('a clock', () => {
  const clock = (count: number, extra: (index: number) => number, seed = 1): Observation[] => {
    const random = createRandom(seed);
    return observations(count, (index) => {
      const at = 1_700_000_000_000_000_000n + BigInt(index * PERIOD_NS);
      const jitter = (): bigint => BigInt(Math.round(-Math.log(1 - random.next()) * 50_000));
      return { old: at + jitter(), new: at + jitter() + BigInt(extra(index)) };
    });
  };
  const learned = (count: number): ClockModel =>
    defined(
      learnClock(
        clock(count, () => 0, 2),
        'real',
      ),
      'clock',
    );

  test('has the wider bounds the fewer stamps it was learned from, and always holds what was seen', () => {
    const [few, many] = [learned(30), learned(3_000)];
    expect(many.unit).toBe('ns');
    expect(few.high / few.quantiles.max).toBeGreaterThan(1.2);
    for (const { low, high, quantiles } of [few, many]) {
      expect(low).toBeLessThan(quantiles.min);
      expect(high).toBeGreaterThan(quantiles.max);
    }
  });

  test('raises no alarm in a hundred thousand stamps of its own kind', () => {
    const judged = judgeClock(
      clock(100_000, () => 0, 3),
      learned(3_000),
      'header.timestamp',
    );
    expect([judged.alarms.length, judged.trend]).toEqual([0, undefined]);
  });

  test('that is 4.2 s away is told with what was expected', () => {
    const late = clock(100, (index) => (index === 70 ? 4_200_000_000 : 0), 4);
    expect(detailsOf(judgeClock(late, learned(3_000), 'header.timestamp'))).toEqual([
      expect.stringMatching(
        /^the clock of header\.timestamp was 4\.2 s ahead; old against old it stays within \d+ us \(n = 3,000\)$/,
      ),
    ]);
  });

  test('that drifts is found before any single stamp is out of bounds', () => {
    const slow = clock(5_000, (index) => index * 20, 5);
    const { alarms, trend } = judgeClock(slow, learned(3_000), 'header.timestamp');
    expect(alarms).toEqual([]);
    expect(trend).toMatch(/drifts by \+(19|20|21)(\.\d+)? us a second, .* over 5 s/);
  });

  test('may begin where it likes when that is more than a minute away', () => {
    const own = (count: number, seed: number, start: number): Observation[] =>
      clock(count, () => 0, seed).map((each) => ({
        ...each,
        new: each.new - BigInt(start) * 1_000_000_000n,
      }));
    const model = defined(learnClock(own(500, 6, 5_000), 'real'), 'clock');
    expect(model.ownStart).toBe(true);
    expect(judgeClock(own(500, 7, 90_000), model, 'x').alarms).toEqual([]);
  });
});

describe('a counter', () => {
  const counting = (count: number, at: (index: number) => number): Observation[] =>
    observations(count, (index) => ({ old: BigInt(100 + index), new: BigInt(7 + at(index)) }));
  const model = defined(learnCounter(counting(100, (index) => index)), 'counter');

  test('is learned with its step, whatever its start', () => {
    expect(model).toEqual({ kind: 'counter', samples: 100, scope: 'connection', step: '1' });
  });

  test('counts on each side in the order of that side, however publishers interleave', () => {
    // Every second pair of neighbours reached the new relay the other way round.
    const inOrderOfOld = counting(100, (index) => (index % 4 < 2 ? index ^ 1 : index));
    const interleaved = inOrderOfOld.map((observation): Observation => {
      const { pair } = observation;
      const index = Number(observation.new - 7n);
      return { ...observation, pair: { ...pair, new: { ...pair.new, index } } };
    });
    expect(learnCounter(interleaved)).toEqual(model);
    expect(judgeCounter(interleaved, model, 'header.sequence').alarms).toEqual([]);
  });

  test.each<[string, (index: number) => number, RegExp]>([
    ['stands still', (index) => Math.min(index, 97), /stood still at 104 while old went on by 1/],
    ['goes back', (index) => (index < 99 ? index : 3), /went back from 105 to 10/],
    ['steps twice', (index) => (index < 50 ? index : index + 1), /went on by 2 to 58/],
  ])('that %s is found', (_, at, words) => {
    const details = detailsOf(judgeCounter(counting(100, at), model, 'header.sequence'));
    expect(details[0]).toMatch(words);
    expect(details.length).toBeLessThanOrEqual(2);
  });

  test('may step as it likes when both sides step alike', () => {
    const uneven = (count: number, late = 0): Observation[] => {
      const random = createRandom(9);
      let value = 0;
      return observations(count, (index) => {
        value += random.integer(1, 9);
        return { old: BigInt(value), new: BigInt(50 + value + (index < 30 ? 0 : late)) };
      });
    };
    expect(learnCounter(uneven(100))).toBeUndefined();
    const learned = defined(learnUnevenCounter(uneven(100)), 'counter');
    expect(learned.step).toBeNull();
    expect(judgeCounter(uneven(60), learned, 'x').alarms).toEqual([]);
    expect(judgeCounter(uneven(60, 1), learned, 'x').alarms).toHaveLength(1);
  });
});

describe('an alias', () => {
  const named = (count: number, wrong: (index: number) => bigint | undefined): Observation[] =>
    observations(count, (index) => {
      const name = BigInt(index % 8);
      return { old: name, new: wrong(index) ?? 900n - name };
    });
  const model = defined(learnAlias(named(200, () => undefined)), 'alias');

  test('is one to one, and a second partner of either side is found, even the first time', () => {
    expect(
      judgeAlias(
        named(200, () => undefined),
        model,
        'id',
      ).alarms,
    ).toEqual([]);
    for (const at of [0, 77]) {
      const judged = judgeAlias(
        named(200, (index) => (index === at ? 5n : undefined)),
        model,
        'id',
      );
      expect(judged.alarms.map(({ observation }) => observation.pair.old.index)).toEqual([at]);
    }
    const taken = judgeAlias(
      named(200, (index) => (index === 8 ? 899n : undefined)),
      model,
      'id',
    );
    expect(detailsOf(taken)[0]).toContain('0 of old became 899, elsewhere 900 (in 24 pairs)');
  });

  test('is not seen in values that never come again', () => {
    const once = observations(200, (index) => ({ old: BigInt(index), new: BigInt(5_000 - index) }));
    expect(learnAlias(once)).toBeUndefined();
  });
});

describe('a random value', () => {
  const drawn = (count: number, seed: number, bits = 64): Observation[] => {
    const random = createRandom(seed);
    const draw = (): bigint =>
      BigInt.asUintN(
        bits,
        (BigInt(random.integer(0, 2 ** 32 - 1)) << 32n) | BigInt(random.integer(0, 2 ** 32 - 1)),
      );
    return observations(count, () => ({ old: draw(), new: draw() }));
  };

  test('that comes again is found where chance would not bring it', () => {
    const model = defined(learnRandom(drawn(300, 1), 64), 'random');
    expect(judgeRandom(drawn(2_000, 2), model, 'id').alarms).toEqual([]);
    const again = drawn(2_000, 3);
    const first = defined(again[0], 'first');
    const repeated = again.map((each, index) =>
      index === 500 ? { ...each, new: first.new } : each,
    );
    expect(judgeRandom(repeated, model, 'id').alarms).toHaveLength(1);
  });

  test('of two bytes may come again as often as chance has it', () => {
    const model = defined(learnRandom(drawn(500, 4, 16), 16), 'random');
    expect(judgeRandom(drawn(2_000, 5, 16), model, 'id')).toMatchObject({
      alarms: [],
      trend: undefined,
    });
  });

  test('with a bit that no longer changes is less random', () => {
    const model = defined(learnRandom(drawn(300, 6), 64), 'random');
    const dull = drawn(400, 7).map((each) => ({ ...each, new: each.new & ~(1n << 5n) }));
    expect(judgeRandom(dull, model, 'id').trend).toContain(
      'bit 5 of 64 is 1 in 0 % of the messages',
    );
  });

  test('is not seen in states, nor in values that rise', () => {
    const states = observations(300, (index) => ({
      old: BigInt(index % 3),
      new: BigInt((index * 7) % 4),
    }));
    expect(learnRandom(states, 8)).toBeUndefined();
    const rising = observations(300, (index) => ({
      old: BigInt(index * 3),
      new: BigInt(index * 5 + 1),
    }));
    expect(learnRandom(rising, 64)).toBeUndefined();
  });
});
