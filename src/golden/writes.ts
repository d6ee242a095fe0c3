/**
 * What a client sent, cut where a write and a frame end together: between two such places lies what cannot be taken apart
 * without changing what a relay reads. Pure but for reading.
 */
import { createHash } from 'node:crypto';
import { readSpans } from '../capture/spans.ts';
import type { CaptureReader, StreamRow } from '../capture/types.ts';
import type { HeaderLayout, Span } from '../wire/types.ts';
import type { ByteRange } from './selection.ts';

export interface SentSpan {
  readonly key: string;
  /** Ordinal of the chunk that brought its last byte. */
  readonly ordinal: number;
  readonly isFrame: boolean;
}

/** One write or more, and all that is in them. */
export interface SentGroup extends ByteRange {
  readonly connection: number;
  readonly firstOrdinal: number;
  readonly firstNs: bigint;
  readonly lastNs: bigint;
  /** Frames in several writes, or bytes that are no frame: a relay may deliver them in pieces. */
  readonly isInPieces: boolean;
  readonly spans: readonly SentSpan[];
}

/** What tells two spans apart: 96 bits of their bytes' SHA-256, so that no two that differ are ever alike. */
export function keyOf({ bytes }: Pick<Span, 'bytes'>): string {
  return createHash('sha256').update(bytes).digest('base64').slice(0, 16);
}

interface Written {
  readonly end: number;
  readonly ordinal: number;
  readonly timeNs: bigint;
}

export function* readGroups(
  capture: CaptureReader,
  stream: StreamRow,
  layout: HeaderLayout,
): Generator<SentGroup> {
  const writes = writesOf(capture, stream);
  let write = writes.next().value;
  let first = write;
  let from = stream.firstOffset;
  let spans: SentSpan[] = [];
  for (const { span, arrivalOrdinal } of readSpans(capture, stream, layout)) {
    const end = span.offset + span.bytes.length;
    spans.push({ key: keyOf(span), ordinal: arrivalOrdinal, isFrame: span.kind === 'frame' });
    while (write !== undefined && write.end < end) write = writes.next().value;
    if (write === undefined || first === undefined || write.end !== end) continue;
    yield {
      connection: stream.connection,
      offset: from,
      bytes: end - from,
      firstOrdinal: first.ordinal,
      firstNs: first.timeNs,
      lastNs: write.timeNs,
      isInPieces: write !== first || spans.some(({ isFrame }) => !isFrame),
      spans,
    };
    from = end;
    spans = [];
    write = writes.next().value;
    first = write;
  }
}

function* writesOf(
  capture: CaptureReader,
  { id }: StreamRow,
): Generator<Written, undefined, undefined> {
  for (const { offset, bytes, ordinal, timeNs } of capture.chunks(id)) {
    yield { end: offset + bytes.length, ordinal, timeNs };
  }
  return undefined;
}
