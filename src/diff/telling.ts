/**
 * Gathers what was judged and found, window by window, and makes the result of it. Keeps numbers, the findings that are
 * listed, and the first one of each group, however many there are. A capture that is analysed whole is one window.
 */
import { basename } from 'node:path';
import type { CaptureReader, Side } from '../capture/types.ts';
import type { Cause } from './causes/rule.ts';
import { RemarkCounter } from './count-remarks.ts';
import { countAll, type Judged, JudgedTally, noDivergences } from './count-result.ts';
import type { Finding } from './findings/finding.ts';
import { GroupTally, groupWords } from './group-findings.ts';
import type { Histories } from './histories.ts';
import type { Ruling } from './judge-capture.ts';
import type { Lateness } from './lateness.ts';
import { FindingList, listDivergences } from './list-divergences.ts';
import { listGaps } from './list-gaps.ts';
import type { NoiseResult } from './noise/result.ts';
import { NOT_SELECTED } from './mirror-gaps.ts';
import type { CaptureRows, Dialects } from './read-capture.ts';
import {
  connectionDoubts,
  describeCapture,
  IGNORED_LISTED_MAX,
  ignoredOf,
  leftOutOf,
} from './result-parts.ts';
import { RulesJudge } from './rules/apply-rules.ts';
import { FieldUnits } from './rules/field-units.ts';
import type { RetiredConnection } from './scan/retired.ts';
import { TimelineCounter } from './timeline.ts';
import type { DiffResult, IgnoredMessage } from './types.ts';
import { judge } from './verdict.ts';

export interface TellingContext {
  readonly reader: CaptureReader;
  readonly rows: CaptureRows;
  readonly dialects: Dialects;
  readonly histories: Histories;
  readonly ruling: Ruling | undefined;
  readonly hasRemarks: boolean;
  readonly hasNoise: boolean;
  readonly isSilenceExpected: boolean;
  readonly listedMax: number;
  readonly labels: Readonly<Record<Side, string>> | undefined;
  readonly lateness: Lateness;
  /** When frames arrived that are no items. */
  readonly timeline: TimelineCounter | undefined;
}

/** What is known of a capture besides its windows. */
export interface ToldCapture {
  readonly unmirroredFrames: number;
  readonly clientFrames: ReadonlyMap<number, number>;
  readonly noise: NoiseResult | undefined;
}

type CauseOf = (finding: Finding) => Cause | undefined;

export class Telling {
  readonly #context: TellingContext;
  readonly #rules: RulesJudge | undefined;
  #causeOf: CauseOf = () => undefined;
  readonly #judged = new JudgedTally();
  readonly #divergences = noDivergences();
  readonly #ofConnection = new Map<number, number>();
  readonly #groups: GroupTally;
  readonly #list: FindingList;
  readonly #remarks: RemarkCounter | undefined;
  readonly #timeline: TimelineCounter;
  readonly #ignored: IgnoredMessage[] = [];

