/**
 * The numbers of a result. Answers for the law of conservation: every frame of both sides is counted once.
 * Bytes that are no frame are counted apart.
 */
import type { Gap, Side } from '../capture/types.ts';
import { assert } from '../lib/assert.ts';
import type { ConnectionJudgement } from './judge-connection.ts';
import { NOT_SELECTED } from './mirror-gaps.ts';
import type { ConnectionItems } from './read-capture.ts';
import type { RetiredConnection } from './scan/retired.ts';
import type { SetAside } from './set-aside.ts';
import {
  SET_ASIDE_REASONS,
  DIVERGENCE_KINDS,
  type DivergenceKind,
  type LeftOutCount,
  type ResultCounts,
  type SetAsideCount,
  type SwallowedCount,
} from './types.ts';

export interface Judged {
  readonly items: ConnectionItems;
  readonly judgement: ConnectionJudgement;
}

/** Adds up what was judged, connection by connection and window by window. */
export class JudgedTally {
  readonly setAside = new SetAsideTally();
  readonly #frames = new Map<number, Record<Side, number>>();
  #framePairs = 0;
  #translated = 0;
  #changed = 0;
  orderNotJudged = 0;
  hasItems = false;

  add({ items, judgement }: Judged): void {
    const frames = this.framesOf(items.id);
    for (const side of ['old', 'new'] as const) {
      for (const { content } of items[side]) if (content.isFrame) frames[side]++;
    }
    for (const { old, new: neu } of judgement.pairs) {
      if (!old.content.isFrame) continue;
      this.#framePairs++;
      // Across dialects, messages with one meaning are pairs although their bytes differ; with noise in them, too.
      if (old.content !== neu.content) this.#translated++;
    }
    this.#changed += judgement.changed.length;
    this.orderNotJudged += judgement.orderNotJudged;
    for (const one of judgement.setAside) this.setAside.add(one);
  }

  /** Pairs of a connection that are no items, or that are items and counted already where this is negative. */
  addRetired(
    connection: number,
    { pairs, translated }: Pick<RetiredConnection, 'pairs' | 'translated'>,
  ): void {
    const frames = this.framesOf(connection);
    frames.old += pairs;
    frames.new += pairs;
    this.#framePairs += pairs;
    this.#translated += translated;
  }

  framesOf(connection: number): Record<Side, number> {
    let frames = this.#frames.get(connection);
    if (frames === undefined) this.#frames.set(connection, (frames = { old: 0, new: 0 }));
    return frames;
  }

