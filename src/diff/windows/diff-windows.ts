/**
 * Analyses a capture in windows around what does not agree, in memory that does not grow with it. Goes over it three times
 * in order of time: to know what each window must know of the rest; to gather the evidence for causes; and to tell what
 * was found, with causes. Where the windows are few, only the first time reads the capture. Each window is judged as a small capture is judged whole (docs/decisions/0026).
 */
import { TAP_ORIGIN } from '../../capture/blind-spots.ts';
import type { CaptureReader, Side } from '../../capture/types.ts';
import { causeFacts } from '../causes/cause-facts.ts';
import type { DomainKnowledge } from '../causes/domain-fates.ts';
import { ChangeEvidence } from '../causes/explain-changes.ts';
import { LateEvidence } from '../causes/explain-late.ts';
import { type Cause, CauseEvidence } from '../causes/explain.ts';
import type { CauseFacts, Loss } from '../causes/rule.ts';
import { sideForwardsNothing } from '../causes/side-forwards-nothing.ts';
import {
  type Finding,
  findConnectionDifference,
  findSilentSide,
  inOrderOfTime,
} from '../findings.ts';
import type { Histories } from '../histories.ts';
import { judgeAll, type JudgeContext, type JudgedAll, lossesOf } from '../judge-capture.ts';
import type { LatencyHistogram } from '../latency-histogram.ts';
import type { Lateness } from '../lateness.ts';
import type { CaptureContents, CaptureRows, Dialects } from '../read-capture.ts';
import { otherSide } from '../records.ts';
import type { Agreement } from '../scan/agreement-scan.ts';
import type { Telling } from '../telling.ts';
import type { DiffResult } from '../types.ts';
import { unseenSendersFromNs } from '../unseen-senders.ts';
import { KeptWindows } from './kept-windows.ts';
import type { SpanRecord } from './records-of-spans.ts';
import { Survey } from './survey.ts';
import { WindowContents } from './window-contents.ts';
import { type WindowContext, WindowReader } from './window-reader.ts';

export interface WindowedDiff {
  readonly reader: CaptureReader;
  readonly rows: CaptureRows;
  readonly agreement: Agreement;
  readonly windows: Pick<WindowContext, 'limits' | 'lateAfterNs'>;
  readonly dialects: Dialects;
  readonly histories: Histories;
  readonly domains: DomainKnowledge;
  readonly ruling: JudgeContext['ruling'];
  /**
   * Messages are held against each other in time twice: for the evidence, and for what is told. `behind`: how long new
   * took behind old, or behind what a tap fed, for what agreed.
   */
  readonly lateness: (behind: LatencyHistogram) => Lateness;
  /** Made when everything is known but what is told. */
  readonly telling: (lateness: Lateness) => Telling;
}

export function diffWindows(work: WindowedDiff): DiffResult {
  return new WindowedAnalysis(work).result();
}

interface JudgedWindow {
  readonly known: JudgedAll;
  readonly context: JudgeContext;
  readonly findings: readonly Finding[];
  readonly losses: readonly Loss[];
  readonly facts: CauseFacts;
}

class WindowedAnalysis {
  readonly #work: WindowedDiff;
  readonly #isTapped: boolean;
  readonly #survey: Survey;
  readonly #kept: KeptWindows;

