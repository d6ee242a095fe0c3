/**
 * Finds what is recorded again. Both relays broadcast the same bytes to every client; a capture stores them
 * once, and each stream as runs of positions in that store. Every stream follows the bytes that it repeated
 * last; where they are not what comes next, the next frame is looked up by its header. What is not found is
 * stored anew: a wrong guess costs space, never truth, because only compared bytes become a reference.
 *
 * Pure; the writer stores `newPieces`.
 */
import { crc32 } from 'node:zlib';
import { FrameBorders } from '../wire/frame-borders.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { RecentBytes } from './recent-bytes.ts';

/** Consecutive bytes of the store, flat: start and length of each. Hundreds of thousands a second are made. */
export type Runs = readonly number[];

/**
 * Consecutive bytes of the store that one stream brought, and where that stream went on: a message may have come
 * in two pieces with another publisher's between them, and those who repeat it repeat it in one.
 */
interface Extent {
  readonly start: number;
  end: number;
  /** Number of the extent with the stream's next bytes, or -1. */
  next: number;
}

/** A place in the store: extents are numbered, the oldest are forgotten. */
interface Place {
  readonly extent: number;
  readonly position: number;
}

interface StreamState {
  borders: FrameBorders;
  /** Stream offset at which `borders` began. */
  bordersFrom: number;
  /** Stream offset expected next; another one means a recording gap. */
  offset: number;
  /** What this stream repeats, and will repeat next unless it turns to something else. */
  following: Place | undefined;
  /** Its newest extent, while it brings bytes of its own. */
  ownExtent: number;
  readonly header: Buffer;
  headerBytes: number;
  frameStart: number;
}

/** A slot a header hash; a newer frame takes the slot of an older one. */
const INDEX_SLOTS = 131_072;
const EXTENTS_FORGOTTEN_AT_ONCE = 4_096;

export class Deduplicator {
  readonly #layout: HeaderLayout;
  readonly #recent: RecentBytes;
  readonly #streams = new Map<number, StreamState>();
  /** Position + 1 of the frame whose header has the hash of the slot; 0: none. */
  readonly #index = new Float64Array(INDEX_SLOTS);
  #extents: Extent[] = [];
  #firstExtent = 0;
  #newPieces: Uint8Array[] = [];
  #newBytes = 0;

  constructor(layout: HeaderLayout, recent: RecentBytes = new RecentBytes()) {
    this.#layout = layout;
    this.#recent = recent;
  }

