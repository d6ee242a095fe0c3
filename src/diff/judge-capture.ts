/**
 * Pairs and judges all connections of a capture and finds what differs: the way from records to findings. Gives findings
 * no cause and no group, and makes no result of them.
 */
import type { CaptureReader } from '../capture/types.ts';
import { mayBeEvidence } from './causes/explain-changes.ts';
import type { Loss } from './causes/rule.ts';
import type { ClientFacts } from './client-facts.ts';
import { type ConnectionHistory, EVER } from './connection-history.ts';
import type { Judged } from './count-result.ts';
import { Deliveries } from './deliveries.ts';
import { WantedItems } from './fetch-bytes.ts';
import { findConnectionDifference } from './findings/find-of-connections.ts';
import { findChanged, findMoved } from './findings/find-paired.ts';
import { findUnpaired } from './findings/find-unpaired.ts';
import type { Finding } from './findings/finding.ts';
import type { Histories } from './histories.ts';
import { judgeConnection } from './judge-connection.ts';
import type { NoiseModel } from './noise/model.ts';
import { NO_STAMPS, pairCopies, type Stamps, stampsOf } from './noise/pair-copies.ts';
import { NoiseOfComparison, type NoiseStage } from './noise/stage.ts';
import { Originals } from './originals.ts';
import { pairItems, type WindowOfConnection } from './pair-items.ts';
import type { CaptureContents, Dialects } from './read-capture.ts';
import { roomsIn } from './recording-gaps.ts';
import type { ChangedPair, Unpaired } from './records.ts';
import { ListMatcher } from './rules/match-lists.ts';
import type { RuleSet } from './rules/rule.ts';

export interface JudgeContext {
  readonly contents: CaptureContents;
  readonly dialects: Dialects;
  readonly histories: Histories;
  /** undefined: no rules were given. */
  readonly ruling: Ruling | undefined;
  /** Nothing is told of what is found: what no cause asks for need not be found. */
  readonly isForEvidence?: boolean;
}

export interface Ruling {
  readonly rules: RuleSet;
  readonly lists: ListMatcher;
  readonly labelOf: (connection: number) => string;
}

export function withRules<
  Context extends { readonly contents: { readonly connections: readonly Labelled[] } },
>(context: Context, rules: RuleSet | undefined): Context & Pick<JudgeContext, 'ruling'> {
  if (rules === undefined) return { ...context, ruling: undefined };
  const labels = new Map(context.contents.connections.map(({ id, label }) => [id, label]));
  const labelOf = (connection: number): string => labels.get(connection) ?? '';
  return { ...context, ruling: { rules, lists: new ListMatcher(rules, labelOf), labelOf } };
}

interface Labelled {
  readonly id: number;
  readonly label: string;
}

const NOTHING_AROUND = { before: undefined, behind: undefined };

/** A relay takes note of a new connection within this. */
const SKEW_NS = 10_000_000;

export interface JudgedConnection extends Judged {
  readonly findings: readonly Finding[];
}

interface FindContext extends JudgeContext {
  readonly deliveries: Deliveries;
  readonly stage: NoiseStage | undefined;
}

export interface JudgedConnections {
  readonly connections: readonly Judged[];
  readonly deliveries: Deliveries;
}

/** All connections are paired before any is judged: what one of them lacks, others may have seen. */
export function judgeConnections(
  reader: CaptureReader,
  context: Pick<JudgeContext, 'contents' | 'dialects' | 'histories'>,
  stamps: Stamps = NO_STAMPS,
): JudgedConnections {
  const { contents, histories } = context;
  const { connections, facts, publishers, rows } = contents;
  const pairFacts = { publishers, facts, originals: new Originals(facts) };
  const windowOf = (id: number): WindowOfConnection | undefined =>
    contents.window && {
      around: (side, item) => contents.window?.around(id, side, item) ?? NOTHING_AROUND,
      copies: (side, content) => contents.window?.copies(id, side, content),
    };
  const paired = connections.map((items) => ({
    items,
    paired: pairCopies(pairItems(items, { ...pairFacts, window: windowOf(items.id) }), stamps),
  }));
  const lacked = new Set<number>();
  const compared = paired.filter(({ items }) => histories.of.get(items.id)?.selection !== 'none');
  const leftOver = compared.flatMap((one) => [...one.paired.unpaired, ...one.paired.halves]);
  for (const { side, item } of leftOver) {
    lacked.add(item.content.id);
    const begun = item.content.isFrame ? undefined : facts.begunBy(item, side);
    if (begun !== undefined) lacked.add(begun.content.id);
  }
  const deliveries = new Deliveries(
    paired.map(({ items, paired: { pairs } }) => ({
      ...items,
      pairs,
      sentFromNs: sentFrom(histories.of.get(items.id), facts),
    })),
    lacked,
    facts,
  );
  const judged = paired.map(
    (one): Judged => ({
      items: one.items,
      judgement: judgeConnection(one.paired, {
        reader,
        connection: one.items.id,
        items: one.items,
        facts,
        deliveries,
        histories: histories.of,
        recordingEnd: histories.end,
        gapsOf: rows.gapsOf,
        gapRooms:
          contents.window?.gapRooms(one.items.id) ??
          roomsIn(one.items, rows.gapsOf.get(one.items.id) ?? []),
        hiddenGaps: () =>
          contents.window?.hiddenGaps(one.items.id) ??
          facts.hiddenUnmirrored.map((gap) => ({ ...gap })),
        fetchPayloads: (frames) => fetchPayloads(reader, one.items.id, frames, context),
      }),
    }),
  );
  return { connections: judged, deliveries };
}

