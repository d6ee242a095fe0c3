/**
 * Judges positions of a byte window: could a header begin here, and can the frame be trusted?
 * Functions of the bytes and of what is left of the budget; the frame reader decides with them and keeps the state.
 */
import type { DoubtBudget } from './doubt-budget.ts';
import { checksumState, u32At } from './header.ts';
import { isExactTlvWalk } from './tlv.ts';
import type { HeaderLayout } from './types.ts';

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
/** How many bytes behind an end tell whether a magic that begins before it is one. */
export const MAGIC_REST_BYTES = MAGIC_BYTES - 1;
const RESYNC_VERSION = 1;
const SEARCHED_HERE_BYTES = 256;
/** What a step of a TLV walk costs, in bytes of a checksum; a step takes two bytes of payload or more. */
const TLV_STEP_WORK = 8;
const TLV_BYTES_MIN = 2;

export class FrameRules {
  readonly layout: HeaderLayout;
  readonly limits: FrameLimits;
  readonly #magic: Buffer;
  /** By byte: whether it is one of the magic. */
  readonly #isOfMagic = new Uint8Array(256);

  constructor(layout: HeaderLayout, limits: FrameLimits) {
    this.layout = layout;
    this.limits = limits;
    this.#magic = Buffer.alloc(MAGIC_BYTES);
    this.#magic.writeUInt32LE(layout.magic);
    for (const byte of this.#magic) this.#isOfMagic[byte] = 1;
  }

  /** The stream is in step here, so magic and size decide: real parsers check neither version nor flags. */
  judgeHeader(window: Uint8Array, position: number): HeaderJudgement {
    const magicAt = position + this.layout.offsets.magic;
    const seen = Math.min(MAGIC_BYTES, window.length - magicAt);
    for (let index = 0; index < seen; index++) {
      if (window[magicAt + index] !== this.#magic[index]) return NO;
    }
    if (window.length - position < this.layout.sizeBytes) return INCOMPLETE;
    const frameBytes = this.layout.sizeBytes + this.payloadSize(window, position);
    return { kind: frameBytes > this.limits.frameBytesMax ? 'oversize' : 'header', frameBytes };
  }

  /**
   * The usual cases, quickly: bytes of the frame at `position` when it is complete and beyond doubt, because its
   * TLVs fill it and another header follows, or because no header seems to begin in it. Otherwise 0.
   */
  plainFrameBytes(window: Buffer, position: number): number {
    const { sizeBytes, offsets, magic } = this.layout;
    if (window.length - position < sizeBytes) return 0;
    if (u32At(window, position + offsets.magic) !== magic) return 0;
    const frameBytes = sizeBytes + this.payloadSize(window, position);
    if (frameBytes > this.limits.frameBytesMax || frameBytes > window.length - position) return 0;
    const end = position + frameBytes;
    const isPlain =
      (this.isHeader(window, end) && this.hasExactTlvs(window, position, end)) ||
      !this.mayHoldHeader(window, position, end);
    return isPlain ? frameBytes : 0;
  }

  /** Whether a whole header with a possible size stands there: judgeHeader in short. */
  isHeader(window: Uint8Array, position: number): boolean {
    const { sizeBytes, offsets, magic } = this.layout;
    return (
      window.length - position >= sizeBytes &&
      u32At(window, position + offsets.magic) === magic &&
      sizeBytes + this.payloadSize(window, position) <= this.limits.frameBytesMax
    );
  }

  /** Whether another header seems to begin in the frame: a magic, or at its end a part of one. */
  mayHoldHeader(window: Buffer, position: number, end: number): boolean {
    return (
      this.endsInPartOfMagic(window, end) || this.nextMagic(window, position + 1, end) !== undefined
    );
  }

  /** The stream is out of step here, so magic, version, size, an exact TLV walk and the checksum must agree. */
  trustFrame(window: Uint8Array, position: number, budget: DoubtBudget): Trust {
    const judgement = this.judgeHeader(window, position);
    if (judgement.kind === 'incomplete') {
      return { kind: 'need', untilBytes: position + this.layout.sizeBytes };
    }
    if (judgement.kind !== 'header') return NO;
    if (window[position + this.layout.offsets.version] !== RESYNC_VERSION) return NO;
    const { frameBytes } = judgement;
    const end = position + frameBytes;
    if (window.length < end) return { kind: 'need', untilBytes: end };
    const stepsMax = Math.min(frameBytes / TLV_BYTES_MIN, this.limits.resyncTlvCountMax);
    if (!budget.spend(stepsMax * TLV_STEP_WORK)) return NO;
    if (!this.hasExactTlvs(window, position, end)) return NO;
    if (this.#checksum(window, position) === 0) return { kind: 'yes', frameBytes };
    if (!budget.spend(frameBytes)) return NO;
    return this.hasValidChecksum(window, position, end) ? { kind: 'yes', frameBytes } : NO;
  }

  hasExactTlvs(window: Uint8Array, position: number, end: number): boolean {
    return isExactTlvWalk(
      window,
      position + this.layout.sizeBytes,
      end,
      this.limits.resyncTlvCountMax,
    );
  }

  hasValidChecksum(window: Uint8Array, position: number, end: number): boolean {
    return checksumState(this.layout, window, position, end) === 'valid';
  }

  #checksum(window: Uint8Array, position: number): number {
    return u32At(window, position + this.layout.offsets.checksum);
  }

  /**
   * The next position from `from` on where the magic stands in a header's place, or undefined. The magic must be
   * there in full, and begin before `end`.
   */
  nextMagic(window: Buffer, from: number, end: number): number | undefined {
    const magicOffset = this.layout.offsets.magic;
    const start = from + magicOffset;
    const stop = Math.min(window.length, end + MAGIC_REST_BYTES);
    const near = Math.min(stop, start + SEARCHED_HERE_BYTES);
    const found = this.#searchNear(window, start, near);
    if (found !== undefined) return found - magicOffset;
    if (near === stop) return undefined;
    const farStart = near - MAGIC_REST_BYTES;
    const far = window.subarray(farStart, stop).indexOf(this.#magic);
    return far < 0 ? undefined : farStart + far - magicOffset;
  }

  /**
   * Of the four bytes of a magic one stands in a place that is looked at; four places are looked at in turn, and none
   * waits for what the one before it has shown. For the usual frame this is done before a call into native code would
   * have begun.
   */
  #searchNear(window: Buffer, start: number, stop: number): number | undefined {
    const isOf = this.#isOfMagic;
    const lookedAtBytes = 4 * MAGIC_BYTES;
    let at = start + MAGIC_REST_BYTES;
    for (; at + lookedAtBytes - MAGIC_BYTES < stop; at += lookedAtBytes) {
      const isAny =
        (isOf[window[at] ?? 0] ?? 0) |
        (isOf[window[at + 4] ?? 0] ?? 0) |
        (isOf[window[at + 8] ?? 0] ?? 0) |
        (isOf[window[at + 12] ?? 0] ?? 0);
      if (isAny === 0) continue;
      const found = this.#searchPlaces(window, at, at + lookedAtBytes, stop);
      if (found !== undefined) return found;
    }
    return this.#searchPlaces(window, at, stop, stop);
  }

  #searchPlaces(window: Buffer, first: number, end: number, stop: number): number | undefined {
    for (let at = first; at < end; at += MAGIC_BYTES) {
      if (this.#isOfMagic[window[at] ?? 0] === 0) continue;
      const found = this.#magicAround(window, at, stop);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Where the first magic begins that covers this byte and ends before `stop`. */
  #magicAround(window: Buffer, at: number, stop: number): number | undefined {
    const { magic } = this.layout;
    const first = at - MAGIC_REST_BYTES;
    for (let begin = first; begin <= at && begin + MAGIC_BYTES <= stop; begin++) {
      if (u32At(window, begin) === magic) return begin;
    }
    return undefined;
  }

  /** Whether the last one to three bytes before `end` could be the beginning of a magic that `end` cuts. */
  endsInPartOfMagic(window: Uint8Array, end: number): boolean {
    const magic = this.#magic;
    const last = window[end - 1];
    if (last === magic[0]) return true;
    if (window[end - 2] !== magic[0]) {
      return last === magic[2] && window[end - 2] === magic[1] && window[end - 3] === magic[0];
    }
    return last === magic[1];
  }

  /** How many bytes at the end of the window may be the beginning of a header that is not complete. */
  get undecidedBytes(): number {
    return this.layout.offsets.magic + MAGIC_BYTES - 1;
  }

  payloadSize(window: Uint8Array, position: number): number {
    return u32At(window, position + this.layout.offsets.payload_size);
  }
}
