/**
 * What two instances of one relay differ in, as a value: for each message type and field the type of its
 * noise with what was learned of it. Has a JSON form (schemas/json/noise.schema.json); numbers of more than
 * 53 bits are decimal text. What is no noise is in no model.
 */
import { z } from 'zod';
import { OperatingError } from '../../lib/operating-error.ts';

export const NOISE_KINDS = [
  'clock',
  'counter',
  'alias',
  'random',
  'order-free',
  'checksum',
] as const;
export type NoiseKind = (typeof NOISE_KINDS)[number];

export const CLOCK_UNITS = ['ns', 'us', 'ms', 's', 'ticks'] as const;
export type ClockUnit = (typeof CLOCK_UNITS)[number];

const finite = z.number();
const count = z.int().nonnegative();
const decimal = z.string().regex(/^-?(0|[1-9][0-9]*)$/, 'a whole number as text is needed');

/** Differences are new - old, in units of the clock. */
const clock = z.object({
  kind: z.literal('clock'),
  /** Stamps that were compared; one that was delivered to several clients is one. */
  samples: count,
  unit: z.enum(CLOCK_UNITS),
  /** The median difference. */
  offset: decimal,
  /** The clocks of two instances begin where they like: only how the difference moves says something. */
  ownStart: z.boolean(),
  /** Of the difference from `offset`, as measured. */
  quantiles: z.object({ min: finite, p01: finite, p50: finite, p99: finite, max: finite }),
  /** Where the difference from `offset` stays but for one message in a million. */
  low: finite,
  high: finite,
  /** How much the difference grows in a second, with its standard error. */
  driftPerS: finite,
  driftErrorPerS: finite,
  /** How far the medians of stretches of 32 stamps lie apart (standard deviation). */
  wander: finite,
});
export type ClockModel = z.infer<typeof clock>;

const counter = z.object({
  kind: z.literal('counter'),
  samples: count,
  /** Among which messages of a connection it counts. */
  scope: z.enum(['connection', 'source', 'type']),
  /** From one message to the next; null: as far as on the other side, however far. */
  step: decimal.nullable(),
});
export type CounterModel = z.infer<typeof counter>;

const alias = z.object({
  kind: z.literal('alias'),
  samples: count,
  /** Values of old that had a partner. */
  values: count,
  /** One bijection for all messages with this field; otherwise one for each message type. */
  shared: z.boolean(),
});
export type AliasModel = z.infer<typeof alias>;

const random = z.object({
  kind: z.literal('random'),
  samples: count,
  bits: count,
  /** Pairs of messages of one side with the same value, of all pairs of messages. */
  collisions: finite,
  /** Of each bit, from the lowest, how often it was 1. */
  ones: z.array(finite),
});
export type RandomModel = z.infer<typeof random>;

const orderFree = z.object({
  kind: z.literal('order-free'),
  samples: count,
  /** Of those, how many had their elements in another order. */
  differing: count,
});

const checksum = z.object({
  kind: z.literal('checksum'),
  samples: count,
  /** One side computes it and the other does not. */
  mayBeZero: z.boolean(),
});

const fieldModel = z.discriminatedUnion('kind', [
  clock,
  counter,
  alias,
  random,
  orderFree,
  checksum,
]);
export type FieldModel = z.infer<typeof fieldModel>;

const alarmCount = z.object({ judged: count, alarms: count });
export type AlarmCount = z.infer<typeof alarmCount>;

const field = z.object({ field: z.string(), noise: fieldModel, falseAlarms: alarmCount });
export type NoisyField = z.infer<typeof field>;

const typeNoise = z.object({
  domain: z.int().min(0).max(255),
  shape: z.string(),
  subject: z.string(),
  pairs: count,
  fields: z.array(field),
});
export type TypeNoise = z.infer<typeof typeNoise>;

const constant = z.object({
  domain: z.int().min(0).max(255),
  shape: z.string(),
  subject: z.string(),
  pairs: count,
});

const unlearned = z.object({
  domain: z.int().min(0).max(255),
  shape: z.string(),
  subject: z.string(),
  field: z.string(),
  pairs: count,
  differing: count,
  why: z.string(),
});
export type UnlearnedField = z.infer<typeof unlearned>;

const noiseModel = z.object({
  format: z.literal('relaydiff-noise/1'),
  /** The capture it was learned from. */
  source: z.string(),
  dialect: z.string(),
  /** Pairs of messages that it was learned from. */
  pairs: count,
  /** Divergences of the noise capture that are no noise: a third relay would be blamed for them. */
  divergences: count,
  types: z.array(typeNoise),
  /** Types of messages without noise. */
  constant: z.array(constant),
  /** Fields that differed, and in which no type of noise was recognized. */
  unlearned: z.array(unlearned),
  /** Learned from four fifths and judged on the fifth, five times. */
  falseAlarms: alarmCount,
});
export type NoiseModel = z.infer<typeof noiseModel>;

/** `fileName` is for the message only. Throws NOISE_INVALID naming the first place that is wrong. */
export function parseNoiseModel(text: string, fileName: string): NoiseModel {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw invalid(fileName, error instanceof Error ? error.message : 'not JSON');
  }
  const parsed = noiseModel.safeParse(document);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const place =
    issue === undefined || issue.path.length === 0 ? 'the document' : issue.path.join('.');
  throw invalid(fileName, `${place}: ${issue?.message ?? 'not a noise model'}`);
}

function invalid(fileName: string, problem: string): OperatingError {
  return new OperatingError('NOISE_INVALID', `${fileName} is no noise model: ${problem}`, {
    hint: 'Give a capture of old against old, or what `relaydiff noise CAPTURE --out MODEL.json` wrote.',
  });
}
