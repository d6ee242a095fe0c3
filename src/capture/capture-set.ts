/**
 * The files of a rotated recording, read as one capture. A stream that goes on from file to file is one stream; what
 * lay in files that are not there any more is a gap.
 */
import { defined } from '../lib/assert.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { chunkRuns } from './chunk-runs.ts';
import type {
  CaptureEvent,
  CaptureInfo,
  CaptureReader,
  Chunk,
  ChunkRun,
  ConnectionRow,
  Gap,
  StreamAccount,
  StreamEnd,
  StreamKind,
  StreamRow,
} from './types.ts';

/** Why bytes are missing whose file is missing. */
export const FILE_MISSING = 'file-missing';

interface PartStream {
  readonly part: CaptureReader;
  readonly row: StreamRow;
  /** Offset behind the last byte that is here or in a gap that is here. */
  readonly end: number;
}

interface SetStream {
  readonly id: number;
  readonly parts: PartStream[];
}

export class CaptureSet implements CaptureReader {
  readonly path: string;
  readonly info: CaptureInfo;
  readonly #parts: readonly CaptureReader[];
  /** By connection and kind, in the order in which they first appear. */
  readonly #streams: ReadonlyMap<string, SetStream>;

  /** `parts`: at least one, in order. Throws CAPTURE_DAMAGED when they are not of one recording. */
  constructor(path: string, parts: readonly CaptureReader[]) {
    this.path = path;
    this.#parts = parts;
    const first = defined(parts[0], 'first file of a set');
    const last = defined(parts.at(-1), 'last file of a set');
    const stranger = parts.find((part) => part.info.part?.set !== first.info.part?.set);
    if (stranger !== undefined) {
      throw new OperatingError(
        'CAPTURE_DAMAGED',
        `${stranger.path} and ${first.path} are of two recordings`,
        { hint: 'Move the files of the other recording away.' },
      );
    }
    this.info = {
      ...first.info,
      sealed: parts.every((part) => part.info.sealed),
      // A file that was only begun when the recorder was killed knows of no time yet.
      durationNs: parts.reduce(
        (longest, { info }) => (info.durationNs > longest ? info.durationNs : longest),
        0n,
      ),
      // What is known at the end only is in the last file.
      notes: { ...first.info.notes, ...last.info.notes },
    };
    this.#streams = joinStreams(parts);
  }

  protocolSchemas(): ReadonlyMap<string, string> {
    return defined(this.#parts[0], 'first file of a set').protocolSchemas();
  }

  connections(): readonly ConnectionRow[] {
    const rows = new Map<number, ConnectionRow>();
    for (const part of this.#parts) for (const row of part.connections()) rows.set(row.id, row);
    return [...rows.values()].sort((left, right) => left.id - right.id);
  }

  streams(): readonly StreamRow[] {
    return [...this.#streams.values()].map(({ id, parts }) => ({
      ...defined(parts[0], 'first part of a stream').row,
      id,
      firstOffset: 0,
      bytes: parts.reduce((sum, { row }) => sum + row.bytes, 0),
      chunks: parts.reduce((sum, { row }) => sum + row.chunks, 0),
    }));
  }

  streamEnds(): readonly StreamEnd[] {
    return [...this.#streams.values()].map(({ id, parts }) => {
      const { row, end: endOffset } = defined(parts.at(-1), 'last part of a stream');
      return { id, connection: row.connection, kind: row.kind, endOffset };
    });
  }

  /** A gap that grew over the border of two files is in both of them: the last one knows all of it. */
  gaps(): readonly Gap[] {
    const gaps = new Map<string, Gap>();
    for (const part of this.#parts) {
      for (const gap of part.gaps()) {
        gaps.set(`${gap.connection}/${gap.stream}/${gap.where}/${gap.offset}`, gap);
      }
    }
    return [...this.#missing(), ...gaps.values()];
  }

  /** In the order of the streams, as one file has them: each part numbers its streams anew. */
  accounts(): readonly StreamAccount[] {
    const places = new Map([...this.#streams.keys()].map((key, place) => [key, place]));
    const placeOf = ({ connection, stream }: StreamAccount): number =>
      places.get(keyOf(connection, stream)) ?? places.size;
    const accounts = this.#parts.flatMap((part) => part.accounts());
    return accounts.sort((left, right) => placeOf(left) - placeOf(right));
  }

  *events(): Generator<CaptureEvent> {
    for (const part of this.#parts) yield* part.events();
  }

  restarts(connection: number, kind: StreamKind): readonly number[] {
    return this.#parts.flatMap((part) => part.restarts(connection, kind));
  }

  *chunks(streamId: number): Generator<Chunk> {
    for (const stream of this.#streams.values()) {
      if (stream.id !== streamId) continue;
      for (const { part, row } of stream.parts) yield* part.chunks(row.id);
    }
  }

  *runs(streamId: number, fromOffset = 0): Generator<ChunkRun> {
    for (const stream of this.#streams.values()) {
      if (stream.id !== streamId) continue;
      for (const { part, row, end } of stream.parts) {
        if (end > fromOffset) yield* chunkRuns(part, row.id, fromOffset);
      }
    }
  }

  close(): void {
    for (const part of this.#parts) part.close();
  }

  /** Where a stream begins in a file behind where it ended in the file before. */
  #missing(): readonly Gap[] {
    const missing: Gap[] = [];
    for (const { parts } of this.#streams.values()) {
      let last: PartStream | undefined;
      for (const next of parts) {
        if (next.row.firstOffset > (last?.end ?? 0)) missing.push(missingBetween(last, next));
        last = next;
      }
    }
    return missing;
  }
}

function joinStreams(parts: readonly CaptureReader[]): ReadonlyMap<string, SetStream> {
  const streams = new Map<string, SetStream>();
  for (const part of parts) {
    const gaps = part.gaps().filter((gap) => gap.where === 'recording');
    for (const row of part.streams()) {
      const key = keyOf(row.connection, row.kind);
      const known = streams.get(key) ?? { id: streams.size + 1, parts: [] };
      const gapBytes = gaps.reduce((sum, gap) => sum + bytesIn(gap, row), 0);
      const end = row.firstOffset + row.bytes + gapBytes;
      known.parts.push({ part, row, end });
      streams.set(key, known);
    }
  }
  return streams;
}

/** A gap may have begun in the file before. */
function bytesIn(gap: Gap, row: StreamRow): number {
  if (gap.connection !== row.connection || gap.stream !== row.kind) return 0;
  return Math.max(0, gap.offset + gap.bytes - Math.max(gap.offset, row.firstOffset));
}

function keyOf(connection: number, kind: StreamKind): string {
  return `${connection}/${kind}`;
}

function missingBetween(last: PartStream | undefined, { part, row }: PartStream): Gap {
  const offset = last?.end ?? 0;
  return {
    connection: row.connection,
    stream: row.kind,
    where: 'recording',
    reason: FILE_MISSING,
    offset,
    bytes: row.firstOffset - offset,
    frames: undefined,
    firstHeader: undefined,
    lastHeader: undefined,
    firstTimeNs: last?.part.info.durationNs ?? 0n,
    lastTimeNs: part.info.part?.startNs ?? 0n,
  };
}
