/**
 * What the differ keeps of the traffic while it works: small records, never bytes. A content is stored
 * once however often it occurs; an item is one occurrence of it in a stream. The bytes of what is listed
 * in the end are read from the capture again (fetch-bytes).
 */
import type { Side } from '../capture/types.ts';
import type { RemarkKinds } from './remark-kinds.ts';
import type { Border } from './scan/retired.ts';

/** What a header says; a truncated frame has it too. */
export interface Head {
  readonly domain: number;
  readonly source: number;
  readonly sequence: bigint;
  readonly timestamp: bigint;
  /** Of the whole frame, as the header announces it. */
  readonly frameBytes: number;
}

/** Bytes that occurred at least once, as a frame or as something that is no frame. */
export interface Content {
  /** Equal exactly when the bytes (and being a frame) are equal; across dialects, when the meaning is. */
  readonly id: number;
  readonly isFrame: boolean;
  readonly length: number;
  /** undefined for bytes that do not begin with a whole header. */
  readonly head: Head | undefined;
  /** TLV types in order, `1,100`; with `!` when the walk broke off. Empty for what is no frame. */
  readonly shape: string;
  /** Equal for equal bytes behind the header, among contents of one length (see content-table). */
  readonly payload: string;
  readonly subject: string;
  /** What is odd about it; none when remarks are hidden, and for what is no frame. */
  readonly remarks: RemarkKinds;
}

/** One span of a side's stream. */
export interface Item {
  /** Among all items of its stream, from 0. */
  readonly index: number;
  /** Among the spans of its stream as a frame reader reads them: two items may have been one frame. */
  readonly ordinal: number;
  readonly offset: number;
  /** Arrival of its last byte, ns since time 0; exact for recordings shorter than 104 days. */
  readonly arrivalNs: number;
  readonly content: Content;
  /** Sentence of the frame reader, for what is no frame. */
  readonly detail: string | undefined;
  /** The beginning of a frame at the very end of the stream. */
  readonly isTail: boolean;
  /** Absent where every message of the capture is an item. */
  readonly backbone?: BackbonePlace;
}

/** Where an item lies among what agreed and is not kept one by one (see scan/retired.ts). */
export interface BackbonePlace {
  readonly lane: number;
  /** All that is in the lane is from one publisher. */
  readonly isPure: boolean;
  /** Pairs of the lane before it on its side. */
  readonly pairsBefore: number;
  /** Those of them that are items. */
  readonly keptBefore: number;
  /** Nothing of the lane agreed behind it. */
  readonly isLast: boolean;
  /** It agreed: it and the item of the other side with as many before it are a pair. */
  readonly isPair: boolean;
  /** The pairs next to it, where it did not agree. */
  readonly border: Border | undefined;
}

export interface SideItems {
  readonly old: readonly Item[];
  readonly new: readonly Item[];
}

export function otherSide(side: Side): Side {
  return side === 'old' ? 'new' : 'old';
}

/** Where on the other side an unpaired item would have to lie: between these item indexes, exclusive. */
export interface Slot {
  readonly after: number;
  readonly before: number;
}

/** An item that the other side does not have. */
export interface Unpaired {
  readonly side: Side;
  readonly item: Item;
  readonly slot: Slot;
  /** The other side has this content too, only fewer of it. */
  readonly isCopy: boolean;
  /** How many of this content its own side delivered: which of them has no partner is not known. */
  readonly copies: number;
}

/** How the two messages of a pair belong together. */
export type Pairing =
  | { readonly kind: 'in-order' }
  | { readonly kind: 'moved'; readonly distance: number | undefined }
  /** Other bytes, but the same message by its key or its place. */
  | { readonly kind: 'changed' };

export interface ItemPair {
  readonly old: Item;
  readonly new: Item;
  readonly pairing: Pairing;
}
