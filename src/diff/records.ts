/**
 * What the differ keeps of the traffic while it works: small records, never bytes. A content is stored
 * once however often it occurs; an item is one occurrence of it in a stream. The bytes of what is listed
 * in the end are read from the capture again (fetch-bytes).
 */
import type { Side } from '../capture/types.ts';
import type { KeptValues } from './noise/mask.ts';
import type { RemarkKinds } from './remark-kinds.ts';

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
  /**
   * Equal exactly when the bytes (and being a frame) are equal; across dialects, when the meaning is; with a
   * noise model, when what is left without the noise is.
   */
  readonly id: number;
  readonly isFrame: boolean;
  readonly length: number;
  /** undefined for bytes that do not begin with a whole header. */
  readonly head: Head | undefined;
  /** The bytes of the header, or all of it that is there, by what is equal for equal ones; empty where the magic is not. */
  readonly header: string;
  /** What of the head is no noise; absent when that is all of it. */
  readonly keyHead?: Head | undefined;
  /** TLV types in order, `1,100`; with `!` when the walk broke off. Empty for what is no frame. */
  readonly shape: string;
  /** Equal for equal bytes behind the header (noise left out), among contents of one length (see content-table). */
  readonly payload: string;
  readonly subject: string;
  /** What is odd about it; none when remarks are hidden, and for what is no frame. */
  readonly remarks: RemarkKinds;
  /** What names it in all windows (`contentName`); absent where there is one. */
  readonly key?: string;
  /** Its noisy values; absent for messages that have none. */
  readonly noise?: KeptValues | undefined;
}

/** The head as far as it tells messages apart. */
export function keyHeadOf({ head, keyHead }: Content): Head | undefined {
  return keyHead ?? head;
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
  /**
   * It agreed, and the scan has counted it: its pair, what is odd about it, and when it came. Its window has it for what
   * is beside it.
   */
  readonly isCounted?: boolean | undefined;
  /** Of what is no frame: when the last message before it was sent, of those that were sent once. */
  readonly behindNs?: number | undefined;
  /** What it passed, or what passed it, is not all in its window: how far it moved is not known. */
  readonly isFar?: boolean | undefined;
  /** Of old, where equal bytes are not all: what it agreed with. */
  readonly agreedWith?: Content | undefined;
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
  /** How many messages of its publisher that kept their order come before it. */
  readonly rank: number;
  /** It stands among equal messages that have partners: any of them may be the one without. */
  readonly isInRun: boolean;
  /** Its neighbours in the slot are of the one publisher that sent it, whose order is owed. */
  readonly isOrderOwed: boolean;
  /** The other side has this content too, only fewer of it. */
  readonly isCopy: boolean;
  /** The other side has as many of it, but this one farther away than a window. */
  readonly isElsewhere: boolean;
  /** How many of this content its own side delivered: which of them has no partner is not known. */
  readonly copies: number;
}

/** The same message with other bytes. */
export interface ChangedPair {
  readonly old: Item;
  readonly new: Item;
  /** It is not where its neighbours say that it belongs. */
  readonly isMoved: boolean;
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

/**
 * A changed message may seem to have another publisher, and then no place: so both must allow it. Of one in a run any
 * other may be meant, so where the other side would have it says nothing.
 */
export function areInPlace(old: Unpaired, neu: Unpaired): boolean {
  return (neu.isInRun || isIn(neu, old.slot)) && (old.isInRun || isIn(old, neu.slot));
}

function isIn({ item: { index } }: Unpaired, { after, before }: Slot): boolean {
  return index > after && index < before;
}
