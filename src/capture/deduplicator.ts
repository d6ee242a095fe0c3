/**
 * Finds what is recorded again. Both relays broadcast the same bytes to every client; a capture stores them
 * once, and each stream as runs of positions in that store. Every stream follows the bytes that it repeated
 * last; where they are not what comes next, the next frame is looked up by its header. What is not found is
 * stored anew: a wrong guess costs space, never truth, because only compared bytes become a reference.
 *
 * Pure; the writer stores `newPieces`.
 */
import { FrameBorders } from '../wire/frame-borders.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { hashOf } from './header-hash.ts';
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
  readonly header: Uint8Array;
  headerBytes: number;
  frameStart: number;
}

/** A chunk on its way into the store. What is new in it is appended in one piece as far as it is consecutive. */
interface PlacedBytes {
  readonly bytes: Uint8Array;
  /** Up to here its bytes are in the store, and `runs` says where. */
  newFrom: number;
  /** Up to here they are new. */
  newTo: number;
  readonly runs: number[];
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
  /** The whole hash of what the slot holds: without it, full slots would have every new header compared with another. */
  readonly #hashes = new Uint32Array(INDEX_SLOTS);
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
    const repeated = this.#follow(state, bytes, 0, bytes.length);
    if (repeated !== undefined) return repeated;
    const chunk: PlacedBytes = { bytes, newFrom: 0, newTo: 0, runs: [] };
    let from = 0;
    let isBorder = false;
    for (const border of state.borders.all(bytes)) {
      const at = border + state.bordersFrom - offset;
      if (at > from) this.#placePiece(state, chunk, from, at, isBorder);
      from = at;
      isBorder = true;
    }
    if (from < bytes.length) this.#placePiece(state, chunk, from, bytes.length, isBorder);
    this.#append(state, chunk);
    return chunk.runs;
  }

  #placePiece(
    state: StreamState,
    chunk: PlacedBytes,
    from: number,
    to: number,
    isBorder: boolean,
  ): void {
    const repeated =
      this.#follow(state, chunk.bytes, from, to) ??
      (isBorder ? this.#lookUp(state, chunk, from, to) : undefined);
    if (repeated === undefined) {
      this.#addNew(state, chunk, from, to, isBorder);
      return;
    }
    this.#append(state, chunk);
    chunk.runs.push(...repeated);
    chunk.newFrom = to;
    chunk.newTo = to;
  }

  /** Where the bytes are, all of them; undefined when they are not what comes next. */
  #follow(state: StreamState, bytes: Uint8Array, from: number, to: number): Runs | undefined {
    if (state.following === undefined) return undefined;
    const found: number[] = [];
    let { extent: number, position } = state.following;
    let at = from;
    for (;;) {
      const extent = this.#extents[number - this.#firstExtent];
      if (extent === undefined) return undefined;
      const length = Math.min(to - at, extent.end - position);
      if (length > 0) {
        if (!this.#recent.holds(position, bytes, at, at + length)) return undefined;
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
    return found;
  }

  #lookUp(state: StreamState, chunk: PlacedBytes, from: number, to: number): Runs | undefined {
    const headerEnd = from + this.#layout.sizeBytes;
    if (headerEnd > to) return undefined;
    const position = this.#positionOf(hashOf(chunk.bytes, from, headerEnd));
    if (position < this.#recent.begin) return undefined;
    // It may be in this very chunk.
    if (position >= this.#recent.end) this.#append(state, chunk);
    const before = state.following;
    state.following = { extent: this.#extentAt(position), position };
    const found = this.#follow(state, chunk.bytes, from, to);
    if (found === undefined) state.following = before;
    return found;
  }

  /** Of the newest frame with such a header, as far as is known; -1: none. */
  #positionOf(hash: number): number {
    const slot = hash & (INDEX_SLOTS - 1);
    return this.#hashes[slot] === hash ? (this.#index[slot] ?? 0) - 1 : -1;
  }

  /** The piece goes on with what is new in the chunk. */
  #addNew(
    state: StreamState,
    chunk: PlacedBytes,
    from: number,
    to: number,
    isBorder: boolean,
  ): void {
    if (isBorder) {
      state.frameStart = this.#recent.end + from - chunk.newFrom;
      state.headerBytes = 0;
    }
    chunk.newTo = to;
    this.#collectHeader(state, chunk, from, to);
  }

  #append(state: StreamState, chunk: PlacedBytes): void {
    const { bytes, newFrom, newTo, runs } = chunk;
    if (newFrom === newTo) return;
    const isAll = newTo - newFrom === bytes.length;
    const piece = isAll ? bytes : bytes.subarray(newFrom, newTo);
    const position = this.#recent.append(piece);
    this.#newPieces.push(piece);
    this.#newBytes += piece.length;
    runs.push(position, piece.length);
    this.#extend(state, position, piece.length);
    chunk.newFrom = newTo;
  }

  /** A header may come in pieces; the frame is known by it once it is whole. */
  #collectHeader(state: StreamState, chunk: PlacedBytes, from: number, to: number): void {
    const size = this.#layout.sizeBytes;
    const wanted = size - state.headerBytes;
    if (wanted <= 0) return;
    const taken = Math.min(wanted, to - from);
    for (let index = 0; index < taken; index++)
      state.header[state.headerBytes + index] = chunk.bytes[from + index] ?? 0;
    state.headerBytes += taken;
    if (taken < wanted) return;
    const hash = hashOf(state.header, 0, size);
    const known = this.#positionOf(hash);
    if (known >= this.#recent.end) this.#append(state, chunk);
    if (this.#recent.holds(known, state.header, 0, size)) {
      // Its header came in pieces, so it was not looked up in time; what comes next may be known.
      const position = known + size + to - from - taken;
      if (position < this.#recent.end) {
        state.following = { extent: this.#extentAt(position), position };
      }
    } else {
      const slot = hash & (INDEX_SLOTS - 1);
      this.#hashes[slot] = hash;
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
      header: new Uint8Array(this.#layout.sizeBytes),
      headerBytes: this.#layout.sizeBytes,
      frameStart: 0,
    };
    this.#streams.set(stream, state);
    return state;
  }
}
