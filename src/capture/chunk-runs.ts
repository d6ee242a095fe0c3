/** Chunks as runs and runs as chunks: the same bytes and times for who reads few and for who reads millions. */
import type { CaptureReader, Chunk, ChunkRun } from './types.ts';

/** Of a reader that gives chunks only. */
const RUN_BYTES_MAX = 262_144;
const RUN_CHUNKS_MAX = 4_096;

/** The runs of a stream, whether its reader has them or not; from a place on where a chunk begins. */
export function chunkRuns(
  capture: Pick<CaptureReader, 'chunks' | 'runs'>,
  streamId: number,
  fromOffset = 0,
): Iterable<ChunkRun> {
  return capture.runs?.(streamId, fromOffset) ?? runsOf(capture.chunks(streamId), fromOffset);
}

/** Runs of the chunks of a stream, of those from a place on where one begins. */
export function* runsOf(chunks: Iterable<Chunk>, fromOffset = 0): Generator<ChunkRun> {
  let open: Chunk[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    if (chunk.offset < fromOffset) continue;
    const last = open.at(-1);
    const continues = last === undefined || last.offset + last.bytes.length === chunk.offset;
    if (open.length === RUN_CHUNKS_MAX || bytes >= RUN_BYTES_MAX || !continues) {
      yield* joined(open);
      open = [];
      bytes = 0;
    }
    open.push(chunk);
    bytes += chunk.bytes.length;
  }
  yield* joined(open);
}

function* joined(chunks: readonly Chunk[]): Generator<ChunkRun> {
  const [first] = chunks;
  if (first === undefined) return;
  yield {
    offset: first.offset,
    bytes: Buffer.concat(chunks.map((chunk) => chunk.bytes)),
    ordinals: chunks.map((chunk) => chunk.ordinal),
    timesNs: chunks.map((chunk) => Number(chunk.timeNs)),
    lengths: chunks.map((chunk) => chunk.bytes.length),
  };
}

export function* chunksIn(runs: Iterable<ChunkRun>): Generator<Chunk> {
  for (const run of runs) yield* chunksOf(run);
}

function* chunksOf({ offset, bytes, ordinals, timesNs, lengths }: ChunkRun): Generator<Chunk> {
  let position = 0;
  for (const [index, length] of lengths.entries()) {
    yield {
      ordinal: ordinals[index] ?? 0,
      timeNs: BigInt(timesNs[index] ?? 0),
      offset: offset + position,
      bytes: bytes.subarray(position, position + length),
    };
    position += length;
  }
}

/** What of a run lies behind a place where one of its chunks begins; undefined when that is nothing. */
export function restOf(run: ChunkRun, fromOffset: number): ChunkRun | undefined {
  if (run.offset >= fromOffset) return run;
  let position = 0;
  let count = 0;
  for (const length of run.lengths) {
    if (run.offset + position >= fromOffset) break;
    position += length;
    count++;
  }
  if (count === run.lengths.length) return undefined;
  return {
    offset: run.offset + position,
    bytes: run.bytes.subarray(position),
    ordinals: run.ordinals.slice(count),
    timesNs: run.timesNs.slice(count),
    ...(run.ordersNs && { ordersNs: run.ordersNs.slice(count) }),
    lengths: run.lengths.slice(count),
  };
}