  get pairs(): { readonly all: number; readonly identical: number; readonly translated: number } {
    const identical = this.#framePairs - this.#translated;
    return { all: this.#framePairs + this.#changed, identical, translated: this.#translated };
  }

  total(side: Side): number {
    return sum([...this.#frames.values()], (frames) => frames[side]);
  }
}

class SetAsideTally {
  readonly #counts = new Map<string, { frames: number; others: number }>();

  add({ reason, unpaired: { side, item } }: SetAside): void {
    this.#of(reason, side)[item.content.isFrame ? 'frames' : 'others']++;
  }

  listed(): readonly SetAsideCount[] {
    return SET_ASIDE_REASONS.flatMap((reason) =>
      (['old', 'new'] as const).flatMap((side) => {
        const { frames, others } = this.#of(reason, side);
        return frames + others === 0 ? [] : [{ reason, side, frames, others }];
      }),
    );
  }

  #of(reason: SetAsideCount['reason'], side: Side): { frames: number; others: number } {
    const key = `${reason} ${side}`;
    let count = this.#counts.get(key);
    if (count === undefined) this.#counts.set(key, (count = { frames: 0, others: 0 }));
    return count;
  }
}

export interface CountFacts {
  readonly gaps: readonly Gap[];
  /** Frames of all clients that one relay was not sent whole although it should have been. */
  readonly unmirroredFrames: number;
  readonly divergences: Readonly<Record<DivergenceKind, number>>;
  readonly leftOut: Omit<LeftOutCount, 'frames'> | undefined;
  readonly swallowed: SwallowedCount | undefined;
  readonly hasNoise: boolean;
}

export function countAll(
  judged: JudgedTally,
  { gaps, unmirroredFrames, divergences, leftOut, swallowed, hasNoise }: CountFacts,
): ResultCounts {
  const setAside = judged.setAside.listed();
  const ignored = framesOf(setAside, (count) => count.reason === 'edge');
  const notSelected = framesOf(setAside, (count) => count.reason === 'not-selected');
  const unseenSenders = framesOf(setAside, (count) => count.reason === 'unseen-sender');
  const unjudged = framesOf(setAside, (count) => isUnjudged(count.reason));
  const accidental = gaps.filter(({ reason }) => reason !== NOT_SELECTED);
  const { all, identical, translated } = judged.pairs;
  const counts: ResultCounts = {
    old: judged.total('old'),
    new: judged.total('new'),
    pairs: all,
    identical,
    equivalent: translated + divergences.encoding,
    ...(hasNoise && { noisy: translated }),
    ignored,
    divergences,
    ...(swallowed && { swallowed }),
    setAside,
    gaps: {
      frames: unjudged,
      bytes: sum(accidental, (gap) => gap.bytes),
      inside: framesInside(accidental, unmirroredFrames),
    },
    ...countLeftOut(leftOut, notSelected, unseenSenders),
  };
  assertConserved(counts, setAside);
  return counts;
}

function countLeftOut(
  leftOut: Omit<LeftOutCount, 'frames'> | undefined,
  notSelected: number,
  unseenSenders: number,
): Pick<ResultCounts, 'leftOut'> {
  if (leftOut === undefined && unseenSenders === 0) return {};
  const asked = leftOut ?? { connections: 0, listeners: 0, bytes: 0 };
  const frames = notSelected + unseenSenders;
  return { leftOut: { ...asked, frames, ...(unseenSenders === 0 ? {} : { unseenSenders }) } };
}

/** The client stream says what the mirror was not sent; of what was not recorded only the recorder knows. */
function framesInside(gaps: readonly Gap[], unmirroredFrames: number): number | null {
  let frames = unmirroredFrames;
  for (const gap of gaps) {
    if (gap.where === 'mirror') continue;
    if (gap.frames === undefined) return null;
    frames += gap.frames;
  }
  return frames;
}

function assertConserved(counts: ResultCounts, setAside: readonly SetAsideCount[]): void {
  const { missing, extra, duplicated, modified, encoding } = found(counts);
  const setAsideOf = (side: Side): number => framesOf(setAside, (count) => count.side === side);
  assert(
    counts.old === counts.pairs + missing + setAsideOf('old'),
    'a frame of old was lost or counted twice',
  );
  assert(
    counts.new === counts.pairs + extra + duplicated + setAsideOf('new'),
    'a frame of new was lost or counted twice',
  );
  assert(
    counts.pairs ===
      counts.identical + counts.equivalent + modified + encoding - counts.divergences.encoding &&
      counts.equivalent >= counts.divergences.encoding,
    'a pair was lost',
  );
}

/** Whether it is told or swallowed by rules. */
function found({ divergences, swallowed }: ResultCounts): Readonly<Record<DivergenceKind, number>> {
  if (swallowed === undefined) return divergences;
  const all = { ...divergences };
  for (const kind of DIVERGENCE_KINDS) all[kind] += swallowed.divergences[kind];
  return all;
}

/** Whether it makes the verdict doubtful: the others are explained. */
export function isUnjudged(reason: SetAsideCount['reason']): boolean {
  return reason !== 'edge' && reason !== 'not-selected' && reason !== 'unseen-sender';
}

function framesOf(
  counts: readonly SetAsideCount[],
  belongs: (count: SetAsideCount) => boolean,
): number {
  return sum(counts.filter(belongs), (count) => count.frames);
}

export function noDivergences(): Record<DivergenceKind, number> {
  return {
    missing: 0,
    extra: 0,
    duplicated: 0,
    reordered: 0,
    modified: 0,
    encoding: 0,
    defect: 0,
    connection: 0,
    late: 0,
  };
}

function sum<T>(values: readonly T[], amount: (value: T) => number): number {
  return values.reduce((total, value) => total + amount(value), 0);
}
