/**
 * A relay that stamps the header of every message of a domain that was seen often enough stamps those of the
 * others as well: what all types share in their headers is learned once more, of all of them together, for the
 * messages that were too seldom, or never there.
 */
import { ANY_SHAPE, CHECKSUM_FIELD, typeKeyOf } from './fields.ts';
import { learnClock } from './clock.ts';
import { NOISE_PAIRS_MIN } from './judgement.ts';
import type { FieldModel, NoisyField, TypeNoise } from './model.ts';
import { byType, type NoisyPair, type NoisyTraffic, seriesOf } from './traffic.ts';

/** How many pairs of each type of messages there are, whether it has noise or not. */
type TypeCounts = ReadonlyMap<string, { readonly domain: number; readonly pairs: number }>;

export function withAnyOther(
  types: readonly TypeNoise[],
  { pairs }: NoisyTraffic,
  counts: TypeCounts,
): readonly TypeNoise[] {
  const pairsOf = byType(pairs);
  const others: TypeNoise[] = [];
  for (const domain of new Set(types.map((type) => type.domain))) {
    const own = types.filter((type) => type.domain === domain);
    const known = new Set(own.map(({ shape }) => typeKeyOf(domain, shape)));
    const hasConstant = [...counts].some(
      ([type, count]) =>
        count.domain === domain && count.pairs >= NOISE_PAIRS_MIN && !known.has(type),
    );
    const ownPairs = [...known].flatMap((type) => pairsOf.get(type) ?? []);
    const fields = hasConstant ? [] : sharedFields(own, ownPairs, pairsOf);
    if (fields.length === 0) continue;
    others.push({
      domain,
      shape: ANY_SHAPE,
      subject: 'any other message',
      pairs: ownPairs.length,
      fields,
    });
  }
  return [...types, ...others];
}

/** Header fields in which all types have noise of one kind. Aliases may be of values that others have not. */
function sharedFields(
  types: readonly TypeNoise[],
  pairs: readonly NoisyPair[],
  pairsOf: ReadonlyMap<string, readonly NoisyPair[]>,
): NoisyField[] {
  const [first, ...rest] = types;
  const fields: NoisyField[] = [];
  for (const { field, noise } of first?.fields ?? []) {
    if (!field.startsWith('header.')) continue;
    const all = [noise, ...rest.map((type) => modelOf(type, field))];
    const shared = field === CHECKSUM_FIELD ? noise : sharedModel(all);
    if (shared === undefined) continue;
    const again = shared.kind === 'clock' ? clockOfAll(types, field, pairsOf) : shared;
    if (again === undefined) continue;
    const model = again.kind === 'checksum' ? { ...again, samples: pairs.length } : again;
    fields.push({ field, noise: model, falseAlarms: { judged: 0, alarms: 0 } });
  }
  return fields.some(({ field }) => field !== CHECKSUM_FIELD) ? fields : [];
}

function modelOf({ fields }: TypeNoise, field: string): FieldModel | undefined {
  return fields.find((each) => each.field === field)?.noise;
}

function sharedModel(models: readonly (FieldModel | undefined)[]): FieldModel | undefined {
  const [first] = models;
  if (first === undefined) return undefined;
  const isShared = models.every(
    (model) =>
      model?.kind === first.kind &&
      (model.kind !== 'counter' ||
        (first.kind === 'counter' && model.scope === first.scope && model.step === first.step)),
  );
  const isGeneral =
    first.kind === 'clock' ||
    first.kind === 'random' ||
    (first.kind === 'counter' && first.scope !== 'type');
  return isShared && isGeneral ? first : undefined;
}

function clockOfAll(
  types: readonly TypeNoise[],
  field: string,
  pairsOf: ReadonlyMap<string, readonly NoisyPair[]>,
): FieldModel | undefined {
  const observations = types.flatMap(({ domain, shape }) => {
    const type = typeKeyOf(domain, shape);
    return seriesOf(type, field, pairsOf.get(type) ?? []).observations;
  });
  return learnClock(observations, 'real');
}