  /** Bytes that no stream had brought before, in order, and where in the store they begin. */
  get newPieces(): { readonly start: number; readonly pieces: readonly Uint8Array[] } {
    return { start: this.#recent.end - this.#newBytes, pieces: this.#newPieces };
  }

  /** The new pieces are stored. */
  stored(): void {
    this.#newPieces = [];
    this.#newBytes = 0;
  }

  /** The stream is over. */
  forget(stream: number): void {
    this.#streams.delete(stream);
  }

  /** Where in the store the bytes are; new ones are appended to it. `offset` is their place in the stream. */
  place(stream: number, offset: number, bytes: Uint8Array): Runs {
    const state = this.#stateOf(stream, offset);
    state.offset = offset + bytes.length;
    state.borders.push(bytes);
    const runs: number[] = [];
    if (this.#follow(state, bytes, 0, bytes.length, runs)) return runs;
    let from = 0;
    let isBorder = false;
    for (const border of state.borders.all(bytes)) {
      const at = border + state.bordersFrom - offset;
      if (at > from) this.#placePiece(state, bytes, { from, to: at, isBorder }, runs);
      from = at;
      isBorder = true;
    }
    if (from < bytes.length)
      this.#placePiece(state, bytes, { from, to: bytes.length, isBorder }, runs);
    return runs;
  }

  #placePiece(
    state: StreamState,
    bytes: Uint8Array,
    piece: { readonly from: number; readonly to: number; readonly isBorder: boolean },
    runs: number[],
  ): void {
    if (this.#follow(state, bytes, piece.from, piece.to, runs)) return;
    if (piece.isBorder && this.#lookUp(state, bytes, piece.from, piece.to, runs)) return;
    this.#append(state, bytes.subarray(piece.from, piece.to), piece.isBorder, runs);
  }

  /** All of the piece or nothing of it. */
  #follow(
    state: StreamState,
    bytes: Uint8Array,
    from: number,
    to: number,
    runs: number[],
  ): boolean {
    if (state.following === undefined) return false;
    const found: number[] = [];
    let { extent: number, position } = state.following;
    let at = from;
    for (;;) {
      const extent = this.#extents[number - this.#firstExtent];
      if (extent === undefined) return false;
      const length = Math.min(to - at, extent.end - position);
      if (length > 0) {
        if (!this.#recent.holds(position, bytes, at, at + length)) return false;
        found.push(position, length);
        position += length;
        at += length;
      }
      if (at === to) break;
      number = extent.next;
      position = this.#extents[number - this.#firstExtent]?.start ?? 0;
    }
    state.following = { extent: number, position };
    state.headerBytes = this.#layout.sizeBytes;
    runs.push(...found);
    return true;
  }

  #lookUp(
    state: StreamState,
    bytes: Uint8Array,
    from: number,
    to: number,
    runs: number[],
  ): boolean {
    const headerEnd = from + this.#layout.sizeBytes;
    if (headerEnd > to) return false;
    const position = (this.#index[slotOf(bytes.subarray(from, headerEnd))] ?? 0) - 1;
    if (position < this.#recent.begin) return false;
    const before = state.following;
    state.following = { extent: this.#extentAt(position), position };
    if (this.#follow(state, bytes, from, to, runs)) return true;
    state.following = before;
    return false;
  }

  #append(state: StreamState, piece: Uint8Array, isBorder: boolean, runs: number[]): void {
    const position = this.#recent.append(piece);
    this.#newPieces.push(piece);
    this.#newBytes += piece.length;
    runs.push(position, piece.length);
    this.#extend(state, position, piece.length);
    if (isBorder) {
      state.frameStart = position;
      state.headerBytes = 0;
    }
    this.#collectHeader(state, piece);
  }

  /** A header may come in pieces; the frame is known by it once it is whole. */
  #collectHeader(state: StreamState, piece: Uint8Array): void {
    const wanted = this.#layout.sizeBytes - state.headerBytes;
    if (wanted <= 0) return;
    const taken = Math.min(wanted, piece.length);
    state.header.set(piece.subarray(0, taken), state.headerBytes);
    state.headerBytes += taken;
    if (taken < wanted) return;
    const slot = slotOf(state.header);
    const known = (this.#index[slot] ?? 0) - 1;
    if (this.#recent.holds(known, state.header, 0, state.header.length)) {
      // Its header came in pieces, so it was not looked up in time; what comes next may be known.
      const position = known + state.header.length + piece.length - taken;
      if (position < this.#recent.end) {
        state.following = { extent: this.#extentAt(position), position };
      }
    } else {
      this.#index[slot] = state.frameStart + 1;
    }
  }

  #extend(state: StreamState, position: number, length: number): void {
    const own = this.#extents[state.ownExtent - this.#firstExtent];
    if (own !== undefined && own.end === position) {
      own.end += length;
      return;
    }
    const number = this.#firstExtent + this.#extents.length;
    this.#extents.push({ start: position, end: position + length, next: -1 });
    if (own !== undefined) own.next = number;
    state.ownExtent = number;
    this.#forgetExtents();
  }

  #forgetExtents(): void {
    const oldest = this.#extents[EXTENTS_FORGOTTEN_AT_ONCE];
    if (oldest === undefined || oldest.start > this.#recent.begin) return;
    this.#extents = this.#extents.slice(EXTENTS_FORGOTTEN_AT_ONCE);
    this.#firstExtent += EXTENTS_FORGOTTEN_AT_ONCE;
  }

  /** Number of the extent that holds the position. */
  #extentAt(position: number): number {
    let low = 0;
    let high = this.#extents.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#extents[middle]?.start ?? 0) <= position) low = middle;
      else high = middle - 1;
    }
    return this.#firstExtent + low;
  }

  #stateOf(stream: number, offset: number): StreamState {
    const known = this.#streams.get(stream);
    if (known !== undefined && known.offset === offset) return known;
    const state: StreamState = {
      borders: new FrameBorders(this.#layout),
      bordersFrom: offset,
      offset,
      following: known?.following,
      ownExtent: -1,
      header: Buffer.alloc(this.#layout.sizeBytes),
      headerBytes: this.#layout.sizeBytes,
      frameStart: 0,
    };
    this.#streams.set(stream, state);
    return state;
  }
}

function slotOf(header: Uint8Array): number {
  return crc32(header) & (INDEX_SLOTS - 1);
}
