/** What minimizing found, as `minimize --json` prints it (schemas/json/minimize.schema.json): what to do, and who got what. */
import { z } from 'zod';
import { openCapture } from '../capture/open.ts';
import { readSpans } from '../capture/spans.ts';
import type { CaptureReader, Side } from '../capture/types.ts';
import { DIVERGENCE_KINDS } from '../diff/types.ts';
import { decodeMessage, subjectOf } from '../protocol/decode.ts';
import type { Dialect } from '../protocol/types.ts';
import { type PlannedStep, planSteps } from './candidate.ts';
import { type CandidateSize, everything, type Minimized, sizeOf } from './minimize.ts';
import { contentKey, type Traffic, type Unit } from './traffic.ts';

const count = z.int().nonnegative();
const SIZE_SHAPE = z.object({ clients: count, writes: count, messages: count });

const MESSAGE_SHAPE = z.object({
  subject: z.string().describe('TLV names; what is no frame is `no frame`'),
  identity: z.object({ domain: count, source: count, sequence: z.string() }).nullable(),
  bytes: count,
  part: z
    .enum(['whole', 'begin', 'middle', 'end'])
    .describe('of the message in this write; a message that is cut is in several'),
  old: z
    .array(z.string())
    .describe('labels of the clients that got it from the old side, once for each delivery'),
  new: z.array(z.string()),
});

export const MINIMIZE_SHAPE = z.object({
  format: z.literal('relaydiff-minimize/1'),
  source: z.string(),
  verdict: z
    .enum(['minimal', 'not-minimal', 'not-shown', 'unfinished'])
    .describe(
      'not-minimal: there was no time to try everything; not-shown: the relay does not show it at all; unfinished: nor was there time to find that out',
    ),
  divergence: z.object({
    id: z.string(),
    kind: z.enum(DIVERGENCE_KINDS),
    cause: z.string(),
    subject: z.string(),
    detail: z.string(),
  }),
  promise: z
    .enum(['reference', 'recording'])
    .describe(
      'whose answers are the old side: a reference relay, or what the recording delivered of it',
    ),
  timing: z.enum(['tight', 'recorded']).nullable(),
  tries: count.describe('candidates that were played'),
  flaky: count.describe('candidates that showed it at one time and not at another'),
  shown: z.object({ times: count, of: count }).nullable(),
  from: SIZE_SHAPE,
  to: SIZE_SHAPE.nullable(),
  out: z.string().nullable().describe('the capture of it'),
  steps: z.array(
    z.object({
      kind: z.enum(['open', 'write', 'leave']),
      client: z.string(),
      messages: z.array(MESSAGE_SHAPE),
    }),
  ),
});

export type MinimizeReport = z.infer<typeof MINIMIZE_SHAPE>;
type StepReport = MinimizeReport['steps'][number];
type MessageReport = StepReport['messages'][number];

export interface ReportFacts
  extends Pick<MinimizeReport, 'source' | 'divergence' | 'promise' | 'tries' | 'flaky' | 'out'> {
  readonly traffic: Traffic;
  readonly dialect: Dialect;
  readonly found: Minimized | undefined;
  /** The search was ended. */
  readonly isOver: boolean;
}

export function makeMinimizeReport(facts: ReportFacts): MinimizeReport {
  const { traffic, dialect, found, isOver, ...told } = facts;
  const from = sizeOf(traffic, everything(traffic));
  const common = { format: 'relaydiff-minimize/1' as const, ...told, from };
  if (found === undefined) {
    const verdict = isOver ? 'unfinished' : 'not-shown';
    return { ...common, verdict, timing: null, shown: null, to: null, steps: [] };
  }
  const { candidate, timing, trial, isMinimal, shown, tried } = found;
  const to: CandidateSize = sizeOf(traffic, candidate);
  const old = readDeliveries(trial.promisePath, 'old', dialect);
  const neu = readDeliveries(
    trial.answerPath,
    facts.promise === 'reference' ? 'new' : 'old',
    dialect,
  );
  const steps = planSteps(traffic, candidate).map((step): StepReport => {
    const { kind, client } = step;
    const messages = kind === 'write' ? messagesOf(step, dialect, { old, new: neu }) : [];
    return { kind, client: client.label, messages };
  });
  return {
    ...common,
    verdict: isMinimal ? 'minimal' : 'not-minimal',
    timing,
    shown: { times: shown, of: tried },
    to,
    steps,
  };
}

/** Labels of receivers by what they got. */
type Deliveries = ReadonlyMap<string, readonly string[]>;

function readDeliveries(path: string, side: Side, { header }: Dialect): Deliveries {
  const capture: CaptureReader = openCapture(path);
  const deliveries = new Map<string, string[]>();
  try {
    const labels = new Map(capture.connections().map(({ id, label }) => [id, label]));
    for (const stream of capture.streams()) {
      if (stream.kind !== side) continue;
      for (const { span } of readSpans(capture, stream, header)) {
        const key = contentKey(span.bytes);
        const label = labels.get(stream.connection) ?? String(stream.connection);
        const receivers = deliveries.get(key);
        if (receivers === undefined) deliveries.set(key, [label]);
        else receivers.push(label);
      }
    }
  } finally {
    capture.close();
  }
  return deliveries;
}

function messagesOf(
  write: PlannedStep & { kind: 'write' },
  dialect: Dialect,
  deliveries: Readonly<Record<Side, Deliveries>>,
): MessageReport[] {
  const ended = new Set(write.ended);
  const first = [...write.touched][0];
  return [...write.touched].map((unit) => {
    const key = contentKey(unit.bytes);
    return {
      ...describe(unit, dialect),
      bytes: unit.bytes.length,
      part: partOf(unit, { isEnd: ended.has(unit), isFirst: unit === first, write }),
      old: [...(deliveries.old.get(key) ?? [])],
      new: [...(deliveries.new.get(key) ?? [])],
    };
  });
}

/** A message that is not first in its write begins in it. */
function partOf(
  unit: Unit,
  {
    isEnd,
    isFirst,
    write,
  }: {
    readonly isEnd: boolean;
    readonly isFirst: boolean;
    readonly write: PlannedStep & { kind: 'write' };
  },
): MessageReport['part'] {
  const [begin] = write.parts;
  const startsHere = !isFirst || begin === undefined || begin.byteOffset === unit.bytes.byteOffset;
  if (startsHere) return isEnd ? 'whole' : 'begin';
  return isEnd ? 'end' : 'middle';
}

function describe(unit: Unit, dialect: Dialect): Pick<MessageReport, 'subject' | 'identity'> {
  if (!unit.isFrame) return { subject: 'no frame', identity: null };
  const message = decodeMessage(dialect, unit.bytes);
  const { relay_domain: domain, source, sequence } = message.header;
  return { subject: subjectOf(message), identity: { domain, source, sequence: String(sequence) } };
}
