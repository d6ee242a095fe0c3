/**
 * How the bytes of a client are cut into writes. A relay that takes what one read returns for one message behaves
 * differently for the same bytes in other writes: this is what finds it. Pure; the bytes and their order stay the same,
 * and no write comes before the recorded chunk that brought its last byte.
 */
import { chunksIn } from '../capture/chunk-runs.ts';
import { readSpans } from '../capture/spans.ts';
import type { Chunk, ChunkRun } from '../capture/types.ts';
import { createRandom, type Random } from '../lib/random.ts';
import type { HeaderLayout } from '../wire/types.ts';
import type { Piece, PieceMaker } from './schedule.ts';

/**
 * - `recorded`: a write for each recorded chunk.    - `frame`: a write for each frame.
 * - `coalesced`: what was sent within 10 ms in writes of up to 64 KiB.
 * - `split`: each chunk in two to four writes, cut at random places that the seed decides.
 * - `byte`: a write for each byte.
 */
export type Chunking =
  | { readonly kind: 'recorded' | 'frame' | 'coalesced' | 'byte' }
  | { readonly kind: 'split'; readonly seed: number };

/** One read of a relay. */
const COALESCED_BYTES_MAX = 65_536;
const COALESCED_NS_MAX = 10_000_000;
const SPLITS_MAX = 3;
/** Between the pieces of one chunk: what a relay that waits for nothing else needs to read. */
const PIECE_PAUSE_NS = 100_000;
/** A relay that is behind by more than this joins what it reads anyway. */
const CHUNK_PAUSE_NS_MAX = 500_000;

/** `recorded`, `frame`, `coalesced`, `split:7`, `byte`; undefined when the text is none of them. */
export function parseChunking(text: string): Chunking | undefined {
  const [kind, seed, ...more] = text.split(':');
  if (kind === 'split' && seed !== undefined && more.length === 0 && /^\d{1,10}$/.test(seed)) {
    return { kind, seed: Number(seed) };
  }
  if (seed !== undefined) return undefined;
  if (kind === 'recorded' || kind === 'frame' || kind === 'coalesced' || kind === 'byte') {
    return { kind };
  }
  return undefined;
}

export function pieceMakerOf(chunking: Chunking, layout: HeaderLayout): PieceMaker {
  switch (chunking.kind) {
    case 'recorded':
      return recorded;
    case 'frame':
      return (runs) => spaced(frames(chunksIn(runs), layout));
    case 'coalesced':
      return (runs) => spaced(coalesced(chunksIn(runs)));
    case 'byte':
      return (runs) => cut(chunksIn(runs), (length) => everyByte(length));
    case 'split': {
      const { seed } = chunking;
      return (runs, connection) => {
        const random = createRandom(Math.imul(seed, 0x9e3779b1) + connection);
        return cut(chunksIn(runs), (length) => randomCuts(length, random));
      };
    }
  }
}

/** Hundreds of thousands a second are asked for at `max`, so no chunk is made on the way. */
function* recorded(runs: Iterable<ChunkRun>): Generator<Piece> {
  let lastNs: number | undefined;
  for (const { bytes, ordinals, timesNs, lengths } of runs) {
    let from = bytes.byteOffset;
    for (let index = 0; index < lengths.length; index++) {
      const length = lengths[index] ?? 0;
      const timeNs = timesNs[index] ?? 0;
      yield {
        timeNs,
        ordinal: ordinals[index] ?? 0,
        bytes: new Uint8Array(bytes.buffer, from, length),
        pauseNs: pauseBetween(lastNs, timeNs),
      };
      from += length;
      lastNs = timeNs;
    }
  }
}

interface NewPiece extends Omit<Piece, 'pauseNs'> {
  pauseNs: number;
}

/** Half of the pause that was recorded: a player that is late can still catch up. */
function pauseBetween(lastNs: number | undefined, timeNs: number): number {
  return lastNs === undefined ? 0 : Math.min(CHUNK_PAUSE_NS_MAX, (timeNs - lastNs) / 2);
}

