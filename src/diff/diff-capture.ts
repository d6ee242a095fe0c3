/**
 * Compares the old and the new stream of every connection of a capture. The way of the data: read-contents
 * makes records of all streams, or of what does not agree; judge-capture pairs and judges them, connection by
 * connection; causes/explain gives each finding its cause, group-findings its group; the bytes of what is listed are
 * read again at the end.
 */
import { basename } from 'node:path';
import type { CaptureReader, Side } from '../capture/types.ts';
import type { Dialect } from '../protocol/types.ts';
import type { Numbering } from './causes/domain-fates.ts';
import { causeFacts } from './causes/cause-facts.ts';
import { domainKnowledge } from './causes/domain-knowledge.ts';
import { explainChanges } from './causes/explain-changes.ts';
import { explainLate } from './causes/explain-late.ts';
import { type Cause, explainLosses } from './causes/explain.ts';
import type { Loss } from './causes/rule.ts';
import { sideForwardsNothing } from './causes/side-forwards-nothing.ts';
import type { ConnectionHistory } from './connection-history.ts';
import { RemarkCounter } from './count-remarks.ts';
import { countAll, type Judged } from './count-result.ts';
import { type Finding, findSilentSide } from './findings.ts';
import { groupFindings, groupWords } from './group-findings.ts';
import { readHistories } from './histories.ts';
import {
  judgeAll,
  type JudgeContext,
  type JudgedAll,
  lossesOf,
  withRules,
} from './judge-capture.ts';
import { Lateness } from './lateness.ts';
import { listDivergences } from './list-divergences.ts';
import { listGaps } from './list-gaps.ts';
import type { NoiseModel } from './noise/model.ts';
import { type CaptureContents, type Dialects, NOT_SELECTED } from './read-capture.ts';
import { mayScan, newScan, readScanned, readWhole, type ScanOptions } from './read-contents.ts';
import { type ItemPair, otherSide } from './records.ts';
import { applyRules, type RuledFindings } from './rules/apply-rules.ts';
import { FieldUnits } from './rules/field-units.ts';
import type { RuleSet } from './rules/rule.ts';
import type { AgreementScan } from './scan/agreement-scan.ts';
import { isComplete, isEnough } from './scan/is-enough.ts';
import {
  connectionDoubts,
  describeCapture,
  hasDeliveries,
  leftOutOf,
  listIgnored,
  summaryOf,
  timelineOf,
} from './result-parts.ts';
import type { DiffResult, ResultCounts } from './types.ts';
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
  /** Nothing delivered by either side is what was to be shown, and no lack of something to compare. */
  readonly isSilenceExpected?: boolean;
  readonly scan?: Partial<ScanOptions>;
}

const DIVERGENCES_LISTED_MAX = 10_000;

interface JudgedCapture extends JudgeContext, JudgedAll {}

export function diffCapture(reader: CaptureReader, options: DiffOptions): DiffResult {
  const scan = mayScan(reader, options) ? newScan(reader, options) : undefined;
  scan?.advance(reader, true);
  return diffScanned(reader, scan, options);
}

/** `scan`: of all that this reader knows; undefined: there was none, or it may not be used. */
export function diffScanned(
  reader: CaptureReader,
  scan: AgreementScan | undefined,
  options: DiffOptions,
): DiffResult {
  const dialects: Dialects = { old: options.oldDialect, new: options.newDialect };
  const histories = readHistories(reader);
  const judged = (contents: CaptureContents): JudgedCapture => {
    const context = withRules({ contents, dialects, histories }, options.rules);
    return { ...context, ...judgeAll(reader, context, options.noise) };
  };
  if (scan !== undefined) {
    const contents = readScanned(reader, scan, { ...options, histories });
    const known = isComplete(contents) ? judged(contents) : undefined;
    if (known !== undefined && isEnough(known)) return resultOf(reader, known, options);
  }
  return resultOf(reader, judged(readWhole(reader, options)), options);
}

