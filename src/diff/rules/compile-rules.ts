/**
 * Makes rules that can judge out of rules that were written: looks up names in the dialects, and turns texts into
 * patterns and limits. A name that no dialect knows is a mistake; one that only others know selects nothing here, so
 * that one file of rules serves captures of several dialects.
 */
import type { Side } from '../../capture/types.ts';
import { didYouMean } from '../../lib/suggest.ts';
import type { Mistake } from '../../lib/yaml-source.ts';
import type { Dialect } from '../../protocol/types.ts';
import type { Content } from '../records.ts';
import { DIFFERENCE_CLASSES, DIVERGENCE_KINDS } from '../types.ts';
import { type ProtocolNames, unknownFieldIn } from './protocol-names.ts';
import { pathPattern, pathProblem, placePattern, textPattern } from './patterns.ts';
import { readRules, rulesInvalid, type RulesTexts, type WrittenRule } from './read-rules.ts';
import type { MessageFacts, Rule, RuleSet } from './rule.ts';
import { listOf, type Selector } from './rule-shape.ts';
import { parseAbsolute, parseRelative, type Tolerance } from './tolerance.ts';

export interface RulesContext {
  /** What a name may be. */
  readonly names: ProtocolNames;
  readonly dialects: { readonly old: Dialect; readonly new: Dialect };
  /** `2026-07-31`, UTC. */
  readonly today: string;
}

/** Throws RULES_INVALID with all mistakes of all files. */
export function compileRules(texts: RulesTexts, context: RulesContext): RuleSet {
  const { rules: written, mistakes: found } = readRules(texts);
  const mistakes = [...found];
  const rules = written.map((rule, index) => {
    const report = (mistake: Mistake): void => {
      mistakes.push(mistake);
    };
    return compileRule(rule, { ...context, index, report });
  });
  if (mistakes.length > 0) throw rulesInvalid(mistakes);
  return { rules };
}

interface Context extends RulesContext {
  readonly index: number;
  readonly report: (mistake: Mistake) => void;
}

function compileRule(rule: WrittenRule, context: Context): Rule {
  const { shape, file, line } = rule;
  const { action, where, expires } = shape;
  const kinds = known(rule, 'kind', DIVERGENCE_KINDS, context);
  const sides = known(rule, 'side', ['old', 'new'], context);
  const classes = known(rule, 'class', DIFFERENCE_CLASSES, context);
  const causes = patterns(rule, 'cause');
  const groups = patterns(rule, 'group');
  const paths = pathsOf(rule, context);
  const isList = action === 'as-set' || action === 'as-map';
  checkKey(rule, paths ?? [], context);
  const places = paths?.map(placePattern);
  const fields = paths?.map(pathPattern);
  return {
    index: context.index,
    id: shape.id,
    action,
    reason: shape.reason,
    owner: shape.owner,
    expires,
    isExpired: expires !== undefined && expires < context.today,
    file,
    line,
    where: Object.fromEntries(Object.entries(where).map(([key, words]) => [key, listOf(words)])),
    limit: limitOf(rule),
    selectsMessages: messageSelector(rule, context),
    selectsFinding: ({ kind, side, cause }) =>
      (kinds?.includes(kind) ?? true) &&
      (sides === undefined || (side !== undefined && sides.includes(side))) &&
      (causes === undefined || matchesAny(causes, cause())),
    selectsDifference:
      isList || (fields === undefined && classes === undefined)
        ? undefined
        : (difference) =>
            (fields?.some((pattern) => pattern.test(difference.path)) ?? true) &&
            (classes?.includes(difference.class) ?? true),
    selectsGroup: groups && ((title) => groups.some((pattern) => pattern.test(title))),
    tolerance: toleranceOf(rule, context),
    list: isList
      ? {
          isAt: (place) => places?.some((pattern) => pattern.test(place)) ?? false,
          key: shape.key === undefined ? undefined : listOf(shape.key),
        }
      : undefined,
  };
}

function matchesAny(words: readonly RegExp[], text: string): boolean {
  return words.some((word) => word.test(text));
}

/** The path of one of several words: a single word stands at the selector itself. */
function wordPath({ shape }: WrittenRule, selector: Selector, index: number): (string | number)[] {
  return typeof shape.where[selector] === 'string'
    ? ['where', selector]
    : ['where', selector, index];
}

function known<Word extends string>(
  rule: WrittenRule,
  selector: Selector,
  all: readonly Word[],
  { report }: Context,
): readonly string[] | undefined {
  const words = rule.shape.where[selector];
  if (words === undefined) return undefined;
  const names: readonly string[] = all;
  for (const [index, word] of listOf(words).entries()) {
    if (names.includes(word)) continue;
    const what = `"${word}" is no ${selector}${didYouMean(word, names) || `; there are ${names.join(', ')}`}`;
    report(rule.mistake(wordPath(rule, selector, index), what));
  }
  return listOf(words);
}

function patterns({ shape }: WrittenRule, selector: Selector): readonly RegExp[] | undefined {
  const words = shape.where[selector];
  return words === undefined ? undefined : listOf(words).map(textPattern);
}

function pathsOf(rule: WrittenRule, context: Context): readonly string[] | undefined {
  const { path } = rule.shape.where;
  if (path === undefined) return undefined;
  for (const [index, pattern] of listOf(path).entries()) {
    const problem = pathProblem(pattern) ?? unknownFieldIn(pattern, context.names);
    if (problem !== undefined) context.report(rule.mistake(wordPath(rule, 'path', index), problem));
  }
  return listOf(path);
}

