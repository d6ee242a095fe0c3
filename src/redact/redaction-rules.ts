/**
 * Reads a redaction file and makes rules of it that can be asked about a field. Names are looked up in the dialects, as
 * those of diff rules are; a rule that selects nothing but what frames or identities hang on is a mistake.
 */
import { didYouMean } from '../lib/suggest.ts';
import { type Mistake, type Path, readYaml, type YamlSource } from '../lib/yaml-source.ts';
import { pathPattern, pathProblem } from '../diff/rules/patterns.ts';
import { type ProtocolNames, unknownFieldIn } from '../diff/rules/protocol-names.ts';
import { rulesInvalid } from '../diff/rules/read-rules.ts';
import { listOf } from '../diff/rules/rule-shape.ts';
import type { Dialect, Leaf } from '../protocol/types.ts';
import { isOnlyProtected } from './protected-fields.ts';
import {
  type RedactAction,
  redactionFileShape,
  redactionRuleShape,
  type RedactionRuleShape,
} from './redaction-shape.ts';
import { type Offset, parseOffset } from './offset.ts';

/** What a rule selects messages by. */
export interface MessageHead {
  readonly domain: number;
  readonly source: number;
  readonly types: readonly number[];
}

export interface RedactionRule {
  readonly id: string;
  readonly line: number;
  readonly action: RedactAction;
  /** Of pseudonyms. */
  readonly scope: string;
  /** Of shift. */
  readonly by: Offset | undefined;
  /** Whether it takes messages of every kind. */
  readonly takesAllMessages: boolean;
  readonly selectsMessage: (head: MessageHead) => boolean;
  readonly selectsField: (path: string, leafClass: Leaf['class']) => boolean;
}

export interface Redaction {
  readonly default: 'pseudonym' | 'zero' | 'keep';
  readonly defects: 'pseudonym' | 'keep';
  readonly texts: 'pseudonym' | 'keep';
  /** The first that selects a field decides. */
  readonly rules: readonly RedactionRule[];
}

export interface RedactionContext {
  readonly names: ProtocolNames;
  readonly dialect: Dialect;
}

const RULES_MAX = 1_000;
const PAGE = 'docs/redaction.md';

/** Throws RULES_INVALID with all mistakes and their places. */
export function readRedaction(file: string, text: string, context: RedactionContext): Redaction {
  const read = readYaml(file, text, 'failsafe');
  if ('mistakes' in read) throw rulesInvalid(read.mistakes, PAGE);
  const { source } = read;
  const isEmpty = source.data === null || source.data === undefined || source.data === '';
  const checked = redactionFileShape.safeParse(isEmpty ? {} : source.data, { reportInput: true });
  if (!checked.success)
    throw rulesInvalid(source.mistakesOf(checked.error, redactionFileShape), PAGE);
  const { rules: written, ...choices } = checked.data;
  const mistakes: Mistake[] = [];
  const list = written === undefined || written === '' ? [] : written;
  const rules = list.flatMap((rule, index) => {
    const at: Path = ['rules', index];
    const shape = redactionRuleShape.safeParse(rule, { reportInput: true });
    if (!shape.success) {
      mistakes.push(...source.mistakesOf(shape.error, redactionRuleShape, at));
      return [];
    }
    const reader = new RuleReader(shape.data, { source, at, context });
    mistakes.push(...reader.mistakes);
    return [reader.rule];
  });
  mistakes.push(...repeatedIds(list, source));
  if (list.length > RULES_MAX)
    mistakes.push(
      source.mistake(['rules'], `${list.length} rules, at most ${RULES_MAX} are allowed`),
    );
  if (mistakes.length > 0) throw rulesInvalid(mistakes, PAGE);
  return {
    default: choices.default ?? 'pseudonym',
    defects: choices.defects ?? 'pseudonym',
    texts: choices.texts ?? 'pseudonym',
    rules,
  };
}

function* repeatedIds(rules: readonly unknown[], source: YamlSource): Generator<Mistake> {
  const first = new Map<string, number>();
  for (const [index, rule] of rules.entries()) {
    const id = typeof rule === 'object' && rule !== null && 'id' in rule ? rule.id : undefined;
    if (typeof id !== 'string') continue;
    const before = first.get(id);
    if (before === undefined) first.set(id, index);
    else {
      const place = source.lineOf(['rules', before]);
      yield source.mistake(
        ['rules', index, 'id'],
        `another rule is called "${id}" (line ${place})`,
      );
    }
  }
}

