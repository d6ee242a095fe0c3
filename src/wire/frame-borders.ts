/**
 * Finds frame borders in a stream as it passes, for about the price of reading one number a frame: follows
 * `payload_size`, and takes the next magic for a border where it finds no header. It does not judge frames
 * (the frame reader does), so on a damaged stream a border may be wrong; it is never missing for ever.
 */
import type { FrameLimits } from './frame-rules.ts';
import { DEFAULT_FRAME_LIMITS } from './frame-rules.ts';
import type { HeaderLayout } from './types.ts';

const MAGIC_BYTES = 4;

export class FrameBorders {
  readonly #layout: HeaderLayout;
  readonly #limits: FrameLimits;
  readonly #magic: Buffer;
  /** The first bytes of a header that a chunk border has cut. */
  readonly #header: Buffer;
  #headerBytes = 0;
  /** Bytes of the current frame that have not passed yet. */
  #frameBytesLeft = 0;
  /** Stream offset behind the last byte seen. */
  #offset = 0;

  constructor(layout: HeaderLayout, limits: FrameLimits = DEFAULT_FRAME_LIMITS) {
    this.#layout = layout;
    this.#limits = limits;
    this.#magic = Buffer.alloc(MAGIC_BYTES);
    this.#magic.writeUInt32LE(layout.magic);
    this.#header = Buffer.alloc(layout.sizeBytes);
  }

  /**
   * Stream offsets of the borders in the chunk, ascending: where a frame begins, its own start included,
   * and its end when a frame ends there.
   */
  push(chunk: Uint8Array): readonly number[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const start = this.#offset;
    this.#offset += bytes.length;
    const borders: number[] = [];
    let position = 0;
    while (position < bytes.length) {
      if (this.#frameBytesLeft > 0) {
        const passed = Math.min(this.#frameBytesLeft, bytes.length - position);
        this.#frameBytesLeft -= passed;
        position += passed;
      } else {
        if (this.#headerBytes === 0) borders.push(start + position);
        position = this.#readHeader(bytes, position);
      }
    }
    if (this.#frameBytesLeft === 0 && this.#headerBytes === 0) borders.push(this.#offset);
    return borders;
  }

  /** Collects a header, and learns from it how long the frame is. Returns the position behind it. */
  #readHeader(bytes: Buffer, position: number): number {
    const wanted = this.#layout.sizeBytes - this.#headerBytes;
    const taken = Math.min(wanted, bytes.length - position);
    bytes.copy(this.#header, this.#headerBytes, position, position + taken);
    this.#headerBytes += taken;
    if (taken < wanted) return position + taken;
    this.#headerBytes = 0;
    const { magic, payload_size } = this.#layout.offsets;
    const payloadBytes = this.#header.readUInt32LE(payload_size);
    const isHeader =
      this.#header.readUInt32LE(magic) === this.#layout.magic &&
      this.#layout.sizeBytes + payloadBytes <= this.#limits.frameBytesMax;
    const start = position + taken - this.#layout.sizeBytes;
    if (!isHeader) return this.#skipToMagic(bytes, start);
    this.#frameBytesLeft = payloadBytes;
    return position + taken;
  }

  /** What was taken for a header is none: the bytes up to the next magic behind its start belong to no frame. */
  #skipToMagic(bytes: Buffer, badStart: number): number {
    const { magic } = this.#layout.offsets;
    const found = bytes.indexOf(this.#magic, Math.max(0, badStart + 1) + magic);
    return found < 0 ? bytes.length : found - magic;
  }
}