/** A key that elements cannot have would leave the list as it is. */
function checkKey(rule: WrittenRule, paths: readonly string[], context: Context): void {
  const { key } = rule.shape;
  for (const [index, name] of listOf(key).entries()) {
    const problems = paths.map((path) => unknownFieldIn(`${path}[*].${name}`, context.names));
    const [problem] = problems;
    if (problem === undefined || problems.includes(undefined)) continue;
    context.report(rule.mistake(typeof key === 'string' ? ['key'] : ['key', index], problem));
  }
}

function messageSelector(rule: WrittenRule, context: Context): Rule['selectsMessages'] {
  const selectors = [
    connectionSelector(rule),
    headSelector(rule, 'domain', context),
    headSelector(rule, 'source', context),
    tlvSelector(rule, context),
  ].filter((selector) => selector !== undefined);
  return (facts) => selectors.every((selects) => selects(facts));
}

type MessageSelector = (facts: MessageFacts) => boolean;

/** By number or by label. */
function connectionSelector(rule: WrittenRule): MessageSelector | undefined {
  const labels = patterns(rule, 'connection');
  return (
    labels &&
    (({ connection, label }) =>
      labels.some((pattern) => pattern.test(label) || pattern.test(String(connection))))
  );
}

/**
 * Domains and sources of both messages: a changed one counts on either side. Between two dialects heads are told in
 * the numbers of the old one, and in their own where it has no such name.
 */
function headSelector(
  rule: WrittenRule,
  selector: 'domain' | 'source',
  context: Context,
): MessageSelector | undefined {
  if (rule.shape.where[selector] === undefined) return undefined;
  const table = selector === 'domain' ? 'domains' : 'sources';
  const numbers = numbersOf(rule, selector, context, ({ old, new: neu }, word) => {
    const inOld = numbersNamed(old[table].names, word);
    return inOld.length > 0 ? inOld : numbersNamed(neu[table].names, word);
  });
  return (facts) =>
    [facts.old, facts.new].some((content) => {
      const head = content?.head;
      return head !== undefined && numbers.has(head[selector]);
    });
}

function tlvSelector(rule: WrittenRule, context: Context): MessageSelector | undefined {
  if (rule.shape.where.tlv === undefined) return undefined;
  const of = (side: Side): ReadonlySet<number> =>
    numbersOf(
      rule,
      'tlv',
      side === 'old' ? context : { ...context, report: () => {} },
      (dialects, word) =>
        [...dialects[side].types.values()].flatMap(({ name, number }) =>
          name === word ? [number] : [],
        ),
    );
  const numbers = { old: of('old'), new: of('new') };
  const has = (side: Side, content: Content | undefined): boolean =>
    content !== undefined && typesOf(content).some((type) => numbers[side].has(type));
  return (facts) => has('old', facts.old) || has('new', facts.new);
}

function typesOf({ shape }: Content): readonly number[] {
  return shape.replace('!', '').split(',').filter(Boolean).map(Number);
}

const NUMBER_MAX = 255;

/** Words are names or numbers. */
function numbersOf(
  rule: WrittenRule,
  selector: 'domain' | 'source' | 'tlv',
  { names, dialects, report }: Context,
  named: (dialects: RulesContext['dialects'], word: string) => readonly number[],
): ReadonlySet<number> {
  const numbers = new Set<number>();
  for (const [index, word] of listOf(rule.shape.where[selector]).entries()) {
    if (/^\d{1,3}$/.test(word) && Number(word) <= NUMBER_MAX) numbers.add(Number(word));
    else if (!names[selector].has(word)) {
      const what = `no dialect has a ${selector} "${word}"${didYouMean(word, names[selector])}`;
      report(rule.mistake(wordPath(rule, selector, index), what));
    }
    for (const number of named(dialects, word)) numbers.add(number);
  }
  return numbers;
}

function numbersNamed(names: ReadonlyMap<number, string>, word: string): readonly number[] {
  return [...names].flatMap(([number, name]) => (name === word ? [number] : []));
}

function toleranceOf(rule: WrittenRule, { report }: Context): Tolerance | undefined {
  const { action, absolute, relative } = rule.shape;
  if (action !== 'tolerate') return undefined;
  const tolerance: Tolerance = {
    absolute: absolute === undefined ? undefined : parseAbsolute(absolute),
    relative: relative === undefined ? undefined : parseRelative(relative),
  };
  if (absolute !== undefined && tolerance.absolute === undefined) {
    const what = `"${absolute}" is no distance; write a number in the unit of the field (0.01), or a time (5ms, 10us, 1s)`;
    report(rule.mistake(['absolute'], what));
  }
  if (relative !== undefined && tolerance.relative === undefined) {
    const what = `"${relative}" is no part; write 0.1%, 5bps, 20ppm or 0.001, above 0 and at most 100%`;
    report(rule.mistake(['relative'], what));
  }
  return tolerance;
}

function limitOf({ shape: { absolute, relative, key } }: WrittenRule): string {
  const limits = [absolute, relative].filter((limit) => limit !== undefined);
  if (limits.length > 0) return `within ${limits.join(' or ')}`;
  return key === undefined ? '' : `by ${listOf(key).join(', ')}`;
}
