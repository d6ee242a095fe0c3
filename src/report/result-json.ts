/**
 * Reads a stored result back. The shape is the contract of diff/types and schemas/json/result.schema.json;
 * a test holds the two together. Unknown keys pass: a later relaydiff may say more.
 */
import { z } from 'zod';
import { NOISE_KINDS } from '../diff/noise/model.ts';
import {
  SET_ASIDE_REASONS,
  DIFFERENCE_CLASSES,
  DIVERGENCE_KINDS,
  type DiffResult,
  RULE_ACTIONS,
} from '../diff/types.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { REMARK_KINDS } from '../protocol/remark-kind.ts';

const count = z.int().nonnegative();
/** A 64-bit unsigned integer; JSON numbers cannot hold all of them. */
const decimal = z.string().regex(/^(0|[1-9][0-9]{0,19})$/, 'a decimal number as text is needed');
/** A time that may lie before another one. */
const signed = z.string().regex(/^(0|-?[1-9][0-9]{0,19})$/, 'a decimal number as text is needed');
const hex = z.string().regex(/^([0-9a-f]{2})*$/, 'lower-case hex is needed');
const divergenceId = z.string().regex(/^d[1-9][0-9]*$/, 'an id such as d1 is needed');
const groupId = z.string().regex(/^g[1-9][0-9]*$/, 'an id such as g1 is needed');
const byte = z.int().min(0).max(255);

const kind = z.enum(DIVERGENCE_KINDS);

const place = z.looseObject({ ordinal: count, offset: count, length: count, arrivalNs: decimal });

const occurrence = z.looseObject({ ...place.shape, hex });

const difference = z.looseObject({
  path: z.string(),
  old: z.string().nullable(),
  new: z.string().nullable(),
  bytes: z.looseObject({ offset: count, length: count }),
  class: z.enum(DIFFERENCE_CLASSES),
  change: z.enum(['added', 'removed', 'moved']).optional(),
  note: z.string().optional(),
});

const remarkKind = z.enum(REMARK_KINDS);

const pairRemark = z.looseObject({
  kind: remarkKind,
  path: z.string(),
  old: z.string().nullable(),
  new: z.string().nullable(),
});

const remarkCount = z.looseObject({
  kind: remarkKind,
  subject: z.string().nullable(),
  old: count,
  new: count,
  onlyOld: count,
  onlyNew: count,
  example: z.looseObject({
    connection: count,
    side: z.enum(['old', 'new']),
    ordinal: count,
    path: z.string(),
    detail: z.string(),
  }),
});

const identity = z.looseObject({ domain: byte, source: byte, sequence: decimal });

const divergence = z.looseObject({
  id: divergenceId,
  kind,
  severity: z.enum(['error', 'warning', 'info']),
  connection: count,
  group: groupId,
  old: occurrence.nullable(),
  new: occurrence.nullable(),
  identity: identity.nullable(),
  differences: z.array(difference),
  swallowed: z.array(z.looseObject({ rule: z.string(), path: z.string() })).optional(),
  remarks: z.array(pairRemark).optional(),
  remarksOmitted: count.optional(),
  distance: z.int().nullable().optional(),
  detail: z.string(),
  subject: z.string(),
});

const group = z.looseObject({
  id: groupId,
  title: z.string(),
  kind,
  count,
  cause: z.string(),
  explanation: z.string(),
  evidence: z.string(),
  first: divergenceId,
});

const kindCounts = z.looseObject({
  missing: count,
  extra: count,
  duplicated: count,
  reordered: count,
  modified: count,
  encoding: count,
  defect: count,
  connection: count,
  late: count,
});

const counts = z.looseObject({
  old: count,
  new: count,
  pairs: count,
  identical: count,
  equivalent: count,
  noisy: count.optional(),
  ignored: count,
  divergences: kindCounts,
  swallowed: z
    .looseObject({ divergences: kindCounts, differences: count, trimmed: count })
    .optional(),
  setAside: z
    .array(
      z.looseObject({
        reason: z.enum(SET_ASIDE_REASONS),
        side: z.enum(['old', 'new']),
        frames: count,
        others: count,
      }),
    )
    .optional(),
  gaps: z.looseObject({ frames: count, bytes: count, inside: count.nullable().optional() }),
  leftOut: z
    .looseObject({
      connections: count,
      listeners: count,
      bytes: count,
      frames: count,
      unseenSenders: count.optional(),
    })
    .optional(),
});

const latencies = z.looseObject({ count, p50Ns: signed, p99Ns: signed, maxNs: signed });

const latency = z.looseObject({
  lateAfterNs: decimal.nullable(),
  old: latencies.nullable(),
  new: latencies.nullable(),
  behind: latencies,
});

