/** Counts what rules swallowed, and keeps an example of each and a bounded list, for the result. */
import { defined } from '../../lib/assert.ts';
import { noDivergences } from '../count-result.ts';
import type { Finding } from '../findings/finding.ts';
import type { Item } from '../records.ts';
import {
  type Difference,
  DIVERGENCE_KINDS,
  type DivergenceKind,
  type Identity,
  type RuleOutcome,
  type SwallowedCount,
  type SwallowedExample,
  type SwallowedRow,
} from '../types.ts';
import type { Rule } from './rule.ts';

export interface TalliedRules {
  readonly rules: readonly RuleOutcome[];
  readonly swallowed: readonly SwallowedRow[];
  readonly counts: SwallowedCount;
}

/** What was taken of one finding: by each rule at least something. */
export interface TakenOfFinding {
  readonly finding: Finding;
  readonly isWhole: boolean;
  readonly differences: ReadonlyMap<Rule, readonly Difference[]>;
  readonly lists: ReadonlyMap<Rule, { readonly count: number; readonly first: Difference }>;
}

interface Count {
  divergences: number;
  trimmed: number;
  differences: number;
  unmeasured: number;
  first: SwallowedExample | null;
}

const LISTED_MAX = 1_000;
const EXAMPLE_DIFFERENCES_MAX = 3;

export class RuleTally {
  readonly #rules: readonly Rule[];
  readonly #counts = new Map<Rule, Count>();
  readonly #listed: SwallowedRow[] = [];
  readonly #kinds: Record<DivergenceKind, number>;
  readonly #unmeasured = new WeakSet<Difference>();
  #differences = 0;
  #trimmed = 0;

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
    for (const rule of rules) {
      const none = { divergences: 0, trimmed: 0, differences: 0, unmeasured: 0, first: null };
      this.#counts.set(rule, none);
    }
    this.#kinds = noDivergences();
  }

  note(taken: TakenOfFinding): void {
    const { finding, isWhole, differences, lists } = taken;
    const rules = [...new Set([...differences.keys(), ...lists.keys()])].sort(
      (left, right) => left.index - right.index,
    );
    let all = 0;
    for (const [place, rule] of rules.entries()) {
      const count = this.#of(rule);
      const own = differences.get(rule) ?? [];
      const list = lists.get(rule);
      const amount = own.length + (list?.count ?? 0);
      all += amount;
      count.differences += amount;
      if (!isWhole) count.trimmed++;
      else if (place === 0) count.divergences++;
      count.first ??= exampleOf(finding, list === undefined ? own : [list.first, ...own]);
    }
    this.#differences += all;
    if (isWhole) this.#kinds[finding.kind]++;
    else this.#trimmed++;
    if (this.#listed.length < LISTED_MAX) {
      this.#listed.push({
        rules: rules.map(({ id }) => id),
        kind: finding.kind,
        connection: finding.connection,
        old: finding.old?.ordinal ?? null,
        new: finding.new?.ordinal ?? null,
        differences: all,
        whole: isWhole,
      });
    }
  }

  /** The rule selects a difference that is in no unit of its limit; said again, it counts once. */
  noteUnmeasured(rule: Rule, difference: Difference): void {
    if (this.#unmeasured.has(difference)) return;
    this.#unmeasured.add(difference);
    this.#of(rule).unmeasured++;
  }

  result(): TalliedRules {
    return {
      rules: this.#rules.map((rule) => outcomeOf(rule, this.#of(rule))),
      swallowed: this.#listed,
      counts: {
        divergences: this.#kinds,
        differences: this.#differences,
        trimmed: this.#trimmed,
      },
    };
  }

  #of(rule: Rule): Count {
    return defined(this.#counts.get(rule), 'count of a rule');
  }
}

function outcomeOf(rule: Rule, { first, ...counts }: Count): RuleOutcome {
  const { id, action, reason, owner, expires, file, line, where, limit } = rule;
  return {
    id,
    action,
    reason,
    ...(owner === undefined ? {} : { owner }),
    ...(expires === undefined ? {} : { expires }),
    file,
    line,
    where,
    ...(limit === '' ? {} : { limit }),
    state: rule.isExpired ? 'expired' : first === null ? 'unused' : 'used',
    ...counts,
    first,
  };
}

function exampleOf(finding: Finding, differences: readonly Difference[]): SwallowedExample {
  const { kind, connection, subject, detail, old, new: neu } = finding;
  return {
    kind,
    connection,
    subject,
    detail,
    identity: identityOf(old ?? neu),
    old: placeOf(old),
    new: placeOf(neu),
    differences: differences.slice(0, EXAMPLE_DIFFERENCES_MAX),
  };
}

function identityOf(item: Item | undefined): Identity | null {
  const head = item?.content.head;
  if (head === undefined) return null;
  return { domain: head.domain, source: head.source, sequence: head.sequence.toString() };
}

function placeOf(item: Item | undefined): SwallowedExample['old'] {
  if (item === undefined) return null;
  const { ordinal, offset, arrivalNs, content } = item;
  return { ordinal, offset, length: content.length, arrivalNs: String(arrivalNs) };
}

/** How many whole divergences were swallowed. */
export function countSwallowed({ divergences }: SwallowedCount): number {
  return DIVERGENCE_KINDS.reduce((sum, kind) => sum + divergences[kind], 0);
}
