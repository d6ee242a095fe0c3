/**
 * Changes what a stream holds, frame by frame, without touching how it was cut into chunks: every span becomes as many
 * other bytes. Looks ahead as far as a frame goes and keeps no more than that. Does not know what is changed, or why.
 */
import { assert } from '../lib/assert.ts';
import { FrameReader } from '../wire/frame-reader.ts';
import type { HeaderLayout, Span } from '../wire/types.ts';
import type { Chunk } from './types.ts';

export interface MappedStream {
  readonly layout: HeaderLayout;
  /** Offsets at which the sender began anew, ascending: see `restarts` of the reader. */
  readonly restarts: readonly number[];
}

/** `map` must keep the length; the bytes that it gets are used again, and those that it returns are not copied. */
export function* mapSpans(
  chunks: Iterable<Chunk>,
  { layout, restarts }: MappedStream,
  map: (span: Span) => Uint8Array,
): Generator<Chunk> {
  const reader = new FrameReader(layout);
  const output = new Output();
  const add = (spans: readonly Span[]): void => {
    for (const span of spans) {
      const mapped = map(span);
      assert(
        mapped.length === span.bytes.length,
        `a span of ${span.bytes.length} bytes stays so long`,
      );
      output.add(mapped);
    }
  };
  const waiting: Chunk[] = [];
  let expected = 0;
  let nextRestart = 0;
  for (const chunk of chunks) {
    if (chunk.offset > expected) add(reader.skip(chunk.offset - expected));
    for (; (restarts[nextRestart] ?? chunk.offset + 1) <= chunk.offset; nextRestart++) {
      if (restarts[nextRestart] === chunk.offset) add(reader.restart());
    }
    waiting.push(chunk);
    add(reader.push(chunk.bytes));
    expected = chunk.offset + chunk.bytes.length;
    yield* complete(waiting, output);
  }
  add(reader.flush());
  yield* complete(waiting, output);
}

function* complete(waiting: Chunk[], output: Output): Generator<Chunk> {
  for (let chunk = waiting[0]; chunk !== undefined; chunk = waiting[0]) {
    const bytes = output.take(chunk.bytes.length);
    if (bytes === undefined) return;
    waiting.shift();
    yield { ...chunk, bytes };
  }
}

/** Bytes that were mapped and not taken yet. */
class Output {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  add(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
  }

  take(length: number): Uint8Array | undefined {
    if (this.#bytes < length) return undefined;
    const [only] = this.#parts;
    const all = this.#parts.length === 1 && only ? only : Buffer.concat(this.#parts);
    this.#parts = all.length > length ? [all.subarray(length)] : [];
    this.#bytes -= length;
    return all.subarray(0, length);
  }
}