interface Found {
  /** What rules have left, in order of time. */
  readonly findings: readonly Finding[];
  readonly ruled: RuledFindings | undefined;
  readonly causeOf: (finding: Finding) => Cause | undefined;
}

function findAll(
  reader: CaptureReader,
  known: JudgedCapture,
  lateness: Lateness,
  { oldDialect, numberings = [] }: DiffOptions,
): Found {
  const { contents, histories, judged, deliveries } = known;
  const messageFindings = judged.flatMap((connection) => connection.findings);
  const losses = lossesOf(messageFindings);
  const domains = domainKnowledge(oldDialect, numberings, reader.info.notes);
  const causeOf = explainLosses(losses, causeFacts(contents, { histories, deliveries, domains }));
  const late = findLate(judged, lateness);
  const lateCauseOf = explainLate(late, {
    compared: lateness.compared,
    connections: contents.connections,
  });
  const found = [
    ...messageFindings,
    ...late,
    ...findSilence(contents, { histories: histories.of, losses, causeOf }),
  ].sort(inOrderOfTime);
  const ruled = swallow(found, known, causeOf);
  const changeCauseOf = explainChanges(messageFindings, () => pairsOf(judged));
  return {
    findings: ruled?.kept ?? found,
    ruled,
    causeOf: (finding) =>
      finding.loss === undefined
        ? (changeCauseOf(finding) ?? lateCauseOf(finding))
        : causeOf(finding.loss),
  };
}

function resultOf(reader: CaptureReader, known: JudgedCapture, options: DiffOptions): DiffResult {
  const { contents, dialects, histories, judged, stage } = known;
  const lateness = new Lateness(contents, reader.info.origin, options.lateAfterMs);
  const { findings, ruled, causeOf } = findAll(reader, known, lateness, options);
  const listed = listDivergences(reader, {
    rows: contents.rows,
    findings,
    grouped: groupFindings(findings, causeOf),
    listedMax: options.divergencesListedMax ?? DIVERGENCES_LISTED_MAX,
    dialects,
    remarks: (options.remarks ?? true) ? new RemarkCounter(judged) : undefined,
  });
  const counts = countAll(contents, judged, findings, leftOutOf(contents, histories), {
    swallowed: ruled?.counts,
    hasNoise: stage !== undefined,
  });
  const name = basename(reader.path);
  const labels = options.labels ?? { old: `${name}, old`, new: `${name}, new` };
  return {
    format: 'relaydiff-result/1',
    ...verdictOf(reader, known, {
      counts,
      ruled,
      lateDoubt: lateness.doubt,
      isSilenceExpected: options.isSilenceExpected === true,
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

interface Judging {
  readonly counts: ResultCounts;
  readonly ruled: RuledFindings | undefined;
  readonly lateDoubt: string | undefined;
  readonly isSilenceExpected: boolean;
}

function verdictOf(
  { info }: CaptureReader,
  { contents, histories, judged }: JudgedCapture,
  { counts, ruled, lateDoubt, isSilenceExpected }: Judging,
): ReturnType<typeof judge> {
  return judge({
    counts,
    sealed: info.sealed,
    gapCount: contents.rows.gaps.filter(({ reason }) => reason !== NOT_SELECTED).length,
    connectionCount: judged.length,
    mirrorOption: info.notes['mirror'],
    hasSubject: isSilenceExpected || hasDeliveries(contents, histories),
    orderNotJudged: judged.reduce((sum, { judgement }) => sum + judgement.orderNotJudged, 0),
    lateDoubt,
    connectionDoubts: connectionDoubts(histories.of),
    rules: ruled?.rules ?? [],
  });
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

function pairsOf(judged: readonly Judged[]): readonly ItemPair[] {
  return judged.flatMap(({ judgement }) => judgement.pairs);
}

function findLate(judged: readonly Judged[], lateness: Lateness): readonly Finding[] {
  return judged.flatMap(({ items, judgement }) => [...lateness.find(items.id, judgement)]);
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
