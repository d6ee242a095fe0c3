/**
 * Walks over one recorded stream in two gaits: frame by frame, as `readSpans` does and with the same spans, and in
 * bulk, where the caller sees the bytes ahead and says how many of them were plain frames. Holds one run of chunks
 * and what the frame reader holds. Can go on with another reader of the same capture where it stopped.
 */
import { chunkRuns } from '../../capture/chunk-runs.ts';
import type { CaptureReader, ChunkRun, StreamRow } from '../../capture/types.ts';
import { FrameReader } from '../../wire/frame-reader.ts';
import type { HeaderLayout, Span } from '../../wire/types.ts';

/** Like ArrivedSpan; the bytes are a view, valid until the next call. */
export interface WalkedSpan {
  readonly span: Span;
  readonly index: number;
  readonly arrivalNs: number;
  /** Where it lies in the order of all streams: for nearly all captures, when it arrived. */
  readonly orderNs: number;
}

/** What the frame reader is given at once: behind it the walk may go on in bulk. */
const STEP_BYTES = 4_096;
const NOTHING = Buffer.alloc(0);

export class StreamWalk {
  readonly #frames: FrameReader;
  #runs: Iterator<ChunkRun> | undefined;
  #restarts: readonly number[] = [];
  #nextRestart = 0;
  #run: ChunkRun | undefined;
  /** Behind the last byte that a reader has given. */
  #loadedTo = 0;
  #bytes: Buffer = NOTHING;
  /** Of what has been taken of the run. */
  #position = 0;
  #chunk = 0;
  #chunkEnd = 0;
  #expectedOffset = 0;
  #spans: Span[] = [];
  #nextSpan = 0;
  /** Chunks whose last span may be under way: end offset, time and place in order in turn. */
  #arrivals: number[] = [];
  #index = 0;
  #isFlushed = false;

  constructor(layout: HeaderLayout) {
    this.#frames = new FrameReader(layout);
  }

