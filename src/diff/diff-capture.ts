/**
 * Compares the old and the new stream of every connection of a capture. The way of the data: read-capture
 * makes records of all streams; judge-connection pairs them, connection by connection; findings gives the
 * rest its kind, causes/explain its cause, group-findings its group; the bytes of what is listed are read
 * again at the end. Memory grows with the number of frames (small records) and with the bytes of changed
 * messages of one connection, not with the size of the capture.
 */
import { basename } from 'node:path';
import { blindSpotsOf } from '../capture/blind-spots.ts';
import type { CaptureReader } from '../capture/types.ts';
import type { Dialect } from '../protocol/types.ts';
import { type Cause, explainLosses } from './causes/explain.ts';
import type { Loss } from './causes/rule.ts';
import { sideForwardsNothing } from './causes/side-forwards-nothing.ts';
import type { ConnectionHistory } from './connection-history.ts';
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
import { listDivergences } from './list-divergences.ts';
import { listGaps } from './list-gaps.ts';
import {
  type CaptureContents,
  type ConnectionItems,
  type Dialects,
  NOT_SELECTED,
  readCapture,
} from './read-capture.ts';
import { pairItems } from './pair-items.ts';
import { applyRules, type RuledFindings } from './rules/apply-rules.ts';
import { FieldUnits } from './rules/field-units.ts';
import { ListMatcher } from './rules/match-lists.ts';
import type { RuleSet } from './rules/rule.ts';
import { otherSide, type SideItems } from './records.ts';
import { type AgreementLimits, AgreementScan } from './scan/agreement-scan.ts';
import { readDisagreements } from './scan/read-disagreements.ts';
import { TimelineCounter } from './timeline.ts';
import type { DiffResult, IgnoredMessage, LeftOutCount } from './types.ts';
import { judge } from './verdict.ts';

export interface DiffOptions {
  /** How to read what the old relay delivered, and what clients sent. */
  readonly oldDialect: Dialect;
  readonly newDialect: Dialect;
  readonly divergencesListedMax?: number;
  /** Whether the result says what is odd about good messages. Default true. */
  readonly remarks?: boolean;
  /** What is no divergence, or an expected one. */
  readonly rules?: RuleSet | undefined;
  readonly scan?: Partial<ScanOptions>;
}

/** How a capture is read that is too large to keep a record of every message (docs/decisions/0015). */
export interface ScanOptions extends AgreementLimits {
  /** Up to so many bytes of both sides every message is kept: nothing is gained by retiring any. */
  readonly wholeBytesMax: number;
  /** Messages that agreed whose way through the relays is followed at a time. */
  readonly sentMax: number;
}

export const SCAN_OPTIONS: ScanOptions = {
  wholeBytesMax: 4_194_304,
  runMin: 3,
  waitingMax: 32_768,
  disagreeingMax: 64_000,
  perConnectionMin: 64,
  sentMax: 65_536,
};

const DIVERGENCES_LISTED_MAX = 10_000;
const IGNORED_LISTED_MAX = 1_000;

interface JudgedConnection extends Judged {
  readonly findings: readonly Finding[];
}

export function diffCapture(reader: CaptureReader, options: DiffOptions): DiffResult {
  const dialects: Dialects = { old: options.oldDialect, new: options.newDialect };
  const hasRemarks = options.remarks ?? true;
  const contents = readContents(reader, dialects, hasRemarks, { ...SCAN_OPTIONS, ...options.scan });
  return judgeContents(reader, contents, options);
}

/** Messages of two dialects agree by meaning, never by their bytes. */
function readContents(
  reader: CaptureReader,
  dialects: Dialects,
  remarks: boolean,
  options: ScanOptions,
): CaptureContents {
  const sides = reader.streams().filter(({ kind }) => kind !== 'client');
  const bytes = sides.reduce((sum, stream) => sum + stream.bytes, 0);
  if (bytes <= options.wholeBytesMax || dialects.old.name !== dialects.new.name) {
    return readCapture(reader, dialects, { remarks });
  }
  const { old: dialect } = dialects;
  const scan = AgreementScan.of(reader, { dialect, remarks, limits: options });
  return readDisagreements(reader, scan.result(), {
    dialect,
    remarks,
    sentMax: options.sentMax,
  });
}

