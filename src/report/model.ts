/**
 * What a report shows, as one typed and versioned value: the result of a comparison, laid out for the
 * page. It holds no behaviour and no bytes twice: a message is its hex text and the rows that name its
 * ranges. `build-model.ts` makes it, `html.ts` puts it into a page, `page/` draws it.
 */
import type {
  ConnectionSummary,
  DiffResult,
  DifferenceClass,
  DivergenceKind,
  GapRow,
  Group,
  Identity,
  LatencyResult,
  PairRemark,
  RemarkCount,
  ResultCounts,
  RuleOutcome,
  Severity,
  SideInfo,
  Verdict,
} from '../diff/types.ts';
import type { NoiseFieldResult, NoiseResult } from '../diff/noise/result.ts';
import type { RemarkKind } from '../protocol/remark-kind.ts';

export type {
  ConnectionSummary,
  DifferenceClass,
  DivergenceKind,
  GapRow,
  Group,
  NoiseFieldResult,
  NoiseResult,
  PairRemark,
  RemarkCount,
  RemarkKind,
  RuleOutcome,
  SideInfo,
  Verdict,
};

/** One line of the list. */
export interface DivergenceRow {
  readonly id: string;
  readonly kind: DivergenceKind;
  readonly severity: Severity;
  readonly connection: number;
  readonly group: string;
  readonly subject: string;
  readonly identity: Identity | null;
  readonly detail: string;
  /** Arrival on the old side, or on the new one where old has none; ms since the start of the capture. */
  readonly timeMs: number | null;
  /** The slice of the timeline that holds `timeMs`. */
  readonly slice: number | null;
  /** The kinds of remarks on its messages. Absent when there are none, or when they are hidden. */
  readonly remarks?: readonly RowRemark[];
}

export interface RowRemark {
  readonly kind: RemarkKind;
  /** Both messages are there, and only the one of this side has it. */
  readonly only?: 'old' | 'new';
}

/** One side's half of a row of the side-by-side view. */
export interface FieldSide {
  /** From the start of the message. */
  readonly offset: number;
  readonly length: number;
  readonly value: string;
  /** For people, where `value` does not say it all. */
  readonly display?: string;
}

/** One named range of bytes, on both sides where both have it. */
export interface FieldRow {
  readonly path: string;
  /** The path on the new side where it is another one, because a TLV before it came or went. */
  readonly newPath?: string;
  readonly class: DifferenceClass;
  readonly old: FieldSide | null;
  readonly new: FieldSide | null;
  /** The bytes differ. Never set where only one side has the whole message. */
  readonly differs: boolean;
  /** Why it differs, where the layouts of two dialects explain it. */
  readonly note?: string;
}

/** One message or defect of a divergence. */
export interface MessageView {
  readonly ordinal: number;
  /** Byte offset in its stream. */
  readonly offset: number;
  readonly arrivalNs: string;
  readonly hex: string;
}

export interface DivergenceDetail {
  readonly old: MessageView | null;
  readonly new: MessageView | null;
  readonly fields: readonly FieldRow[];
  /** Rows that were left out because a message has more than a page can show. */
  readonly fieldsOmitted: number;
  readonly remarks?: readonly PairRemark[];
  /** Further remarks that the result does not list. */
  readonly remarksOmitted?: number;
}

/** Counts over equal slices of the capture's time. */
export interface ReportTimeline {
  readonly startMs: number;
  readonly sliceMs: number;
  readonly old: readonly number[];
  readonly new: readonly number[];
  readonly divergences: readonly number[];
}

export interface ReportModel {
  readonly format: 'relaydiff-report/1';
  readonly verdict: Verdict;
  readonly reason: string;
  readonly capture: DiffResult['capture'];
  readonly old: SideInfo;
  readonly new: SideInfo;
  readonly counts: ResultCounts;
  readonly groups: readonly Group[];
  /** What each rule did. Absent without rules. */
  readonly rules?: readonly RuleOutcome[];
  /** Absent when remarks are hidden. */
  readonly remarks?: readonly RemarkCount[];
  /** Absent when nothing was taken for noise. */
  readonly noise?: NoiseResult;
  /** Absent where old and new have no clock in common. */
  readonly latency?: LatencyResult;
  readonly connections: readonly ConnectionSummary[];
  /** What is missing from the capture, or was not shown to the new relay. */
  readonly gaps: readonly GapRow[];
  readonly gapsOmitted: number;
  readonly timeline: ReportTimeline;
  readonly rows: readonly DivergenceRow[];
  /** Divergences that the result counted but did not list. */
  readonly rowsOmitted: number;
  /** By divergence id. Rows without an entry are listed without their bytes. */
  readonly details: Readonly<Record<string, DivergenceDetail>>;
}
