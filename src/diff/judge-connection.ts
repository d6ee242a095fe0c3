/**
 * Compares what the two relays delivered on one connection: equal messages first, then changed ones, then
 * what the capture cannot judge; the rest are divergences. Answers for the law that every item of both
 * sides lands in exactly one of these.
 */
import { assert } from '../lib/assert.ts';
import { type ChangedPair, matchChanged } from './match-changed.ts';
import { pairItems } from './pair-items.ts';
import type { Content, ItemPair, Unpaired } from './records.ts';
import {
  type SetAsideContext,
  type Sorted,
  setAsideUnjudged,
  setAsideUnmirrored,
} from './set-aside.ts';

export interface ConnectionJudgement {
  /** Equal bytes on both sides, frames and others. */
  readonly pairs: readonly ItemPair[];
  /** The same message with other bytes. */
  readonly changed: readonly ChangedPair[];
  /** Only one side has it, and nothing in the capture excuses the other. */
  readonly unpaired: readonly Unpaired[];
  readonly setAside: Sorted['setAside'];
  readonly orderNotJudged: number;
}

export function judgeConnection(
  context: SetAsideContext,
  publisherOf: (content: Content) => string,
): ConnectionJudgement {
  const paired = pairItems(context.items, publisherOf);
  const mirrored = setAsideUnmirrored(paired.unpaired, context.facts);
  const { changed, rest } = matchChanged(mirrored.rest);
  const judged = setAsideUnjudged(rest, context);
  const judgement: ConnectionJudgement = {
    pairs: paired.pairs,
    changed,
    unpaired: judged.rest,
    setAside: [...mirrored.setAside, ...judged.setAside],
    orderNotJudged: paired.orderNotJudged,
  };
  assertNothingLost(context, judgement);
  return judgement;
}

function assertNothingLost({ items }: SetAsideContext, judgement: ConnectionJudgement): void {
  const inPairs = judgement.pairs.length + judgement.changed.length;
  for (const side of ['old', 'new'] as const) {
    const unpaired = judgement.unpaired.filter((item) => item.side === side).length;
    const setAside = judgement.setAside.filter((item) => item.unpaired.side === side).length;
    assert(
      items[side].length === inPairs + unpaired + setAside,
      `${side}: ${items[side].length} items, but ${inPairs} paired, ${unpaired} unpaired, ${setAside} set aside`,
    );
  }
}
