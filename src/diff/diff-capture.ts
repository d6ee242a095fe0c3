/**
 * Compares the old and the new stream of every connection of a capture. The way of the data: read-contents
 * makes records of all streams, or of what does not agree; judge-capture pairs and judges them, connection by
 * connection; causes/explain gives each finding its cause, group-findings its group; the bytes of what is listed are
 * read again at the end.
 */
import type { CaptureReader, Side } from '../capture/types.ts';
import type { Dialect } from '../protocol/types.ts';
import { causeFacts } from './causes/cause-facts.ts';
import type { DomainKnowledge, Numbering } from './causes/domain-fates.ts';
import { domainKnowledge } from './causes/domain-knowledge.ts';
import { ChangeEvidence } from './causes/explain-changes.ts';
import { LateEvidence } from './causes/explain-late.ts';
import { explainLosses } from './causes/explain.ts';
import type { Cause, Loss } from './causes/rule.ts';
import { sideForwardsNothing } from './causes/side-forwards-nothing.ts';
import type { ConnectionHistory } from './connection-history.ts';
import { findSilentSide } from './findings/find-of-connections.ts';
import { type Finding, inOrderOfTime } from './findings/finding.ts';
import { readHistories } from './histories.ts';
import {
  judgeAll,
  type JudgeContext,
  type JudgedAll,
  lossesOf,
  withRules,
} from './judge-capture.ts';
import { Lateness } from './lateness.ts';
import type { NoiseModel } from './noise/model.ts';
import { type CaptureContents, type Dialects, readRows } from './read-capture.ts';
import { mayScan, newScan, readWhole, SCAN_OPTIONS, type ScanOptions } from './read-contents.ts';
import { otherSide } from './records.ts';
import type { RuleSet } from './rules/rule.ts';
import type { AgreementScan } from './scan/agreement-scan.ts';
import type { TimelineCounter } from './timeline.ts';
import { Telling, type TellingContext } from './telling.ts';
import type { DiffResult } from './types.ts';
import { diffWindows } from './windows/diff-windows.ts';

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
  if (scan !== undefined) return inWindows(reader, scan, options, { dialects, histories });
  const contents = readWhole(reader, options);
  const context = withRules({ contents, dialects, histories }, options.rules);
  const judged: JudgedCapture = { ...context, ...judgeAll(reader, context, options.noise) };
  return resultOf(reader, judged, options);
}

function inWindows(
  reader: CaptureReader,
  scan: AgreementScan,
  options: DiffOptions,
  { dialects, histories }: Pick<JudgeContext, 'dialects' | 'histories'>,
): DiffResult {
  const agreement = scan.result();
  const { lateAfterMs, noise } = options;
  const rows = readRows(reader);
  const { timeline } = agreement;
  const contents = { connections: reader.connections(), rows };
  const { ruling } = withRules({ contents, dialects, histories }, options.rules);
  return diffWindows({
    reader,
    rows,
    agreement,
    windows: {
      limits: { ...SCAN_OPTIONS.windows, ...options.scan?.windows },
      lateAfterNs: lateAfterMs === undefined ? undefined : lateAfterMs * 1e6,
    },
    identity: scan.identity,
    histories,
    domains: domainsOf(reader, options),
    ruling,
    noise,
    lateness: (behind) => new Lateness(behind, reader.info.origin, lateAfterMs),
    telling: (lateness) =>
      new Telling(
        tellingOf(reader, { contents, dialects, histories, ruling, timeline }, options, lateness),
      ),
  });
}

function resultOf(reader: CaptureReader, known: JudgedCapture, options: DiffOptions): DiffResult {
  const { contents, judged, noise } = known;
  const lateness = new Lateness(undefined, reader.info.origin, options.lateAfterMs);
  const { facts } = contents;
  const domains = domainsOf(reader, options);
  const findings = judged.flatMap((connection) => connection.findings);
  const losses = lossesOf(findings);
  const causeOf = explainLosses(losses, causeFacts(contents, { ...known, domains }));
  const changes = new ChangeEvidence();
  changes.add(
    findings,
    judged.flatMap(({ judgement }) => judgement.pairs),
  );
  const late = judged.flatMap(({ items, judgement }) => [
    ...lateness.find(items.id, judgement, facts),
  ]);
  const lateEvidence = new LateEvidence();
  lateEvidence.add(late, contents.connections);
  lateEvidence.noteCompared(lateness.compared);
  const lateCauseOf = lateEvidence.causesIn(late, contents.connections);
  const found = [
    ...findings,
    ...late,
    ...findSilence(contents, { histories: known.histories.of, losses, causeOf }),
  ].sort(inOrderOfTime);
  const telling = new Telling(tellingOf(reader, known, options, lateness));
  telling.add(judged, found, (finding) =>
    finding.loss === undefined
      ? (changes.causeOf(finding) ?? lateCauseOf(finding))
      : causeOf(finding.loss),
  );
  const clientFrames = contents.connections.map((items) => [items.id, items.clientFrames] as const);
  return telling.result({
    unmirroredFrames: facts.unmirroredFrames,
    clientFrames: new Map(clientFrames),
    noise: noise?.result(),
  });
}

interface ToldContext extends Omit<JudgeContext, 'contents'> {
  readonly contents: Pick<CaptureContents, 'rows'>;
  /** When frames arrived that are no items. */
  readonly timeline?: TimelineCounter;
}

function tellingOf(
  reader: CaptureReader,
  { contents, dialects, histories, ruling, timeline }: ToldContext,
  options: DiffOptions,
  lateness: Lateness,
): TellingContext {
  return {
    reader,
    rows: contents.rows,
    dialects,
    histories,
    ruling,
    hasRemarks: options.remarks ?? true,
    hasNoise: options.noise !== undefined,
    isSilenceExpected: options.isSilenceExpected === true,
    listedMax: options.divergencesListedMax ?? DIVERGENCES_LISTED_MAX,
    labels: options.labels,
    lateness,
    timeline,
  };
}

function domainsOf(
  { info }: CaptureReader,
  { oldDialect, numberings = [] }: DiffOptions,
): DomainKnowledge {
  return domainKnowledge(oldDialect, numberings, info.notes);
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