/** What is known of a capture, as a whole or without what agrees, becomes the result. */
export function judgeContents(
  reader: CaptureReader,
  contents: CaptureContents,
  options: DiffOptions,
): DiffResult {
  const dialects: Dialects = { old: options.oldDialect, new: options.newDialect };
  const hasRemarks = options.remarks ?? true;
  const histories = readHistories(reader);
  const context = withRules({ contents, dialects, histories }, options.rules);
  const { judged, deliveries } = judgeAll(reader, context);
  const messageFindings = judged.flatMap((connection) => connection.findings);
  const losses = lossesOf(messageFindings);
  const causeOf = explainLosses(losses, {
    client: contents.facts,
    deliveries,
    downSince: (connection, side) => histories.of.get(connection)?.downSince(side),
    hasGap: (side) => contents.rows.gaps.some((gap) => gap.stream === side),
  });
  const found = [
    ...messageFindings,
    ...findSilence(contents, { histories: histories.of, losses, causeOf }),
  ].sort(inOrderOfTime);
  const ruled = swallow(found, context, causeOf);
  const findings = ruled?.kept ?? found;
  const grouped = groupFindings(findings, ({ loss }) => loss && causeOf(loss));
  const listed = listDivergences(reader, {
    rows: contents.rows,
    findings,
    grouped,
    listedMax: options.divergencesListedMax ?? DIVERGENCES_LISTED_MAX,
    dialects,
    remarks: hasRemarks ? new RemarkCounter(judged) : undefined,
  });
  const leftOut = leftOutOf(contents, histories);
  const counts = countAll(contents, judged, findings, leftOut, ruled?.counts);
  const { info } = reader;
  const name = basename(reader.path);
  return {
    format: 'relaydiff-result/1',
    ...judge({
      counts,
      sealed: info.sealed,
      gapCount: contents.rows.gaps.filter(({ reason }) => reason !== NOT_SELECTED).length,
      connectionCount: judged.length,
      mirrorOption: info.notes['mirror'],
      hasDeliveries: judged.some(
        ({ items }) =>
          histories.of.get(items.id)?.selection !== 'none' &&
          items.old.length + items.new.length + (items.retired?.pairs ?? 0) > 0,
      ),
      orderNotJudged: judged.reduce((sum, { judgement }) => sum + judgement.orderNotJudged, 0),
      connectionDoubts: connectionDoubts(histories.of),
      rules: ruled?.rules ?? [],
    }),
    capture: describeCapture(reader),
    old: { label: `${name}, old`, dialect: options.oldDialect.name },
    new: { label: `${name}, new`, dialect: options.newDialect.name },
    counts,
    ...listed,
    ...(ruled && { rules: ruled.rules, swallowed: ruled.swallowed }),
    ignored: listIgnored(judged),
    ...listGaps(contents.rows.gaps, options.oldDialect.header),
    connections: judged.map(summaryOf(findings)),
    timeline: timelineOf(reader, contents, findings),
  };
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

interface JudgedAll {
  readonly judged: readonly JudgedConnection[];
  readonly deliveries: Deliveries;
}

/** All connections are paired before any is judged: what one of them lacks, others may have seen. */
function judgeAll(reader: CaptureReader, context: JudgeContext): JudgedAll {
  const { contents, histories } = context;
  const { connections, facts, publishers, rows } = contents;
  const paired = connections.map((items) => ({
    items,
    paired: pairItems(items, publishers, facts),
  }));
  const lacked = new Set<number>();
  const compared = paired.filter(({ items }) => histories.of.get(items.id)?.selection !== 'none');
  for (const { side, item } of compared.flatMap((one) => one.paired.unpaired)) {
    lacked.add(item.content.id);
    const begun = item.content.isFrame ? undefined : facts.begunBy(item.content, side);
    if (begun !== undefined) lacked.add(begun.content.id);
  }
  const deliveries = new Deliveries(connections.map(withBeyond), lacked, facts);
  const judged = paired.map((one): JudgedConnection => {
    const judgement = judgeConnection(one.paired, {
      reader,
      connection: one.items.id,
      items: one.items,
      facts,
      deliveries,
      histories: histories.of,
      recordingEnd: histories.end,
      gapsOf: rows.gapsOf,
    });
    const findings = findAll(reader, { items: one.items, judgement }, deliveries, context);
    return { items: one.items, judgement, findings };
  });
  return { judged, deliveries };
}

function withBeyond({ id, old, new: neu, beyond }: ConnectionItems): SideItems & { id: number } {
  if (beyond === undefined) return { id, old, new: neu };
  return { id, old: [...old, ...beyond.old], new: [...neu, ...beyond.new] };
}

function findAll(
  reader: CaptureReader,
  { items: { id }, judgement }: Judged,
  deliveries: Deliveries,
  { contents, dialects, histories, ruling }: JudgeContext,
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
    ...judgement.changed.map((pair) => findChanged(id, pair, bytes, dialects, ruling?.lists)),
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
  { connections, timeline: counted }: CaptureContents,
  findings: readonly Finding[],
): DiffResult['timeline'] {
  const timeline = counted?.copy() ?? new TimelineCounter();
  for (const connection of connections) {
    for (const side of ['old', 'new'] as const) {
      for (const { content, backbone, arrivalNs } of connection[side]) {
        if (content.isFrame && backbone?.isPair !== true) timeline.add(side, arrivalNs);
      }
    }
  }
  for (const finding of findings) timeline.add('divergences', finding.timeNs);
  return timeline.result(Number(reader.info.durationNs));
}
