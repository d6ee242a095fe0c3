/**
 * What a capture promises: what its clients sent, in which writes, and what the old relay delivered to each. Two
 * captures with one digest make the same promise, whenever and wherever they were recorded. Reads in passing.
 */
import { createHash, type Hash } from 'node:crypto';
import { readSpans } from '../capture/spans.ts';
import type { CaptureReader, StreamKind, StreamRow } from '../capture/types.ts';
import type { HeaderLayout } from '../wire/types.ts';
import type { Expected } from './expected.ts';

export type GoldenPromise = Expected['promise'];

export function promiseOf(capture: CaptureReader, layout: HeaderLayout): GoldenPromise {
  const streams = capture.streams();
  const connections = capture.connections();
  const digest = createHash('sha256');
  let clientBytes = 0;
  let messages = 0;
  for (const { id, label } of connections) {
    const of = (kind: StreamKind): StreamRow | undefined =>
      streams.find((stream) => stream.connection === id && stream.kind === kind);
    const [client, old] = [of('client'), of('old')];
    clientBytes += client?.bytes ?? 0;
    // What is one write is a part of what clients do; what one read of the old relay's answers returned is not.
    addPart(digest, { label, sent: client?.bytes ?? 0, writes: writesOf(capture, client) });
    addBytes(digest, capture, client);
    addPart(digest, { delivered: old?.bytes ?? 0 });
    addBytes(digest, capture, old);
    if (old !== undefined) messages += countMessages(capture, old, layout);
  }
  return { clients: connections.length, clientBytes, messages, digest: digest.digest('hex') };
}

/** A line of its own, whose numbers say how many bytes follow: no two promises hash the same bytes. */
function addPart(digest: Hash, part: Readonly<Record<string, unknown>>): void {
  digest.update(`${JSON.stringify(part)}\n`);
}

function writesOf(capture: CaptureReader, stream: StreamRow | undefined): readonly number[] {
  return stream === undefined
    ? []
    : Array.from(capture.chunks(stream.id), ({ bytes }) => bytes.length);
}

function addBytes(digest: Hash, capture: CaptureReader, stream: StreamRow | undefined): void {
  if (stream === undefined) return;
  for (const { bytes } of capture.chunks(stream.id)) digest.update(bytes);
}

function countMessages(capture: CaptureReader, stream: StreamRow, layout: HeaderLayout): number {
  let count = 0;
  for (const { span } of readSpans(capture, stream, layout)) if (span.kind === 'frame') count += 1;
  return count;
}
