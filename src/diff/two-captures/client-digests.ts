/** What each client of a capture sent, as a digest: the first pass when two captures are compared. */
import { createHash } from 'node:crypto';
import type { CaptureReader, StreamRow } from '../../capture/types.ts';
import type { SeenClient } from './match-connections.ts';

export interface RecordedClient extends SeenClient {
  readonly openedNs: number;
  readonly streams: readonly StreamRow[];
}

/** In order of opening. */
export function readClients(capture: CaptureReader): readonly RecordedClient[] {
  const streamsOf = new Map<number, StreamRow[]>();
  for (const stream of capture.streams()) {
    const known = streamsOf.get(stream.connection);
    if (known === undefined) streamsOf.set(stream.connection, [stream]);
    else known.push(stream);
  }
  return capture.connections().map(({ id, label, openedNs }) => {
    const streams = streamsOf.get(id) ?? [];
    const hash = createHash('sha1');
    for (const { id: streamId, kind } of streams) {
      if (kind !== 'client') continue;
      for (const chunk of capture.chunks(streamId)) hash.update(chunk.bytes);
    }
    return { id, label, openedNs: Number(openedNs), streams, sentDigest: hash.digest('base64') };
  });
}
