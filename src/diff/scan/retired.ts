/**
 * What the agreement scan leaves of a connection: numbers of what agreed, which is never looked at again one by one,
 * and the places of what did not, which the analysis then looks at. Of each lane the pairs that agreed are its
 * backbone: the same frames in the same order on both sides. What did not agree lies between two of them.
 */
import type { Side } from '../../capture/types.ts';
import type { RemarkKind } from '../../protocol/remark-kind.ts';

/** Where on a side a frame lies. */
export interface Place {
  readonly index: number;
  readonly offset: number;
}

/** A place of a lane's backbone next to which something did not agree. */
export interface Border {
  /** How many pairs of the backbone come before. */
  readonly pairsBefore: number;
  /** Of the last of them; undefined: there is none. */
  readonly after: Readonly<Record<Side, Place>> | undefined;
  /** Of the first that follows; undefined: none does. */
  before: Readonly<Record<Side, Place>> | undefined;
}

/** Messages of one sort with a kind of remark. */
export interface RetiredRemark {
  readonly kind: RemarkKind;
  readonly subject: string;
  count: number;
  first: Place & { readonly ordinal: number; readonly length: number };
}

/** What nobody looks at because too much had not agreed before. */
export interface Unjudged {
  frames: number;
  others: number;
}

export interface RetiredConnection {
  /** Pairs of equal frames. */
  readonly pairs: number;
  /** Places among the spans of each side that did not agree, ascending. */
  readonly disagreeing: Readonly<Record<Side, readonly number[]>>;
  /** Whether a place did not agree, of all places: of what is not in `disagreeing` it is not known more. */
  readonly isOdd: Readonly<Record<Side, (index: number) => boolean>>;
  readonly hasOdd: boolean;
  /** From here on only what agreed is counted. Infinite: nowhere. */
  readonly endIndex: Readonly<Record<Side, number>>;
  readonly unjudged: Readonly<Record<Side, Readonly<Unjudged>>>;
  /** The same by lane. */
  readonly lanePairs: ReadonlyMap<number, number>;
  /** By lane, ascending. */
  readonly borders: ReadonlyMap<number, readonly Border[]>;
  readonly remarks: Readonly<Record<Side, readonly RetiredRemark[]>>;
}
