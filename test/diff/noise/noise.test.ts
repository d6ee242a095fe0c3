/** Two relays that stamp every message: what is noise, what is not, and what is found inside of noise. */
import { describe, expect, test } from 'vitest';
import { join } from 'node:path';
import { openCapture } from '../../../src/capture/open.ts';
import { learnFromCapture } from '../../../src/diff/noise/learn-capture.ts';
import { type NoiseModel, parseNoiseModel } from '../../../src/diff/noise/model.ts';
import { defined } from '../../../src/lib/assert.ts';
import { createRandom, type Random } from '../../../src/lib/random.ts';
import type { StampFault } from '../../../src/simulate/stamps.ts';
import { encodeTlv } from '../../../src/wire/tlv.ts';
import { buildCapture } from '../../support/capture-builder.ts';
import { testFrame } from '../../support/frames.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { delivers, dialect, diffScenario, type Scenario, sends } from '../support.ts';
import {
  ASSET_AT,
  diffWith,
  heartbeat,
  kindsOfFields,
  learn,
  PRICE_AT,
  recordTwoRelays,
  SEQUENCE_AT,
  TIMESTAMP_AT,
  type TwoRelays,
  VOLUME_AT,
} from './support.ts';

const ALL_STAMPS = [
  { kind: 'counter', offset: SEQUENCE_AT },
  { kind: 'clock', offset: TIMESTAMP_AT },
  { kind: 'alias', offset: ASSET_AT },
  { kind: 'random', offset: VOLUME_AT },
] as const;

const stamping = (relays: Partial<TwoRelays>): string =>
  recordTwoRelays({ seed: 5, messages: 1_500, stamps: ALL_STAMPS, ...relays });

let known: NoiseModel | undefined;
/** Learned by the first test that needs it. */
const learned = (): NoiseModel => (known ??= learn(stamping({ seed: 1 })));

describe('two instances of one relay', () => {
  test('teach the type of noise of each field that they stamp', () => {
    const model = learned();
    expect(kindsOfFields(model)).toEqual({
      'header.sequence': 'counter',
      'header.timestamp': 'clock',
      'header.checksum': 'checksum',
      'tlv[0].Trade.asset_id': 'alias',
      'tlv[0].Trade.volume': 'random',
    });
    expect(model.unlearned).toEqual([]);
    expect(model.divergences).toBe(0);
    expect(model.falseAlarms).toEqual({ judged: 6_000 - 5, alarms: 0 });
  });

  test('teach it by their first messages, and are held against it to the end', () => {
    const reader = openCapture(stamping({ seed: 1 }));
    const model = learnFromCapture(reader, dialect, 30_000);
    reader.close();
    expect(kindsOfFields(model)).toEqual(kindsOfFields(learned()));
    expect(model.pairs).toBeGreaterThan(300);
    expect(model.pairs).toBeLessThan(1_000);
    expect(model.divergences).toBe(0);
  });

  test('are the same, although every message differs', () => {
    const path = stamping({ seed: 2 });
    expect(diffWith(path).counts.identical).toBe(0);
    const result = diffWith(path, learned());
    expect(result.divergences.map((each) => each.detail)).toEqual([]);
    expect(result.verdict).toBe('same');
    expect(result.counts).toMatchObject({ pairs: 1_500, equivalent: 1_500, noisy: 1_500 });
    expect(result.noise?.fields.map(({ alarms, explained }) => [alarms, explained > 0])).toEqual(
      Array.from({ length: 5 }, () => [0, true]),
    );
  });
});

describe('what is no noise', () => {
  test('is found message by message: lost, twice, in another place', () => {
    const path = stamping({
      delivers: (stamped) => {
        const list = [...stamped];
        const [moved] = list.splice(1_000, 1);
        if (moved !== undefined) list.splice(1_010, 0, moved);
        const copy = list[700];
        if (copy !== undefined) list.splice(701, 0, copy);
        list.splice(300, 1);
        return list;
      },
    });
    const result = diffWith(path, learned());
    expect(result.divergences.map((each) => each.kind).sort()).toEqual([
      'duplicated',
      'missing',
      'reordered',
    ]);
    const missing = result.divergences.find((each) => each.kind === 'missing');
    expect(missing?.old?.ordinal).toBe(300);
    expect(result.divergences.find((each) => each.kind === 'duplicated')?.new?.ordinal).toBe(700);
  });

  test('is found by its field, and nothing else of the message is told', () => {
    const path = stamping({
      change: (frame, index) => {
        if (index === 640) frame[PRICE_AT] = (frame[PRICE_AT] ?? 0) ^ 1;
        return frame;
      },
    });
    const [only, ...others] = diffWith(path, learned()).divergences;
    expect(others).toEqual([]);
    expect(only?.kind).toBe('modified');
    expect(only?.differences.map((each) => each.path)).toEqual([
      'header.checksum',
      'tlv[0].Trade.price',
    ]);
  });

  test('of equal heartbeats the lost one is found by its stamp', () => {
    const stamps = ALL_STAMPS.slice(1, 2);
    const heartbeats = { stamps, frame: heartbeat, messages: 600 };
    const model = learn(stamping({ seed: 3, ...heartbeats }));
    const result = diffWith(
      stamping({
        seed: 4,
        ...heartbeats,
        delivers: (all) => all.filter((_, at) => at % 200 !== 77),
      }),
      model,
    );
    expect(result.divergences.map((each) => [each.kind, each.old?.ordinal])).toEqual([
      ['missing', 77],
      ['missing', 277],
      ['missing', 477],
    ]);
  });
});

