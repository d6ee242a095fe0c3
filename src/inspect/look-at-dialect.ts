/**
 * Which dialect the clients of a capture speak, and what relays with another numbering do to their
 * messages. Looks at a bounded sample of the capture.
 */
import { readSpans } from '../capture/spans.ts';
import type { CaptureReader, StreamRow } from '../capture/types.ts';
import { type Candidate, DEFAULT_SAMPLE_LIMITS, detectDialect } from '../protocol/detect.ts';
import { type NumberingWarning, numberingWarnings } from '../protocol/domain-use.ts';
import type { Protocol } from '../protocol/load.ts';
import type { Dialect } from '../protocol/types.ts';
import type { HeaderLayout } from '../wire/types.ts';

export interface DialectLook {
  /** The dialects that explain the sample best; none when nothing in it is a frame of any dialect. */
  readonly best: readonly string[];
  /** One sentence. */
  readonly summary: string;
  /** Sentences for the dialect that the capture is read with when it is one of the best, else for the first. */
  readonly evidence: readonly string[];
  /** Which domain numbers stand for what, and which dialects number so. */
  readonly numbering: readonly string[];
  /** What the generic relays would drop, or pass on although it is another relay's. */
  readonly warnings: readonly NumberingWarning[];
  /** Whether the sample speaks against the dialect that the capture is read with, and less against the best. */
  readonly contradicted: boolean;
  /** Whether there is more than was looked at. */
  readonly truncated: boolean;
}

const { framesMax, streamBytesMax } = DEFAULT_SAMPLE_LIMITS;
/** What is read of each stream to find frames of another header order. */
const STREAM_START_BYTES = 65_536;

/** `dialect`: what the capture is read with; it decides how frames are cut. */
export function lookAtDialect(
  capture: CaptureReader,
  protocol: Protocol,
  dialect: Dialect,
): DialectLook {
  // What relays send is what they were sent; only when no client sent anything, it is what there is.
  const all = capture.streams().filter(({ bytes }) => bytes > 0);
  const sent = all.filter(({ kind }) => kind === 'client');
  const streams = sent.length > 0 ? sent : all;
  const frames: Uint8Array[] = [];
  let left = false;
  let broken = false;
  const share = Math.max(1, Math.floor(framesMax / Math.max(1, streams.length)));
  for (const stream of streams) {
    const taken = takeFrames(
      capture,
      stream,
      dialect.header,
      Math.min(share, framesMax - frames.length),
    );
    frames.push(...taken.frames);
    left ||= taken.left;
    broken ||= taken.broken;
  }
  // Where everything is a frame, no other header order needs to be looked for.
  const starts = broken ? streamStarts(capture, streams) : [];
  const detection = detectDialect(protocol, { frames, streams: starts });
  const { best, candidates } = detection;
  const shown = best.includes(dialect.name) ? dialect.name : best[0];
  return {
    best,
    summary: detection.summary,
    evidence: candidates.find((each) => each.dialect === shown)?.evidence ?? [],
    numbering: detection.numbering,
    warnings: numberingWarnings(detection.domains),
    contradicted: isContradicted(candidates, dialect.name),
    truncated: left || detection.truncated,
  };
}

/** What is merely odd, such as numbers without a name, contradicts nothing. */
function isContradicted(candidates: readonly Candidate[], dialect: string): boolean {
  const [best] = candidates;
  if (best === undefined) return false;
  const own = candidates.find((each) => each.dialect === dialect);
  if (own === undefined) return true;
  const least = contradictions(best);
  return contradictions(own).some((count, index) => count > (least[index] ?? 0));
}

function contradictions({ layout, meaning }: Candidate): readonly number[] {
  return [
    layout.frames - layout.fitting,
    layout.checksums.wrong,
    meaning.domains.contradicting,
    meaning.structs.contradicting,
    meaning.unknownTypes,
    meaning.unknownSources,
  ];
}

interface Taken {
  readonly frames: readonly Uint8Array[];
  /** Whether there are more. */
  readonly left: boolean;
  /** Whether something among them is no frame. */
  readonly broken: boolean;
}

function takeFrames(
  capture: CaptureReader,
  stream: StreamRow,
  layout: HeaderLayout,
  max: number,
): Taken {
  const frames: Uint8Array[] = [];
  let broken = false;
  for (const { span } of readSpans(capture, stream, layout)) {
    if (frames.length === max) return { frames, left: true, broken };
    if (span.kind === 'frame') frames.push(span.bytes);
    else broken = true;
  }
  return { frames, left: false, broken };
}

/** The beginnings of the streams, each up to its first gap. */
function streamStarts(
  capture: CaptureReader,
  streams: readonly StreamRow[],
): readonly Uint8Array[] {
  const starts: Uint8Array[] = [];
  let bytesLeft = streamBytesMax;
  for (const stream of streams) {
    if (bytesLeft === 0) break;
    const start = streamStart(capture, stream, Math.min(STREAM_START_BYTES, bytesLeft));
    starts.push(start);
    bytesLeft -= start.byteLength;
  }
  return starts;
}

function streamStart(capture: CaptureReader, stream: StreamRow, bytesMax: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for (const chunk of capture.chunks(stream.id)) {
    if (chunk.offset !== bytes || bytes >= bytesMax) break;
    const part = chunk.bytes.slice(0, bytesMax - bytes);
    parts.push(part);
    bytes += part.byteLength;
  }
  return Buffer.concat(parts);
}
