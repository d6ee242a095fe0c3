/** What a rule is once it is read, and what it looks at. */
import type { Content } from '../records.ts';
import type { Difference, DivergenceKind, RuleAction } from '../types.ts';
import type { Side } from '../../capture/types.ts';
import type { Tolerance } from './tolerance.ts';

/** What a rule can select a divergence by, as it was found. */
export interface FindingFacts {
  readonly kind: DivergenceKind;
  /** The one that alone has it, or that closed or refused; undefined when both have the message. */
  readonly side: Side | undefined;
  /** Asked only by rules that select by it. */
  readonly cause: () => string;
}

/** What a rule can select the messages of a pair by, before anybody judged them. */
export interface MessageFacts {
  readonly connection: number;
  readonly label: string;
  readonly old: Content | undefined;
  readonly new: Content | undefined;
}

export interface Rule {
  /** Among all rules, in the order of the files. */
  readonly index: number;
  readonly id: string;
  readonly action: RuleAction;
  readonly reason: string;
  readonly owner: string | undefined;
  /** `2026-12-31`, the last day on which it holds, UTC. */
  readonly expires: string | undefined;
  readonly isExpired: boolean;
  readonly file: string;
  readonly line: number;
  /** As written. */
  readonly where: Readonly<Record<string, readonly string[]>>;
  /** `5ms or 0.1%`, `by price`; empty for what has none. */
  readonly limit: string;
  readonly selectsMessages: (facts: MessageFacts) => boolean;
  readonly selectsFinding: (facts: FindingFacts) => boolean;
  /** undefined: the rule is not about single differences. */
  readonly selectsDifference: ((difference: Difference) => boolean) | undefined;
  /** By the title of its group; such a rule takes whole divergences, after all others. */
  readonly selectsGroup: ((title: string) => boolean) | undefined;
  readonly tolerance: Tolerance | undefined;
  /** Of `as-set` and `as-map`. */
  readonly list: ListRule | undefined;
}

export interface ListRule {
  /** Whether the list at this place is meant. */
  readonly isAt: (place: string) => boolean;
  /** Names of the fields that tell elements apart; undefined: all that they mean. */
  readonly key: readonly string[] | undefined;
}

export interface RuleSet {
  /** In the order of the files; expired ones are among them. */
  readonly rules: readonly Rule[];
}
