/** A capture that is read in another way here and there. */
import type { CaptureReader } from './types.ts';

/** What is not in `changes` is that of the capture; `runs` only where they are given: they must say what `chunks` do. */
export function readerWith(
  capture: CaptureReader,
  changes: Partial<Omit<CaptureReader, 'path' | 'close'>>,
): CaptureReader {
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
    chunks: (streamId) => capture.chunks(streamId),
    close: () => capture.close(),
    ...(capture.streamEnds && { streamEnds: () => capture.streamEnds?.() ?? [] }),
    ...(capture.sentAgain && { sentAgain: (streamId) => capture.sentAgain?.(streamId) }),
    ...changes,
  };
}
