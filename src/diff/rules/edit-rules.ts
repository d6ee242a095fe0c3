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
  const document = documentOf(text);
  const rules = rulesNodeOf(document);
  const node = document.createNode(ruleFields(rule));
  if (isMap(node)) quoteWords(node);
  const at = indexOfRule(rules, rule.id);
  if (at === -1) {
    if (rules.items.length > 0) node.spaceBefore = true;
    rules.add(node);
  } else {
    const before = rules.items[at];
    if (isMap(before)) {
      node.commentBefore = before.commentBefore ?? null;
      node.spaceBefore = before.spaceBefore ?? false;
    }
    rules.set(at, node);
  }
  return textOf(document, text);
}

/** The text as it is when there is no such rule. */
export function withoutRule(text: string, id: string): string {
  const document = documentOf(text);
  const rules = rulesNodeOf(document);
  const at = indexOfRule(rules, id);
  if (at === -1) return text;
  rules.delete(at);
  return textOf(document, text);
}

function documentOf(text: string): Document {
  // As it is read: every scalar stays the text that it is.
  const document = parseDocument(text, { schema: 'failsafe', prettyErrors: false });
  assert(document.errors.length === 0, 'a rules file that was read and cannot be parsed');
  return document;
}

function rulesNodeOf(document: Document): YAMLSeq {
  if (!isMap(document.contents)) {
    if (document.comment !== null) {
      document.commentBefore = document.comment;
      document.comment = null;
    }
    document.commentBefore ??= FIRST_LINE;
    document.contents = document.createNode({});
  }
  const rules = document.get('rules');
  if (isSeq(rules)) {
    // An empty list can only be written as [], which is no good place for rules.
    if (rules.items.length === 0) rules.flow = false;
    return rules;
  }
  const made = new YAMLSeq();
  document.set('rules', made);
  return made;
}

function indexOfRule(rules: YAMLSeq, id: string): number {
  return rules.items.findIndex((item) => isMap(item) && String(item.get('id')) === id);
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

function textOf(document: Document, before: string): string {
  const indentSeq = !/^rules:[^\n]*\n(?:[ \t]*(?:#[^\n]*)?\n)*-/m.test(before);
  return document.toString({ lineWidth: 0, indentSeq, singleQuote: true });
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
