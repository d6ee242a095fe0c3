/** What a verification found, as `verify --json` prints it (schemas/json/verify.schema.json). */
import { z } from 'zod';
import { STREAM_KINDS } from './types.ts';

const count = z.int().nonnegative();

/** `damage`: the file is not as it was written.   `missing`: it is, but bytes that passed are not in it. */
export const SEVERITIES = ['damage', 'missing'] as const;

/** What was checked. */
export const CHECKS = [
  'file',
  'log',
  'sqlite',
  'schema',
  'info',
  'row',
  'block',
  'segment',
  'journal',
  'stream',
  'ledger',
  'event',
  'seal',
  'set',
] as const;

const FINDING_SHAPE = z.object({
  severity: z.enum(SEVERITIES),
  check: z.enum(CHECKS),
  table: z.string().optional(),
  row: z.union([z.int(), z.string()]).optional().describe('key of the row in its table'),
  connection: count.optional(),
  stream: z.enum(STREAM_KINDS).optional(),
  offset: count.optional().describe('position in the stream'),
  bytes: count.optional(),
  message: z.string(),
});

export const VERIFICATION_SHAPE = z.object({
  format: z.literal('relaydiff-verify/1'),
  path: z.string(),
  verdict: z
    .enum(['whole', 'incomplete', 'damaged', 'unreadable'])
    .describe('unreadable: not there, no capture, or of another format'),
  sealed: z.boolean(),
  reachesNs: z
    .string()
    .regex(/^[0-9]+$/)
    .describe('time of the last thing that is in the file, ns since the start of the recording'),
  counts: z.object({
    blocks: count,
    blockBytes: count,
    segments: count,
    journalRows: count,
    connections: count,
    streams: count,
    streamBytes: count,
    chunks: count,
    events: count,
    gaps: count,
    gapBytes: count.describe('of recording gaps'),
    accounts: count,
  }),
  findings: z.array(FINDING_SHAPE).describe('the first 1,000; damage before what is missing'),
  findingCount: count,
});

export type Finding = z.infer<typeof FINDING_SHAPE>;
export type Verification = z.infer<typeof VERIFICATION_SHAPE>;
export type VerificationCounts = Verification['counts'];
