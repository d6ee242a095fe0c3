/** The beginning of a capture as a capture that was not sealed: for who need not know all of it. */
import { chunkRuns, chunksIn } from './chunk-runs.ts';
import { readerWith } from './reader-with.ts';
import type { CaptureReader, Chunk, ChunkRun } from './types.ts';

/** As much of it as holds about so many bytes of both sides; the capture itself, where that is all of it. */
export function earlyPart(capture: CaptureReader, bytesMax: number): CaptureReader {
  const sides = capture.streams().filter(({ kind }) => kind !== 'client');
  const bytes = sides.reduce((sum, stream) => sum + stream.bytes, 0);
  if (bytes <= bytesMax) return capture;
  const untilNs = timeOf(
    sides.map(({ id }) => chunkRuns(capture, id)),
    bytesMax,
  );
  const until = BigInt(Math.floor(untilNs));
  function* chunks(streamId: number): Generator<Chunk> {
    for (const chunk of chunksIn(chunkRuns(capture, streamId))) {
      if (chunk.timeNs > until) return;
      yield chunk;
    }
  }
  return readerWith(capture, {
    info: { ...capture.info, sealed: false, durationNs: until },
    connections: () => capture.connections().filter(({ openedNs }) => openedNs <= until),
    gaps: () => capture.gaps().filter(({ firstTimeNs }) => firstTimeNs <= until),
    *events() {
      for (const event of capture.events()) if (event.timeNs <= until) yield event;
    },
    chunks,
  });
}

/** When so many bytes have come on all streams together. */
function timeOf(streams: readonly Iterable<ChunkRun>[], bytesMax: number): number {
  const open = streams.flatMap((runs) => {
    const iterator = runs[Symbol.iterator]();
    const first = iterator.next();
    return first.done === true ? [] : [{ iterator, run: first.value }];
  });
  let bytes = 0;
  for (;;) {
    const first = open.reduce<(typeof open)[number] | undefined>(
      (least, each) =>
        least === undefined || startOf(each.run) < startOf(least.run) ? each : least,
      undefined,
    );
    if (first === undefined) return Infinity;
    for (const [index, length] of first.run.lengths.entries()) {
      bytes += length;
      if (bytes >= bytesMax) return first.run.timesNs[index] ?? startOf(first.run);
    }
    const next = first.iterator.next();
    if (next.done === true) open.splice(open.indexOf(first), 1);
    else first.run = next.value;
  }
}

function startOf({ timesNs }: ChunkRun): number {
  return timesNs[0] ?? 0;
}
