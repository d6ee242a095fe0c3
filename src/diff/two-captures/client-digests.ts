/** What each client of a capture sent, as a digest: that is read only of clients that are not told apart without it. */
import { createHash } from 'node:crypto';
import { chunkRuns } from '../../capture/chunk-runs.ts';
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
    const sent = streams.filter(({ kind }) => kind === 'client');
    let digest: string | undefined;
    return {
      id,
      label,
      openedNs: Number(openedNs),
      streams,
      sentBytes: sent.reduce((sum, { bytes }) => sum + bytes, 0),
      sentDigest: () => (digest ??= digestOf(capture, sent)),
    };
  });
}

function digestOf(capture: CaptureReader, streams: readonly StreamRow[]): string {
  const hash = createHash('sha1');
  for (const { id } of streams) for (const { bytes } of chunkRuns(capture, id)) hash.update(bytes);
  return hash.digest('base64');
}
