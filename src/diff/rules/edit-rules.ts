/**
 * Puts accepted groups into the text of a rules file, and takes them out again. Pure: text in, text out. What else
 * is in the file, comments and order included, stays. Works on the text as it is now, so what somebody wrote into the
 * file meanwhile stays, too.
 */
import {
  Document,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  Scalar,
  type YAMLMap,
  YAMLSeq,
} from 'yaml';
import { assert } from '../../lib/assert.ts';
import type { Group } from '../types.ts';
import { readRules, rulesInvalid, type WrittenRule } from './read-rules.ts';
import { listOf } from './rule-shape.ts';

/** An expected divergence: a whole group. */
export interface GroupRule {
  readonly id: string;
  readonly reason: string;
  readonly owner: string;
  /** `2026-12-31` */
  readonly expires: string;
  readonly group: Pick<Group, 'kind' | 'cause' | 'title'>;
}

const FIRST_LINE = ' Rules of relaydiff diff --rules; docs/rules.md describes every key.';

/** Throws RULES_INVALID when the text is no rules file. */
export function rulesIn(file: string, text: string): readonly WrittenRule[] {
  const { rules, mistakes } = readRules([[file, text]]);
  if (mistakes.length > 0) throw rulesInvalid(mistakes);
  return rules;
}

/** The text with the rule at its end, or in the place of the rule with its id. */
export function withGroupRule(text: string, rule: GroupRule): string {
  const rules = blockOfRules(text);
  if (rules === undefined) return rewrittenWith(text, rule);
  const known = rules.items.find(({ id }) => id === rule.id);
  if (known !== undefined) return splice(text, known.at, known.end, ruleText(rule, rules.column));
  const last = rules.items.at(-1);
  assert(last !== undefined, 'a list of rules without a rule');
  const gap = text.slice(0, last.end).endsWith('\n') ? '\n' : '\n\n';
  const dash = `${' '.repeat(rules.column)}- `;
  return splice(text, last.end, last.end, gap + dash + ruleText(rule, rules.column));
}

/** The text as it is when there is no such rule. */
export function withoutRule(text: string, id: string): string {
  const rules = blockOfRules(text);
  const rule = rules?.items.find((item) => item.id === id);
  if (rules === undefined || rule === undefined) return text;
  // A list that ends is written as an empty one.
  if (rules.items.length === 1) return splice(text, rules.at, rule.end, '[]\n');
  const line = text.lastIndexOf('\n', rule.dash) + 1;
  const from = text.slice(0, line).endsWith('\n\n') ? line - 1 : line;
  return splice(text, from, rule.end, '');
}

function splice(text: string, from: number, to: number, between: string): string {
  return text.slice(0, from) + between + text.slice(to);
}

interface RuleBlock {
  /** Where the list begins, and the column of its dashes. */
  readonly at: number;
  readonly column: number;
  readonly items: readonly WrittenItem[];
}

interface WrittenItem {
  readonly id: string;
  readonly dash: number;
  /** Behind the dash. */
  readonly at: number;
  /** Behind its last line. */
  readonly end: number;
}

/** undefined: there is no rule yet, or they are not written with dashes. */
function blockOfRules(text: string): RuleBlock | undefined {
  const rules = documentOf(text).get('rules');
  const at = isSeq(rules) ? rules.range?.[0] : undefined;
  if (!isSeq(rules) || at === undefined || rules.items.length === 0 || rules.flow === true)
    return undefined;
  const column = at - (text.lastIndexOf('\n', at - 1) + 1);
  const items: WrittenItem[] = [];
  for (const item of rules.items) {
    const range = isMap(item) ? item.range : undefined;
    if (!isMap(item) || range === undefined || range === null) return undefined;
    const [from, to] = range;
    const newline = text.indexOf('\n', to - 1);
    const end = newline === -1 ? text.length : newline + 1;
    const dash = dashBefore(text, from, column);
    items.push({ id: String(item.get('id')), dash, at: from, end });
  }
  return { at, column, items };
}

