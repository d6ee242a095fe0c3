/**
 * Guesses the dialect of recorded bytes, with the evidence. Counts what each dialect explains and what it does not,
 * and ranks by that; dialects that explain the sample equally well stay equal. Pure, total, bounded.
 */
import { FrameReader } from '../wire/frame-reader.ts';
import { checksumState, readHeader } from '../wire/header.ts';
import { isExactTlvWalk } from '../wire/tlv.ts';
import type { ChecksumState, HeaderLayout } from '../wire/types.ts';
import { domainUses, type DomainUse, numberingSentences } from './domain-use.ts';
import type { Protocol } from './load.ts';
import { type MeaningEvidence, meaningEvidence } from './meaning-evidence.ts';
import type { Dialect } from './types.ts';

export interface Sample {
  /** Frames as they were cut when the bytes were recorded, perhaps with the header order of another dialect. */
  readonly frames: Iterable<Uint8Array>;
  /** Each the beginning of one stream, as bytes: what another header order is found in. */
  readonly streams?: readonly Uint8Array[];
}

export interface SampleLimits {
  readonly framesMax: number;
  /** Of all frames together; the first frame is taken whatever its size. */
  readonly frameBytesMax: number;
  /** Of all streams together. */
  readonly streamBytesMax: number;
}

export const DEFAULT_SAMPLE_LIMITS: SampleLimits = {
  framesMax: 2_000,
  frameBytesMax: 4_194_304,
  streamBytesMax: 1_048_576,
};

/** What the sample says about one header order. */
export interface LayoutEvidence {
  /** `H3`. */
  readonly header: string;
  /** Frames of the sample, and how many are exactly one frame in this order. */
  readonly frames: number;
  readonly fitting: number;
  readonly checksums: Readonly<Record<ChecksumState, number>>;
  /** Bytes of the streams, and how many of them this order cuts into frames. */
  readonly streamBytes: number;
  readonly framedBytes: number;
}

export interface Candidate {
  readonly dialect: string;
  /** From 1; equal for dialects between which the sample does not decide. */
  readonly rank: number;
  readonly layout: LayoutEvidence;
  readonly meaning: MeaningEvidence;
  /** Sentences for people. */
  readonly evidence: readonly string[];
}

export interface Detection {
  /** Best first. Empty when no header order fits anything. */
  readonly candidates: readonly Candidate[];
  /** The candidates of rank 1. */
  readonly best: readonly string[];
  /** One sentence: which, or why none, or between which the sample does not decide. */
  readonly summary: string;
  /** Which domain numbers the best candidate's frames carry for which domains. */
  readonly domains: readonly DomainUse[];
  /** A sentence for each of them: which dialects number so. */
  readonly numbering: readonly string[];
  /** Whether the sample was longer than the limits. */
  readonly truncated: boolean;
}

export function detectDialect(
  protocol: Protocol,
  sample: Sample,
  limits: SampleLimits = DEFAULT_SAMPLE_LIMITS,
): Detection {
  const { frames, streams, truncated } = bounded(sample, limits);
  const dialects = protocol.dialectNames.map((name) => protocol.dialect(name));
  const byLayout = new Map<string, LayoutSample>();
  for (const { header } of dialects) {
    const key = layoutKey(header);
    if (!byLayout.has(key)) byLayout.set(key, tryLayout(header, frames, streams));
  }
  const judged = dialects.flatMap((dialect): Judged[] => {
    const found = byLayout.get(layoutKey(dialect.header));
    if (found === undefined || found.frames.length === 0) return [];
    const meaning = meaningEvidence(dialect, found.frames);
    return [{ dialect, found, meaning, cost: cost(found.evidence, meaning) }];
  });
  judged.sort((left, right) => compareCost(left.cost, right.cost));
  const candidates = ranked(judged);
  const first = judged[0];
  const domains = first === undefined ? [] : domainUses(first.dialect, first.found.frames);
  return {
    candidates,
    best: candidates.filter(({ rank }) => rank === 1).map(({ dialect }) => dialect),
    summary: summaryOf(candidates),
    domains,
    numbering: numberingSentences(dialects, domains),
    truncated,
  };
}

interface Judged {
  readonly dialect: Dialect;
  readonly found: LayoutSample;
  readonly meaning: MeaningEvidence;
  readonly cost: readonly number[];
}

interface BoundedSample {
  readonly frames: readonly Uint8Array[];
  readonly streams: readonly Uint8Array[];
  readonly truncated: boolean;
}

function bounded(
  sample: Sample,
  { framesMax, frameBytesMax, streamBytesMax }: SampleLimits,
): BoundedSample {
  const frames: Uint8Array[] = [];
  let truncated = false;
  let frameBytes = 0;
  for (const frame of sample.frames) {
    frameBytes += frame.byteLength;
    truncated = frames.length === framesMax || (frames.length > 0 && frameBytes > frameBytesMax);
    if (truncated) break;
    frames.push(frame);
  }
  const streams: Uint8Array[] = [];
  let bytesLeft = streamBytesMax;
  for (const stream of sample.streams ?? []) {
    if (stream.byteLength > bytesLeft) truncated = true;
    streams.push(stream.subarray(0, bytesLeft));
    bytesLeft -= Math.min(bytesLeft, stream.byteLength);
  }
  return { frames, streams, truncated };
}

