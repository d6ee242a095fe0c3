/**
 * Compares the old and the new stream of every connection of a capture. The way of the data: read-capture
 * makes records of all streams; judge-connection pairs them, connection by connection; findings gives the
 * rest its kind, causes/explain its cause, group-findings its group; the bytes of what is listed are read
 * again at the end. Memory grows with the number of frames (small records) and with the bytes of changed
 * messages of one connection, not with the size of the capture.
 */
import { basename } from 'node:path';
import { blindSpotsOf } from '../capture/blind-spots.ts';
import type { CaptureReader, Side } from '../capture/types.ts';
import type { Dialect } from '../protocol/types.ts';
import type { Numbering } from './causes/domain-fates.ts';
import { causeFacts } from './causes/cause-facts.ts';
import { domainKnowledge } from './causes/domain-knowledge.ts';
import { explainChanges } from './causes/explain-changes.ts';
import { type Cause, explainLosses } from './causes/explain.ts';
import type { Loss } from './causes/rule.ts';
import { sideForwardsNothing } from './causes/side-forwards-nothing.ts';
import type { ClientFacts } from './client-facts.ts';
import { type ConnectionHistory, EVER } from './connection-history.ts';
import { RemarkCounter } from './count-remarks.ts';
import { countAll, countFrames, type Judged } from './count-result.ts';
import { Deliveries } from './deliveries.ts';
import { WantedItems } from './fetch-bytes.ts';
import {
  type Finding,
  findChanged,
  findConnectionDifference,
  findMoved,
  findSilentSide,
  findUnpaired,
} from './findings.ts';
import { groupFindings, groupWords } from './group-findings.ts';
import { type Histories, readHistories } from './histories.ts';
import { judgeConnection } from './judge-connection.ts';
import { Lateness } from './lateness.ts';
import { listDivergences } from './list-divergences.ts';
import { listGaps } from './list-gaps.ts';
import { type CaptureContents, type Dialects, NOT_SELECTED, readCapture } from './read-capture.ts';
import { masksOf } from './noise/judge.ts';
import { NoiseMask } from './noise/mask.ts';
import type { NoiseModel } from './noise/model.ts';
import { NO_STAMPS, pairCopies, type Stamps, stampsOf } from './noise/pair-copies.ts';
import { NoiseStage } from './noise/stage.ts';
import { Originals } from './originals.ts';
import { pairItems } from './pair-items.ts';
import { type ItemPair, otherSide, type Unpaired } from './records.ts';
import { applyRules, type RuledFindings } from './rules/apply-rules.ts';
import { FieldUnits } from './rules/field-units.ts';
import { ListMatcher } from './rules/match-lists.ts';
import type { RuleSet } from './rules/rule.ts';
import { TimelineCounter } from './timeline.ts';
import type { DiffResult, IgnoredMessage, LeftOutCount } from './types.ts';
import { judge } from './verdict.ts';

export interface DiffOptions {
  /** How to read what the old relay delivered, and what clients sent. */
  readonly oldDialect: Dialect;
  readonly newDialect: Dialect;
  readonly divergencesListedMax?: number;
  /** Names of domains in other dialects, for causes. */
  readonly numberings?: readonly Numbering[] | undefined;
  /** How long after old new may deliver a message. undefined: lateness is not judged, only measured. */
  readonly lateAfterMs?: number | undefined;
  /** Whether the result says what is odd about good messages. Default true. */
  readonly remarks?: boolean;
  /** What is no divergence, or an expected one. */
  readonly rules?: RuleSet | undefined;
  /** How the sides are called; by default after the capture. */
  readonly labels?: Readonly<Record<Side, string>>;
  /** What two instances of old differ in; messages are told apart, paired and compared without it. */
  readonly noise?: NoiseModel;
}

const DIVERGENCES_LISTED_MAX = 10_000;
const IGNORED_LISTED_MAX = 1_000;
/** A relay takes note of a new connection within this. */
const SKEW_NS = 10_000_000;

interface JudgedConnection extends Judged {
  readonly findings: readonly Finding[];
}

