/**
 * What records must look like when they are read: 64-bit numbers and bytes are spelt as the format spells them, all
 * else is the same everywhere. The published schema of the lines is generated from this.
 */
import { z } from 'zod';
import { EVENT_KINDS, STREAM_KINDS } from '../capture/types.ts';
import type { CaptureRecord } from './record.ts';
import { RECORDS_FORMAT } from './record.ts';

/** How a format spells what JSON cannot. */
interface Spelling {
  /** ns since time 0. */
  readonly ns: z.ZodType<bigint>;
  readonly bytes: z.ZodType<Uint8Array>;
}

const count = z.int().nonnegative();
const id = z.int().positive();
const kind = z.enum(STREAM_KINDS);

/** SQLite's readers take times as doubles, which are exact for 104 days. */
export const TIME_NS_MAX = BigInt(Number.MAX_SAFE_INTEGER);
const UNIX_NS_MAX = 2n ** 63n - 1n;

const decimal = z
  .string()
  .regex(/^[0-9]{1,20}$/, 'a whole number as decimal text')
  .transform(BigInt);
const unixNs = decimal.refine((value) => value <= UNIX_NS_MAX, 'at most 2^63 - 1');

export const DECIMAL_NS = decimal.refine((value) => value <= TIME_NS_MAX, 'at most 104 days');

export const HEX_BYTES = z
  .string()
  .regex(/^(?:[0-9a-f]{2})*$/, 'pairs of lower-case hex digits')
  .transform((text): Uint8Array => Buffer.from(text, 'hex'));

export function recordShape(spelling: Spelling): z.ZodType<CaptureRecord> {
  return z.discriminatedUnion('record', [
    HEAD,
    SCHEMA,
    z.object({ record: z.literal('connection'), id, label: z.string(), openedNs: spelling.ns }),
    z.object({ record: z.literal('stream'), connection: id, stream: kind }),
    chunkShape(spelling),
    eventShape(spelling),
    gapShape(spelling),
    ACCOUNT,
    END,
  ]);
}

const HEAD = z
  .object({
    record: z.literal('head'),
    format: z.literal(RECORDS_FORMAT),
    origin: z
      .string()
      .describe('record, tap, replay, transcript or import: what can be known of it'),
    writer: z.string().describe('version of relaydiff that made the recording'),
    exporter: z.string().describe('version of relaydiff that wrote these records'),
    startedUnixNs: unixNs.describe('wall clock at time 0, ns since the Unix epoch'),
    dialect: z.string(),
    sealed: z.boolean().describe('false: the end of the recording is missing'),
    set: z.string().optional().describe('of a rotated recording: what its files are known by'),
    notes: z.record(z.string(), z.string()),
  })
  // What is not there is there as undefined, here and below: so are the rows of a capture.
  .transform((head) => ({ ...head, set: head.set }));

const SCHEMA = z.object({ record: z.literal('schema'), name: z.string(), yaml: z.string() });

function chunkShape({ ns, bytes }: Spelling) {
  return z.object({
    record: z.literal('chunk'),
    connection: id,
    stream: kind,
    ordinal: count.describe('counts chunks and events of the whole capture as they arrived'),
    timeNs: ns,
    offset: count.describe('position of the first byte in its stream'),
    bytes: bytes.refine((value) => value.length > 0, 'at least one byte'),
  });
}

function eventShape({ ns }: Spelling) {
  return z
    .object({
      record: z.literal('event'),
      ordinal: count,
      timeNs: ns,
      connection: id.optional(),
      stream: kind.optional(),
      kind: z.enum(EVENT_KINDS),
      details: z.record(z.string(), z.union([z.string(), z.number()])),
    })
    .transform((event) => ({ ...event, connection: event.connection, stream: event.stream }));
}

function gapShape({ ns, bytes }: Spelling) {
  return z
    .object({
      record: z.literal('gap'),
      index: count.describe('position among the gaps of the capture'),
      connection: id,
      stream: kind,
      where: z.enum(['recording', 'mirror']),
      reason: z.string(),
      offset: count,
      bytes: count,
      frames: count.optional(),
      firstHeader: bytes.optional(),
      lastHeader: bytes.optional(),
      firstTimeNs: ns,
      lastTimeNs: ns,
    })
    .transform((gap) => ({
      ...gap,
      frames: gap.frames,
      firstHeader: gap.firstHeader,
      lastHeader: gap.lastHeader,
    }));
}

const ACCOUNT = z
  .object({
    record: z.literal('account'),
    connection: id,
    stream: kind,
    seenBytes: count,
    mirroredBytes: count.optional(),
  })
  .transform((account) => ({ ...account, mirroredBytes: account.mirroredBytes }));

const END = z.object({
  record: z.literal('end'),
  counts: z.object({
    connections: count,
    streams: count,
    chunks: count,
    bytes: count,
    events: count,
    gaps: count,
    accounts: count,
  }),
});

/** What is wrong with a value that is no record, in one sentence. */
export function firstMistake(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return 'no record';
  const path = issue.path.join('.');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}
