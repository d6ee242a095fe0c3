/**
 * The contents that did not agree somewhere, and the headers of what is no frame. The analysis must know every
 * occurrence of the first, and every sent message that begins with one of the second. Nearly all frames are neither:
 * a look at two numbers of the header tells that.
 */
import { readHeader, u32At } from '../../wire/header.ts';
import type { HeaderLayout } from '../../wire/types.ts';
import { keyOf } from '../content-table.ts';

const FILTER_BITS = 24;
const FILTER_SHIFT = 32 - FILTER_BITS;
const MIX = 0x9e3779b1;

export class OddContents {
  readonly #layout: HeaderLayout;
  readonly #keys = new Set<string>();
  readonly #heads = new Set<string>();
  readonly #filter = new Uint8Array(2 ** (FILTER_BITS - 3));

  constructor(layout: HeaderLayout) {
    this.#layout = layout;
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0;
  }

  addFrame(frame: { readonly key: string; readonly mark: number }): void {
    this.#keys.add(frame.key);
    this.#note(frame.mark);
  }

  /** Bytes that are no frame, or a frame in which another one seems to begin. */
  addOdd(bytes: Uint8Array, isFrame: boolean): void {
    this.addFrame({ key: keyOf(bytes), mark: this.markOf(bytes) });
    this.#addHead(bytes);
    if (!isFrame) return;
    const { magic, offsets, sizeBytes } = this.#layout;
    for (let at = 1; at + sizeBytes <= bytes.length; at++) {
      if (u32At(bytes, at + offsets.magic) === magic) this.#addHead(bytes.subarray(at));
    }
  }

  /** Of a content that is to be known wherever it occurs from now on. */
  addContent(bytes: Uint8Array): void {
    this.addFrame({ key: keyOf(bytes), mark: this.markOf(bytes) });
  }

  has(bytes: Uint8Array): boolean {
    return this.#mayHave(bytes) && this.#keys.has(keyOf(bytes));
  }

  hasHeadOf(bytes: Uint8Array): boolean {
    return this.#heads.size > 0 && this.#mayHave(bytes) && this.#heads.has(this.#headKey(bytes));
  }

  /** A number of 32 bits that equal headers share. */
  markOf(bytes: Uint8Array): number {
    const { sequence, timestamp } = this.#layout.offsets;
    return (Math.imul(u32At(bytes, sequence), MIX) ^ Math.imul(u32At(bytes, timestamp), ~MIX)) | 0;
  }

  #addHead(bytes: Uint8Array): void {
    if (bytes.length < this.#layout.sizeBytes) return;
    this.#heads.add(this.#headKey(bytes));
    this.#note(this.markOf(bytes));
  }

  #headKey(bytes: Uint8Array): string {
    const header = readHeader(this.#layout, bytes);
    return `${header.relay_domain}/${header.source}/${header.sequence}/${header.timestamp}/${header.payload_size}`;
  }

  #note(mark: number): void {
    const bit = Math.imul(mark, MIX) >>> FILTER_SHIFT;
    this.#filter[bit >>> 3] = (this.#filter[bit >>> 3] ?? 0) | (1 << (bit & 7));
  }

  #mayHave(bytes: Uint8Array): boolean {
    const bit = Math.imul(this.markOf(bytes), MIX) >>> FILTER_SHIFT;
    return ((this.#filter[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  }
}
