/**
 * The result of a comparison. `DiffResult` is what `diff --json` prints (schemas/json/result.schema.json);
 * its core is a contract, more may be added. 64-bit integers are decimal strings, bytes lower-case hex.
 */

import type { RemarkKind } from '../protocol/remark-kind.ts';
import type { NoiseResult } from './noise/result.ts';
import type { LatencyDistribution } from './latency-histogram.ts';

export type Verdict = 'same' | 'different' | 'inconclusive';

export const DIVERGENCE_KINDS = [
  'missing',
  'extra',
  'duplicated',
  'reordered',
  'modified',
  'encoding',
  'defect',
  'connection',
  'late',
] as const;
export type DivergenceKind = (typeof DIVERGENCE_KINDS)[number];

export type Severity = 'error' | 'warning' | 'info';

export type DifferenceClass = 'semantic' | 'encoding' | 'padding' | 'volatile';

export const DIFFERENCE_CLASSES: readonly DifferenceClass[] = [
  'semantic',
  'encoding',
  'padding',
  'volatile',
];

export const RULE_ACTIONS = ['ignore', 'tolerate', 'as-set', 'as-map', 'expect'] as const;
export type RuleAction = (typeof RULE_ACTIONS)[number];

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
  /** A whole TLV that only one side has, or that has another place among the others. */
  readonly change?: 'added' | 'removed' | 'moved' | undefined;
  /** Why the values differ, where the layouts of two dialects explain it. */
  readonly note?: string | undefined;
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

/**
 * What is odd about the messages of a divergence: a remark of the same kind at the same place is one. Places are
 * named as all dialects name them.
 */
export interface PairRemark {
  readonly kind: RemarkKind;
  readonly path: string;
  /** One sentence for a person; null: the message of this side has no such remark, or there is none. */
  readonly old: string | null;
  readonly new: string | null;
}

/** A kind of remark on messages of one sort, over all that the two sides delivered. */
export interface RemarkCount {
  readonly kind: RemarkKind;
  /** As in divergences; null for the messages of all other subjects together. */
  readonly subject: string | null;
  /** Messages of each side that have it. */
  readonly old: number;
  readonly new: number;
  /** Pairs of which the message of one side has it and that of the other has not. */
  readonly onlyOld: number;
  readonly onlyNew: number;
  /** One of them; of a pair that has it on one side only, if there is such a pair. */
  readonly example: {
    readonly connection: number;
    readonly side: 'old' | 'new';
    readonly ordinal: number;
    readonly path: string;
    readonly detail: string;
  };
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
  /** What rules took of it; the differences are what is left. Absent when that is nothing. */
  readonly swallowed?: readonly SwallowedPart[] | undefined;
  /** What only one message has first. Absent when remarks are hidden, and when there are none. */
  readonly remarks?: readonly PairRemark[] | undefined;
  /** How many more remarks the messages have. */
  readonly remarksOmitted?: number | undefined;
  /**
   * Of reordered ones: how many messages of its publisher it passed; positive: later in new. null: too costly to say, or
   * too far to see; `detail` says which.
   */
  readonly distance?: number | null | undefined;
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
  /**
   * Other bytes, same meaning: each is an `encoding` divergence, but for messages of two dialects that were
   * compared by meaning: there other bytes are what was asked for; and but for `noisy` ones.
   */
  readonly equivalent: number;
  /** Those of `equivalent` that differ in noise only. Absent when there is no noise model. */
  readonly noisy?: number | undefined;
  /**
   * Frames of either side that the other relay provably broadcast before their client joined or after it
   * left. old + new = 2 * pairs + missing + extra + duplicated + ignored + gaps.frames + leftOut.frames.
   */
  readonly ignored: number;
  readonly divergences: Readonly<Record<DivergenceKind, number>>;
  /**
   * What rules took out of the divergences, which do not count it; absent without rules. With them, the law is
   * old + new = 2 * pairs + missing + extra + duplicated (both found and swallowed) + ignored + gaps.frames +
   * leftOut.frames.
   */
  readonly swallowed?: SwallowedCount | undefined;
  /** All that was set aside, by reason and by the side that has it. Absent in results of older versions. */
  readonly setAside?: readonly SetAsideCount[] | undefined;
  readonly gaps: {
    /** Frames of either side that nobody can judge: gaps, a missing end, an edge without a witness. */
    readonly frames: number;
    /** In gaps of the capture, whether not recorded or not mirrored. */
    readonly bytes: number;
    /** Whole frames in those gaps; null when nobody could count them. */
    readonly inside?: number | null | undefined;
  };
  /**
   * What the new relay did not have because a part of the traffic was asked for, or because clients were
   * connected to the old relay directly; absent when that is nothing.
   */
  readonly leftOut?: LeftOutCount | undefined;
}

export interface SwallowedCount {
  /** Whole divergences, by the kind that they were found as. */
  readonly divergences: Readonly<Record<DivergenceKind, number>>;
  /** All differences of those, and those that others lost. */
  readonly differences: number;
  /** Divergences that lost some of their differences and are told for the others. */
  readonly trimmed: number;
}

/** What one rule did. A divergence that several rules swallowed together counts for the first of them. */
export interface RuleOutcome {
  readonly id: string;
  readonly action: RuleAction;
  readonly reason: string;
  readonly owner?: string | undefined;
  /** The last day on which it holds, `2026-12-31`, UTC. */
  readonly expires?: string | undefined;
  readonly file: string;
  readonly line: number;
  /** What it selects, as it is written. */
  readonly where: Readonly<Record<string, readonly string[]>>;
  /** Of `tolerate` and `as-map`: `within 5ms`, `by price`. */
  readonly limit?: string | undefined;
  /** An expired rule swallows nothing. */
  readonly state: 'used' | 'unused' | 'expired';
  /** Whole ones. */
  readonly divergences: number;
  /** It took some differences, and the divergence is told for the others. */
  readonly trimmed: number;
  readonly differences: number;
  /** Differences that it selects but cannot tolerate, because they are in no unit of its limit. */
  readonly unmeasured: number;
  /** The first in time; null when there is none. */
  readonly first: SwallowedExample | null;
}

