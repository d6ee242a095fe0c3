/**
 * Turns transcripts of real relays into captures: what the original relay answered becomes the old side,
 * what the generic one answered to the same bytes the new side. The two were run one after the other, each
 * with a clock of its own; both clocks are laid over each other, so latencies between the sides mean nothing.
 *
 * A transcript is one JSON object a line: {relay, implementation, case, what, events: [{at_us, client,
 * what: "sent" | "received", hex}]}.
 */
import { z } from 'zod';
import { equalBytes, parseHex } from '../lib/bytes.ts';
import { OperatingError } from '../lib/operating-error.ts';
import type { StreamKind } from './types.ts';
import { type CaptureStart, CaptureWriter } from './writer.ts';

const IMPLEMENTATION_OF_SIDE = { old: 'original', new: 'generic' } as const;
/** Every case was recorded with these clients, also when one of them received nothing. */
const CLIENTS = ['publisher', 'consumer-1', 'consumer-2'] as const;
const NS_A_US = 1_000n;

const bytesShape = z.string().transform((text, context) => {
  const parsed = parseHex(text);
  if ('bytes' in parsed) return parsed.bytes;
  context.addIssue(`hex: ${parsed.error.reason} at position ${parsed.error.position}`);
  return z.NEVER;
});

const nameShape = z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, 'a name of a-z, 0-9, - and _');

const runShape = z.object({
  relay: nameShape,
  implementation: z.enum(['original', 'generic']),
  case: nameShape,
  what: z.string(),
  events: z.array(
    z.object({
      at_us: z.int().nonnegative(),
      client: z.enum(CLIENTS),
      what: z.enum(['sent', 'received']),
      hex: bytesShape,
    }),
  ),
});

type Run = z.infer<typeof runShape>;

/** One case of one relay, played to both implementations. */
export interface TranscriptCase {
  /** `market_data-split-after-header` */
  readonly name: string;
  readonly relay: string;
  readonly what: string;
  readonly old: Run;
  readonly new: Run;
}

/** Throws TRANSCRIPT_INVALID with the line of the first mistake. */
export function parseTranscripts(text: string, fileName: string): readonly TranscriptCase[] {
  const runs = new Map<string, Partial<Record<Run['implementation'], Run>>>();
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return;
    const run = parseRun(line, `${fileName}:${index + 1}`);
    const name = `${run.relay}-${run.case}`;
    runs.set(name, { ...runs.get(name), [run.implementation]: run });
  });
  if (runs.size === 0) throw invalid(fileName, 'it holds no transcript');
  return [...runs].map(([name, { original, generic }]) => {
    if (original === undefined || generic === undefined) {
      throw invalid(fileName, `case ${name} lacks the ${original ? 'generic' : 'original'} relay`);
    }
    if (!equalBytes(sentBytes(original), sentBytes(generic))) {
      throw invalid(fileName, `case ${name}: the two relays were sent different bytes`);
    }
    return { name, relay: original.relay, what: original.what, old: original, new: generic };
  });
}

function parseRun(line: string, place: string): Run {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw invalid(place, error instanceof Error ? error.message : 'not JSON');
  }
  const parsed = runShape.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw invalid(place, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}`);
}

function invalid(place: string, what: string): OperatingError {
  return new OperatingError('TRANSCRIPT_INVALID', `${place}: ${what}`, {
    hint: 'Each line is one JSON object {relay, implementation, case, what, events}.',
  });
}

function sentBytes(run: Run): Uint8Array {
  return Buffer.concat(run.events.filter((event) => event.what === 'sent').map(({ hex }) => hex));
}

interface Arrival {
  readonly atUs: number;
  readonly client: string;
  readonly stream: StreamKind;
  readonly bytes: Uint8Array;
}

/** What arrived on all streams, in order of time. The bytes sent are taken once, from the old side's run. */
function arrivalsOf(transcript: TranscriptCase): readonly Arrival[] {
  const arrivals: Arrival[] = [];
  for (const side of ['old', 'new'] as const) {
    for (const event of transcript[side].events) {
      if (event.what === 'sent' && side === 'new') continue;
      arrivals.push({
        atUs: event.at_us,
        client: event.client,
        stream: event.what === 'sent' ? 'client' : side,
        bytes: event.hex,
      });
    }
  }
  return arrivals.sort((left, right) => left.atUs - right.atUs);
}

export type TranscriptCaptureStart = Pick<
  CaptureStart,
  'writer' | 'startedUnixNs' | 'dialect' | 'layout' | 'protocolSchemas'
>;

/** Writes one case as a sealed capture. Throws CAPTURE_EXISTS or CAPTURE_UNWRITABLE. */
export function writeTranscript(
  path: string,
  transcript: TranscriptCase,
  start: TranscriptCaptureStart,
): void {
  const writer = CaptureWriter.create(path, {
    ...start,
    origin: 'transcript',
    notes: {
      case: transcript.name,
      what: transcript.what,
      old: `${transcript.relay} relay, ${IMPLEMENTATION_OF_SIDE.old}`,
      new: `${transcript.relay} relay, ${IMPLEMENTATION_OF_SIDE.new}`,
    },
  });
  let ordinal = 0;
  CLIENTS.forEach((label, index) => {
    const connection = index + 1;
    writer.addConnection({ id: connection, label, openedNs: 0n });
    for (const stream of ['client', 'old', 'new'] as const) {
      ordinal += 1;
      const kind = stream === 'client' ? 'open' : 'upstream-open';
      writer.addEvent({ ordinal, timeNs: 0n, connection, stream, kind, details: {} });
    }
  });
  const offsets = new Map<string, number>();
  for (const arrival of arrivalsOf(transcript)) {
    ordinal += 1;
    const key = `${arrival.client}/${arrival.stream}`;
    const offset = offsets.get(key) ?? 0;
    writer.addChunk({
      connection: CLIENTS.findIndex((client) => client === arrival.client) + 1,
      stream: arrival.stream,
      ordinal,
      timeNs: BigInt(arrival.atUs) * NS_A_US,
      offset,
      bytes: arrival.bytes,
    });
    offsets.set(key, offset + arrival.bytes.length);
  }
  writer.seal();
}
