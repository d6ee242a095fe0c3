/**
 * What the agreement scan leaves of a connection: numbers of what agreed, which is never looked at again one by one,
 * and the places of what did not, which the analysis then looks at.
 */
import type { Side } from '../../capture/types.ts';
import type { RemarkKind } from '../../protocol/remark-kind.ts';

/** Where on a side a frame lies. */
export interface Place {
  readonly index: number;
  readonly offset: number;
}

/** Messages of one sort with a kind of remark. */
export interface RetiredRemark {
  readonly kind: RemarkKind;
  readonly subject: string;
  count: number;
  first: Place & { readonly ordinal: number; readonly length: number };
}

/** A remark that of pairs only the message of this side has. */
export interface RetiredOnly extends RetiredRemark {
  readonly side: Side;
}

export interface RetiredConnection {
  /** Pairs of frames that are the same. */
  readonly pairs: number;
  /** Those of them that are not equal all the same: of two dialects, or with other noise. */
  readonly translated: number;
  /** Whether a place among the spans of a side did not agree. */
  readonly isOdd: Readonly<Record<Side, (index: number) => boolean>>;
  readonly hasOdd: boolean;
  /** More contents did not agree than are known wherever they occur. */
  readonly hasMoreContents: boolean;
  readonly remarks: Readonly<Record<Side, readonly RetiredRemark[]>>;
  readonly onlyRemarks: readonly RetiredOnly[];
}
