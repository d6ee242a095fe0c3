/**
 * Pieces of a stream in order of arrival. Taking the first one out costs the same however many wait: a
 * mirror that was stopped for long leaves tens of thousands, and the forwarding thread must not stall over
 * them when it comes back.
 */
import { defined } from '../lib/assert.ts';

export interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** Stream offset of its first frame border; not in the piece when it has none. */
  readonly border: number;
  /** When it came, by the clock of the budget. */
  readonly sinceMs: number;
}

const COMPACT_PIECES = 1_024;

export class PieceQueue {
  #pieces: (Piece | undefined)[] = [];
  #head = 0;

  get isEmpty(): boolean {
    return this.#head === this.#pieces.length;
  }

  get first(): Piece {
    return defined(this.#pieces[this.#head], 'first of the waiting pieces');
  }

  add(piece: Piece): void {
    this.#pieces.push(piece);
  }

  dropFirst(): void {
    this.#pieces[this.#head] = undefined;
    this.#head += 1;
    if (this.isEmpty) this.clear();
    else if (this.#head >= COMPACT_PIECES && this.#head * 2 >= this.#pieces.length) {
      this.#pieces = this.#pieces.slice(this.#head);
      this.#head = 0;
    }
  }

  *pieces(): Generator<Piece> {
    for (let index = this.#head; index < this.#pieces.length; index++) {
      yield defined(this.#pieces[index], 'waiting piece');
    }
  }

  clear(): void {
    if (this.#pieces.length > COMPACT_PIECES) this.#pieces = [];
    else this.#pieces.length = 0;
    this.#head = 0;
  }
}
