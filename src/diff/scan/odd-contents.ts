/**
 * The contents that did not agree somewhere. The analysis must know every occurrence of them. Nearly all frames are of
 * no such content: where a message always has the same bytes, a look at two numbers of the header tells that.
 */
import { u32At } from '../../wire/header.ts';
import type { HeaderLayout } from '../../wire/types.ts';
import type { Identity } from '../identity.ts';

const FILTER_BITS = 24;
const FILTER_SHIFT = 32 - FILTER_BITS;
const MIX = 0x9e3779b1;
/** Of all, where equal headers do not tell. */
const NO_MARK = 0;

export class OddContents {
  readonly #layout: HeaderLayout;
  readonly #isOfBytes: boolean;
  readonly #keys = new Set<string>();
  readonly #filter = new Uint8Array(2 ** (FILTER_BITS - 3));

  constructor({ dialects, isOfBytes }: Identity) {
    this.#layout = dialects.old.header;
    this.#isOfBytes = isOfBytes;
  }

  /** `key`: see Identity. */
  add({ key, mark }: { readonly key: string; readonly mark: number }): void {
    this.#keys.add(key);
    this.addMark(mark);
  }

  /** Of a content that did not agree, and of which no more is to be known. */
  addMark(mark: number): void {
    const bit = Math.imul(mark, MIX) >>> FILTER_SHIFT;
    this.#filter[bit >>> 3] = (this.#filter[bit >>> 3] ?? 0) | (1 << (bit & 7));
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** A number of 32 bits that equal headers share. */
  markOf(bytes: Uint8Array): number {
    if (!this.#isOfBytes) return NO_MARK;
    const { sequence, timestamp } = this.#layout.offsets;
    return (Math.imul(u32At(bytes, sequence), MIX) ^ Math.imul(u32At(bytes, timestamp), ~MIX)) | 0;
  }

  /** Whether it may be one that did not agree: of nearly all that did, false. */
  mayHave(bytes: Uint8Array): boolean {
    const bit = Math.imul(this.markOf(bytes), MIX) >>> FILTER_SHIFT;
    return ((this.#filter[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  }
}
