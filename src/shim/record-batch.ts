/**
 * What the forwarding thread hands to the writer thread: many chunks in one transferred buffer, and the few
 * rows that are not chunks. One message a chunk would cost more than the chunk.
 */
import type { CaptureEvent, ConnectionRow, Gap, StreamAccount } from '../capture/types.ts';
import { STREAM_KINDS } from '../capture/types.ts';
import type { ChunkToWrite } from '../capture/writer.ts';
import { assert, defined } from '../lib/assert.ts';

export interface RecordBatch {
  /** The bytes of all chunks, back to back. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Six numbers a chunk: connection, stream, ordinal, time, offset, length. */
  readonly chunks: Float64Array<ArrayBuffer>;
  readonly connections: readonly ConnectionRow[];
  readonly events: readonly CaptureEvent[];
  readonly gaps: readonly Gap[];
  /** Of streams that are over. */
  readonly accounts: readonly StreamAccount[];
  /** Connections of which nothing more will come. */
  readonly ended: readonly number[];
  /** What it weighs in the spool: its bytes, and about what its rows take in memory. */
  readonly costBytes: number;
}

const NUMBERS_A_CHUNK = 6;
/** Measured: a chunk costs the writer about 200 bytes besides its own, a row rather more. */
export const CHUNK_COST_BYTES = 256;
export const ROW_COST_BYTES = 1_024;

/** Collects a batch. Its storage is used again for the next one. */
export class BatchBuilder {
  readonly #storage: Uint8Array;
  #chunks: number[] = [];
  #connections: ConnectionRow[] = [];
  #events: CaptureEvent[] = [];
  #gaps: Gap[] = [];
  #accounts: StreamAccount[] = [];
  #ended: number[] = [];
  #bytes = 0;

  constructor(capacityBytes: number) {
    this.#storage = new Uint8Array(capacityBytes);
  }

  get costBytes(): number {
    const chunks = this.#chunks.length / NUMBERS_A_CHUNK;
    const rows =
      this.#connections.length + this.#events.length + this.#gaps.length + this.#accounts.length;
    return this.#bytes + chunks * CHUNK_COST_BYTES + rows * ROW_COST_BYTES;
  }

  fits(bytes: number): boolean {
    return this.#bytes + bytes <= this.#storage.length;
  }

  /** Copies the bytes: the chunk may still be waiting to be written to a socket. */
  addChunk(chunk: ChunkToWrite): void {
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

  addAccount(account: StreamAccount): void {
    this.#accounts.push(account);
  }

  endConnection(id: number): void {
    this.#ended.push(id);
  }

  /** What was collected, and an empty builder again. */
  take(): RecordBatch {
    const batch = {
      bytes: this.#storage.slice(0, this.#bytes),
      chunks: Float64Array.from(this.#chunks),
      connections: this.#connections,
      events: this.#events,
      gaps: this.#gaps,
      accounts: this.#accounts,
      ended: this.#ended,
      costBytes: this.costBytes,
    };
    this.#chunks = [];
    this.#connections = [];
    this.#events = [];
    this.#gaps = [];
    this.#accounts = [];
    this.#ended = [];
    this.#bytes = 0;
    return batch;
  }
}

export function* chunksOf(batch: RecordBatch): Generator<ChunkToWrite> {
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
