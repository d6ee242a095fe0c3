/**
 * The messages of a capture or of raw bytes, one after the other as they arrived. As JSON text (jsonText), a record
 * is a line of `messages --json` and `decode --json`. Bytes that are no frame come as defects, in their place. All
 * bytes are views, valid until the next record.
 */
import { readSpans } from '../capture/spans.ts';
import type { ArrivedSpan, CaptureReader, Gap, StreamKind, StreamRow } from '../capture/types.ts';
import { type GapSummary, summarizeGap } from './gaps.ts';
import { mergeSorted } from '../lib/merge-sorted.ts';
import { decodeMessage } from '../protocol/decode.ts';
import { type Remark, remarksOn } from '../protocol/remarks.ts';
import type { Dialect, Message } from '../protocol/types.ts';
import { FrameReader } from '../wire/frame-reader.ts';
import type { Span, TlvDefect } from '../wire/types.ts';

export interface MessageDefect {
  readonly kind: string;
  readonly detail: string;
  /** Of the undecoded bytes, from the start of the span. */
  readonly offset: number;
  readonly hex: Uint8Array;
}

/** One frame, or one stretch of bytes that is none: then only `defect` says what it is. */
export interface MessageRecord {
  /** Position among the spans of its stream, from 0. */
  readonly ordinal: number;
  /** From the start of the stream. */
  readonly offset: number;
  readonly length: number;
  readonly header?: Message['header'];
  readonly checksum?: Message['checksum'];
  readonly tlvs?: Message['tlvs'];
  readonly defect: MessageDefect | undefined;
  /** What is odd about a frame; there when it was asked for. */
  readonly remarks?: readonly Remark[] | undefined;
}

export interface RecordOptions {
  readonly remarks: boolean;
}

export interface CapturedMessage extends MessageRecord {
  readonly connection: number;
  readonly stream: StreamKind;
  /** Since the start of the capture. */
  readonly arrivalNs: bigint;
}

/** Bytes that are missing here, in the order of the messages around them. */
export interface CapturedGap {
  readonly connection: number;
  readonly stream: StreamKind;
  /** When the first of them passed, since the start of the capture. */
  readonly arrivalNs: bigint;
  readonly gap: GapSummary;
}

interface Arrived {
  readonly stream: StreamRow;
  readonly arrived: ArrivedSpan;
}

/** All streams in order of arrival, gaps among them; at most one segment a stream is in memory. */
export function* capturedMessages(
  capture: CaptureReader,
  dialect: Dialect,
  select: (stream: StreamRow) => boolean,
  options: RecordOptions,
): Generator<CapturedMessage | CapturedGap> {
  const streams = capture.streams().filter(select);
  const gaps = new GapsInTime(capture.gaps(), streams, dialect);
  const sequences = streams.map((stream) => arrivals(capture, stream, dialect));
  const byArrival = (left: Arrived, right: Arrived): number =>
    left.arrived.arrivalOrdinal - right.arrived.arrivalOrdinal;
  for (const { stream, arrived } of mergeSorted(sequences, byArrival)) {
    yield* gaps.until(arrived.arrivalNs);
    yield {
      connection: stream.connection,
      stream: stream.kind,
      arrivalNs: arrived.arrivalNs,
      ...messageRecord(dialect, arrived.span, arrived.index, options),
    };
  }
  yield* gaps.rest();
}

/** The gaps of some streams, each handed out once, when its time has come. */
class GapsInTime {
  readonly #gaps: readonly Gap[];
  readonly #dialect: Dialect;
  #next = 0;

  constructor(gaps: readonly Gap[], streams: readonly StreamRow[], dialect: Dialect) {
    const wanted = new Set(streams.map(({ connection, kind }) => `${connection}/${kind}`));
    this.#gaps = gaps
      .filter(({ connection, stream }) => wanted.has(`${connection}/${stream}`))
      .sort((left, right) => Number(left.firstTimeNs - right.firstTimeNs));
    this.#dialect = dialect;
  }

  *until(timeNs: bigint | undefined): Generator<CapturedGap> {
    for (;;) {
      const gap = this.#gaps[this.#next];
      if (gap === undefined || (timeNs !== undefined && gap.firstTimeNs > timeNs)) return;
      this.#next += 1;
      yield {
        connection: gap.connection,
        stream: gap.stream,
        arrivalNs: gap.firstTimeNs,
        gap: summarizeGap(gap, this.#dialect),
      };
    }
  }

  rest(): Generator<CapturedGap> {
    return this.until(undefined);
  }
}

function* arrivals(
  capture: CaptureReader,
  stream: StreamRow,
  dialect: Dialect,
): Generator<Arrived> {
  for (const arrived of readSpans(capture, stream, dialect.header)) yield { stream, arrived };
}

/** Raw bytes as one stream. */
export async function* rawMessages(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  dialect: Dialect,
  options: RecordOptions,
): AsyncGenerator<MessageRecord> {
  const reader = new FrameReader(dialect.header);
  let ordinal = 0;
  for await (const chunk of chunks) {
    for (const span of reader.push(chunk)) yield messageRecord(dialect, span, ordinal++, options);
  }
  for (const span of reader.flush()) yield messageRecord(dialect, span, ordinal++, options);
}

export function messageRecord(
  dialect: Dialect,
  span: Span,
  ordinal: number,
  options: RecordOptions,
): MessageRecord {
  const { offset, bytes } = span;
  const { length } = bytes;
  if (span.kind !== 'frame') {
    const kind = span.kind === 'tail' ? 'unfinished-tail' : span.defect;
    return {
      ordinal,
      offset,
      length,
      defect: { kind, detail: span.detail, offset: 0, hex: bytes },
    };
  }
  const { header, checksum, tlvs, defect } = decodeMessage(dialect, bytes);
  return {
    ordinal,
    offset,
    length,
    header,
    checksum,
    tlvs,
    defect: defect && undecodedEnd(bytes, dialect.header.sizeBytes, defect),
    remarks: options.remarks ? remarksOn(dialect, bytes) : undefined,
  };
}

/** Places of TLVs count from the start of the payload. */
function undecodedEnd(
  bytes: Uint8Array,
  payloadAt: number,
  { defect, detail, ...place }: TlvDefect,
): MessageDefect {
  const offset = payloadAt + place.offset;
  return { kind: defect, detail, offset, hex: bytes.subarray(offset, offset + place.length) };
}