export function diffCapture(reader: CaptureReader, options: DiffOptions): DiffResult {
  const dialects: Dialects = { old: options.oldDialect, new: options.newDialect };
  const hasRemarks = options.remarks ?? true;
  const noise = options.noise && new NoiseMask(masksOf(options.noise.types));
  // Causes go by what is odd about messages, whether it is shown or not.
  const contents = readCapture(reader, dialects, { remarks: true, noise });
  const histories = readHistories(reader);
  const context = withRules({ contents, dialects, histories }, options.rules);
  const { judged, deliveries, stage } = judgeAll(reader, context, options.noise);
  const lateness = new Lateness(contents.facts, reader.info.origin, options.lateAfterMs);
  const messageFindings = judged.flatMap((connection) => connection.findings);
  const losses = lossesOf(messageFindings);
  const domains = domainKnowledge(options.oldDialect, options.numberings ?? [], reader.info.notes);
  const causeOf = explainLosses(losses, causeFacts(contents, { histories, deliveries, domains }));
  const found = [
    ...messageFindings,
    ...findLate(judged, lateness),
    ...findSilence(contents, { histories: histories.of, losses, causeOf }),
  ].sort(inOrderOfTime);
  const ruled = swallow(found, context, causeOf);
  const findings = ruled?.kept ?? found;
  const changeCauseOf = explainChanges(messageFindings, () => pairsOf(judged));
  const grouped = groupFindings(findings, (finding) =>
    finding.loss === undefined ? changeCauseOf(finding) : causeOf(finding.loss),
  );
  const listed = listDivergences(reader, {
    rows: contents.rows,
    findings,
    grouped,
    listedMax: options.divergencesListedMax ?? DIVERGENCES_LISTED_MAX,
    dialects,
    remarks: hasRemarks ? new RemarkCounter(judged) : undefined,
  });
  const leftOut = leftOutOf(contents, histories);
  const counts = countAll(contents, judged, findings, leftOut, {
    swallowed: ruled?.counts,
    hasNoise: stage !== undefined,
  });
  const { info } = reader;
  const name = basename(reader.path);
  const labels = options.labels ?? { old: `${name}, old`, new: `${name}, new` };
  return {
    format: 'relaydiff-result/1',
    ...judge({
      counts,
      sealed: info.sealed,
      gapCount: contents.rows.gaps.filter(({ reason }) => reason !== NOT_SELECTED).length,
      connectionCount: judged.length,
      mirrorOption: info.notes['mirror'],
      hasDeliveries: hasDeliveries(contents, histories),
      orderNotJudged: judged.reduce((sum, { judgement }) => sum + judgement.orderNotJudged, 0),
      lateDoubt: lateness.doubt,
      connectionDoubts: connectionDoubts(histories.of),
      rules: ruled?.rules ?? [],
    }),
    capture: describeCapture(reader),
    old: { label: labels.old, dialect: options.oldDialect.name },
    new: { label: labels.new, dialect: options.newDialect.name },
    counts,
    ...listed,
    ...(ruled && { rules: ruled.rules, swallowed: ruled.swallowed }),
    ignored: listIgnored(judged),
    ...(stage && { noise: stage.result(judged) }),
    ...listGaps(contents.rows.gaps, options.oldDialect.header),
    latency: lateness.result(),
    connections: judged.map(summaryOf(findings)),
    timeline: timelineOf(reader, contents, findings),
  };
}

function hasDeliveries({ connections }: CaptureContents, { of }: Histories): boolean {
  return connections.some(
    ({ id, old, new: neu }) => of.get(id)?.selection !== 'none' && old.length + neu.length > 0,
  );
}

interface JudgeContext {
  readonly contents: CaptureContents;
  readonly dialects: Dialects;
  readonly histories: Histories;
  /** undefined: no rules were given. */
  readonly ruling: Ruling | undefined;
}

interface Ruling {
  readonly rules: RuleSet;
  readonly lists: ListMatcher;
  readonly labelOf: (connection: number) => string;
}

function withRules(
  context: Omit<JudgeContext, 'ruling'>,
  rules: RuleSet | undefined,
): JudgeContext {
  if (rules === undefined) return { ...context, ruling: undefined };
  const labels = new Map(context.contents.connections.map(({ id, label }) => [id, label]));
  const labelOf = (connection: number): string => labels.get(connection) ?? '';
  return { ...context, ruling: { rules, lists: new ListMatcher(rules, labelOf), labelOf } };
}

