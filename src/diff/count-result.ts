/**
 * The numbers of a result. Answers for the law of conservation: every frame of both sides is counted once.
 * Bytes that are no frame are counted apart.
 */
import type { Gap, Side } from '../capture/types.ts';
import { assert } from '../lib/assert.ts';
import type { ClientFacts } from './client-facts.ts';
import type { Finding } from './findings.ts';
import type { ConnectionJudgement } from './judge-connection.ts';
import { type CaptureContents, type ConnectionItems, NOT_SELECTED } from './read-capture.ts';
import type { SetAside, SetAsideReason } from './set-aside.ts';
import {
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

export function countAll(
  { rows: { gaps }, facts }: CaptureContents,
  judged: readonly Judged[],
  findings: readonly Finding[],
  leftOut: Omit<LeftOutCount, 'frames'> | undefined,
  {
    swallowed,
    hasNoise,
  }: { readonly swallowed: SwallowedCount | undefined; readonly hasNoise: boolean },
): ResultCounts {
  const divergences = countKinds(findings);
  const setAside = [
    ...countSetAside(judged.flatMap(({ judgement }) => judgement.setAside)),
    ...countUnjudged(judged),
  ];
  const ignored = framesOf(setAside, (count) => count.reason === 'edge');
  const notSelected = framesOf(setAside, (count) => count.reason === 'not-selected');
  const unseenSenders = framesOf(setAside, (count) => count.reason === 'unseen-sender');
  const unjudged = framesOf(setAside, (count) => isUnjudged(count.reason));
  const accidental = gaps.filter(({ reason }) => reason !== NOT_SELECTED);
  const framePairs = judged.flatMap(({ judgement }) =>
    judgement.pairs.filter((pair) => pair.old.content.isFrame),
  );
  // Across dialects, messages with one meaning are pairs although their bytes differ; with noise in them, too.
  const identical = framePairs.filter((pair) => pair.old.content === pair.new.content).length;
  const translated = framePairs.length - identical;
  const retired = sum(judged, ({ items }) => items.retired?.pairs ?? 0);
  const pairs =
    retired + framePairs.length + sum(judged, ({ judgement }) => judgement.changed.length);
  const counts: ResultCounts = {
    old: sum(judged, ({ items }) => countFrames(items, 'old')),
    new: sum(judged, ({ items }) => countFrames(items, 'new')),
    pairs,
    identical: retired + identical,
    equivalent: translated + divergences.encoding,
    ...(hasNoise && { noisy: translated }),
    ignored,
    divergences,
    ...(swallowed && { swallowed }),
    setAside,
    gaps: {
      frames: unjudged,
      bytes: sum(accidental, (gap) => gap.bytes),
      inside: framesInside(accidental, facts),
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
function framesInside(gaps: readonly Gap[], facts: ClientFacts): number | null {
  let frames = facts.unmirroredFrames;
  for (const gap of gaps) {
    if (gap.where === 'mirror') continue;
    if (gap.frames === undefined) return null;
    frames += gap.frames;
  }
  return frames;
}

export function countFrames(items: ConnectionItems, side: Side): number {
  const { pairs = 0, unjudged } = items.retired ?? {};
  const kept = items[side].filter((item) => item.content.isFrame).length;
  return kept + pairs + (unjudged?.[side].frames ?? 0);
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

const REASONS: readonly SetAsideReason[] = [
  'edge',
  'edge-unknown',
  'mirror-gap',
  'recording-gap',
  'recording-end',
  'connection-down',
  'not-selected',
  'unseen-sender',
];

/** Whether it makes the verdict doubtful: the others are explained. */
export function isUnjudged(reason: SetAsideCount['reason']): boolean {
  return reason !== 'edge' && reason !== 'not-selected' && reason !== 'unseen-sender';
}

function countSetAside(setAside: readonly SetAside[]): readonly SetAsideCount[] {
  const counts: SetAsideCount[] = [];
  for (const reason of REASONS) {
    for (const side of ['old', 'new'] as const) {
      const those = setAside.filter((one) => one.reason === reason && one.unpaired.side === side);
      const frames = those.filter((one) => one.unpaired.item.content.isFrame).length;
      if (those.length > 0) counts.push({ reason, side, frames, others: those.length - frames });
    }
  }
  return counts;
}

/** What came when too much had not agreed already. */
function countUnjudged(judged: readonly Judged[]): readonly SetAsideCount[] {
  const counts: SetAsideCount[] = [];
  for (const side of ['old', 'new'] as const) {
    const those = judged.flatMap(({ items }) => items.retired?.unjudged[side] ?? []);
    const frames = sum(those, (each) => each.frames);
    const others = sum(those, (each) => each.others);
    if (frames + others > 0) counts.push({ reason: 'too-many', side, frames, others });
  }
  return counts;
}

function framesOf(
  counts: readonly SetAsideCount[],
  belongs: (count: SetAsideCount) => boolean,
): number {
  return sum(counts.filter(belongs), (count) => count.frames);
}

function countKinds(findings: readonly Finding[]): Readonly<Record<DivergenceKind, number>> {
  const counts: Record<DivergenceKind, number> = {
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
  for (const { kind } of findings) counts[kind]++;
  return counts;
}

function sum<T>(values: readonly T[], amount: (value: T) => number): number {
  return values.reduce((total, value) => total + amount(value), 0);
}