describe('what follows and what may come in any order', () => {
  const instruments = (random: Random): bigint[] =>
    Array.from({ length: 5 }, () => BigInt(random.integer(1, 1e9)));
  const struct = defined(dialect.types.get(106)?.struct, 'struct');
  const array = defined(
    struct.fields.find(({ name }) => name === 'instruments'),
    'array',
  );
  const placeOf = (index: number): number =>
    array.type.kind === 'fixed-vec'
      ? array.offset + array.type.elementsOffset + index * array.type.elementBytes
      : 0;
  /** A StateInvalidation of these instruments. */
  const invalidation = (index: number, list: readonly bigint[], checksum: 'valid' | 'zero') => {
    const value = new Uint8Array(struct.size);
    const view = new DataView(value.buffer);
    view.setBigUint64(0, BigInt(index), true);
    view.setUint16(array.offset, list.length, true);
    list.forEach((each, at) => view.setBigUint64(placeOf(at), each, true));
    return testFrame(index, { payload: encodeTlv(106, value), checksum });
  };
  type Sides = { readonly old: Uint8Array; readonly new: Uint8Array };
  const scenario = (seed: number, sides: (index: number, list: bigint[]) => Sides): Scenario => {
    const random = createRandom(seed);
    const steps = Array.from({ length: 60 }, (_, index) => {
      const list = instruments(random);
      const frames = sides(index, list);
      return [
        ...sends(1, invalidation(index, list, 'valid')),
        ...delivers('old', [1], frames.old),
        ...delivers('new', [1], frames.new),
      ];
    });
    return { steps: steps.flat() };
  };
  const learnScenario = (each: Scenario): NoiseModel => {
    const path = join(temporaryDirectory(), 'noise.capture');
    buildCapture(path, { connections: ['publisher'], steps: each.steps });
    return learn(path);
  };
  const shuffled = (index: number, list: bigint[]): Sides => ({
    old: invalidation(index, list, 'valid'),
    new: invalidation(index, [...list].reverse(), 'valid'),
  });

  test('elements in another order are noise, an element that only old has is not', () => {
    const model = learnScenario(scenario(1, shuffled));
    expect(kindsOfFields(model)).toEqual({
      'tlv[0].StateInvalidation.instruments.elements[]': 'order-free',
      'header.checksum': 'checksum',
    });
    const changed = scenario(2, (index, list) =>
      index === 33
        ? {
            old: invalidation(index, list, 'valid'),
            new: invalidation(index, [...list.slice(1).reverse(), 77n], 'valid'),
          }
        : shuffled(index, list),
    );
    const result = diffScenario(changed, { noise: model });
    expect(
      result.divergences.map(({ kind, differences }) => [
        kind,
        ...differences.map(({ path }) => path),
      ]),
    ).toEqual([['modified', 'tlv[0].StateInvalidation.instruments.elements[0].asset_id']]);
  });

  test('a checksum that follows is noise; one that new no longer computes is told, unless that was learned', () => {
    const lazy = (index: number, list: bigint[]): Sides => ({
      old: invalidation(index, list, 'valid'),
      new: invalidation(index, [...list].reverse(), 'zero'),
    });
    const told = diffScenario(scenario(3, lazy), { noise: learnScenario(scenario(1, shuffled)) });
    expect(told.counts.divergences).toMatchObject({ encoding: 60, modified: 0, missing: 0 });
    expect(told.divergences[0]?.differences.map(({ path }) => path)).toEqual(['header.checksum']);
    const learnedLazy = learnScenario(scenario(4, lazy));
    expect(diffScenario(scenario(3, lazy), { noise: learnedLazy }).verdict).toBe('same');
  });

  test('a field that differs in no way that has a name stays a difference, and is listed', () => {
    const moody = (seed: number): Scenario =>
      scenario(seed, (index, list) => ({
        old: invalidation(index, list, 'valid'),
        new: invalidation(
          index,
          index % 7 === 0 ? [list[0] ?? 0n, ...list.slice(1, 4), 5n] : list,
          'valid',
        ),
      }));
    const model = learnScenario(moody(5));
    expect(model.types).toEqual([]);
    expect(model.unlearned.map(({ field }) => field)).toEqual([
      'tlv[0].StateInvalidation.instruments.elements[].asset_id',
    ]);
    expect(model.divergences).toBe(9);
    expect(diffScenario(moody(6), { noise: model }).counts.divergences.modified).toBe(9);
  });
});

test('a model is the same value after it was written and read', () => {
  expect(parseNoiseModel(JSON.stringify(learned()), 'noise.json')).toEqual(learned());
  const wrong = JSON.stringify({ ...learned(), pairs: -1 });
  expect(() => parseNoiseModel('{', 'noise.json')).toThrow(
    expect.objectContaining({ code: 'NOISE_INVALID' }),
  );
  expect(() => parseNoiseModel(wrong, 'noise.json')).toThrow(
    /noise\.json is no noise model: pairs: /,
  );
});

describe('a regression inside of a noisy field', () => {
  test.each<[StampFault, string, RegExp]>([
    ['drift', 'clock of header.timestamp drifts', /drifts by \+1 ms a second/],
    ['stuck', 'counter of header.sequence does not count', /stood still at \d+ while old went on/],
    ['double', 'counter of header.sequence does not count', /went on by 2 to/],
    ['partner', 'alias of tlv[0].Trade.asset_id is not one to one', /elsewhere/],
    ['constant', 'tlv[0].Trade.volume is not random', /came again/],
  ])('is found: %s', (fault, title, detail) => {
    const result = diffWith(stamping({ seed: 9, fault }), learned());
    expect(result.verdict).toBe('different');
    expect(result.groups.map((group) => group.title)).toEqual([`Trade changed: ${title}`]);
    expect(result.divergences[0]?.detail).toMatch(detail);
  });
});
