/** What a recovery did, as `recover --json` prints it (schemas/json/recover.schema.json). */
import { z } from 'zod';
import { STREAM_KINDS } from './types.ts';

const count = z.int().nonnegative();

export const RECOVERY_SHAPE = z.object({
  format: z.literal('relaydiff-recover/1'),
  input: z.string().describe('the damaged file, which was not touched'),
  output: z.string(),
  verdict: z
    .enum(['whole', 'lost'])
    .describe(
      'whole: the output says everything that the input said; lost: it does not, or may not',
    ),
  proven: z
    .boolean()
    .describe('the digest of the sealed input proves that nothing is missing from the output'),
  sealed: z.boolean().describe('the input was sealed'),
  recovered: z.object({
    connections: count,
    streams: count,
    chunks: count,
    bytes: count,
    events: count,
    gaps: count.describe('gaps that the recorder had made'),
  }),
  lost: z.object({
    ranges: z
      .array(
        z.object({
          connection: count,
          label: z.string(),
          stream: z.enum(STREAM_KINDS),
          offset: count,
          bytes: count.nullable().describe('null: an unknown number, at the end of the stream'),
        }),
      )
      .describe('bytes of streams that are gone; the first 10,000'),
    rangeCount: count,
    bytes: count.describe('of all ranges whose size is known'),
    streams: z
      .array(z.object({ id: count, bytes: count }))
      .describe('streams of which nobody knows the connection any more; their bytes were readable'),
    facts: z
      .array(z.string())
      .describe('what the output does not know of the recording as a whole'),
    events: z.boolean().describe('events may be missing'),
  }),
  damage: z.object({
    count,
    places: z
      .array(
        z.object({
          table: z.string().nullable(),
          page: count,
          what: z.string(),
        }),
      )
      .describe('where the input is damaged; the first 1,000'),
  }),
});

export type Recovery = z.infer<typeof RECOVERY_SHAPE>;
