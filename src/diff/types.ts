/**
 * The result of a comparison. `DiffResult` is what `diff --json` prints (schemas/json/result.schema.json);
 * its core is a contract, more may be added. 64-bit integers are decimal strings, bytes lower-case hex.
 */

export type Verdict = 'same' | 'different' | 'inconclusive';

export type DivergenceKind =
  | 'missing'
  | 'extra'
  | 'duplicated'
  | 'reordered'
  | 'modified'
  | 'encoding'
  | 'defect'
  | 'connection'
  | 'late';

export const DIVERGENCE_KINDS: readonly DivergenceKind[] = [
  'missing',
  'extra',
  'duplicated',
  'reordered',
  'modified',
  'encoding',
  'defect',
  'connection',
  'late',
];

export type Severity = 'error' | 'warning' | 'info';

export type DifferenceClass = 'semantic' | 'encoding' | 'padding' | 'volatile';

export interface ByteRange {
  /** From the start of the frame, on the side where the field exists (old first). */
  readonly offset: number;
  readonly length: number;
}

/** One field in which the two messages of a pair differ. null: the field does not exist on that side. */
export interface Difference {
  readonly path: string;
  readonly old: string | null;
  readonly new: string | null;
  readonly bytes: ByteRange;
  readonly class: DifferenceClass;
}

/** One span of a side's stream: where it lies, when it arrived, and its bytes. */
export interface Occurrence {
  /** Position among the frames and defects of its stream, from 0. */
  readonly ordinal: number;
  /** Byte offset in its stream. */
  readonly offset: number;
  readonly length: number;
  /** Arrival of its last byte, ns since the start of the capture. */
  readonly arrivalNs: string;
  readonly hex: string;
}

export interface Identity {
  readonly domain: number;
  readonly source: number;
  readonly sequence: string;
}

export interface Divergence {
  /** Stable within a result: `d1`, `d2`, ... in the order of the list. */
  readonly id: string;
  readonly kind: DivergenceKind;
  readonly severity: Severity;
  readonly connection: number;
  /** Id of its group. */
  readonly group: string;
  readonly old: Occurrence | null;
  readonly new: Occurrence | null;
  readonly identity: Identity | null;
  readonly differences: readonly Difference[];
  /** One sentence for a person. */
  readonly detail: string;
  /** TLV names of the message, `PoolSwap` or `Trade+Quote`; the event for a connection divergence. */
  readonly subject: string;
}

/** Divergences with one cause. */
export interface Group {
  readonly id: string;
  readonly title: string;
  readonly kind: DivergenceKind;
  readonly count: number;
  /** Why, as far as the capture proves it; 'unexplained' when it does not. */
  readonly cause: string;
  /** The cause in words: `consistent with a relay that ...`; empty when it is unexplained. */
  readonly explanation: string;
  /** What in the capture shows the cause, with numbers and counter-examples. */
  readonly evidence: string;
  /** Id of the first divergence of the group. */
  readonly first: string;
}

export interface ResultCounts {
  /** Frames read on each side. */
  readonly old: number;
  readonly new: number;
  /** identical + equivalent + modified. */
  readonly pairs: number;
  /** Equal bytes; the reordered ones are among them. */
  readonly identical: number;
  /** Other bytes, same meaning: each is an `encoding` divergence. */
  readonly equivalent: number;
  /** Set aside without making the verdict doubtful: passed while their client joined or left. */
  readonly ignored: number;
  readonly divergences: Readonly<Record<DivergenceKind, number>>;
  /** Messages of either side that gaps or a missing end make impossible to judge; bytes in gaps. */
  readonly gaps: { readonly frames: number; readonly bytes: number };
}

/** Equal slices of the time of the capture, for the timeline of the report. */
export interface Timeline {
  readonly startNs: string;
  readonly bucketNs: string;
  readonly old: readonly number[];
  readonly new: readonly number[];
  readonly divergences: readonly number[];
}

export interface ConnectionSummary {
  readonly id: number;
  readonly label: string;
  readonly clientFrames: number;
  readonly oldFrames: number;
  readonly newFrames: number;
  readonly divergences: number;
}

export interface SideInfo {
  /** What was compared: the capture's file name and the stream. */
  readonly label: string;
  readonly dialect: string;
}

export interface DiffResult {
  readonly format: 'relaydiff-result/1';
  readonly verdict: Verdict;
  /** Why the verdict is what it is, one sentence. */
  readonly reason: string;
  readonly capture: {
    readonly name: string;
    readonly origin: string;
    readonly startedUnixNs: string;
    readonly durationNs: string;
    readonly sealed: boolean;
  };
  readonly old: SideInfo;
  readonly new: SideInfo;
  readonly counts: ResultCounts;
  /** The listed ones: groups first seen first, at most `limits.divergencesListedMax`. Counts are of all. */
  readonly divergences: readonly Divergence[];
  readonly divergencesOmitted: number;
  readonly groups: readonly Group[];
  readonly connections: readonly ConnectionSummary[];
  readonly timeline: Timeline;
}
