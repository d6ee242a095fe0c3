/**
 * Rules files as checked rules with their places. Pure; all mistakes of all files come back in one OperatingError
 * RULES_INVALID, a line each: `file:line:column: what`. Names of the protocol are looked up in compile-rules.
 */
import { OperatingError } from '../../lib/operating-error.ts';
import { type Mistake, type Path, readYaml, type YamlSource } from '../../lib/yaml-source.ts';
import {
  ACTION_KEYS,
  FIELD_SELECTORS,
  OWN_KEYS,
  type RuleShape,
  ruleShape,
  rulesFileShape,
  type Selector,
} from './rule-shape.ts';

/** One rule of one file. */
export interface WrittenRule {
  readonly shape: RuleShape;
  readonly file: string;
  readonly line: number;
  /** The mistake `what` at a path inside the rule. */
  readonly mistake: (path: Path, what: string, part?: 'key' | 'value') => Mistake;
}

export interface ReadRules {
  /** Those that can be looked at, whatever else is wrong with them. */
  readonly rules: readonly WrittenRule[];
  readonly mistakes: readonly Mistake[];
}

/** Path as it was given, and text. */
export type RulesTexts = readonly (readonly [file: string, text: string])[];

/** More than anybody can mend before trying again. */
const MISTAKES_LISTED_MAX = 50;
/** Every divergence is held against every rule. */
export const RULES_MAX = 1_000;

export function readRules(texts: RulesTexts): ReadRules {
  const rules: WrittenRule[] = [];
  const mistakes: Mistake[] = [];
  for (const [file, text] of texts) readFile(file, text, { rules, mistakes });
  mistakes.push(...repeatedIds(rules));
  const [first] = rules;
  if (rules.length > RULES_MAX && first !== undefined)
    mistakes.push(first.mistake([], `${rules.length} rules, at most ${RULES_MAX} are allowed`));
  return { rules, mistakes };
}

/** In the order of the files and of their lines. */
export function rulesInvalid(found: readonly Mistake[], page = 'docs/rules.md'): OperatingError {
  const mistakes = inOrder(found);
  const listed = mistakes.slice(0, MISTAKES_LISTED_MAX);
  const more = mistakes.length - listed.length;
  const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`;
  return new OperatingError(
    'RULES_INVALID',
    [
      `the rules have ${count}:`,
      ...listed.map((mistake) => `  ${mistake}`),
      ...(more > 0 ? [`  ... and ${more} more`] : []),
    ].join('\n'),
    { hint: `Correct the file; ${page} describes every key.` },
  );
}

function inOrder(mistakes: readonly Mistake[]): readonly Mistake[] {
  const files: string[] = [];
  const placed = mistakes.map((mistake) => {
    const [, file = '', line, column] = /^(.*?):(\d+):(\d+): /s.exec(mistake) ?? [];
    if (!files.includes(file)) files.push(file);
    return { mistake, file: files.indexOf(file), line: Number(line), column: Number(column) };
  });
  placed.sort(
    (one, other) => one.file - other.file || one.line - other.line || one.column - other.column,
  );
  return placed.map(({ mistake }) => mistake);
}

interface Found {
  readonly rules: WrittenRule[];
  readonly mistakes: Mistake[];
}

function readFile(file: string, text: string, { rules, mistakes }: Found): void {
  const read = readYaml(file, text, 'failsafe');
  if ('mistakes' in read) {
    mistakes.push(...read.mistakes);
    return;
  }
  const { source } = read;
  const { data } = source;
  // A file that says nothing yet, or comments only, is one without rules.
  if (data === null || data === undefined || data === '') return;
  const checked = rulesFileShape.safeParse(data, { reportInput: true });
  if (!checked.success) {
    mistakes.push(...source.mistakesOf(checked.error, rulesFileShape));
    return;
  }
  const { rules: list } = checked.data;
  if (list === '') return;
  for (const [index, written] of list.entries()) {
    const rule = readRule(source, written, ['rules', index]);
    if ('mistakes' in rule) {
      mistakes.push(...rule.mistakes);
      continue;
    }
    mistakes.push(...keyMistakes(rule), ...selectorMistakes(rule), ...dateMistakes(rule));
    rules.push(rule);
  }
}

function readRule(
  source: YamlSource,
  written: unknown,
  at: Path,
): WrittenRule | { readonly mistakes: readonly Mistake[] } {
  const checked = ruleShape.safeParse(written, { reportInput: true });
  if (!checked.success) return { mistakes: source.mistakesOf(checked.error, ruleShape, at) };
  return {
    shape: checked.data,
    file: source.file,
    line: source.lineOf(at),
    mistake: (path, what, part) => source.mistake([...at, ...path], what, part),
  };
}

function* keyMistakes({ shape, mistake }: WrittenRule): Generator<Mistake> {
  const { action } = shape;
  for (const key of ACTION_KEYS[action].needed) {
    if (shape[key] === undefined) yield mistake([], `missing key "${key}": ${action} needs it`);
  }
  for (const [key, owner] of OWN_KEYS) {
    if (shape[key] !== undefined && action !== owner)
      yield mistake([key], `"${key}" belongs to the action ${owner}, not to ${action}`, 'key');
  }
  if (action === 'tolerate' && shape.absolute === undefined && shape.relative === undefined)
    yield mistake([], 'missing key "absolute" or "relative": tolerate needs one of them');
}

function* selectorMistakes({ shape, mistake }: WrittenRule): Generator<Mistake> {
  const { action, where } = shape;
  const written = Object.keys(where).filter(isSelector);
  const { selectors, neededSelectors } = ACTION_KEYS[action];
  if (written.length === 0)
    yield mistake(['where'], 'where is empty: it would select every divergence there is');
  for (const selector of neededSelectors) {
    if (where[selector] === undefined)
      yield mistake(['where'], `missing key "${selector}": ${action} needs it`);
  }
  for (const selector of written) {
    if (selectors?.includes(selector) === false)
      yield mistake(['where', selector], `${action} cannot select by ${selector}`, 'key');
  }
  const field = FIELD_SELECTORS.find((selector) => where[selector] !== undefined);
  if (where.group !== undefined && field !== undefined)
    yield mistake(
      ['where', field],
      `a rule with group takes whole divergences; it cannot select by ${field}`,
      'key',
    );
}

function isSelector(key: string): key is Selector {
  return key in ruleShape.shape.where.shape;
}

function* dateMistakes({ shape: { expires }, mistake }: WrittenRule): Generator<Mistake> {
  if (expires !== undefined && !isDate(expires))
    yield mistake(['expires'], `"${expires}" is no date; write it as 2026-12-31`);
}

/** A day of the calendar, `2026-12-31`. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** Rules are told apart by their ids, over all files. */
function repeatedIds(rules: readonly WrittenRule[]): readonly Mistake[] {
  const first = new Map<string, WrittenRule>();
  return rules.flatMap((rule) => {
    const other = first.get(rule.shape.id);
    first.set(rule.shape.id, other ?? rule);
    if (other === undefined) return [];
    const place = `${other.file}:${other.line}`;
    return [rule.mistake(['id'], `another rule is called "${rule.shape.id}" (${place})`)];
  });
}
