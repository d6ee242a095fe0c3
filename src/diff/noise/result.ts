/** What a result says of noise: an optional part of schemas/json/result.schema.json. */
import type { AlarmCount, NoiseKind, UnlearnedField } from './model.ts';

/** One field of one type of messages. */
export interface NoiseFieldResult {
  readonly domain: number;
  readonly subject: string;
  readonly field: string;
  readonly kind: NoiseKind;
  /** What was learned, in words. */
  readonly parameters: string;
  /** Values that were judged. */
  readonly judged: number;
  /** Pairs in which the field differs and the model explains it. */
  readonly explained: number;
  /** Pairs in which it does not fit the model: each is a divergence. */
  readonly alarms: number;
  /** Of the noise capture: learned from four fifths, judged on the fifth. */
  readonly falseAlarms: AlarmCount;
}

export interface NoiseResult {
  /** The noise capture. */
  readonly source: string;
  /** Pairs that the model was learned from. */
  readonly pairs: number;
  /** Divergences of the noise capture that are no noise. */
  readonly divergences: number;
  readonly falseAlarms: AlarmCount;
  readonly fields: readonly NoiseFieldResult[];
  /** Fields that differ between two instances of old, and in which no type of noise was recognized. */
  readonly unlearned: readonly UnlearnedField[];
  /** Messages that differ and whose type the noise capture does not hold often enough, if at all. */
  readonly unlearnedTypes: readonly { readonly subject: string; readonly pairs: number }[];
}
