/**
 * The status document, `relaydiff-status/1`: its shape, which schemas/json/status.schema.json is generated from.
 * Where numbers come from is said in docs/monitoring.md. Later versions may add keys; readers pass over those.
 */
import { z } from 'zod';

export const STATUS_FORMAT = 'relaydiff-status/1';

const count = z.int().nonnegative();
const amount = z.number().nonnegative();

/** Why a recording is not ready; a closed list, because each is a label of a metric. */
export const PROBLEM_REASONS = [
  'stopping',
  'stopped',
  'old-unreachable',
  'new-unreachable',
  'recording-troubled',
  'accept-failed',
  'bug',
] as const;

/** What an operator should know of a recording that goes on all the same. */
export const WARNING_REASONS = [
  'recording-gap',
  'mirror-gap',
  'lost-events',
  'mirror-lag',
  'spool-filling',
] as const;

const stream = z.object({
  seenBytes: count.describe('bytes that passed'),
  recordedBytes: count.describe('bytes handed to the writer'),
  gapBytes: count.describe('bytes that passed but were not recorded'),
  frames: count.describe('frames that have ended'),
  bytesPerSecond: amount,
  framesPerSecond: amount,
});

const relay = z.object({
  reachable: z.boolean().describe('as far as the connections to it tell'),
  trouble: z.string().nullable(),
  connected: count.describe('connections that are open'),
  opened: count,
  reopened: count.describe('connections opened again for a client that had lost its first one'),
  failed: count,
  left: count.describe('connections that the relay ended while their client was still there'),
});

const gap = z.object({
  where: z.enum(['recording', 'mirror']),
  reason: z.string(),
  gaps: count,
  bytes: count,
  frames: count.describe('whole frames, where they could be counted: at least so many'),
});

export const statusSchema = z.object({
  format: z.literal(STATUS_FORMAT),
  service: z.literal('relaydiff'),
  verb: z.string().describe('record'),
  version: z.string(),
  pid: count,
  time: z.iso.datetime().describe('when this was true'),
  startedTime: z.iso.datetime(),
  uptimeSeconds: amount,
  state: z
    .enum(['ready', 'degraded', 'not-ready'])
    .describe('degraded: it works, but there are warnings'),
  problems: z.array(z.object({ reason: z.enum(PROBLEM_REASONS), detail: z.string() })),
  warnings: z.array(z.object({ reason: z.enum(WARNING_REASONS), detail: z.string() })),
  paths: z
    .record(z.string(), z.string())
    .describe('sockets and files of the recording, by the name of their option'),
  clients: count.describe('clients that are connected'),
  connections: count.describe('client connections since the start'),
  lingering: count.describe(
    'connections whose client has left and that a relay has not closed yet',
  ),
  streams: z.object({ client: stream, old: stream, new: stream }),
  relays: z.object({ old: relay, new: relay }),
  mirror: z.object({
    queuedBytes: count,
    queuedBytesMax: count,
    lagSeconds: amount.describe('age of the oldest bytes that wait for the mirror'),
    laggard: count.nullable().describe('the connection with these bytes'),
  }),
  spool: z.object({
    bytes: count.describe('what waits for the disk, with what chunks and rows weigh'),
    bytesMax: count,
  }),
  gaps: z.array(gap),
  lostEvents: count,
  file: z.object({ bytes: count.nullable() }),
  troubles: z.object({
    told: count,
    last: z.object({ message: z.string(), time: z.iso.datetime() }).nullable(),
  }),
  process: z.object({
    residentBytes: count,
    cpuSeconds: amount,
    loopUtilization: amount.describe('part of the last second in which the main thread was busy'),
  }),
});

export type Status = z.infer<typeof statusSchema>;
export type StreamStatus = Status['streams']['client'];
export type ProblemReason = (typeof PROBLEM_REASONS)[number];
export type WarningReason = (typeof WARNING_REASONS)[number];