function* spaced(pieces: Iterable<NewPiece>): Generator<Piece> {
  let lastNs: number | undefined;
  let lastOrdinal = -1;
  for (const piece of pieces) {
    const isSameChunk = piece.ordinal === lastOrdinal;
    piece.pauseNs = isSameChunk ? PIECE_PAUSE_NS : pauseBetween(lastNs, piece.timeNs);
    lastNs = piece.timeNs;
    lastOrdinal = piece.ordinal;
    yield piece;
  }
}

/** What is no frame is a write of its own. */
function* frames(chunks: Iterable<Chunk>, layout: HeaderLayout): Generator<NewPiece> {
  /** Of the chunks from the one on that brought the first byte of what comes next. */
  const begun: { readonly end: number; readonly ordinal: number }[] = [];
  function* noted(): Generator<Chunk> {
    for (const chunk of chunks) {
      begun.push({ end: chunk.offset + chunk.bytes.length, ordinal: chunk.ordinal });
      yield chunk;
    }
  }
  const source = { chunks: noted, restarts: () => [] };
  for (const arrived of readSpans(source, { id: 0, connection: 0, kind: 'client' }, layout)) {
    const { span, arrivalNs, arrivalOrdinal } = arrived;
    while ((begun[0]?.end ?? Infinity) <= span.offset) begun.shift();
    yield {
      timeNs: Number(arrivalNs),
      ordinal: arrivalOrdinal,
      begunOrdinal: begun[0]?.ordinal ?? arrivalOrdinal,
      bytes: span.bytes,
      pauseNs: 0,
    };
  }
}

function* coalesced(chunks: Iterable<Chunk>): Generator<NewPiece> {
  let waiting: NewPiece[] = [];
  let waitingBytes = 0;
  for (const { timeNs, ordinal, bytes } of chunks) {
    const piece: NewPiece = { timeNs: Number(timeNs), ordinal, bytes, pauseNs: 0 };
    const isLate = piece.timeNs - (waiting[0]?.timeNs ?? piece.timeNs) > COALESCED_NS_MAX;
    const isFull = waitingBytes + piece.bytes.length > COALESCED_BYTES_MAX;
    if (waiting.length > 0 && (isLate || isFull)) {
      yield joined(waiting);
      waiting = [];
      waitingBytes = 0;
    }
    waiting.push(piece);
    waitingBytes += piece.bytes.length;
  }
  if (waiting.length > 0) yield joined(waiting);
}

function joined(pieces: readonly NewPiece[]): NewPiece {
  const [first] = pieces;
  const last = pieces.at(-1);
  const bytes =
    pieces.length === 1 && first ? first.bytes : Buffer.concat(pieces.map((each) => each.bytes));
  const [begunOrdinal, ordinal] = [first?.ordinal ?? 0, last?.ordinal ?? 0];
  return { timeNs: last?.timeNs ?? 0, ordinal, begunOrdinal, bytes, pauseNs: 0 };
}

/** `cutsOf`: where in so many bytes writes begin, ascending, without 0. */
function* cut(
  chunks: Iterable<Chunk>,
  cutsOf: (length: number) => Iterable<number>,
): Generator<Piece> {
  for (const { timeNs, ordinal, bytes } of chunks) {
    let from = 0;
    const piece = (to: number): Piece => ({
      timeNs: Number(timeNs),
      ordinal,
      bytes: bytes.subarray(from, to),
      pauseNs: PIECE_PAUSE_NS,
    });
    for (const to of cutsOf(bytes.length)) {
      yield piece(to);
      from = to;
    }
    yield piece(bytes.length);
  }
}

function* everyByte(length: number): Generator<number> {
  for (let at = 1; at < length; at++) yield at;
}

function randomCuts(length: number, random: Random): readonly number[] {
  const count = Math.min(length - 1, random.integer(1, SPLITS_MAX));
  const cuts = new Set<number>();
  while (cuts.size < count) cuts.add(random.integer(1, length - 1));
  return [...cuts].sort((left, right) => left - right);
}