  constructor(context: TellingContext) {
    this.#context = context;
    const { reader, ruling, dialects, listedMax, hasRemarks, timeline } = context;
    this.#rules =
      ruling &&
      new RulesJudge(ruling.rules, {
        labelOf: ruling.labelOf,
        causeOf: (finding) => groupWords(finding, this.#causeOf(finding)),
        units: new FieldUnits(dialects),
      });
    this.#groups = new GroupTally();
    this.#list = new FindingList(listedMax);
    this.#remarks = hasRemarks ? new RemarkCounter(reader.connections()) : undefined;
    this.#timeline = timeline?.copy() ?? new TimelineCounter();
  }

  /** `findings` in order of time. */
  add(judged: readonly Judged[], findings: readonly Finding[], causeOf: CauseOf): void {
    for (const one of judged) this.#addJudged(one);
    this.addFindings(findings, causeOf);
  }

  /** Causes come from all that was lost: what somebody expects is evidence all the same. */
  addFindings(findings: readonly Finding[], causeOf: CauseOf): void {
    this.#causeOf = (finding) => (finding.loss === undefined ? undefined : causeOf(finding));
    for (const finding of findings) {
      const told = this.#rules === undefined ? finding : this.#rules.keep(finding);
      if (told === undefined) continue;
      this.#divergences[told.kind]++;
      this.#timeline.add('divergences', told.timeNs);
      this.#ofConnection.set(told.connection, (this.#ofConnection.get(told.connection) ?? 0) + 1);
      this.#list.add(told, this.#groups.add(told, causeOf(told)));
    }
  }

  /** What agreed on a connection and is in no window. */
  addRetired(connection: number, retired: RetiredConnection): void {
    this.#judged.addRetired(connection, retired);
    this.#remarks?.addRetired(connection, retired);
  }

  result({ unmirroredFrames, clientFrames, noise }: ToldCapture): DiffResult {
    const { reader, rows, dialects, histories, hasNoise, lateness } = this.#context;
    const ruled = this.#rules?.result();
    const listed = listDivergences(reader, {
      rows,
      findings: this.#list,
      groups: this.#groups.result(),
      dialects,
      remarks: this.#remarks,
    });
    const counts = countAll(this.#judged, {
      gaps: rows.gaps,
      unmirroredFrames,
      divergences: this.#divergences,
      leftOut: leftOutOf(rows, histories),
      swallowed: ruled?.counts,
      hasNoise,
    });
    const name = basename(reader.path);
    const labels = this.#context.labels ?? { old: `${name}, old`, new: `${name}, new` };
    return {
      format: 'relaydiff-result/1',
      ...judge({
        counts,
        sealed: reader.info.sealed,
        gapCount: rows.gaps.filter(({ reason }) => reason !== NOT_SELECTED).length,
        connectionCount: reader.connections().length,
        mirrorOption: reader.info.notes['mirror'],
        hasSubject: this.#context.isSilenceExpected || this.#hasDeliveries(),
        orderNotJudged: this.#judged.orderNotJudged,
        lateDoubt: lateness.doubt,
        connectionDoubts: connectionDoubts(histories.of),
        rules: ruled?.rules ?? [],
      }),
      capture: describeCapture(reader),
      old: { label: labels.old, dialect: dialects.old.name },
      new: { label: labels.new, dialect: dialects.new.name },
      counts,
      ...listed,
      ...(ruled && { rules: ruled.rules, swallowed: ruled.swallowed }),
      ignored: this.#ignored,
      ...(noise && { noise }),
      ...listGaps(rows.gaps, dialects.old.header),
      latency: lateness.result(),
      connections: reader.connections().map(({ id, label }) => ({
        id,
        label,
        clientFrames: clientFrames.get(id) ?? 0,
        oldFrames: this.#judged.framesOf(id).old,
        newFrames: this.#judged.framesOf(id).new,
        divergences: this.#ofConnection.get(id) ?? 0,
      })),
      timeline: this.#timeline.result(Number(reader.info.durationNs)),
    };
  }

  #addJudged(judged: Judged): void {
    const { items } = judged;
    this.#judged.add(judged);
    this.#remarks?.add(judged);
    if (items.old.length + items.new.length > 0) this.#delivered.add(items.id);
    for (const side of ['old', 'new'] as const) {
      let pairs = 0;
      let translated = 0;
      for (const item of items[side]) {
        if (!item.content.isFrame) continue;
        if (item.isCounted === true) pairs++;
        if ((item.agreedWith ?? item.content) !== item.content) translated++;
        if (item.isCounted !== true) this.#timeline.add(side, item.arrivalNs);
      }
      if (side === 'old' && pairs > 0) {
        this.#judged.addRetired(items.id, { pairs: -pairs, translated: -translated });
      }
    }
    for (const one of ignoredOf(judged, IGNORED_LISTED_MAX - this.#ignored.length)) {
      this.#ignored.push(one);
    }
  }

  readonly #delivered = new Set<number>();

  /** Either side, to anybody whom both were to serve. */
  #hasDeliveries(): boolean {
    const { histories, reader } = this.#context;
    return reader.connections().some(({ id }) => {
      const { old, new: neu } = this.#judged.framesOf(id);
      return (
        histories.of.get(id)?.selection !== 'none' && (this.#delivered.has(id) || old + neu > 0)
      );
    });
  }
}