const ignored = z.looseObject({
  connection: count,
  side: z.enum(['old', 'new']),
  ordinal: count,
  edge: z.enum(['joined', 'left']),
  witness: z.looseObject({ connection: count, arrivalNs: decimal }),
});

const gap = z.looseObject({
  connection: count,
  stream: z.enum(['client', 'old', 'new']),
  where: z.enum(['recording', 'mirror']),
  reason: z.string(),
  offset: count,
  bytes: count,
  frames: count.nullable(),
  first: identity.nullable(),
  last: identity.nullable(),
  firstNs: decimal,
  lastNs: decimal,
});

const ruleOutcome = z.looseObject({
  id: z.string(),
  action: z.enum(RULE_ACTIONS),
  reason: z.string(),
  owner: z.string().optional(),
  expires: z.string().optional(),
  file: z.string(),
  line: count,
  where: z.record(z.string(), z.array(z.string())),
  limit: z.string().optional(),
  state: z.enum(['used', 'unused', 'expired']),
  divergences: count,
  trimmed: count,
  differences: count,
  unmeasured: count,
  first: z
    .looseObject({
      kind,
      connection: count,
      subject: z.string(),
      detail: z.string(),
      identity: identity.nullable(),
      old: place.nullable(),
      new: place.nullable(),
      differences: z.array(difference),
    })
    .nullable(),
});

const swallowedRow = z.looseObject({
  rules: z.array(z.string()),
  kind,
  connection: count,
  old: count.nullable(),
  new: count.nullable(),
  differences: count,
  whole: z.boolean(),
});

const alarmCount = z.looseObject({ judged: count, alarms: count });

const noise = z.looseObject({
  source: z.string(),
  pairs: count,
  divergences: count,
  falseAlarms: alarmCount,
  fields: z.array(
    z.looseObject({
      domain: byte,
      subject: z.string(),
      field: z.string(),
      kind: z.enum(NOISE_KINDS),
      parameters: z.string(),
      judged: count,
      explained: count,
      alarms: count,
      falseAlarms: alarmCount,
    }),
  ),
  unlearned: z.array(
    z.looseObject({
      domain: byte,
      shape: z.string(),
      subject: z.string(),
      field: z.string(),
      pairs: count,
      differing: count,
      why: z.string(),
    }),
  ),
  unlearnedTypes: z.array(z.looseObject({ subject: z.string(), pairs: count })),
});

const side = z.looseObject({ label: z.string(), dialect: z.string() });

const resultSchema: z.ZodType<DiffResult> = z.looseObject({
  format: z.literal('relaydiff-result/1'),
  verdict: z.enum(['same', 'different', 'inconclusive']),
  reason: z.string(),
  capture: z.looseObject({
    name: z.string(),
    origin: z.string(),
    startedUnixNs: decimal,
    durationNs: decimal,
    sealed: z.boolean(),
    notSeen: z.array(z.string()).optional(),
  }),
  old: side,
  new: side,
  counts,
  divergences: z.array(divergence),
  divergencesOmitted: count,
  groups: z.array(group),
  rules: z.array(ruleOutcome).optional(),
  swallowed: z.array(swallowedRow).optional(),
  ignored: z.array(ignored).optional(),
  gaps: z.array(gap).optional(),
  gapsOmitted: count.optional(),
  remarks: z.array(remarkCount).optional(),
  noise: noise.optional(),
  latency: latency.optional(),
  connections: z.array(
    z.looseObject({
      id: count,
      label: z.string(),
      clientFrames: count,
      oldFrames: count,
      newFrames: count,
      divergences: count,
    }),
  ),
  timeline: z.looseObject({
    startNs: decimal,
    bucketNs: decimal,
    old: z.array(count),
    new: z.array(count),
    divergences: z.array(count),
  }),
});

/** `fileName` is for the message only. Throws RESULT_INVALID naming the first place that is wrong. */
export function parseResult(text: string, fileName: string): DiffResult {
  const parsed = resultSchema.safeParse(parseJson(text, fileName));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const place =
    issue === undefined || issue.path.length === 0 ? 'the document' : formatPath(issue.path);
  throw invalid(fileName, `${place}: ${issue?.message ?? 'not a result'}`);
}

function parseJson(text: string, fileName: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(fileName, error instanceof Error ? error.message : 'not JSON', error);
  }
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      return index === 0 ? String(step) : `.${String(step)}`;
    })
    .join('');
}

function invalid(fileName: string, problem: string, cause?: unknown): OperatingError {
  return new OperatingError(
    'RESULT_INVALID',
    `${fileName} is not a result of relaydiff: ${problem}`,
    {
      hint: 'Write it with `relaydiff diff CAPTURE --json > RESULT.json`.',
      cause,
    },
  );
}
