/**
 * Judges the new side of a comparison against a model: field by field, each by the rules of its noise type.
 * A counter or an alias may run through several types of messages; then these are judged together.
 */
import { assertNever } from '../../lib/assert.ts';
import { AliasJudge } from './alias.ts';
import { ClockJudge } from './clock.ts';
import { CounterJudge } from './counter.ts';
import { typeKeyOf } from './fields.ts';
import { type Excuse, type FieldJudge, type FieldJudgement, judgeSeries } from './judgement.ts';
import type { Masks } from './mask.ts';
import type { FieldModel, NoiseKind, TypeNoise } from './model.ts';
import { RandomJudge } from './random.ts';
import {
  byType,
  type LoneMessage,
  type NoisyPair,
  type NoisyTraffic,
  seriesOf,
  valuesOf,
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
  return fieldGroups(types).map(({ field, noise, types: together, judge }) => {
    const ofField = together.flatMap(
      (type) => seriesOf(type, field, pairsOf.get(type) ?? []).observations,
    );
    const excuses = [
      ...ofField.filter(({ pair }) => pair.isMoved).map(({ pair }) => excuseOfMoved(pair)),
      ...alone.flatMap((one) => excuseOf(one, field) ?? []),
    ];
    return { field, kind: noise.kind, judgement: judgeSeries(judge, ofField, excuses) };
  });
}

/** It lost its place: it may be missing anywhere. */
export function excuseOfMoved({ connection, type, old, new: neu }: NoisyPair): Excuse {
  const slot = { after: -1, before: Number.POSITIVE_INFINITY };
  return { connection, type, head: old.content.head, old: old.index, new: neu.index, slot };
}

/** undefined: it does not have the field. */
export function excuseOf(
  { connection, side, item, slot }: LoneMessage,
  field: string,
): Excuse | undefined {
  const { noise, head } = item.content;
  if (noise === undefined || valuesOf(noise, field).length === 0) return undefined;
  const base = { connection, type: noise.layout.type, head };
  if (side === 'new') return { ...base, old: undefined, new: item.index, slot: undefined };
  // Just behind a window is anywhere behind it.
  const before = Number.isInteger(slot.before) ? slot.before : Number.POSITIVE_INFINITY;
  return { ...base, old: item.index, new: undefined, slot: { after: slot.after, before } };
}

/** A field of the types of messages that are judged together. */
export interface FieldGroup {
  readonly field: string;
  readonly noise: FieldModel;
  readonly types: string[];
  readonly judge: FieldJudge;
}

/** Each with a judge that has seen nothing. */
export function fieldGroups(types: readonly ModelledType[]): readonly FieldGroup[] {
  const groups = new Map<string, FieldGroup>();
  for (const { domain, shape, fields } of types) {
    const type = typeKeyOf(domain, shape);
    for (const { field, noise } of fields) {
      const key = `${field}\n${togetherKey(noise) ?? type}`;
      const group = groups.get(key);
      const judge = group?.judge ?? judgeOf(noise, field);
      // What is not explained there has another identity, and is no pair.
      if (judge === undefined) continue;
      if (group === undefined) groups.set(key, { field, noise, types: [type], judge });
      else group.types.push(type);
    }
  }
  return [...groups.values()];
}

/** Equal for types of messages that are judged together; undefined: each by itself. */
function togetherKey(noise: FieldModel): string | undefined {
  if (noise.kind === 'alias') return noise.shared ? 'shared alias' : undefined;
  if (noise.kind !== 'counter' || noise.scope === 'type') return undefined;
  return `counter ${noise.scope} ${noise.step}`;
}

function judgeOf(noise: FieldModel, field: string): FieldJudge | undefined {
  switch (noise.kind) {
    case 'clock':
      return new ClockJudge(noise, field);
    case 'counter':
      return new CounterJudge(noise, field);
    case 'alias':
      return new AliasJudge(noise, field);
    case 'random':
      return new RandomJudge(noise, field);
    case 'order-free':
    case 'checksum':
      return undefined;
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
