/**
 * Compares the old and the new stream of every connection of a capture. The way of the data: read-capture
 * makes records of all streams; judge-connection pairs them, connection by connection; findings gives the
 * rest its kind, causes/explain its cause, group-findings its group; the bytes of what is listed are read
 * again at the end. Memory grows with the number of frames (small records) and with the bytes of changed
 * messages of one connection, not with the size of the capture.
 */
import { basename } from 'node:path';
import type { CaptureReader, Side } from '../capture/types.ts';
import { assert } from '../lib/assert.ts';
import type { Dialect } from '../protocol/types.ts';
import { type Cause, explainLosses } from './causes/explain.ts';
import type { Loss } from './causes/rule.ts';
import { sideForwardsNothing } from './causes/side-forwards-nothing.ts';
import { type ConnectionHistory, readHistories } from './connection-history.ts';
import { WantedItems } from './fetch-bytes.ts';
import {
  type Finding,
  findChanged,
  findConnectionDifference,
  findMoved,
  findSilentSide,
  findUnpaired,
} from './findings.ts';
import { groupFindings } from './group-findings.ts';
import { type ConnectionJudgement, judgeConnection } from './judge-connection.ts';
import { listDivergences } from './list-divergences.ts';
import {
  type CaptureContents,
  type ConnectionItems,
  type Dialects,
  readCapture,
} from './read-capture.ts';
import { otherSide } from './records.ts';
import { TimelineCounter } from './timeline.ts';
import { type DiffResult, type DivergenceKind, type ResultCounts } from './types.ts';
import { judge } from './verdict.ts';

export interface DiffOptions {
  /** How to read what the old relay delivered, and what clients sent. */
  readonly oldDialect: Dialect;
  readonly newDialect: Dialect;
  readonly divergencesListedMax?: number;
}

const DIVERGENCES_LISTED_MAX = 10_000;

interface JudgedConnection {
  readonly items: ConnectionItems;
  readonly judgement: ConnectionJudgement;
  readonly findings: readonly Finding[];
}

export function diffCapture(reader: CaptureReader, options: DiffOptions): DiffResult {
  const dialects: Dialects = { old: options.oldDialect, new: options.newDialect };
  const contents = readCapture(reader, dialects);
  const histories = readHistories(reader);
  const judged = contents.connections.map((items) =>
    judgeOne(reader, items, { contents, dialects, history: histories.get(items.id) }),
  );
  const messageFindings = judged.flatMap((connection) => connection.findings);
  const causeOf = explainLosses(lossesOf(messageFindings), {
    client: contents.facts,
    downSince: (connection, side) => histories.get(connection)?.downSince(side),
  });
  const findings = [
    ...messageFindings,
    ...findSilence(contents, { histories, losses: lossesOf(messageFindings), causeOf }),
  ].sort(inOrderOfTime);
  const grouped = groupFindings(findings, ({ loss }) => loss && causeOf(loss));
  const listed = listDivergences(reader, dialects, {
    findings,
    grouped,
    listedMax: options.divergencesListedMax ?? DIVERGENCES_LISTED_MAX,
  });
  const counts = countAll(reader, judged, findings);
  const bytesRecorded = reader.streams().reduce((sum, stream) => sum + stream.bytes, 0);
  const orderNotJudged = judged.reduce((sum, { judgement }) => sum + judgement.orderNotJudged, 0);
  const { info } = reader;
  const gapCount = reader.gaps().length;
  const name = basename(reader.path);
  return {
    format: 'relaydiff-result/1',
    ...judge({ counts, sealed: info.sealed, gapCount, bytesRecorded, orderNotJudged }),
    capture: {
      name,
      origin: info.origin,
      startedUnixNs: String(info.startedUnixNs),
      durationNs: String(info.durationNs),
      sealed: info.sealed,
    },
    old: { label: `${name}, old`, dialect: options.oldDialect.name },
    new: { label: `${name}, new`, dialect: options.newDialect.name },
    counts,
    ...listed,
    connections: judged.map(summaryOf(findings)),
    timeline: timelineOf(reader, contents, findings),
  };
}

interface JudgeContext {
  readonly contents: CaptureContents;
  readonly dialects: Dialects;
  readonly history: ConnectionHistory | undefined;
}

function judgeOne(
  reader: CaptureReader,
  items: ConnectionItems,
  { contents, dialects, history }: JudgeContext,
): JudgedConnection {
  const { facts, publishers } = contents;
  const { id } = items;
  const judgement = judgeConnection({ reader, connection: id, items, facts, history }, (content) =>
    publishers.publisherOf(content),
  );
  const wanted = new WantedItems();
  for (const pair of judgement.changed) {
    wanted.add(id, 'old', pair.old);
    wanted.add(id, 'new', pair.new);
  }
  const bytes = wanted.fetch(reader, dialects);
  const findings = [
    ...findUnpaired(id, judgement, facts),
    ...findMoved(id, judgement.pairs),
    ...judgement.changed.map((pair) => findChanged(id, pair, bytes, dialects)),
    ...[...(history?.differences(id) ?? [])].map(findConnectionDifference),
  ];
  return { items, judgement, findings };
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
      const isDown = histories.get(connection.id)?.downSince(side) !== undefined;
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

function countAll(
  reader: CaptureReader,
  judged: readonly JudgedConnection[],
  findings: readonly Finding[],
): ResultCounts {
  const divergences = countKinds(findings);
  const frames = (side: Side): number =>
    sum(judged, ({ items }) => items[side].filter((item) => item.content.isFrame).length);
  const setAside = judged.flatMap(({ judgement }) => judgement.setAside);
  const setAsideFrames = setAside.filter(({ unpaired }) => unpaired.item.content.isFrame);
  const unjudged = setAside.filter(({ reason }) => reason !== 'edge').length;
  const identical = sum(
    judged,
    ({ judgement }) => judgement.pairs.filter((pair) => pair.old.content.isFrame).length,
  );
  const pairs = identical + sum(judged, ({ judgement }) => judgement.changed.length);
  const [old, neu] = [frames('old'), frames('new')];
  const setAsideOf = (side: Side): number =>
    setAsideFrames.filter(({ unpaired }) => unpaired.side === side).length;
  const { missing, extra, duplicated, modified, encoding } = divergences;
  assert(old === pairs + missing + setAsideOf('old'), 'a frame of old was lost or counted twice');
  assert(
    neu === pairs + extra + duplicated + setAsideOf('new'),
    'a frame of new was lost or counted twice',
  );
  assert(pairs === identical + encoding + modified, 'a pair was lost or counted twice');
  return {
    old,
    new: neu,
    pairs,
    identical,
    equivalent: encoding,
    ignored: setAside.length - unjudged,
    divergences,
    gaps: { frames: unjudged, bytes: sum(reader.gaps(), (gap) => gap.bytes) },
  };
}

function countKinds(findings: readonly Finding[]): Readonly<Record<DivergenceKind, number>> {
  const count = (kind: DivergenceKind): number =>
    sum(findings, (finding) => (finding.kind === kind ? 1 : 0));
  return {
    missing: count('missing'),
    extra: count('extra'),
    duplicated: count('duplicated'),
    reordered: count('reordered'),
    modified: count('modified'),
    encoding: count('encoding'),
    defect: count('defect'),
    connection: count('connection'),
    late: count('late'),
  };
}

function sum<T>(values: readonly T[], amount: (value: T) => number): number {
  return values.reduce((total, value) => total + amount(value), 0);
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
    oldFrames: items.old.filter((item) => item.content.isFrame).length,
    newFrames: items.new.filter((item) => item.content.isFrame).length,
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
