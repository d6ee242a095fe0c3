/**
 * Compares what the two relays delivered on one connection: equal messages first, then changed ones, then
 * what the capture cannot judge; the rest are divergences. Answers for the law that every item of both
 * sides lands in exactly one of these.
 */
import { assert } from '../lib/assert.ts';
import type { Lacked } from './deliveries.ts';
import type { FetchFrames } from './match-alike.ts';
import { matchChanged } from './match-changed.ts';
import { pairHalves } from './moved-copies.ts';
import type { PairedItems } from './pair-items.ts';
import type { ChangedPair, ItemPair, SideItems, Unpaired } from './records.ts';
import {
  type SetAside,
  type SetAsideContext,
  setAsideAll,
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
  readonly setAside: readonly SetAside[];
  /** Which occurrence each of `unpaired` and of `setAside` is, where a client sent it. */
  readonly lacked: ReadonlyMap<Unpaired, Lacked>;
  readonly orderNotJudged: number;
}

export interface JudgeContext extends SetAsideContext {
  /** Payloads of frames of this connection. */
  readonly fetchPayloads: FetchFrames;
}

export function judgeConnection(paired: PairedItems, context: JudgeContext): ConnectionJudgement {
  const { facts } = context;
  const isLeftOut = context.histories.get(context.connection)?.selection === 'none';
  const mirrored = isLeftOut
    ? setAsideAll(paired.unpaired)
    : setAsideUnmirrored(paired.unpaired, context);
  const matched = matchChanged(
    [...mirrored.rest, ...paired.halves],
    (content) => facts.wasSent(content),
    context.fetchPayloads,
  );
  const changed = [...paired.changed, ...matched.changed];
  const { moved, rest } = pairHalves(matched.rest, new Set(paired.halves));
  const judged = setAsideUnjudged(rest, context);
  const judgement: ConnectionJudgement = {
    pairs: [...paired.pairs, ...moved],
    changed,
    unpaired: judged.rest,
    setAside: [...mirrored.setAside, ...judged.setAside],
    lacked: judged.lacked,
    orderNotJudged: paired.orderNotJudged,
  };
  assertNothingLost(context.items, judgement);
  return judgement;
}

function assertNothingLost(items: SideItems, judgement: ConnectionJudgement): void {
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
