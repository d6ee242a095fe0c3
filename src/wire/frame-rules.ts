/**
 * Judges positions of a byte window: could a header begin here, and can the frame be trusted?
 * Pure functions of the bytes; the frame reader decides with them and keeps the state.
 */
import { checksumState, viewOf } from './header.ts';
import { isExactTlvWalk } from './tlv.ts';
import type { ChecksumState, HeaderLayout } from './types.ts';

export interface FrameLimits {
  /** Header included. The protocol's own limit is 1 MiB (reference, "Limits"). */
  readonly frameBytesMax: number;
  /** A frame with more TLVs than this is no place to resynchronise at; bounds the work on hostile bytes. */
  readonly resyncTlvCountMax: number;
}

export const DEFAULT_FRAME_LIMITS: FrameLimits = {
  frameBytesMax: 1_048_576,
  resyncTlvCountMax: 1_024,
};

/** What the bytes at a position say about a header that would begin there. */
export type HeaderJudgement =
  | { readonly kind: 'no' }
  /** All bytes seen so far fit, but fewer than a header are there. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'oversize'; readonly frameBytes: number }
  | { readonly kind: 'header'; readonly frameBytes: number };

/** How far a frame can be trusted that would begin in the middle of other bytes. */
export type Trust =
  | { readonly kind: 'no' }
  | { readonly kind: 'yes'; readonly frameBytes: number }
  /** The bytes end before it can be told; `untilBytes` of the window are needed. */
  | { readonly kind: 'need'; readonly untilBytes: number };

const NO = { kind: 'no' } as const;
const INCOMPLETE = { kind: 'incomplete' } as const;
const MAGIC_BYTES = 4;
const RESYNC_VERSION = 1;

export class FrameRules {
  readonly layout: HeaderLayout;
  readonly limits: FrameLimits;
  readonly #magic: Buffer;

  constructor(layout: HeaderLayout, limits: FrameLimits) {
    this.layout = layout;
    this.limits = limits;
    this.#magic = Buffer.alloc(MAGIC_BYTES);
    this.#magic.writeUInt32LE(layout.magic);
  }

  /** The stream is in step here, so magic and size decide: real parsers check neither version nor flags. */
  judgeHeader(window: Buffer, position: number): HeaderJudgement {
    const available = window.length - position;
    const magicAt = position + this.layout.offsets.magic;
    const seen = Math.min(MAGIC_BYTES, window.length - magicAt);
    for (let index = 0; index < seen; index++) {
      if (window[magicAt + index] !== this.#magic[index]) return NO;
    }
    if (available < this.layout.sizeBytes) return INCOMPLETE;
    const payloadBytes = window.readUInt32LE(position + this.layout.offsets.payload_size);
    const frameBytes = this.layout.sizeBytes + payloadBytes;
    return { kind: frameBytes > this.limits.frameBytesMax ? 'oversize' : 'header', frameBytes };
  }

  /** The stream is out of step here, so magic, version, size, an exact TLV walk and the checksum must agree. */
  trustFrame(window: Buffer, position: number): Trust {
    const judgement = this.judgeHeader(window, position);
    if (judgement.kind === 'incomplete') {
      return { kind: 'need', untilBytes: position + this.layout.sizeBytes };
    }
    if (judgement.kind !== 'header') return NO;
    if (window[position + this.layout.offsets.version] !== RESYNC_VERSION) return NO;
    const end = position + judgement.frameBytes;
    if (window.length < end) return { kind: 'need', untilBytes: end };
    if (!this.hasExactTlvs(window, position, end)) return NO;
    if (this.checksumState(window, position, end) === 'wrong') return NO;
    return { kind: 'yes', frameBytes: judgement.frameBytes };
  }

  hasExactTlvs(window: Buffer, position: number, end: number): boolean {
    return isExactTlvWalk(
      window,
      position + this.layout.sizeBytes,
      end,
      this.limits.resyncTlvCountMax,
    );
  }

  checksumState(window: Buffer, position: number, end: number): ChecksumState {
    return checksumState(this.layout, window.subarray(position, end));
  }

  /** The next position from `from` on where the magic stands in a header's place, or undefined. */
  nextMagic(window: Buffer, from: number): number | undefined {
    const found = window.indexOf(this.#magic, from + this.layout.offsets.magic);
    return found < 0 ? undefined : found - this.layout.offsets.magic;
  }

  /** Whether the last one to three bytes before `end` could be the beginning of a magic that `end` cuts. */
  endsInPartOfMagic(window: Buffer, end: number): boolean {
    for (let length = 1; length < MAGIC_BYTES; length++) {
      if (window.compare(this.#magic, 0, length, end - length, end) === 0) return true;
    }
    return false;
  }

  /** How many bytes at the end of the window may be the beginning of a header that is not complete. */
  get undecidedBytes(): number {
    return this.layout.offsets.magic + MAGIC_BYTES - 1;
  }

  payloadSize(window: Buffer): number {
    return viewOf(window).getUint32(this.layout.offsets.payload_size, true);
  }
}
