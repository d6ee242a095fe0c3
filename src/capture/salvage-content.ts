/**
 * What of each stream can be given back, and what is lost: chunks whose bytes are proven, in order, and every range
 * between them that nothing accounts for. Pure over what the store and the blocks say.
 */
import type { BlockReader } from './block-reader.ts';
import type { FoundStream, Piece, SegmentRecord, WaitingRecord } from './salvage-store.ts';
import { decodeSegmentTable } from './segment-table.ts';
import type { Chunk } from './types.ts';

/** Bytes of a stream that are gone. */
export interface LostRange {
  readonly stream: FoundStream;
  readonly offset: number;
  /** 0: an unknown number, at the end of the stream. */
  readonly bytes: number;
  /** `cut-off`: the recorder did not get to store it.   `damaged`: it was stored. */
  readonly reason: 'cut-off' | 'damaged';
  readonly firstTimeNs: bigint;
  readonly lastTimeNs: bigint;
}

export interface StreamChunk {
  readonly stream: FoundStream;
  readonly chunk: Chunk;
}

export interface ContentSource {
  readonly blocks: BlockReader;
  readonly pieces: (stream: number) => Iterable<Piece>;
  /** The stream is known to go on up to here, by its account. */
  readonly knownEnd: number;
  /** When the last thing of the capture happened. */
  readonly endNs: bigint;
  readonly onLost: (range: LostRange) => void;
  /** Where the stream ends, and when its last chunk came. */
  readonly onEnd: (offset: number, timeNs: bigint) => void;
}

/** The chunks of a stream; tells of lost ranges on the way. Holds one segment at a time. */
export function* salvageStream(stream: FoundStream, source: ContentSource): Generator<StreamChunk> {
  const { blocks, onLost } = source;
  let expected = stream.firstOffset;
  let knownEnd = Math.max(expected, source.knownEnd);
  let last: Pick<Chunk, 'ordinal' | 'timeNs'> = { ordinal: -1, timeNs: 0n };
  const close = (offset: number, lastTimeNs: bigint): void => {
    if (offset > expected) {
      const bytes = offset - expected;
      onLost({
        stream,
        offset: expected,
        bytes,
        reason: 'damaged',
        firstTimeNs: last.timeNs,
        lastTimeNs,
      });
    }
  };
  for (const piece of source.pieces(stream.id)) {
    const end = piece.offset + piece.row.byte_count;
    knownEnd = Math.max(knownEnd, end);
    if (piece.kind === 'gap') {
      close(piece.offset, last.timeNs);
      // It may have begun in the file before this one.
      expected = Math.max(expected, end);
      continue;
    }
    if (piece.offset < expected) continue; // Here already.
    const chunks = readPiece(piece, blocks);
    const [first] = chunks;
    if (first === undefined || first.ordinal <= last.ordinal) continue;
    close(piece.offset, first.timeNs);
    for (const chunk of chunks) {
      yield { stream, chunk };
      last = chunk;
    }
    expected = end;
  }
  close(knownEnd, source.endNs);
  source.onEnd(knownEnd, last.timeNs);
}

/** Empty when its bytes cannot be proven. */
function readPiece(
  piece: Exclude<Piece, { readonly kind: 'gap' }>,
  blocks: BlockReader,
): readonly Chunk[] {
  return piece.kind === 'segment'
    ? readSegment(piece.offset, piece.row, blocks)
    : readWaiting(piece.offset, piece.row, blocks);
}

function readSegment(offset: number, row: SegmentRecord, blocks: BlockReader): readonly Chunk[] {
  const first = { ordinal: row.first_ordinal, timeNs: row.first_time_ns };
  const table = decodeSegmentTable(row.chunk_table, first);
  const read = table === undefined ? undefined : blocks.read(table.runs, row.byte_count);
  if (table === undefined || read === undefined || read.crc32 !== row.crc32) return [];
  const { bytes } = read;
  let position = 0;
  return table.lengths.map((length, index) => {
    const from = position;
    position += length;
    return {
      ordinal: table.ordinals[index] ?? 0,
      timeNs: BigInt(table.timesNs[index] ?? 0),
      offset: offset + from,
      bytes: bytes.subarray(from, position),
    };
  });
}

function readWaiting(offset: number, row: WaitingRecord, blocks: BlockReader): readonly Chunk[] {
  const runs = row.runs.split(' ').map(Number);
  const bytes = blocks.read(runs, row.byte_count)?.bytes;
  if (bytes === undefined) return [];
  return [{ ordinal: row.ordinal, timeNs: BigInt(row.time_ns), offset, bytes }];
}