  /** Goes on, or begins, with what this reader knows of the stream. */
  attach(
    reader: Pick<CaptureReader, 'runs' | 'chunks' | 'restarts'>,
    stream: Pick<StreamRow, 'id' | 'connection' | 'kind'>,
  ): void {
    this.#runs = chunkRuns(reader, stream.id, this.#loadedTo)[Symbol.iterator]();
    this.#restarts = reader.restarts(stream.connection, stream.kind);
    this.#nextRestart = 0;
    while ((this.#restarts[this.#nextRestart] ?? Infinity) < this.#expectedOffset) {
      this.#nextRestart++;
    }
  }

  /** Lets go of the reader; of what it has given only what is still to be read is kept. */
  detach(): void {
    this.#runs = undefined;
    if (this.#position < this.#bytes.length) return;
    this.#run = undefined;
    this.#bytes = NOTHING;
    this.#position = 0;
    this.#chunkEnd = 0;
  }

  /** Spans so far. */
  get count(): number {
    return this.#index;
  }

  /** Stream offset of the bytes that come next. */
  get offset(): number {
    return this.#expectedOffset;
  }

  /** The bytes that come next, where they may be passed in bulk; empty where that cannot be said, and at the end. */
  ahead(): Buffer {
    if (this.#nextSpan < this.#spans.length || !this.#frames.isAtRest) return NOTHING;
    if (this.#position === this.#bytes.length && !this.#load()) return NOTHING;
    const run = this.#run;
    if (run === undefined) return NOTHING;
    const offset = run.offset + this.#position;
    if (offset !== this.#expectedOffset) return NOTHING;
    const restart = this.#restarts[this.#nextRestart] ?? Infinity;
    if (restart <= offset) return NOTHING;
    const end = Math.min(this.#bytes.length, restart - run.offset);
    return this.#position === 0 && end === this.#bytes.length
      ? this.#bytes
      : this.#bytes.subarray(this.#position, end);
  }

  /** When the byte before this place of the bytes ahead arrived. Places must not descend. */
  arrivalNs(end: number): number {
    const position = this.#position + end;
    while (this.#chunkEnd < position) this.#enterChunk();
    return this.#run?.timesNs[this.#chunk - 1] ?? 0;
  }

  /** Where, of the bytes ahead, the chunk ends that `arrivalNs` has told of last. */
  get arrivedTo(): number {
    return this.#chunkEnd - this.#position;
  }

  /** So many bytes ahead were so many plain frames. */
  pass(lengthBytes: number, frames: number): void {
    if (lengthBytes === 0) return;
    this.#position += lengthBytes;
    while (this.#chunkEnd < this.#position) this.#enterChunk();
    this.#expectedOffset += lengthBytes;
    this.#frames.pass(lengthBytes);
    this.#index += frames;
  }

  /** The next span; undefined when the reader has no more bytes, or after `end`, when nothing is left at all. */
  next(): WalkedSpan | undefined {
    for (;;) {
      const span = this.#spans[this.#nextSpan];
      if (span !== undefined) {
        this.#nextSpan++;
        const at = this.#arrivalOf(span);
        const arrivalNs = this.#arrivals[at + 1] ?? 0;
        const orderNs = this.#arrivals[at + 2] ?? 0;
        return { span, index: this.#index++, arrivalNs, orderNs };
      }
      if (!this.#step()) return undefined;
    }
  }

  /** Like `next`, of a recording that goes no further than its reader knows. */
  nextToEnd(): WalkedSpan | undefined {
    const next = this.next();
    if (next !== undefined) return next;
    this.end();
    return this.next();
  }

  /** The recording goes no further: what was pending becomes spans. */
  end(): void {
    if (this.#isFlushed) return;
    this.#isFlushed = true;
    this.#put(this.#frames.flush());
  }

  #step(): boolean {
    if (this.#position === this.#bytes.length && !this.#load()) return false;
    const run = this.#run;
    if (run === undefined) return false;
    const offset = run.offset + this.#position;
    if (offset > this.#expectedOffset) {
      const skipped = offset - this.#expectedOffset;
      this.#expectedOffset = offset;
      this.#put(this.#frames.skip(skipped));
      if (this.#spans.length > 0) return true;
    }
    const isAtChunk = this.#position === this.#chunkEnd;
    for (; (this.#restarts[this.#nextRestart] ?? Infinity) <= offset; this.#nextRestart++) {
      if (!isAtChunk || this.#restarts[this.#nextRestart] !== offset) continue;
      this.#nextRestart++;
      this.#put(this.#frames.restart());
      if (this.#spans.length > 0) return true;
      break;
    }
    if (isAtChunk) this.#enterChunk();
    const end = Math.min(this.#chunkEnd, this.#position + STEP_BYTES);
    this.#noteArrival(run);
    const bytes = this.#bytes.subarray(this.#position, end);
    this.#expectedOffset += bytes.length;
    this.#position = end;
    this.#put(this.#frames.push(bytes));
    return true;
  }

  #put(spans: readonly Span[]): void {
    this.#spans = [...spans];
    this.#nextSpan = 0;
  }

  #load(): boolean {
    const next = this.#runs?.next();
    if (next === undefined || next.done === true) return false;
    this.#run = next.value;
    const { bytes } = next.value;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#loadedTo = next.value.offset + bytes.length;
    this.#position = 0;
    this.#chunk = 0;
    this.#chunkEnd = 0;
    return true;
  }

  #enterChunk(): void {
    this.#chunkEnd += this.#run?.lengths[this.#chunk] ?? Infinity;
    this.#chunk++;
  }

  #noteArrival(run: ChunkRun): void {
    const end = run.offset + this.#chunkEnd;
    if (this.#arrivals.at(-ARRIVAL_NUMBERS) === end) return;
    if (this.#frames.pendingBytes === 0) this.#arrivals = [];
    const timeNs = run.timesNs[this.#chunk - 1] ?? 0;
    this.#arrivals.push(end, timeNs, run.ordersNs?.[this.#chunk - 1] ?? timeNs);
  }

  /** Where among the arrivals the chunk is that brought its last byte. */
  #arrivalOf({ offset, bytes }: Span): number {
    const end = offset + bytes.length;
    const arrivals = this.#arrivals;
    let at = 0;
    while (at + ARRIVAL_NUMBERS < arrivals.length && (arrivals[at] ?? 0) < end) {
      at += ARRIVAL_NUMBERS;
    }
    if (at < ARRIVALS_KEPT_MAX) return at;
    this.#arrivals = arrivals.slice(at);
    return 0;
  }
}

/** Of a chunk. */
const ARRIVAL_NUMBERS = 3;
/** Numbers of chunks that are past; more are forgotten at once. */
const ARRIVALS_KEPT_MAX = 3_072;
