/** A capture that tells how much of it has been read: long work over a capture reports its progress with it. */
import type { CaptureReader, Chunk } from './types.ts';

const BYTES_A_CALL = 1_048_576;

/** `onRead` is called now and then with the chunk bytes read so far; a stream read twice counts twice. */
export function watchReading(
  capture: CaptureReader,
  onRead: (readBytes: number, totalBytes: number) => void,
): CaptureReader {
  const totalBytes = capture.streams().reduce((sum, stream) => sum + stream.bytes, 0);
  let readBytes = 0;
  let untold = 0;
  function* chunks(streamId: number): Generator<Chunk> {
    for (const chunk of capture.chunks(streamId)) {
      readBytes += chunk.bytes.length;
      untold += chunk.bytes.length;
      if (untold >= BYTES_A_CALL) {
        untold = 0;
        onRead(readBytes, totalBytes);
      }
      yield chunk;
    }
  }
  return {
    path: capture.path,
    info: capture.info,
    protocolSchemas: () => capture.protocolSchemas(),
    connections: () => capture.connections(),
    streams: () => capture.streams(),
    gaps: () => capture.gaps(),
    accounts: () => capture.accounts(),
    events: () => capture.events(),
    restarts: (connection, kind) => capture.restarts(connection, kind),
    chunks,
    close: () => capture.close(),
  };
}
