/**
 * What the forwarding thread hands to the writer thread: many chunks in one transferred buffer, and the few
 * rows that are not chunks. One message a chunk would cost more than the chunk.
 */
import type { CaptureEvent, ConnectionRow, Gap, StreamKind } from '../capture/types.ts';
import { STREAM_KINDS } from '../capture/types.ts';
import { assert, defined } from '../lib/assert.ts';

export interface RecordBatch {
  /** The bytes of all chunks, back to back. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Six numbers a chunk: connection, stream, ordinal, time, offset, length. */
  readonly chunks: Float64Array<ArrayBuffer>;
  readonly connections: readonly ConnectionRow[];
  readonly events: readonly CaptureEvent[];
  readonly gaps: readonly Gap[];
}

export interface BatchChunk {
  readonly connection: number;
  readonly stream: StreamKind;
  readonly ordinal: number;
  readonly timeNs: bigint;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const NUMBERS_A_CHUNK = 6;

export class BatchBuilder {
  readonly #storage: Uint8Array<ArrayBuffer>;
  readonly #chunks: number[] = [];
  readonly #connections: ConnectionRow[] = [];
  readonly #events: CaptureEvent[] = [];
  readonly #gaps: Gap[] = [];
  #bytes = 0;

  constructor(capacityBytes: number) {
    this.#storage = new Uint8Array(capacityBytes);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    const rows = this.#connections.length + this.#events.length + this.#gaps.length;
    return rows === 0 && this.#chunks.length === 0;
  }

  fits(bytes: number): boolean {
    return this.#bytes + bytes <= this.#storage.length;
  }

  /** Copies the bytes: the chunk may still be waiting to be written to a socket. */
  addChunk(chunk: BatchChunk): void {
    assert(this.fits(chunk.bytes.length), 'a chunk fits into its batch');
    this.#storage.set(chunk.bytes, this.#bytes);
    this.#bytes += chunk.bytes.length;
    this.#chunks.push(
      chunk.connection,
      STREAM_KINDS.indexOf(chunk.stream),
      chunk.ordinal,
      Number(chunk.timeNs),
      chunk.offset,
      chunk.bytes.length,
    );
  }

  addConnection(row: ConnectionRow): void {
    this.#connections.push(row);
  }

  addEvent(event: CaptureEvent): void {
    this.#events.push(event);
  }

  addGap(gap: Gap): void {
    this.#gaps.push(gap);
  }

  build(): RecordBatch {
    return {
      bytes: this.#storage.subarray(0, this.#bytes),
      chunks: Float64Array.from(this.#chunks),
      connections: this.#connections,
      events: this.#events,
      gaps: this.#gaps,
    };
  }
}

export function* chunksOf(batch: RecordBatch): Generator<BatchChunk> {
  let position = 0;
  for (let index = 0; index < batch.chunks.length; index += NUMBERS_A_CHUNK) {
    const [connection = 0, stream = 0, ordinal = 0, timeNs = 0, offset = 0, length = 0] =
      batch.chunks.subarray(index, index + NUMBERS_A_CHUNK);
    yield {
      connection,
      stream: defined(STREAM_KINDS[stream], 'stream kind'),
      ordinal,
      timeNs: BigInt(timeNs),
      offset,
      bytes: batch.bytes.subarray(position, position + length),
    };
    position += length;
  }
}
