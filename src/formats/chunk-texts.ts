/**
 * Which chunks the bytes of a unit are of, as text: `1200 17:5000:40 19:6000:60` says that the unit begins at byte
 * 1200 of its stream, and that 40 of its bytes came in chunk 17 at 5,000 ns and 60 in chunk 19 at 6,000 ns. A chunk
 * that ends in a later unit is named there again.
 */
import { defined } from '../lib/assert.ts';
import type { CaptureReader, Chunk, StreamKind } from '../capture/types.ts';
import { OPTION_BYTES_MAX } from './pcapng-blocks.ts';

/** Bytes of one chunk that lie in one unit. */
export interface ChunkPiece {
  readonly ordinal: number;
  readonly timeNs: bigint;
  readonly bytes: number;
}

interface PassedChunk extends ChunkPiece {
  bytes: number;
}

/** Remembers the chunks that somebody reads through it, until the bytes are taken. */
export class ChunkLedger implements Pick<CaptureReader, 'chunks' | 'restarts'> {
  readonly #capture: CaptureReader;
  readonly #onChunk: (chunk: Chunk) => void;
  #passed: PassedChunk[] = [];
  #first = 0;

  constructor(capture: CaptureReader, onChunk: (chunk: Chunk) => void) {
    this.#capture = capture;
    this.#onChunk = onChunk;
  }

  restarts(connection: number, kind: StreamKind): readonly number[] {
    return this.#capture.restarts(connection, kind);
  }

  *chunks(streamId: number): Generator<Chunk> {
    for (const chunk of this.#capture.chunks(streamId)) {
      this.#passed.push({
        ordinal: chunk.ordinal,
        timeNs: chunk.timeNs,
        bytes: chunk.bytes.length,
      });
      this.#onChunk(chunk);
      yield chunk;
    }
  }

  /** The chunks of the next bytes that were not taken yet. */
  take(bytes: number): readonly ChunkPiece[] {
    const pieces: ChunkPiece[] = [];
    for (let left = bytes; left > 0; ) {
      const chunk = defined(this.#passed[this.#first], 'chunk of bytes that were read');
      const taken = Math.min(left, chunk.bytes);
      pieces.push({ ordinal: chunk.ordinal, timeNs: chunk.timeNs, bytes: taken });
      chunk.bytes -= taken;
      left -= taken;
      if (chunk.bytes === 0) this.#forgetFirst();
    }
    return pieces;
  }

  #forgetFirst(): void {
    this.#first += 1;
    if (this.#first < 1_024) return;
    this.#passed = this.#passed.slice(this.#first);
    this.#first = 0;
  }
}

/** As few texts as fit into options; each says for itself where it begins. */
export function chunkTexts(offset: number, pieces: readonly ChunkPiece[]): readonly string[] {
  const texts: string[] = [];
  let at = offset;
  let text = `${at}`;
  for (const { ordinal, timeNs, bytes } of pieces) {
    const piece = ` ${ordinal}:${timeNs}:${bytes}`;
    if (text.length + piece.length > OPTION_BYTES_MAX) {
      texts.push(text);
      text = `${at}`;
    }
    text += piece;
    at += bytes;
  }
  return [...texts, text];
}

const TEXT = /^\d{1,16}(?: \d{1,16}:\d{1,16}:\d{1,16})+$/;

/** Undefined when it is no such text. */
export function parseChunkText(
  text: string,
): { readonly offset: number; readonly pieces: readonly ChunkPiece[] } | undefined {
  if (!TEXT.test(text)) return undefined;
  const [offset, ...pieces] = text.split(' ');
  return {
    offset: Number(offset),
    pieces: pieces.map((piece) => {
      const [ordinal = '', timeNs = '', bytes = ''] = piece.split(':');
      return { ordinal: Number(ordinal), timeNs: BigInt(timeNs), bytes: Number(bytes) };
    }),
  };
}