/** Two schemas may give one name to different orders. */
function layoutKey({ generation, offsets }: HeaderLayout): string {
  return `${generation} ${Object.values(offsets).join(' ')}`;
}

interface LayoutSample {
  readonly evidence: LayoutEvidence;
  /** What is a frame in this order, of the frames and of the streams. */
  readonly frames: readonly Uint8Array[];
}

function tryLayout(
  layout: HeaderLayout,
  frames: readonly Uint8Array[],
  streams: readonly Uint8Array[],
): LayoutSample {
  const whole = frames.filter((frame) => isWholeFrame(layout, frame));
  const streamed = streams.flatMap((stream) => framesIn(layout, stream));
  // The frames of a capture lie in its streams, too; they are not counted twice.
  const found = whole.length >= streamed.length ? whole : streamed;
  const checksums: Record<ChecksumState, number> = { valid: 0, zero: 0, wrong: 0 };
  for (const frame of found) checksums[checksumState(layout, frame)]++;
  return {
    frames: found,
    evidence: {
      header: layout.generation,
      frames: frames.length,
      fitting: whole.length,
      checksums,
      streamBytes: streams.reduce((sum, stream) => sum + stream.byteLength, 0),
      framedBytes: streamed.reduce((sum, frame) => sum + frame.byteLength, 0),
    },
  };
}

function isWholeFrame(layout: HeaderLayout, frame: Uint8Array): boolean {
  if (frame.byteLength < layout.sizeBytes) return false;
  const header = readHeader(layout, frame);
  const end = frame.byteLength;
  return (
    header.magic === layout.magic &&
    layout.sizeBytes + header.payload_size === end &&
    isExactTlvWalk(frame, layout.sizeBytes, end, end)
  );
}

/** Only frames that hold exactly their TLVs: a wrong order also finds "frames", of any length. */
function framesIn(layout: HeaderLayout, stream: Uint8Array): readonly Uint8Array[] {
  const reader = new FrameReader(layout);
  const spans = [...reader.push(stream), ...reader.flush()];
  return spans.flatMap((span) =>
    span.kind === 'frame' && isWholeFrame(layout, span.bytes) ? [span.bytes] : [],
  );
}

/** Compared from the left, less is better. First whether bytes are frames at all, last what is merely odd. */
function cost(layout: LayoutEvidence, meaning: MeaningEvidence): readonly number[] {
  return [
    layout.frames - layout.fitting + (layout.streamBytes - layout.framedBytes),
    layout.checksums.wrong,
    meaning.domains.contradicting,
    meaning.structs.contradicting,
    meaning.unknownTypes,
    meaning.unknownSources,
    -meaning.domains.agreeing,
    -meaning.structs.agreeing,
    meaning.oddities,
  ];
}

function compareCost(left: readonly number[], right: readonly number[]): number {
  for (const [index, value] of left.entries()) {
    const difference = value - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function ranked(judged: readonly Judged[]): readonly Candidate[] {
  const candidates: Candidate[] = [];
  for (const [index, { dialect, found, meaning, cost: own }] of judged.entries()) {
    const before = judged[index - 1];
    const tied = before !== undefined && compareCost(before.cost, own) === 0;
    candidates.push({
      dialect: dialect.name,
      rank: tied ? (candidates.at(-1)?.rank ?? 1) : index + 1,
      layout: found.evidence,
      meaning,
      evidence: [...layoutSentences(dialect.header, found.evidence), ...meaning.sentences],
    });
  }
  return candidates;
}

function layoutSentences(layout: HeaderLayout, evidence: LayoutEvidence): readonly string[] {
  const { frames, fitting, streamBytes, framedBytes, checksums, header } = evidence;
  const { magic, payload_size } = layout.offsets;
  const sentences: string[] = [];
  if (frames > 0)
    sentences.push(
      `${fitting} of ${frames} frames: magic at ${magic}, payload_size at ${payload_size}, the TLVs fill it (${header})`,
    );
  if (streamBytes > 0)
    sentences.push(`${framedBytes} of ${streamBytes} bytes of the streams are frames of ${header}`);
  const computed = checksums.valid + checksums.wrong;
  if (computed > 0)
    sentences.push(
      `${checksums.valid} of ${computed} checksums are right without bytes ${layout.offsets.checksum} to ${layout.offsets.checksum + 3}`,
    );
  return sentences;
}

function summaryOf(candidates: readonly Candidate[]): string {
  const best = candidates.filter(({ rank }) => rank === 1);
  const [first] = best;
  if (first === undefined) return 'no header order fits: no frame of any dialect is in the sample';
  const names = best.map(({ dialect }) => dialect).join(', ');
  if (best.length > 1) return `the sample does not decide between ${names}`;
  return `${names} explains the sample best`;
}
