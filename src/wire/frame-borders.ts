/**
 * Finds frame borders in a stream as it passes, for about the price of reading two numbers a frame and
 * without allocating: follows `payload_size`, and looks for the next magic where it finds no header. It does
 * not judge frames (the frame reader does), so on a damaged stream a border may be wrong; it is never missing
 * for ever. What it knows of the last chunk is enough to leave out whole frames, count them and name them.
 */
import type { FrameLimits } from './frame-rules.ts';
import { DEFAULT_FRAME_LIMITS } from './frame-rules.ts';
import type { HeaderLayout } from './types.ts';

const MAGIC_BYTES = 4;
const NONE = -1;

/** How many whole frames something holds, and the headers of the first and the last of them. */
export interface FrameTally {
  readonly frames: number;
  readonly firstHeader: Uint8Array | undefined;
  readonly lastHeader: Uint8Array | undefined;
}

/** Counts the whole frames of bytes that were left out, chunk by chunk. */
export class FrameCount {
  frames = 0;
  readonly #first: Uint8Array;
  readonly #last: Uint8Array;

  constructor(layout: HeaderLayout) {
    this.#first = new Uint8Array(layout.sizeBytes);
    this.#last = new Uint8Array(layout.sizeBytes);
  }

  /** One frame more, its header at `position` of `bytes`. */
  add(bytes: Uint8Array, position: number): void {
    this.addMany(1, bytes, position, position);
  }

