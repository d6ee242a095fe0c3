/**
 * The stage between what was found and what is told: holds every finding against every rule, and takes out what
 * they swallow. Keeps nothing of what is swallowed but counts and a bounded list, so memory does not grow with it.
 *
 * What is swallowed never depends on the order of rules. A finding is held against all rules as it was found; when
 * some of its differences go and that makes another kind of it, against all rules again; and what is left in the end
 * against those that name a group, because only then it has the title that is told. The order decides only which
 * rule is named: the first.
 */
import type { Side } from '../../capture/types.ts';
import { withDifferences } from '../findings/find-paired.ts';
import type { Finding } from '../findings/finding.ts';
import type { Difference, SwallowedPart } from '../types.ts';
import type { FieldUnits } from './field-units.ts';
import type { FindingFacts, MessageFacts, Rule, RuleSet } from './rule.ts';
import { RuleTally, type TalliedRules } from './rule-tally.ts';
import { judgeDistance } from './tolerance.ts';

export interface CauseWords {
  readonly name: string;
  /** Title of the group that it would be told in. */
  readonly title: string;
}

export interface RulesStage {
  readonly labelOf: (connection: number) => string;
  readonly causeOf: (finding: Finding) => CauseWords;
  readonly units: FieldUnits;
}

/** What rules took of one finding. */
interface Taken {
  /** By rule; for a divergence without differences the list is empty. */
  readonly differences: Map<Rule, Difference[]>;
  /** By rule, how many were no differences because of it. */
  readonly lists: Map<Rule, { count: number; first: Difference }>;
  readonly swallowed: SwallowedPart[];
}

/** Paths repeat from message to message, but for positions in long lists. */
const PATHS_KEPT_MAX = 10_000;

export class RulesJudge {
  readonly #fieldRules: readonly Rule[];
  /** Of whole divergences, whatever their group. */
  readonly #wholeRules: readonly Rule[];
  readonly #groupRules: readonly Rule[];
  readonly #stage: RulesStage;
  readonly #tally: RuleTally;
  readonly #byPath = new Map<string, readonly Rule[]>();

