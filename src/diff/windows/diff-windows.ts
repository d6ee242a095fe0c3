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
import { CauseEvidence } from '../causes/explain.ts';
import type { Cause, CauseFacts, Loss } from '../causes/rule.ts';
import { sideForwardsNothing } from '../causes/side-forwards-nothing.ts';
import { findConnectionDifference, findSilentSide } from '../findings/find-of-connections.ts';
import { type Finding, inOrderOfTime } from '../findings/finding.ts';
import type { Histories } from '../histories.ts';
import type { Identity } from '../identity.ts';
import {
  findIn,
  judgeConnections,
  type JudgeContext,
  type JudgedAll,
  type JudgedConnections,
  lossesOf,
} from '../judge-capture.ts';
import type { LatencyHistogram } from '../latency-histogram.ts';
import type { Lateness } from '../lateness.ts';
import { defined } from '../../lib/assert.ts';
import { Deliveries } from '../deliveries.ts';
import type { PairAlarm } from '../noise/judging.ts';
import type { NoiseModel } from '../noise/model.ts';
import { stampsOf } from '../noise/pair-copies.ts';
import { NoiseOfComparison, type NoiseStage } from '../noise/stage.ts';
import { type NoisyPair, trafficOf } from '../noise/traffic.ts';
import { type AgreedPair, agreedPairs } from './agreed-pairs.ts';
import type { CaptureContents, CaptureRows } from '../read-capture.ts';
import { otherSide } from '../records.ts';
import type { Agreement } from '../scan/agreement-scan.ts';
import type { Telling } from '../telling.ts';
import type { DiffResult } from '../types.ts';
import { unseenSendersFromNs } from '../unseen-senders.ts';
import { KeptWindows } from './kept-windows.ts';
import type { SpanRecord } from './records-of-spans.ts';
import { Survey } from './survey.ts';
import { WindowContents } from './window-contents.ts';
import { WindowReader } from './window-reader.ts';
import type { WindowContext } from './window-sink.ts';

export interface WindowedDiff {
  readonly reader: CaptureReader;
  readonly rows: CaptureRows;
  readonly agreement: Agreement;
  readonly windows: Pick<WindowContext, 'limits' | 'lateAfterNs'>;
  readonly identity: Identity;
  readonly histories: Histories;
  readonly domains: DomainKnowledge;
  readonly ruling: JudgeContext['ruling'];
  readonly noise: NoiseModel | undefined;
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
  readonly known: Omit<JudgedAll, 'noise'>;
  readonly context: JudgeContext;
  readonly findings: readonly Finding[];
  readonly losses: readonly Loss[];
  readonly facts: CauseFacts;
  /** It is one pair that agreed but for its noise. */
  readonly isOfAgreed: boolean;
}

class WindowedAnalysis {
  readonly #work: WindowedDiff;
  readonly #isTapped: boolean;
  readonly #survey: Survey;
  readonly #kept: KeptWindows;
  readonly #noise: NoiseOfComparison | undefined;