  constructor(work: WindowedDiff) {
    const { agreement, histories, dialects, rows, windows } = work;
    this.#work = work;
    this.#isTapped = work.reader.info.origin === TAP_ORIGIN;
    this.#survey = new Survey({
      isTapped: this.#isTapped,
      dialect: dialects.old,
      agreement,
      rows,
      clientLeftNs: (connection) => histories.of.get(connection)?.clientLeftNs,
    });
    this.#kept = new KeptWindows(this.#survey, windows.limits.keptBytesMax);
  }

  result(): DiffResult {
    const { reader, agreement, histories, domains } = this.#work;
    if (this.#hasToRead()) this.#windows(this.#kept).read(reader);
    const clientLeftNs = (id: number): number | undefined => histories.of.get(id)?.clientLeftNs;
    const evidence = new CauseEvidence({ clientLeftNs, domains });
    const changes = new ChangeEvidence();
    for (const kind of this.#survey.agreedSendings) {
      evidence.addKept(kind);
      changes.addKept(kind.content, kind.pairs);
    }
    const late = new LateEvidence();
    const behind = this.#isTapped ? this.#survey.behindFed : agreement.behind;
    const lateness = this.#work.lateness(behind);
    this.#forEachWindow(true, (window) => {
      const { known, findings, losses, facts } = window;
      evidence.add(losses, facts);
      changes.add(
        findings,
        known.judged.flatMap(({ judgement }) => judgement.pairs),
      );
      late.add(lateIn(window, lateness), window.context.contents.connections);
    });
    late.noteCompared(lateness.compared);
    const toldLateness = this.#work.lateness(behind);
    const telling = this.#work.telling(toldLateness);
    for (const [connection, retired] of agreement.connections) {
      telling.addRetired(connection, retired);
    }
    const silent = new Set<Side>();
    this.#forEachWindow(false, (window) => {
      const causeOf = evidence.causesIn(window.losses, window.facts);
      noteSilent(silent, window.losses, causeOf);
      const foundLate = lateIn(window, toldLateness);
      const lateCauseOf = late.causesIn(foundLate, window.context.contents.connections);
      const found = [...window.findings, ...foundLate].sort(inOrderOfTime);
      telling.add(window.known.judged, found, (finding) =>
        finding.loss === undefined
          ? (changes.causeOf(finding) ?? lateCauseOf(finding))
          : causeOf(finding.loss),
      );
    });
    telling.addFindings(this.#ofConnections(silent), () => undefined);
    return telling.result({
      unmirroredFrames: this.#survey.gaps.unmirroredFrames,
      clientFrames: agreement.clientFrames,
      noise: undefined,
    });
  }

  /** Where all agrees, in time and without gaps, the scan has said everything. */
  #hasToRead(): boolean {
    const { agreement, rows, windows } = this.#work;
    const hasOdd = [...agreement.connections.values()].some((retired) => retired.hasOdd);
    const hasUnmirrored = rows.gaps.some(({ where }) => where === 'mirror');
    return hasOdd || hasUnmirrored || windows.lateAfterNs !== undefined;
  }

  #windows(sink: ConstructorParameters<typeof WindowReader>[1]): WindowReader {
    const { agreement, dialects, windows } = this.#work;
    return new WindowReader({ dialect: dialects.old, agreement, ...windows }, sink);
  }

  #forEachWindow(isForEvidence: boolean, visit: (window: JudgedWindow) => void): void {
    const { reader, rows, agreement, dialects } = this.#work;
    const contents = new WindowContents({
      dialect: dialects.old,
      rows,
      connections: reader.connections(),
      lanes: agreement.lanes,
      survey: this.#survey,
      isTapped: this.#isTapped,
      unseenFromNs: unseenSendersFromNs(reader),
    });
    const judge = (records: readonly SpanRecord[]): void =>
      visit(this.#judge(contents.read(records), isForEvidence));
    const { steps } = this.#kept;
    if (steps === undefined) {
      const agreed = (passed: readonly SpanRecord[]): void => contents.pass(passed);
      this.#windows({ agreed, window: judge }).read(reader);
      return;
    }
    for (const step of steps) {
      if (step.kind === 'window') judge(step.records);
      else contents.passTo(step.given);
    }
  }

  #judge(contents: CaptureContents, isForEvidence: boolean): JudgedWindow {
    const { reader, dialects, histories, domains, ruling } = this.#work;
    const context: JudgeContext = { contents, dialects, histories, ruling, isForEvidence };
    const known = judgeAll(reader, context, undefined);
    const findings = known.judged.flatMap((connection) => connection.findings);
    const facts: CauseFacts = {
      ...causeFacts(context.contents, { histories, deliveries: known.deliveries, domains }),
      firstNs: (connection, side) => this.#survey.firstNs(connection, side),
    };
    return { known, context, findings, losses: lossesOf(findings), facts };
  }

  /** What differs of whole connections. */
  #ofConnections(silent: ReadonlySet<Side>): readonly Finding[] {
    const { histories, reader } = this.#work;
    const findings: Finding[] = [];
    for (const history of histories.of.values()) {
      for (const difference of history.differences()) {
        findings.push(findConnectionDifference(difference));
      }
    }
    for (const side of silent) {
      for (const { id } of reader.connections()) {
        const firstNs = this.#survey.firstNs(id, otherSide(side));
        const history = histories.of.get(id);
        const isDown = history?.downSince(side) !== undefined || history?.selection === 'none';
        if (firstNs !== undefined && !isDown) findings.push(findSilentSide(side, id, firstNs));
      }
    }
    return findings.sort(inOrderOfTime);
  }
}

function lateIn({ known, context }: JudgedWindow, lateness: Lateness): readonly Finding[] {
  const { facts } = context.contents;
  return known.judged.flatMap(({ items, judgement }) => [
    ...lateness.find(items.id, judgement, facts),
  ]);
}

function noteSilent(
  silent: Set<Side>,
  losses: readonly Loss[],
  causeOf: (loss: Loss) => Cause | undefined,
): void {
  for (const loss of losses) {
    if (!silent.has(loss.side) && causeOf(loss)?.name === sideForwardsNothing.name) {
      silent.add(loss.side);
    }
  }
}
