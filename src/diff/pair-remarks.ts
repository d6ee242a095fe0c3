/**
 * What is odd about the messages of a divergence, side by side. Answers for showing that only one of them has
 * a remark; never for the verdict: remarks are no differences.
 */
import { eachRemark } from '../protocol/remarks.ts';
import type { RemarkKind } from '../protocol/remark-kind.ts';
import type { FrameView } from './compare-frames.ts';
import type { PairRemark } from './types.ts';

/** A hostile message has a remark for every other byte: more are only counted. */
const REMARKS_LISTED_MAX = 50;
/** Of one message: what lies behind these is not held against the other message. */
const REMARKS_READ_MAX = 1_000;

export interface PairRemarks {
  /** What only one message has comes first, then by place; the old message before the new one. */
  readonly remarks: readonly PairRemark[];
  readonly omitted: number;
}

/** undefined: there is no message on that side. */
export function pairRemarks(old: FrameView | undefined, neu: FrameView | undefined): PairRemarks {
  const byPlace = new Map<string, PairRemark>();
  let unread = 0;
  for (const side of ['old', 'new'] as const) {
    const view = side === 'old' ? old : neu;
    if (view === undefined) continue;
    unread += readRemarks(view, (kind, path, detail) => {
      const key = `${kind} ${path}`;
      const before = byPlace.get(key) ?? { kind, path, old: null, new: null };
      byPlace.set(key, { ...before, [side]: detail });
    });
  }
  const isShared = (remark: PairRemark): boolean => remark.old !== null && remark.new !== null;
  const sorted = [...byPlace.values()].sort(
    (left, right) => Number(isShared(left)) - Number(isShared(right)),
  );
  return {
    remarks: sorted.slice(0, REMARKS_LISTED_MAX),
    omitted: unread + Math.max(0, sorted.length - REMARKS_LISTED_MAX),
  };
}

/** How many were not read. */
function readRemarks(
  { dialect, bytes }: FrameView,
  take: (kind: RemarkKind, path: string, detail: string) => void,
): number {
  let count = 0;
  eachRemark(
    dialect,
    bytes,
    (kind, path, detail) => {
      count++;
      if (count <= REMARKS_READ_MAX) take(kind, path, detail());
    },
    'shared',
  );
  return Math.max(0, count - REMARKS_READ_MAX);
}
