/**
 * Learns a model from pairs of old against old: of which type the noise in each field is, by trying the types
 * from the one that says most to the one that says least, and what the type needs to know. Then asks how
 * often it would be wrong: each fifth of the pairs is judged by what the other four teach.
 */
import { learnAlias } from './alias.ts';
import { learnClock } from './clock.ts';
import { learnCounter, learnUnevenCounter } from './counter.ts';
import { CHECKSUM_FIELD, typeKeyOf } from './fields.ts';
import { judgeTraffic, type ModelledType } from './judge.ts';
import { NOISE_PAIRS_MIN } from './judgement.ts';
import type { Masks, TypeMask } from './mask.ts';
import type { AlarmCount, FieldModel, NoisyField, TypeNoise, UnlearnedField } from './model.ts';
import { learnRandom } from './random.ts';
import {
  byType,
  differs,
  type NoisyPair,
  type NoisyTraffic,
  type Observation,
  seriesOf,
} from './traffic.ts';

export interface LearnedNoise {
  readonly types: readonly TypeNoise[];
  readonly unlearned: readonly UnlearnedField[];
  readonly falseAlarms: AlarmCount;
}

interface LearnedField {
  readonly field: string;
  readonly noise: FieldModel;
}

interface LearnedType extends ModelledType {
  readonly subject: string;
  readonly pairs: readonly NoisyPair[];
  readonly fields: readonly LearnedField[];
}

export function learnNoise(traffic: NoisyTraffic, masks: Masks): LearnedNoise {
  const pairsOf = byType(traffic.pairs);
  const models = learnFields(pairsOf, masks);
  const types: LearnedType[] = [];
  const unlearned: UnlearnedField[] = [];
  for (const [type, mask] of masks) {
    const pairs = pairsOf.get(type) ?? [];
    const [domain, shape] = partsOfType(type);
    const subject = pairs[0]?.old.content.subject ?? shape;
    const fields: LearnedField[] = [];
    for (const field of mask.fields) {
      const noise = models.get(`${type}\n${field}`);
      if (noise !== undefined) fields.push({ field, noise });
      else unlearned.push({ domain, shape, subject, field, ...whyUnlearned(pairs, field) });
    }
    fields.push(...structural(pairs, mask, fields.length > 0));
    if (fields.length > 0) types.push({ domain, shape, subject, pairs, fields });
  }
  return { ...validated(types, traffic), unlearned };
}

function partsOfType(type: string): readonly [number, string] {
  const space = type.indexOf(' ');
  return [Number(type.slice(0, space)), type.slice(space + 1)];
}

function whyUnlearned(
  pairs: readonly NoisyPair[],
  field: string,
): Pick<UnlearnedField, 'pairs' | 'differing' | 'why'> {
  const differing = pairs.filter((pair) => differs(pair, field)).length;
  const why =
    pairs.length < NOISE_PAIRS_MIN
      ? `${pairs.length} pairs are too few to learn from, ${NOISE_PAIRS_MIN} are needed`
      : 'it is no clock, no counter, no alias and not random';
  return { pairs: pairs.length, differing, why };
}

/** Order and checksum have no values of their own. */
function* structural(
  pairs: readonly NoisyPair[],
  mask: TypeMask,
  isStamped: boolean,
): Generator<LearnedField> {
  const samples = pairs.length;
  for (const field of mask.orderFree) {
    const differing = pairs.filter((pair) => pair.oldValues.order !== pair.newValues.order).length;
    yield { field, noise: { kind: 'order-free', samples, differing } };
  }
  if (isStamped || mask.orderFree.size > 0 || mask.checksumMayBeZero) {
    const noise = { kind: 'checksum', samples, mayBeZero: mask.checksumMayBeZero } as const;
    yield { field: CHECKSUM_FIELD, noise };
  }
}

/** By type and field. Counters and aliases may run through all types that have the field. */
function learnFields(
  pairsOf: ReadonlyMap<string, readonly NoisyPair[]>,
  masks: Masks,
): ReadonlyMap<string, FieldModel> {
  const typesOf = new Map<string, string[]>();
  for (const [type, mask] of masks) {
    for (const field of mask.fields) {
      const types = typesOf.get(field);
      if (types === undefined) typesOf.set(field, [type]);
      else types.push(type);
    }
  }
  const models = new Map<string, FieldModel>();
  for (const [field, types] of typesOf) {
    const observationsOf = new Map(
      types.map((type) => [type, seriesOf(type, field, pairsOf.get(type) ?? []).observations]),
    );
    const all = [...observationsOf.values()].flat();
    const shared = types.length > 1 ? learnCounter(all) : undefined;
    for (const [type, observations] of observationsOf) {
      const model =
        shared !== undefined && shared.scope !== 'type'
          ? shared
          : learnField(observations, bitsOf(observations, field));
      if (model !== undefined) models.set(`${type}\n${field}`, model);
    }
    shareAlias(field, observationsOf, models);
  }
  return models;
}