/** Causes come from all that was lost: what somebody expects is evidence all the same. */
function swallow(
  found: readonly Finding[],
  { dialects, ruling }: JudgeContext,
  causeOf: (loss: Loss) => Cause | undefined,
): RuledFindings | undefined {
  return (
    ruling &&
    applyRules(found, ruling.rules, {
      labelOf: ruling.labelOf,
      causeOf: (finding) => groupWords(finding, finding.loss && causeOf(finding.loss)),
      units: new FieldUnits(dialects),
    })
  );
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
  const paired = connections.map((items) => ({
    items,
    paired: pairCopies(pairItems(items, pairFacts), stamps),
  }));
  const lacked = new Set<number>();
  const compared = paired.filter(({ items }) => histories.of.get(items.id)?.selection !== 'none');
  const leftOver = compared.flatMap((one) => [...one.paired.unpaired, ...one.paired.halves]);
  for (const { side, item } of leftOver) {
    lacked.add(item.content.id);
    const begun = item.content.isFrame ? undefined : facts.begunBy(item.content, side);
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
        fetchPayloads: (frames) => fetchPayloads(reader, one.items.id, frames, context),
      }),
    }),
  );
  return { connections: judged, deliveries };
}

interface JudgedAll {
  readonly judged: readonly JudgedConnection[];
  readonly deliveries: Deliveries;
  readonly stage: NoiseStage | undefined;
}

/** Noise is judged over all connections at once, before anything is found. */
function judgeAll(
  reader: CaptureReader,
  context: JudgeContext,
  noise: NoiseModel | undefined,
): JudgedAll {
  const { connections, deliveries } = judgeConnections(reader, context, noise && stampsOf(noise));
  const stage = noise && new NoiseStage(noise, connections);
  const judged = connections.map(({ items, judgement: before }): JudgedConnection => {
    const judgement = stage?.reclassify(before) ?? before;
    const found = { ...context, deliveries, stage };
    return { items, judgement, findings: findAll(reader, { items, judgement }, found) };
  });
  return { judged, deliveries, stage };
}

function pairsOf(judged: readonly Judged[]): readonly ItemPair[] {
  return judged.flatMap(({ judgement }) => judgement.pairs);
}

function findLate(judged: readonly Judged[], lateness: Lateness): readonly Finding[] {
  return judged.flatMap(({ items, judgement }) => [...lateness.find(items.id, judgement)]);
}

function fetchPayloads(
  reader: CaptureReader,
  connection: number,
  frames: readonly Unpaired[],
  { contents, dialects }: Pick<JudgeContext, 'contents' | 'dialects'>,
): readonly Uint8Array[] {
  const wanted = new WantedItems();
  for (const { side, item } of frames) wanted.add(connection, side, item);
  const bytes = wanted.fetch(reader, contents.rows);
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
  { contents, deliveries, dialects, histories, ruling, stage }: FindContext,
): readonly Finding[] {
  const wanted = new WantedItems();
  for (const pair of judgement.changed) {
    wanted.add(id, 'old', pair.old);
    wanted.add(id, 'new', pair.new);
  }
  const bytes = wanted.fetch(reader, contents.rows);
  return [
    ...findUnpaired(id, judgement, contents.facts, deliveries),
    ...findMoved(id, judgement.pairs, contents.facts),
    ...judgement.changed.map((pair) =>
      findChanged(id, pair, bytes, dialects, { noise: stage?.of(pair), lists: ruling?.lists }),
    ),
    ...[...(histories.of.get(id)?.differences() ?? [])].map(findConnectionDifference),
  ];
}

function describeCapture({ info, path }: CaptureReader): DiffResult['capture'] {
  const notSeen = blindSpotsOf(info.origin);
  return {
    name: basename(path),
    origin: info.origin,
    startedUnixNs: String(info.startedUnixNs),
    durationNs: String(info.durationNs),
    sealed: info.sealed,
    ...(notSeen.length === 0 ? {} : { notSeen }),
  };
}