interface RulePlace {
  readonly source: YamlSource;
  readonly at: Path;
  readonly context: RedactionContext;
}

/** Checks one rule and makes it usable; after a mistake it is not used. */
class RuleReader {
  readonly mistakes: Mistake[] = [];
  readonly rule: RedactionRule;
  readonly #shape: RedactionRuleShape;
  readonly #place: RulePlace;

  constructor(shape: RedactionRuleShape, place: RulePlace) {
    this.#shape = shape;
    this.#place = place;
    const { id, action, where, scope } = shape;
    this.#checkKeys();
    const paths = this.#paths();
    const classes = where.class === undefined ? undefined : listOf(where.class);
    const domains = this.#numbers('domain', place.context.dialect.domains.names);
    const sources = this.#numbers('source', place.context.dialect.sources.names);
    const types = this.#numbers(
      'tlv',
      new Map([...place.context.dialect.types].map(([number, type]) => [number, type.name])),
    );
    this.rule = {
      id,
      line: place.source.lineOf(place.at),
      action,
      scope: scope ?? id,
      by: this.#offset(),
      takesAllMessages: domains === undefined && sources === undefined && types === undefined,
      selectsMessage: (head) =>
        (domains?.has(head.domain) ?? true) &&
        (sources?.has(head.source) ?? true) &&
        (types === undefined || head.types.some((type) => types.has(type))),
      selectsField: (path, leafClass) =>
        (paths?.some((pattern) => pattern.test(path)) ?? true) &&
        (classes?.includes(leafClass) ?? true),
    };
  }

  #report(inside: Path, what: string, part?: 'key' | 'value'): void {
    const { source, at } = this.#place;
    this.mistakes.push(source.mistake([...at, ...inside], what, part));
  }

  #checkKeys(): void {
    const { action, where, by, scope } = this.#shape;
    if (where.path === undefined && where.class === undefined)
      this.#report(
        ['where'],
        'missing key "path" or "class": a rule selects fields by one of them',
      );
    if (action === 'shift' && by === undefined)
      this.#report([], 'missing key "by": shift needs it');
    if (action !== 'shift' && by !== undefined)
      this.#report(['by'], `"by" belongs to the action shift, not to ${action}`, 'key');
    if (action !== 'pseudonym' && scope !== undefined)
      this.#report(['scope'], `"scope" belongs to the action pseudonym, not to ${action}`, 'key');
  }

  #offset(): Offset | undefined {
    const { by } = this.#shape;
    if (by === undefined) return undefined;
    const offset = parseOffset(by);
    if (offset === undefined)
      this.#report(
        ['by'],
        `"${by}" is no distance; write -30d, 90m, 250ns, or a number that is not 0`,
      );
    return offset;
  }

  #wordPath(selector: 'path' | 'tlv' | 'domain' | 'source', index: number): Path {
    const words = this.#shape.where[selector];
    return typeof words === 'string' ? ['where', selector] : ['where', selector, index];
  }

  #paths(): readonly RegExp[] | undefined {
    const { path } = this.#shape.where;
    if (path === undefined) return undefined;
    const { names, dialect } = this.#place.context;
    return listOf(path).flatMap((pattern, index) => {
      const problem =
        pathProblem(pattern) ?? unknownFieldIn(pattern, names) ?? isOnlyProtected(pattern, dialect);
      if (problem === undefined) return [pathPattern(pattern)];
      this.#report(this.#wordPath('path', index), problem);
      return [];
    });
  }

  /** Words are names or numbers. A name that only other dialects know selects nothing here. */
  #numbers(
    selector: 'tlv' | 'domain' | 'source',
    table: ReadonlyMap<number, string>,
  ): ReadonlySet<number> | undefined {
    const words = this.#shape.where[selector];
    if (words === undefined) return undefined;
    const known = this.#place.context.names[selector];
    const numbers = new Set<number>();
    for (const [index, word] of listOf(words).entries()) {
      if (/^\d{1,3}$/.test(word) && Number(word) <= 255) numbers.add(Number(word));
      else if (!known.has(word))
        this.#report(
          this.#wordPath(selector, index),
          `no dialect has a ${selector} "${word}"${didYouMean(word, known)}`,
        );
      for (const [number, named] of table) if (named === word) numbers.add(number);
    }
    return numbers;
  }
}