  constructor(work: WindowedDiff) {
    const { agreement, histories, identity, rows, windows } = work;
    this.#work = work;
    this.#isTapped = work.reader.info.origin === TAP_ORIGIN;
    this.#noise = work.noise && new NoiseOfComparison(work.noise);
    this.#survey = new Survey({
      isTapped: this.#isTapped,
      identity,
      agreement,
      rows,
      clientLeftNs: (connection) => histories.of.get(connection)?.clientLeftNs,
    });
    this.#kept = new KeptWindows(this.#survey, windows.limits.keptBytesMax);
  }

  result(): DiffResult {
    const { reader, agreement, histories, domains } = this.#work;
    if (this.#hasToRead()) this.#windows(this.#kept).read(reader);
    if (this.#noise !== undefined) this.#noteNoise(this.#noise);
    const clientLeftNs = (id: number): number | undefined => histories.of.get(id)?.clientLeftNs;
    const evidence = new CauseEvidence({ clientLeftNs, domains });
    const changes = new ChangeEvidence();
    for (const kind of this.#survey.agreedSendings) {
      evidence.addKept(kind);
    }
    for (const { content, pairs } of this.#survey.agreedPairs) changes.addKept(content, pairs);
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
      for (const { old } of window.isOfAgreed ? findings : []) {
        if (old !== undefined) changes.addKept(old.content, -1);
      }
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
      this.#noise?.noteChanged(window.known.judged);
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
      noise: this.#noise?.result(),
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
    const { agreement, identity, windows } = this.#work;
    return new WindowReader({ identity, agreement, ...windows }, sink);
  }

  /** Everything goes by once, so that the noise in it is known. */
  #noteNoise({ judging }: NoiseOfComparison): void {
    const contents = this.#contents();
    this.#windows({
      agreed: (records) => {
        contents.pass(records);
        judging.add(agreedPairs(records, this.#work.identity), [], () => undefined);
      },
      window: (records) => {
        const { connections } = this.#pair(contents.read(records));
        const { pairs, alone } = trafficOf(connections);
        judging.add(pairs, alone, () => undefined);
      },
      settled: (next) => judging.settle(next),
    }).read(this.#work.reader);
    judging.end();
  }

  /** Also what agreed but for its noise, where that does not fit: each pair is a window. */
  #forEachWindow(isForEvidence: boolean, visit: (window: JudgedWindow) => void): void {
    const noise = this.#noise;
    if (noise?.judging.hasAlarms === true) {
      this.#forEachWithNoise(noise, visit);
      return;
    }
    const contents = this.#contents();
    const stage = noise?.stageOf(new Map());
    const judge = (records: readonly SpanRecord[]): void => {
      const read = contents.read(records);
      visit(this.#find(read, this.#pair(read), stage, isForEvidence));
    };
    const { steps } = this.#kept;
    if (steps === undefined) {
      const agreed = (passed: readonly SpanRecord[]): void => contents.pass(passed);
      this.#windows({ agreed, window: judge }).read(this.#work.reader);
      return;
    }
    for (const step of steps) {
      if (step.kind === 'window') judge(step.records);
      else contents.passTo(step.given);
    }
  }

  #forEachWithNoise(noise: NoiseOfComparison, visit: (window: JudgedWindow) => void): void {
    const { judging } = noise;
    const contents = this.#contents();
    this.#windows({
      agreed: (records) => {
        contents.pass(records);
        const pairs = agreedPairs(records, this.#work.identity);
        const recordsOf = new Map<NoisyPair, AgreedPair>(pairs.map((pair) => [pair, pair]));
        judging.add(pairs, [], (alarms) => {
          for (const [pair, own] of alarms) {
            const agreed = recordsOf.get(pair);
            if (agreed !== undefined) visit(this.#alarmed(noise, contents, { agreed, own }));
          }
        });
      },
      window: (records) => {
        const read = contents.read(records);
        const paired = this.#pair(read);
        const { pairs, alone } = trafficOf(paired.connections);
        judging.add(pairs, alone, (alarms) => {
          visit(this.#find(read, paired, noise.stageOf(alarms)));
        });
      },
      settled: (next) => judging.settle(next),
    }).read(this.#work.reader);
    judging.end();
  }

  /** A pair that agreed and is none of a window. */
  #alarmed(
    noise: NoiseOfComparison,
    contents: WindowContents,
    { agreed, own }: { readonly agreed: AgreedPair; readonly own: readonly PairAlarm[] },
  ): JudgedWindow {
    const read = contents.look(agreed.records);
    const connections = read.connections.map((items) => {
      const [old, neu] = [defined(items.old[0], 'old'), defined(items.new[0], 'new')];
      const pairs = [{ old, new: neu, pairing: { kind: 'in-order' } } as const];
      const nothing = { changed: [], unpaired: [], setAside: [], lacked: new Map() };
      return { items, judgement: { ...nothing, pairs, orderNotJudged: 0 } };
    });
    const { pairs } = trafficOf(connections);
    const stage = noise.stageOf(new Map(pairs.map((pair) => [pair, own])));
    const deliveries = new Deliveries([], new Set(), read.facts);
    return { ...this.#find(read, { connections, deliveries }, stage), isOfAgreed: true };
  }

  #contents(): WindowContents {
    const { reader, rows, agreement, identity } = this.#work;
    return new WindowContents({
      identity,
      rows,
      connections: reader.connections(),
      lanes: agreement.lanes,
      survey: this.#survey,
      isTapped: this.#isTapped,
      unseenFromNs: unseenSendersFromNs(reader),
    });
  }

  #pair(contents: CaptureContents): JudgedConnections {
    const { reader, identity, histories, noise } = this.#work;
    const context = { contents, dialects: identity.dialects, histories };
    return judgeConnections(reader, context, noise && stampsOf(noise));
  }

  #find(
    contents: CaptureContents,
    paired: JudgedConnections,
    stage: NoiseStage | undefined,
    isForEvidence = false,
  ): JudgedWindow {
    const { reader, identity, histories, domains, ruling } = this.#work;
    const { dialects } = identity;
    const context: JudgeContext = { contents, dialects, histories, ruling, isForEvidence };
    const known = findIn(reader, context, paired, stage);
    const findings = known.judged.flatMap((connection) => connection.findings);
    const facts: CauseFacts = {
      ...causeFacts(contents, { histories, deliveries: known.deliveries, domains }),
      firstNs: (connection, side) => this.#survey.firstNs(connection, side),
    };
    return { known, context, findings, losses: lossesOf(findings), facts, isOfAgreed: false };
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
