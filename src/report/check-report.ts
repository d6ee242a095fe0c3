/**
 * What `relaydiff check` found, as data: the shape of `check --json` (schemas/json/check.schema.json is generated from it)
 * and what JUnit, Markdown, annotations and the terminal are rendered from. Everything in it but `run` is the same for two
 * runs of the same build over the same goldens.
 */
import { z } from 'zod';
import { DIFFERENCE_CLASSES, DIVERGENCE_KINDS } from '../diff/types.ts';

export const CHECK_FORMAT = 'relaydiff-check/1';

/**
 * - `passed`: the promise is kept.    - `failed`: it is broken; the divergences say where.
 * - `inconclusive`: not everything could be judged, and what could agrees.
 * - `relay-failed`: the relay did not start, did not stay, hung or did not stop.
 * - `skipped`: the run was stopped before this case was done.
 */
export const CASE_OUTCOMES = [
  'passed',
  'failed',
  'inconclusive',
  'relay-failed',
  'skipped',
] as const;
export type CaseOutcome = (typeof CASE_OUTCOMES)[number];

const count = z.int().nonnegative();
const kind = z.enum(DIVERGENCE_KINDS);
const outcome = z.enum(CASE_OUTCOMES);

const difference = z.object({
  path: z.string(),
  promised: z.string().nullable().describe('null: the field does not exist there'),
  delivered: z.string().nullable(),
  class: z.enum(DIFFERENCE_CLASSES),
});

const divergence = z.object({
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .describe('the same in every run in which this divergence is found'),
  kind,
  cause: z.string().nullable().describe('id of the cause; null: unexplained'),
  connection: z.string().describe('label of the client'),
  subject: z.string().describe('names of the TLVs, or the event'),
  detail: z.string().describe('one sentence'),
  identity: z
    .strictObject({ domain: count, source: count, sequence: z.string() })
    .nullable()
    .describe('of the header'),
  promised: z
    .strictObject({ ordinal: count, offset: count, length: count })
    .nullable()
    .describe('where the golden holds the message in what this client received; null: it does not'),
  differences: z.array(difference),
  differencesOmitted: count,
});
export type CaseDivergence = z.infer<typeof divergence>;

const group = z.object({
  cause: z.string().nullable().describe('id of the cause; null: unexplained'),
  kind,
  title: z.string(),
  count,
  explanation: z.string(),
  evidence: z.string(),
});
export type CaseGroup = z.infer<typeof group>;

const comparison = z.object({
  verdict: z.enum(['same', 'different', 'inconclusive']),
  reason: z.string().describe('old is what the golden promises, new what the relay under test did'),
  promised: count.describe('messages that the old relay delivered in the golden, to all clients'),
  unjudged: count.describe('messages that nobody can judge'),
  swallowed: count.describe('divergences that rules took, wholly or in part'),
  counts: z
    .partialRecord(kind, z.int().positive())
    .describe('divergences of each kind; kinds without any are left out'),
  groups: z
    .array(group)
    .describe('divergences with one cause; unexplained first, then the largest'),
  divergences: z.array(divergence).describe('the first of each group, then others'),
  divergencesOmitted: count,
});
export type Comparison = z.infer<typeof comparison>;

const unstable = z.object({
  ...divergence.pick({
    fingerprint: true,
    kind: true,
    connection: true,
    subject: true,
    detail: true,
  }).shape,
  seenIn: z.array(z.int().positive()).describe('runs, from 1'),
});
export type UnstableDivergence = z.infer<typeof unstable>;

const checkCase = z.object({
  golden: z.string(),
  replay: z.string().describe('mode:chunking, and what else is not usual'),
  title: z.string().nullable().describe('what the golden says of itself; null: a capture alone'),
  domain: z.string(),
  outcome,
  reason: z.string().describe('one sentence'),
  relay: z
    .strictObject({
      trouble: z.string().nullable().describe('what was wrong with the process; null: nothing'),
      end: z.string().nullable().describe('how it ended: exit code, or signal'),
      leftBehind: count.describe('processes that had to be killed after it'),
    })
    .nullable()
    .describe('null: no relay was started here'),
  comparison: comparison
    .nullable()
    .describe('of the first run with this outcome; null: there was nothing to compare'),
  asShown: z
    .boolean()
    .nullable()
    .describe(
      'the divergences are those that the golden says the new relay showed when it was recorded; null: it says nothing',
    ),
  runs: z.array(outcome).describe('outcome of each repetition'),
  isStable: z.boolean().describe('all repetitions had this outcome and these divergences'),
  unstable: z.array(unstable).describe('what only some of the repetitions showed; the first 50'),
  unstableOmitted: count,
});
export type CheckCase = z.infer<typeof checkCase>;

const output = z.object({ tail: z.string(), bytes: count });

const caseRun = z.object({
  elapsedMs: z.number().nonnegative(),
  delivered: count.describe('messages of the relay under test, in the run that is reported'),
  fidelity: z.array(z.string()).describe('how true the replay was'),
  stdout: output.describe("the relay's last words"),
  stderr: output,
  html: z.string().nullable().describe('report of this case'),
  captures: z.array(z.string()).describe('replays that were kept'),
});
export type CaseRunFacts = z.infer<typeof caseRun>;

export const CHECK_SHAPE = z.object({
  format: z.literal(CHECK_FORMAT),
  verdict: z.enum(['passed', 'failed', 'inconclusive', 'relay-failed']),
  exitCode: z.union([z.literal(0), z.literal(1), z.literal(3), z.literal(4)]),
  relay: z.string().nullable().describe('the command as it was given; null: two sides of captures'),
  repeat: z.int().positive(),
  counts: z.object({
    cases: count,
    passed: count,
    failed: count,
    inconclusive: count,
    relayFailed: count,
    skipped: count,
    unstable: count.describe('cases that did not show the same each time'),
  }),
  cases: z.array(checkCase),
  run: z
    .strictObject({
      startedAt: z.string(),
      elapsedMs: z.number().nonnegative(),
      host: z.string(),
      platform: z.string(),
      node: z.string(),
      relaydiff: z.string(),
      cases: z.array(caseRun).describe('in the order of cases'),
    })
    .describe('all that may differ between two runs of one build over the same goldens'),
});
export type CheckReport = z.infer<typeof CHECK_SHAPE>;
