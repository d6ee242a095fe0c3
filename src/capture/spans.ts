/** The spans of a recorded stream, each with the moment its last byte arrived. */
import { defined } from '../lib/assert.ts';
import { FrameReader } from '../wire/frame-reader.ts';
import type { HeaderLayout, Span } from '../wire/types.ts';
import type { ArrivedSpan, CaptureReader, Chunk, StreamRow } from './types.ts';

/** Where a chunk ends in its stream, and when it arrived. */
interface Arrival {
  readonly endOffset: number;
  readonly ordinal: number;
  readonly timeNs: bigint;
}

/**
 * Frames, defects and the tail of one stream, in order; every recorded byte is in exactly one of them.
 * Behind a recording gap the stream goes on out of step. Where the relay began to speak on a new connection,
 * what was pending is a tail, and the stream goes on in step. Keeps at most what the frame reader keeps.
 */
export function* readSpans(
  capture: Pick<CaptureReader, 'chunks' | 'restarts'>,
  stream: Pick<StreamRow, 'id' | 'connection' | 'kind'>,
  layout: HeaderLayout,
): Generator<ArrivedSpan> {
  const reader = new FrameReader(layout);
  const arrivals = new Arrivals();
  let index = 0;
  let expectedOffset = 0;
  const arrived = (spans: readonly Span[]): ArrivedSpan[] =>
    spans.map((span) => arrivals.complete(ownBytes(span), index++));
  const restarts = capture.restarts(stream.connection, stream.kind);
  let nextRestart = 0;
  for (const chunk of capture.chunks(stream.id)) {
    if (chunk.offset > expectedOffset) yield* arrived(reader.skip(chunk.offset - expectedOffset));
    for (; (restarts[nextRestart] ?? chunk.offset + 1) <= chunk.offset; nextRestart++) {
      if (restarts[nextRestart] === chunk.offset) yield* arrived(reader.restart());
    }
    arrivals.add(chunk);
    yield* arrived(reader.push(chunk.bytes));
    expectedOffset = chunk.offset + chunk.bytes.length;
  }
  yield* arrived(reader.flush());
}

/** Remembers when bytes arrived until the span that they belong to is complete. */
class Arrivals {
  readonly #pending: Arrival[] = [];
  #first = 0;

  add(chunk: Chunk): void {
    this.#pending.push({
      endOffset: chunk.offset + chunk.bytes.length,
      ordinal: chunk.ordinal,
      timeNs: chunk.timeNs,
    });
  }

  complete(span: Span, index: number): ArrivedSpan {
    const endOffset = span.offset + span.bytes.length;
    while ((this.#pending[this.#first]?.endOffset ?? endOffset) < endOffset) this.#first += 1;
    const arrival = defined(this.#pending[this.#first], 'chunk of the last byte of a span');
    this.#forget();
    return { span, index, arrivalOrdinal: arrival.ordinal, arrivalNs: arrival.timeNs };
  }

  #forget(): void {
    if (this.#first < 1_024) return;
    this.#pending.splice(0, this.#first);
    this.#first = 0;
  }
}

function ownBytes(span: Span): Span {
  return { ...span, bytes: Uint8Array.prototype.slice.call(span.bytes) };
}
