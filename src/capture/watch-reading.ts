/** A capture that tells how much of it has been read: long work over a capture reports its progress with it. */
import { chunkRuns } from './chunk-runs.ts';
import { readerWith } from './reader-with.ts';
import type { CaptureReader, Chunk, ChunkRun } from './types.ts';

const BYTES_A_CALL = 1_048_576;

/** `onRead` is called now and then with the chunk bytes read so far; a stream read twice counts twice. */
export function watchReading(
  capture: CaptureReader,
  onRead: (readBytes: number, totalBytes: number) => void,
): CaptureReader {
  const totalBytes = capture.streams().reduce((sum, stream) => sum + stream.bytes, 0);
  let readBytes = 0;
  let untold = 0;
  const note = (bytes: number): void => {
    readBytes += bytes;
    untold += bytes;
    if (untold < BYTES_A_CALL) return;
    untold = 0;
    onRead(readBytes, totalBytes);
  };
  function* chunks(streamId: number): Generator<Chunk> {
    for (const chunk of capture.chunks(streamId)) {
      note(chunk.bytes.length);
      yield chunk;
    }
  }
  function* runs(streamId: number, fromOffset?: number): Generator<ChunkRun> {
    for (const run of chunkRuns(capture, streamId, fromOffset)) {
      note(run.bytes.length);
      yield run;
    }
  }
  // Who reads may go by whether there are any.
  return readerWith(capture, { chunks, ...(capture.runs && { runs }) });
}
