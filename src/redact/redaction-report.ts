/** What a redaction did, as `redact --json` prints it (schemas/json/redaction.schema.json). */
import { z } from 'zod';
import { REDACT_ACTIONS } from './redaction-shape.ts';

const count = z.int().nonnegative();

export const REDACTION_SHAPE = z.object({
  format: z.literal('relaydiff-redaction/1'),
  source: z.string(),
  out: z.string(),
  key: z
    .string()
    .nullable()
    .describe(
      'fingerprint of the key: captures with the same one have the same pseudonyms; null without key',
    ),
  attempt: count.describe(
    'mostly 1; more when the values of an earlier one looked like frames. Pseudonyms are those of the attempt',
  ),
  fields: z
    .array(
      z.object({
        path: z.string().describe('[] stands for every position'),
        action: z.enum(REDACT_ACTIONS),
        rule: z.string().nullable().describe('null: no rule, the default'),
        values: count.describe('in all streams'),
      }),
    )
    .describe('every field that may be redacted and occurred, also those that were kept'),
  rules: z.array(
    z.object({
      id: z.string(),
      action: z.enum(REDACT_ACTIONS),
      values: count.describe('0: the rule selected nothing'),
    }),
  ),
  counts: z.object({
    frames: count,
    texts: count.describe('labels, paths and notes that were replaced'),
    piecesOfMessages: count.describe('pieces of sent messages, redacted as these'),
    piecesOfFrames: count.describe('pieces of frames that no client sent'),
    bare: count.describe('stretches of bytes without a header'),
    forgotten: count.describe('pieces that there was no room to look for'),
  }),
});

export type RedactionReport = z.infer<typeof REDACTION_SHAPE>;
