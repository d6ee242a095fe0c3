/** What a finding is: a divergence before it has an id, a group and bytes. */
import type { Side } from '../../capture/types.ts';
import type { Loss } from '../causes/rule.ts';
import type { PairAlarm } from '../noise/judging.ts';
import type { Content, Item } from '../records.ts';
import type { MatchedList } from '../rules/match-lists.ts';
import type { Difference, DivergenceKind, SwallowedPart } from '../types.ts';

/** A value that does not fit its noise. */
export interface NoiseAlarm extends PairAlarm {
  /** It is one of the differences, and goes when a rule swallows that. */
  readonly isDifference: boolean;
}

export interface Finding {
  readonly kind: DivergenceKind;
  readonly connection: number;
  readonly old: Item | undefined;
  readonly new: Item | undefined;
  readonly timeNs: number;
  readonly subject: string;
  readonly detail: string;
  /** Title of its group, the cause left out; findings of one cause and title are one group. */
  readonly title: string;
  readonly differences: readonly Difference[];
  /** Of reordered ones: how far; null: too costly to say. */
  readonly distance?: number | null;
  /** The message that a side lost, when the finding comes from a loss. */
  readonly loss: Loss | undefined;
  /** A cause that the finding itself states. */
  readonly ownCause: string | undefined;
  /** What of it does not fit its noise. */
  readonly alarms?: readonly NoiseAlarm[];
  /** Of a connection divergence: who closed, refused or never answered. */
  readonly side?: Side | undefined;
  /** A changed message that is not where its neighbours say that it belongs. */
  readonly isMoved?: boolean | undefined;
  /** Differences that were none, because rules compare some lists as sets or maps. */
  readonly matchedLists?: readonly MatchedList[] | undefined;
  /** What rules took of it. */
  readonly swallowed?: readonly SwallowedPart[] | undefined;
}

export function inOrderOfTime(left: Finding, right: Finding): number {
  return left.timeNs - right.timeNs || left.connection - right.connection;
}

export function nameOf(content: Content): string {
  const { head } = content;
  if (head === undefined) return `${content.length} bytes`;
  const role = `domain ${head.domain}, source ${head.source}, sequence ${head.sequence}`;
  return `${content.subject} (${role}, ${content.length} bytes)`;
}