export interface JudgedAll {
  readonly judged: readonly JudgedConnection[];
  readonly deliveries: Deliveries;
  /** undefined: no noise is known. */
  readonly noise: NoiseOfComparison | undefined;
}

/** Noise is judged over all connections at once, before anything is found. */
export function judgeAll(
  reader: CaptureReader,
  context: JudgeContext,
  noise: NoiseModel | undefined,
): JudgedAll {
  const judged = judgeConnections(reader, context, noise && stampsOf(noise));
  const known = noise && new NoiseOfComparison(noise);
  const found = findIn(reader, context, judged, known?.stageOfAll(judged.connections));
  known?.noteChanged(found.judged);
  return { ...found, noise: known };
}

/** What differs, when it is known what is noise. */
export function findIn(
  reader: CaptureReader,
  context: JudgeContext,
  { connections, deliveries }: JudgedConnections,
  stage: NoiseStage | undefined,
): Omit<JudgedAll, 'noise'> {
  const judged = connections.map(({ items, judgement: before }): JudgedConnection => {
    const judgement = stage?.reclassify(before) ?? before;
    const found = { ...context, deliveries, stage };
    return { items, judgement, findings: findAll(reader, { items, judgement }, found) };
  });
  return { judged, deliveries };
}

function fetchPayloads(
  reader: CaptureReader,
  connection: number,
  frames: readonly Unpaired[],
  { contents, dialects }: Pick<JudgeContext, 'contents' | 'dialects'>,
): readonly Uint8Array[] {
  const wanted = new WantedItems();
  for (const { side, item } of frames) wanted.add(connection, side, item);
  const bytes = contents.window?.bytes ?? wanted.fetch(reader, contents.rows);
  return frames.map(({ side, item }) =>
    bytes.of(connection, side, item).subarray(dialects[side].header.sizeBytes),
  );
}

/** What a client gets was sent before it joined only as long before as relays ever took. */
function sentFrom(history: ConnectionHistory | undefined, facts: ClientFacts): number {
  const bounds = (['old', 'new'] as const).map(
    (side) =>
      (history?.membership(side).fromNs ?? EVER.fromNs) - SKEW_NS - 2 * facts.slowestNs(side),
  );
  return Math.min(...bounds);
}

function findAll(
  reader: CaptureReader,
  { items: { id }, judgement }: Judged,
  { contents, deliveries, dialects, histories, ruling, stage, isForEvidence }: FindContext,
): readonly Finding[] {
  const wanted = new WantedItems();
  for (const pair of judgement.changed) {
    wanted.add(id, 'old', pair.old);
    wanted.add(id, 'new', pair.new);
  }
  const bytes = contents.window?.bytes ?? wanted.fetch(reader, contents.rows);
  const isPlain = stage === undefined && ruling === undefined && dialects.old === dialects.new;
  const isAsked = (pair: ChangedPair): boolean =>
    mayBeEvidence(
      dialects.old.header,
      bytes.of(id, 'old', pair.old),
      bytes.of(id, 'new', pair.new),
    );
  const changed =
    isForEvidence === true && isPlain ? judgement.changed.filter(isAsked) : judgement.changed;
  // Those of the whole connection are no window's.
  const history = contents.window === undefined ? histories.of.get(id) : undefined;
  return [
    ...findUnpaired(id, judgement, contents.facts, deliveries),
    ...findMoved(id, judgement.pairs, contents.facts),
    ...changed.map((pair) =>
      findChanged(id, pair, bytes, dialects, { noise: stage?.of(pair), lists: ruling?.lists }),
    ),
    ...[...(history?.differences() ?? [])].map(findConnectionDifference),
  ];
}

export function lossesOf(findings: readonly Finding[]): readonly Loss[] {
  return findings.flatMap(({ loss }) => (loss === undefined ? [] : [loss]));
}