/** Comments may stand between a dash and what it begins. */
function dashBefore(text: string, from: number, column: number): number {
  let line = text.lastIndexOf('\n', from - 1) + 1;
  while (line > 0 && text.slice(line, line + column + 1).trim() !== '-')
    line = text.lastIndexOf('\n', line - 2) + 1;
  return line + column;
}

const TO_STRING = { lineWidth: 0, singleQuote: true } as const;

/** The lines behind a dash in this column. */
function ruleText(rule: GroupRule, column: number): string {
  const document = new Document(undefined, { schema: 'failsafe' });
  document.contents = ruleNode(document, rule);
  return document.toString(TO_STRING).replaceAll(/\n(?=[^\n])/g, `\n${' '.repeat(column + 2)}`);
}

function ruleNode(document: Document, rule: GroupRule): YAMLMap {
  const node = document.createNode(ruleFields(rule));
  assert(isMap(node), 'a rule that is no map');
  quoteWords(node);
  return node;
}

/** Of a file without rules, or with rules in brackets, which are none to write into. */
function rewrittenWith(text: string, rule: GroupRule): string {
  const document = documentOf(text);
  if (!isMap(document.contents)) {
    if (document.comment !== null) {
      document.commentBefore = document.comment;
      document.comment = null;
    }
    document.commentBefore ??= FIRST_LINE;
    document.contents = document.createNode({});
  }
  const written = document.get('rules');
  const rules = isSeq(written) ? written : new YAMLSeq();
  if (rules !== written) document.set('rules', rules);
  rules.flow = false;
  const at = rules.items.findIndex((item) => isMap(item) && item.get('id') === rule.id);
  const node = ruleNode(document, rule);
  if (at === -1) rules.add(node);
  else rules.set(at, node);
  return document.toString(TO_STRING);
}

function documentOf(text: string): Document {
  // As it is read: every scalar stays the text that it is.
  const document = parseDocument(text, { schema: 'failsafe', prettyErrors: false });
  assert(document.errors.length === 0, 'a rules file that was read and cannot be parsed');
  return document;
}

function ruleFields({ id, reason, owner, expires, group }: GroupRule): Record<string, unknown> {
  const where = { kind: group.kind, cause: group.cause, group: groupPattern(group.title) };
  return { id, action: 'expect', reason, owner, expires, where };
}

/** What looks like a number or a truth value to other readers of YAML is a text here. */
function quoteWords(node: YAMLMap): void {
  for (const key of ['id', 'reason', 'owner']) {
    const value = node.get(key, true);
    if (!isScalar(value) || typeof value.value !== 'string') continue;
    if (/^([-+.\d].*|~|null|true|false|yes|no|on|off)$/i.test(value.value))
      value.type = Scalar.QUOTE_SINGLE;
  }
}

/** The title of a group as a pattern for it alone. */
function groupPattern(title: string): string {
  return title.replaceAll(/[\\*]/g, '\\$&');
}

/** The rule that a review wrote for this group, expired or not. */
export function ruleOfGroup(
  rules: readonly WrittenRule[],
  { kind, cause, title }: GroupRule['group'],
): WrittenRule | undefined {
  return rules.find(({ shape: { action, where } }) => {
    const is = (words: string | readonly string[] | undefined, word: string): boolean => {
      const list = listOf(words);
      return list.length === 1 && list[0] === word;
    };
    return (
      action === 'expect' &&
      Object.keys(where).length === 3 &&
      is(where.kind, kind) &&
      is(where.cause, cause) &&
      is(where.group, groupPattern(title))
    );
  });
}

const ID_CHARACTERS_MAX = 60;

/** `missing-poolswap-read-began-inside-a-frame`, with a number when it is taken. */
export function idForGroup(
  { kind, cause, title }: GroupRule['group'],
  taken: ReadonlySet<string>,
): string {
  const words = `${kind} ${title.split(/[ :]/, 1)[0] ?? ''} ${cause}`;
  const base =
    words
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^-|-$/g, '')
      .slice(0, ID_CHARACTERS_MAX)
      .replace(/-$/, '') || 'group';
  for (let number = 1; ; number++) {
    const id = number === 1 ? base : `${base}-${number}`;
    if (!taken.has(id)) return id;
  }
}