function learnField(observations: readonly Observation[], bits: number): FieldModel | undefined {
  return (
    learnCounter(observations) ??
    learnClock(observations, 'real') ??
    learnAlias(observations) ??
    learnUnevenCounter(observations) ??
    learnClock(observations, 'any') ??
    learnRandom(observations, bits)
  );
}

/** Where all types of messages that have an alias there agree, it is one. */
function shareAlias(
  field: string,
  observationsOf: ReadonlyMap<string, readonly Observation[]>,
  models: Map<string, FieldModel>,
): void {
  const types = [...observationsOf.keys()].filter(
    (type) => models.get(`${type}\n${field}`)?.kind === 'alias',
  );
  if (types.length < 2) return;
  const together = learnAlias(types.flatMap((type) => observationsOf.get(type) ?? []));
  if (together === undefined) return;
  for (const type of types) models.set(`${type}\n${field}`, { ...together, shared: true });
}

function bitsOf([first]: readonly Observation[], field: string): number {
  const kept = first?.pair.oldValues.layout.fields.find((each) => each.field === field);
  return 8 * (kept?.length ?? 0);
}

const PARTS = 5;

/** The types of noise are taken as learned; what each needs to know is learned again without a fifth. */
function validated(
  types: readonly LearnedType[],
  { pairs, alone }: NoisyTraffic,
): Pick<LearnedNoise, 'types' | 'falseAlarms'> {
  const counts = new Map<string, { judged: number; alarms: number }>();
  const countOf = (type: string, field: string): { judged: number; alarms: number } => {
    const key = `${type}\n${field}`;
    const known = counts.get(key) ?? { judged: 0, alarms: 0 };
    counts.set(key, known);
    return known;
  };
  for (let part = 0; part < PARTS; part++) {
    const [from, to] = [part, part + 1].map((at) => Math.floor((at * pairs.length) / PARTS));
    const test = pairs.slice(from, to);
    const train = byType([...pairs.slice(0, from), ...pairs.slice(to)]);
    const learned = types.map((type) => ({ ...type, fields: learnAgain(type, train) }));
    for (const { field, judgement } of judgeTraffic(learned, { pairs: test, alone })) {
      for (const [type, judged] of judgement.judged) countOf(type, field).judged += judged;
      for (const { observation } of judgement.alarms)
        countOf(observation.pair.type, field).alarms++;
      const [anyType] = judgement.judged.keys();
      if (judgement.trend !== undefined && anyType !== undefined) countOf(anyType, field).alarms++;
    }
  }
  const falseAlarms = { judged: 0, alarms: 0 };
  for (const { judged, alarms } of counts.values()) {
    falseAlarms.judged += judged;
    falseAlarms.alarms += alarms;
  }
  return {
    types: types.map(({ domain, shape, subject, pairs: own, fields }) => ({
      domain,
      shape,
      subject,
      pairs: own.length,
      fields: fields.map(
        (field): NoisyField => ({
          ...field,
          falseAlarms: { ...countOf(typeKeyOf(domain, shape), field.field) },
        }),
      ),
    })),
    falseAlarms,
  };
}

function learnAgain(
  { domain, shape, fields }: LearnedType,
  train: ReadonlyMap<string, readonly NoisyPair[]>,
): readonly LearnedField[] {
  const type = typeKeyOf(domain, shape);
  return fields.flatMap(({ field, noise }): LearnedField[] => {
    if (noise.kind !== 'clock' && noise.kind !== 'random') return [{ field, noise }];
    const { observations } = seriesOf(type, field, train.get(type) ?? []);
    const again =
      noise.kind === 'clock'
        ? learnClock(observations, noise.unit === 'ticks' ? 'any' : 'real')
        : learnRandom(observations, noise.bits);
    return again === undefined ? [] : [{ field, noise: again }];
  });
}
