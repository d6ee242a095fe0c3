/**
 * Judges the new side of a comparison against a model: field by field, each by the rules of its noise type.
 * A counter or an alias may run through several types of messages; then these are judged together.
 */
import { assertNever } from '../../lib/assert.ts';
import { judgeAlias } from './alias.ts';
import { judgeClock } from './clock.ts';
import { judgeCounter } from './counter.ts';
import { typeKeyOf } from './fields.ts';
import { type FieldJudgement, NOTHING_JUDGED } from './judgement.ts';
import type { Masks } from './mask.ts';
import type { FieldModel, NoiseKind, TypeNoise } from './model.ts';
import { judgeRandom } from './random.ts';
import {
  byType,
  type LoneMessage,
  type NoisyTraffic,
  type Observation,
  seriesOf,
} from './traffic.ts';

/** A field of one type of messages, or of several that are judged together. */
export interface JudgedField {
  readonly field: string;
  readonly kind: NoiseKind;
  readonly judgement: FieldJudgement;
}

export type ModelledType = Pick<TypeNoise, 'domain' | 'shape'> & {
  readonly fields: readonly { readonly field: string; readonly noise: FieldModel }[];
};

export function judgeTraffic(
  types: readonly ModelledType[],
  { pairs, alone }: NoisyTraffic,
): readonly JudgedField[] {
  const pairsOf = byType(pairs);
  const judged: JudgedField[] = [];
  for (const { field, noise, types: together } of fieldGroups(types)) {
    if (noise.kind === 'order-free' || noise.kind === 'checksum') continue;
    const observations = together.flatMap(
      (type) => seriesOf(type, field, pairsOf.get(type) ?? []).observations,
    );
    const judgement = judgeField(observations, noise, field, alone);
    judged.push({ field, kind: noise.kind, judgement });
  }
  return judged;
}

interface FieldGroup {
  readonly field: string;
  readonly noise: FieldModel;
  readonly types: string[];
}

function fieldGroups(types: readonly ModelledType[]): Iterable<FieldGroup> {
  const groups = new Map<string, FieldGroup>();
  for (const { domain, shape, fields } of types) {
    const type = typeKeyOf(domain, shape);
    for (const { field, noise } of fields) {
      const key = `${field}\n${togetherKey(noise) ?? type}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { field, noise, types: [type] });
      else group.types.push(type);
    }
  }
  return groups.values();
}

/** Equal for types of messages that are judged together; undefined: each by itself. */
function togetherKey(noise: FieldModel): string | undefined {
  if (noise.kind === 'alias') return noise.shared ? 'shared alias' : undefined;
  if (noise.kind !== 'counter' || noise.scope === 'type') return undefined;
  return `counter ${noise.scope} ${noise.step}`;
}

function judgeField(
  observations: readonly Observation[],
  noise: FieldModel,
  field: string,
  alone: readonly LoneMessage[],
): FieldJudgement {
  switch (noise.kind) {
    case 'clock':
      return judgeClock(observations, noise, field);
    case 'counter':
      return judgeCounter(observations, noise, field, alone);
    case 'alias':
      return judgeAlias(observations, noise, field);
    case 'random':
      return judgeRandom(observations, noise, field);
    // What is not explained there has another identity, and is no pair.
    case 'order-free':
    case 'checksum':
      return NOTHING_JUDGED;
    default:
      return assertNever(noise, 'noise type');
  }
}

/** What the messages of each type are told apart without. */
export function masksOf(types: readonly ModelledType[]): Masks {
  return new Map(
    types.map(({ domain, shape, fields }) => {
      const named = (kind: NoiseKind): readonly string[] =>
        fields.filter(({ noise }) => noise.kind === kind).map(({ field }) => field);
      const isStamp = ({ kind }: FieldModel): boolean =>
        kind !== 'order-free' && kind !== 'checksum';
      return [
        typeKeyOf(domain, shape),
        {
          fields: new Set(fields.filter(({ noise }) => isStamp(noise)).map(({ field }) => field)),
          orderFree: new Set(named('order-free')),
          checksumMayBeZero: fields.some(
            ({ noise }) => noise.kind === 'checksum' && noise.mayBeZero,
          ),
        },
      ] as const;
    }),
  );
}