  constructor({ rules }: RuleSet, stage: RulesStage) {
    const active = rules.filter((rule) => !rule.isExpired && rule.list === undefined);
    this.#fieldRules = active.filter((rule) => rule.selectsDifference !== undefined);
    this.#groupRules = active.filter((rule) => rule.selectsGroup !== undefined);
    this.#wholeRules = active.filter(
      (rule) => rule.selectsDifference === undefined && rule.selectsGroup === undefined,
    );
    this.#stage = stage;
    this.#tally = new RuleTally(rules);
  }

  /** What is left to be told of a finding; undefined when rules swallowed all of it. */
  keep(finding: Finding): Finding | undefined {
    const taken: Taken = { differences: new Map(), lists: new Map(), swallowed: [] };
    takeLists(finding, taken);
    const left = isNothing(finding) ? undefined : this.#judge(finding, taken);
    const { differences, lists } = taken;
    if (differences.size + lists.size > 0)
      this.#tally.note({ finding, isWhole: left === undefined, differences, lists });
    if (left === undefined || taken.swallowed.length === 0) return left;
    return { ...left, swallowed: taken.swallowed };
  }

  result(): TalliedRules {
    return this.#tally.result();
  }

  #judge(finding: Finding, taken: Taken): Finding | undefined {
    const messages = messageFacts(finding, this.#stage.labelOf(finding.connection));
    let before: Finding | undefined;
    let current: Finding | undefined = finding;
    // Each turn takes at least one difference away, or is the last.
    while (current !== undefined && current !== before) {
      before = current;
      current = this.#takeDifferences(current, messages, taken);
    }
    return current && this.#takeGroup(current, messages, taken);
  }

  /** Once, by all rules but those of groups. */
  #takeDifferences(finding: Finding, messages: MessageFacts, taken: Taken): Finding | undefined {
    const facts = this.#factsOf(finding);
    const selects = (rule: Rule): boolean =>
      rule.selectsMessages(messages) && rule.selectsFinding(facts);
    const whole = this.#wholeRules.find(selects);
    const left: Difference[] = [];
    for (const difference of finding.differences) {
      const one = this.#rulesOf(difference).find(
        (rule) => selects(rule) && this.#tolerates(rule, difference),
      );
      const rule = firstOf(one, whole);
      if (rule === undefined) left.push(difference);
      else take(rule, difference, taken);
    }
    if (whole !== undefined) {
      if (finding.differences.length === 0) taken.differences.set(whole, []);
      return undefined;
    }
    if (left.length === finding.differences.length) return finding;
    return left.length === 0 ? undefined : withDifferences(finding, left);
  }

  /** Those that select it by its path and class. */
  #rulesOf(difference: Difference): readonly Rule[] {
    if (this.#fieldRules.length === 0) return [];
    const key = `${difference.class} ${difference.path}`;
    const known = this.#byPath.get(key);
    if (known !== undefined) return known;
    const rules = this.#fieldRules.filter((rule) => rule.selectsDifference?.(difference) === true);
    if (this.#byPath.size < PATHS_KEPT_MAX) this.#byPath.set(key, rules);
    return rules;
  }

  /** Also true for rules without a limit. */
  #tolerates(rule: Rule, difference: Difference): boolean {
    if (rule.tolerance === undefined) return true;
    const measured = this.#stage.units.measure(difference);
    const judged =
      measured === undefined ? 'not measurable' : judgeDistance(measured, rule.tolerance);
    if (judged === 'not measurable') this.#tally.noteUnmeasured(rule, difference);
    return judged === 'within';
  }

  #takeGroup(finding: Finding, messages: MessageFacts, taken: Taken): Finding | undefined {
    if (this.#groupRules.length === 0) return finding;
    const facts = this.#factsOf(finding);
    const { title } = this.#stage.causeOf(finding);
    const rule = this.#groupRules.find(
      (each) =>
        each.selectsGroup?.(title) === true &&
        each.selectsMessages(messages) &&
        each.selectsFinding(facts),
    );
    if (rule === undefined) return finding;
    if (finding.differences.length === 0) taken.differences.set(rule, []);
    for (const difference of finding.differences) take(rule, difference, taken);
    return undefined;
  }

  #factsOf(finding: Finding): FindingFacts {
    const cause = (): string => this.#stage.causeOf(finding).name;
    return { kind: finding.kind, side: sideOf(finding), cause };
  }
}

function firstOf(one: Rule | undefined, other: Rule | undefined): Rule | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one.index < other.index ? one : other;
}

/** The lists of a changed message agree, and it differs in nothing else. */
function isNothing({ matchedLists = [], differences }: Finding): boolean {
  return matchedLists.length > 0 && differences.length === 0;
}

function takeLists({ matchedLists = [] }: Finding, taken: Taken): void {
  for (const { rule, place, count, first } of matchedLists) {
    const known = taken.lists.get(rule);
    if (known === undefined) taken.lists.set(rule, { count, first });
    else known.count += count;
    taken.swallowed.push({ rule: rule.id, path: place });
  }
}

function take(rule: Rule, difference: Difference, taken: Taken): void {
  const those = taken.differences.get(rule);
  if (those === undefined) taken.differences.set(rule, [difference]);
  else those.push(difference);
  taken.swallowed.push({ rule: rule.id, path: difference.path });
}

function sideOf(finding: Finding): Side | undefined {
  if (finding.side !== undefined) return finding.side;
  if (finding.kind === 'duplicated') return 'new';
  if (finding.old !== undefined && finding.new !== undefined) return undefined;
  return finding.old === undefined ? (finding.new === undefined ? undefined : 'new') : 'old';
}

/** Bytes that are no frame have the domain and the types of the message that they began. */
function messageFacts({ connection, old, new: neu, loss }: Finding, label: string): MessageFacts {
  const begun = loss?.content;
  const whole = (content: MessageFacts['old']): MessageFacts['old'] =>
    content === undefined || content.isFrame ? content : (begun ?? content);
  return { connection, label, old: whole(old?.content), new: whole(neu?.content) };
}