export interface SwallowedExample {
  readonly kind: DivergenceKind;
  readonly connection: number;
  readonly subject: string;
  readonly detail: string;
  readonly identity: Identity | null;
  readonly old: Omit<Occurrence, 'hex'> | null;
  readonly new: Omit<Occurrence, 'hex'> | null;
  /** The first three that the rule took. */
  readonly differences: readonly Difference[];
}

/** A field, or a list of any order, that a rule swallowed. */
export interface SwallowedPart {
  /** Id. */
  readonly rule: string;
  readonly path: string;
}

/** A divergence of which rules swallowed all or a part. */
export interface SwallowedRow {
  /** Ids, in the order of the files. */
  readonly rules: readonly string[];
  readonly kind: DivergenceKind;
  readonly connection: number;
  /** Ordinals; null where the side has no message. */
  readonly old: number | null;
  readonly new: number | null;
  /** How many differences were swallowed. */
  readonly differences: number;
  /** false: it is told for what is left of it. */
  readonly whole: boolean;
}

export interface LeftOutCount {
  /** Those that had no connection to the new relay. */
  readonly connections: number;
  /** Those that heard it, while what they sent was kept from it. */
  readonly listeners: number;
  /** Client bytes that the new relay was not sent. */
  readonly bytes: number;
  /** Frames of the old side that have nothing to be compared with for that reason. */
  readonly frames: number;
  /** Those among them that clients sent whom the recorder did not have; absent when there is none. */
  readonly unseenSenders?: number | undefined;
}

/** Bytes that passed but were not recorded, or that the new relay was not sent. */
export interface GapRow {
  readonly connection: number;
  readonly stream: 'client' | 'old' | 'new';
  readonly where: 'recording' | 'mirror';
  readonly reason: string;
  /** Byte offset in its stream. */
  readonly offset: number;
  readonly bytes: number;
  /** null when nobody could count them. */
  readonly frames: number | null;
  /** Of the first and the last of these frames; null when there is none, or nobody kept them. */
  readonly first: Identity | null;
  readonly last: Identity | null;
  readonly firstNs: string;
  readonly lastNs: string;
}

export const SET_ASIDE_REASONS = [
  'edge',
  'edge-unknown',
  'mirror-gap',
  'recording-gap',
  'recording-end',
  'connection-down',
  'not-selected',
  'unseen-sender',
] as const;

export interface SetAsideCount {
  readonly reason: (typeof SET_ASIDE_REASONS)[number];
  readonly side: 'old' | 'new';
  readonly frames: number;
  /** Bytes that are no frame. */
  readonly others: number;
}

/** A message that one relay rightly did not deliver to this client, and who shows it. */
export interface IgnoredMessage {
  readonly connection: number;
  /** The side that delivered it to this client. */
  readonly side: 'old' | 'new';
  readonly ordinal: number;
  readonly edge: 'joined' | 'left';
  /** The connection to which the other relay delivered it, and when. */
  readonly witness: { readonly connection: number; readonly arrivalNs: string };
}

/** How long the relays took, of messages that both delivered and that were sent once. */
export interface LatencyResult {
  /** How long after old a message of new may come; null: lateness was not judged. */
  readonly lateAfterNs: string | null;
  /** From the client's chunk to the delivery; null: nobody knows any more when they were sent to that side. */
  readonly old: LatencyDistribution | null;
  readonly new: LatencyDistribution | null;
  /** From the delivery of old, or from when a tap fed it, to that of new. */
  readonly behind: LatencyDistribution;
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
    /** What a recording of this origin cannot hold. Absent when there is nothing of the kind. */
    readonly notSeen?: readonly string[] | undefined;
  };
  readonly old: SideInfo;
  readonly new: SideInfo;
  readonly counts: ResultCounts;
  /** The listed ones: groups first seen first, at most `limits.divergencesListedMax`. Counts are of all. */
  readonly divergences: readonly Divergence[];
  readonly divergencesOmitted: number;
  readonly groups: readonly Group[];
  /** What each rule did, in the order of the files. Absent without rules. */
  readonly rules?: readonly RuleOutcome[] | undefined;
  /** At most 1,000 of what rules swallowed, in order of time. Absent without rules. */
  readonly swallowed?: readonly SwallowedRow[] | undefined;
  /** At most 1,000 of the `ignored` messages of counts. Absent in results of older versions. */
  readonly ignored?: readonly IgnoredMessage[] | undefined;
  /** At most 1,000, in the order in which they began. Absent in results of older versions. */
  readonly gaps?: readonly GapRow[] | undefined;
  readonly gapsOmitted?: number | undefined;
  /**
   * What is odd about good messages, counted; they are no differences and say nothing about the verdict. Absent
   * when remarks are hidden, and in results of older versions.
   */
  readonly remarks?: readonly RemarkCount[] | undefined;
  /** What was taken for noise, and what was not. Absent when there is no noise model. */
  readonly noise?: NoiseResult | undefined;
  /** Absent where old and new have no clock in common, and in results of older versions. */
  readonly latency?: LatencyResult | undefined;
  readonly connections: readonly ConnectionSummary[];
  readonly timeline: Timeline;
}