  addMany(frames: number, bytes: Uint8Array, first: number, last: number): void {
    if (this.frames === 0) copyHeader(bytes, first, this.#first);
    copyHeader(bytes, last, this.#last);
    this.frames += frames;
  }

  /** A copy, the caller's to keep. */
  get tally(): FrameTally {
    const { frames } = this;
    if (frames === 0) return { frames, firstHeader: undefined, lastHeader: undefined };
    return { frames, firstHeader: this.#first.slice(), lastHeader: this.#last.slice() };
  }
}

export class FrameBorders {
  readonly #sizeBytes: number;
  readonly #magicAt: number;
  readonly #magicBytes: Buffer;
  readonly #magic: number;
  readonly #payloadSizeAt: number;
  readonly #payloadBytesMax: number;
  /** Header, or its beginning, of the frame that the end of the chunk has cut. */
  #head: Uint8Array;
  /** Of a whole frame that began in an earlier chunk and ended in the last one. */
  #carriedHead: Uint8Array;
  #headBytes = 0;
  /** Bytes of the current frame that have not passed yet. */
  #frameBytesLeft = 0;
  /** Stream offset of the frame that `head` belongs to. */
  #frameStart = 0;
  #inStep = true;
  #chunkOffset = 0;
  #offset = 0;
  #firstBorder = NONE;
  #carriedStart = NONE;
  #wholeFrames = 0;
  #firstWhole = NONE;
  #lastWhole = NONE;

  /** `offset`: of the first byte that will be pushed, in its stream. */
  constructor(layout: HeaderLayout, offset = 0, limits: FrameLimits = DEFAULT_FRAME_LIMITS) {
    this.#sizeBytes = layout.sizeBytes;
    this.#magicAt = layout.offsets.magic;
    this.#magic = layout.magic;
    this.#magicBytes = Buffer.alloc(MAGIC_BYTES);
    this.#magicBytes.writeUInt32LE(layout.magic);
    this.#payloadSizeAt = layout.offsets.payload_size;
    this.#payloadBytesMax = limits.frameBytesMax - layout.sizeBytes;
    this.#head = new Uint8Array(layout.sizeBytes);
    this.#carriedHead = new Uint8Array(layout.sizeBytes);
    this.#offset = offset;
    this.#chunkOffset = offset;
  }

  /** Stream offset behind the last byte seen. */
  get offset(): number {
    return this.#offset;
  }

  /** Stream offset of the last chunk. */
  get chunkOffset(): number {
    return this.#chunkOffset;
  }

  /** Stream offset of the first border in the last chunk, its end included; undefined when it has none. */
  get firstBorder(): number | undefined {
    return this.#firstBorder === NONE ? undefined : this.#firstBorder;
  }

  /** The stream is between two frames. */
  get isAtBorder(): boolean {
    return this.#frameBytesLeft === 0 && this.#headBytes === 0;
  }

  /** How many frames ended in the last chunk. */
  get endedFrames(): number {
    return this.#wholeFrames + (this.#carriedStart === NONE ? 0 : 1);
  }

  /** The sender starts anew: what it had begun does not go on. */
  restart(): void {
    this.#frameBytesLeft = 0;
    this.#headBytes = 0;
    this.#inStep = true;
  }

  /** Takes note of the next bytes of the stream. What is said of a chunk is true until the next one. */
  push(chunk: Uint8Array): void {
    this.#chunkOffset = this.#offset;
    this.#offset += chunk.length;
    this.#firstBorder = NONE;
    this.#carriedStart = NONE;
    this.#wholeFrames = 0;
    // Bytes that belong to no frame may be left out anywhere.
    if (this.isAtBorder || !this.#inStep) this.#mark(0);
    let position = 0;
    if (this.#frameBytesLeft > 0) position = this.#passFrame(chunk, 0);
    else if (this.#headBytes > 0) position = this.#collectHeader(chunk);
    if (position < chunk.length) this.#walk(chunk, position);
  }

  /**
   * Adds the frames that ended in the last chunk at or before its first border, where all of the frame lies
   * behind `from`: one that began in an earlier chunk, or none.
   */
  countCarried(from: number, into: FrameCount): void {
    if (this.#carriedStart !== NONE && this.#carriedStart >= from) into.add(this.#carriedHead, 0);
  }

  /** Adds the frames that lie in the last chunk from beginning to end. */
  countWhole(chunk: Uint8Array, into: FrameCount): void {
    if (this.#wholeFrames === 0) return;
    into.addMany(this.#wholeFrames, chunk, this.#firstWhole, this.#lastWhole);
  }

  /** All borders of the last chunk as stream offsets, ascending: for those who need each of them. */
  all(chunk: Uint8Array): readonly number[] {
    const borders: number[] = [];
    if (this.#firstBorder === NONE) return borders;
    let position = this.#firstBorder - this.#chunkOffset;
    while (position <= chunk.length) {
      borders.push(this.#chunkOffset + position);
      if (position + this.#sizeBytes > chunk.length) break;
      const payloadBytes = this.#payloadBytes(chunk, position);
      if (payloadBytes === NONE) position = this.#nextMagic(chunk, position + 1);
      else position += this.#sizeBytes + payloadBytes;
    }
    return borders;
  }

  #mark(position: number): void {
    if (this.#firstBorder === NONE) this.#firstBorder = this.#chunkOffset + position;
  }

  /** Passes over what the chunk has of a frame whose header is known. Returns the position behind it. */
  #passFrame(chunk: Uint8Array, position: number): number {
    const passed = Math.min(this.#frameBytesLeft, chunk.length - position);
    this.#frameBytesLeft -= passed;
    if (this.#frameBytesLeft === 0) this.#endCarried(position + passed);
    return position + passed;
  }

  #endCarried(position: number): void {
    [this.#head, this.#carriedHead] = [this.#carriedHead, this.#head];
    this.#headBytes = 0;
    this.#carriedStart = this.#frameStart;
    this.#mark(position);
  }

  /** Completes a header that began in an earlier chunk. Returns the position behind what belongs to it. */
  #collectHeader(chunk: Uint8Array): number {
    let position = 0;
    for (;;) {
      const wanted = this.#sizeBytes - this.#headBytes;
      const taken = Math.min(wanted, chunk.length - position);
      copyBytes(chunk, position, taken, this.#head, this.#headBytes);
      this.#headBytes += taken;
      position += taken;
      if (taken < wanted) return position;
      const payloadBytes = this.#payloadBytes(this.#head, 0);
      if (payloadBytes !== NONE) {
        this.#inStep = true;
        this.#frameBytesLeft = payloadBytes;
        if (payloadBytes > 0) return this.#passFrame(chunk, position);
        this.#endCarried(position);
        return position;
      }
      this.#inStep = false;
      this.#mark(0);
      this.#slideHead();
      if (this.#headBytes === 0) return position;
    }
  }

  /** The collected bytes are no header: forgets those before the next place where one may begin. */
  #slideHead(): void {
    const size = this.#sizeBytes;
    let start = 1;
    while (start < size && !this.#mayBegin(this.#head, start)) start += 1;
    this.#head.copyWithin(0, start);
    this.#headBytes = size - start;
    this.#frameStart += start;
  }

  /** Whether the bytes from `start` on do not contradict a magic in its place, as far as they go. */
  #mayBegin(bytes: Uint8Array, start: number): boolean {
    for (let at = 0; at < MAGIC_BYTES; at++) {
      const byte = bytes[start + this.#magicAt + at];
      if (byte !== undefined && byte !== this.#magicBytes[at]) return false;
    }
    return true;
  }

  /** Goes from frame to frame; what the chunk has only the beginning of is kept for the next chunk. */
  #walk(chunk: Uint8Array, from: number): void {
    this.#mark(from);
    // Read once: this loop runs for every frame of all streams.
    const { length } = chunk;
    const size = this.#sizeBytes;
    const magicAt = this.#magicAt;
    const payloadSizeAt = this.#payloadSizeAt;
    const payloadBytesMax = this.#payloadBytesMax;
    const magic = this.#magic;
    let position = from;
    while (position + size <= length) {
      const payloadBytes = readUint32(chunk, position + payloadSizeAt);
      if (readUint32(chunk, position + magicAt) !== magic || payloadBytes > payloadBytesMax) {
        this.#inStep = false;
        position = this.#nextMagic(chunk, position + 1);
        continue;
      }
      this.#inStep = true;
      const end = position + size + payloadBytes;
      if (end > length) {
        this.#cut(chunk, position, size);
        this.#frameBytesLeft = end - length;
        return;
      }
      if (this.#wholeFrames === 0) this.#firstWhole = position;
      this.#lastWhole = position;
      this.#wholeFrames += 1;
      position = end;
    }
    if (position < length) this.#cut(chunk, position, length - position);
  }

  #cut(chunk: Uint8Array, position: number, headBytes: number): void {
    copyBytes(chunk, position, headBytes, this.#head, 0);
    this.#headBytes = headBytes;
    this.#frameStart = this.#chunkOffset + position;
  }

  /** Of the frame whose header is at `position`, or NONE when there is no header. */
  #payloadBytes(bytes: Uint8Array, position: number): number {
    if (readUint32(bytes, position + this.#magicAt) !== this.#magic) return NONE;
    const payloadBytes = readUint32(bytes, position + this.#payloadSizeAt);
    return payloadBytes <= this.#payloadBytesMax ? payloadBytes : NONE;
  }

  /** Where the next header may begin; what is behind the last magic is left for the next chunk to tell. */
  #nextMagic(chunk: Uint8Array, from: number): number {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const found = bytes.indexOf(this.#magicBytes, from + this.#magicAt);
    if (found >= 0) return found - this.#magicAt;
    const rest = bytes.length - this.#magicAt - MAGIC_BYTES + 1;
    let position = Math.max(from, rest);
    while (position < bytes.length && !this.#mayBegin(bytes, position)) position += 1;
    return position;
  }
}

function readUint32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
  return (low | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
}

/** A loop, because a view for `set` costs more than these few bytes. */
function copyBytes(
  from: Uint8Array,
  position: number,
  length: number,
  to: Uint8Array,
  at: number,
): void {
  for (let index = 0; index < length; index++) to[at + index] = from[position + index] ?? 0;
}

function copyHeader(bytes: Uint8Array, position: number, to: Uint8Array): void {
  copyBytes(bytes, position, to.length, to, 0);
}