/** What the operator asked to keep from the new relay; undefined when that is nothing. */
function leftOutOf(
  { rows }: CaptureContents,
  { of }: Histories,
): Omit<LeftOutCount, 'frames'> | undefined {
  const selections = [...of.values()].map(({ selection }) => selection);
  const connections = selections.filter((selection) => selection === 'none').length;
  const listeners = selections.filter((selection) => selection === 'listens').length;
  if (connections + listeners === 0) return undefined;
  const bytes = rows.gaps
    .filter(({ reason }) => reason === NOT_SELECTED)
    .reduce((sum, gap) => sum + gap.bytes, 0);
  return { connections, listeners, bytes };
}

function connectionDoubts(histories: Histories['of']): readonly string[] {
  return [...histories].flatMap(([id, history]) =>
    [...history.doubts()].map((doubt) => `connection ${id}: ${doubt}`),
  );
}

function listIgnored(judged: readonly JudgedConnection[]): readonly IgnoredMessage[] {
  const ignored: IgnoredMessage[] = [];
  for (const { items, judgement } of judged) {
    for (const { unpaired, passed } of judgement.setAside) {
      if (passed === undefined) continue;
      if (ignored.length === IGNORED_LISTED_MAX) return ignored;
      const { edge, witness } = passed;
      ignored.push({
        connection: items.id,
        side: unpaired.side,
        ordinal: (judgement.lacked.get(unpaired)?.item ?? unpaired.item).ordinal,
        edge,
        witness: {
          connection: witness.connection,
          arrivalNs: String(witness.item.arrivalNs),
        },
      });
    }
  }
  return ignored;
}

interface SilenceContext {
  readonly histories: ReadonlyMap<number, ConnectionHistory>;
  readonly losses: readonly Loss[];
  readonly causeOf: (loss: Loss) => Cause | undefined;
}

/**
 * A side that delivered no byte at all is a difference of the connection too; but not when the way clients
 * wrote explains every single loss.
 */
function findSilence(
  { connections }: CaptureContents,
  { histories, losses, causeOf }: SilenceContext,
): readonly Finding[] {
  const findings: Finding[] = [];
  for (const side of ['old', 'new'] as const) {
    const isSilent = losses.some(
      (loss) => loss.side === side && causeOf(loss)?.name === sideForwardsNothing.name,
    );
    if (!isSilent) continue;
    for (const connection of connections) {
      const [first] = connection[otherSide(side)];
      const history = histories.get(connection.id);
      const isDown = history?.downSince(side) !== undefined || history?.selection === 'none';
      if (first !== undefined && !isDown) {
        findings.push(findSilentSide(side, connection.id, first.arrivalNs));
      }
    }
  }
  return findings;
}

function inOrderOfTime(left: Finding, right: Finding): number {
  return left.timeNs - right.timeNs || left.connection - right.connection;
}

function lossesOf(findings: readonly Finding[]): readonly Loss[] {
  return findings.flatMap(({ loss }) => (loss === undefined ? [] : [loss]));
}

function summaryOf(
  findings: readonly Finding[],
): (judged: JudgedConnection) => DiffResult['connections'][number] {
  const byConnection = new Map<number, number>();
  for (const { connection } of findings) {
    byConnection.set(connection, (byConnection.get(connection) ?? 0) + 1);
  }
  return ({ items }) => ({
    id: items.id,
    label: items.label,
    clientFrames: items.clientFrames,
    oldFrames: countFrames(items, 'old'),
    newFrames: countFrames(items, 'new'),
    divergences: byConnection.get(items.id) ?? 0,
  });
}

function timelineOf(
  reader: CaptureReader,
  { connections }: CaptureContents,
  findings: readonly Finding[],
): DiffResult['timeline'] {
  const timeline = new TimelineCounter(reader.info.durationNs);
  for (const connection of connections) {
    for (const side of ['old', 'new'] as const) {
      for (const item of connection[side]) {
        if (item.content.isFrame) timeline.add(side, item.arrivalNs);
      }
    }
  }
  for (const finding of findings) timeline.add('divergences', finding.timeNs);
  return timeline.result();
}
