/**
 * A YAML text as data that still knows where each part of it stands, so that every mistake can be told with its
 * place: `rules.yaml:12:5: what is wrong`. Turns what zod finds into such mistakes; collects instead of stopping at
 * the first. Knows nothing of what the text is about.
 */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
} from 'yaml';
import { z } from 'zod';
import { didYouMean } from './suggest.ts';

export type Path = readonly (string | number)[];

/** `torq-types.yaml:12:5: what is wrong`. */
export type Mistake = string;

export interface YamlSource {
  /** Name of the file as it was given. */
  readonly file: string;
  /** null and undefined: the text says nothing. */
  readonly data: unknown;
  /** The mistake `what` at a path; at the nearest thing around it when the path does not exist. */
  readonly mistake: (path: Path, what: string, part?: 'key' | 'value') => Mistake;
  /** From 1. */
  readonly lineOf: (path: Path) => number;
  /** What zod found in the part of the data at `at`, checked with `shape`. */
  readonly mistakesOf: (error: z.ZodError, shape: z.ZodType, at?: Path) => readonly Mistake[];
}

/** With the schema `failsafe` every scalar is the text that was written: `0.10` stays `0.10`. */
export function readYaml(
  file: string,
  text: string,
  schema: 'core' | 'failsafe' = 'core',
): { readonly source: YamlSource } | { readonly mistakes: readonly Mistake[] } {
  const lines = new LineCounter();
  const at = (offset: number, what: string): Mistake => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}: ${what}`;
  };
  let document: Document.Parsed;
  let data: unknown;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, schema });
    if (document.errors.length > 0)
      return { mistakes: document.errors.map((error) => at(error.pos[0], error.message)) };
    data = document.toJS();
  } catch (error) {
    // Too many aliases or too deep a nesting: the parser gives no place for these.
    return { mistakes: [`${file}:1:1: ${error instanceof Error ? error.message : String(error)}`] };
  }
  const mistake: YamlSource['mistake'] = (path, what, part = 'value') =>
    at(locate(document, path, part).offset, what);
  const lineOf = (path: Path): number => lines.linePos(locate(document, path, 'value').offset).line;
  const mistakesOf: YamlSource['mistakesOf'] = (error, shape, base = []) =>
    error.issues.flatMap((issue) => issueMistakes(issue, { document, mistake, shape, base }));
  return { source: { file, data, mistake, lineOf, mistakesOf } };
}

interface IssueContext {
  readonly document: Document;
  readonly mistake: YamlSource['mistake'];
  readonly shape: z.ZodType;
  /** Where the data that was checked stands. */
  readonly base: Path;
}

function issueMistakes(issue: z.core.$ZodIssue, context: IssueContext): readonly Mistake[] {
  const { document, mistake, shape, base } = context;
  const inside = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  const path = [...base, ...inside];
  const where = pathText(path);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeysAt(shape, inside);
    return issue.keys.map((key) =>
      mistake([...path, key], `unknown key "${key}"${didYouMean(key, known)}`, 'key'),
    );
  }
  if (issue.code === 'invalid_key') {
    const reason = issue.issues[0]?.message ?? issue.message;
    return [mistake(path, `${where}: ${reason}`, 'key')];
  }
  if (path.length > 0 && !locate(document, path, 'value').exact) {
    return [mistake(path.slice(0, -1), `missing key "${String(path.at(-1))}"`)];
  }
  const reason = issue.message.replace(/^Invalid (input|option|string): /, '') + suggestion(issue);
  return [mistake(path, where === '' ? reason : `${where}: ${reason}`)];
}

/** Of a text that should be one of several. */
function suggestion(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_value' || typeof issue.input !== 'string') return '';
  return didYouMean(issue.input, issue.values.map(String));
}

/** The keys that may stand in the map at `path`, for suggestions. */
function knownKeysAt(shape: z.ZodType, path: Path): readonly string[] {
  let schema: unknown = shape;
  for (const step of path) {
    schema = unwrapped(schema);
    if (schema instanceof z.ZodObject) schema = schema.shape[String(step)];
    else if (schema instanceof z.ZodRecord) schema = schema.valueType;
    else if (schema instanceof z.ZodArray) schema = schema.element;
    else return [];
  }
  schema = unwrapped(schema);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function unwrapped(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ? schema.unwrap() : schema;
}

/** `structs.TradeTLV.fields[3].type`. */
function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

interface Located {
  readonly offset: number;
  readonly exact: boolean;
}

/** Walks the document along a path, as far as it goes. */
function locate(document: Document, path: Path, part: 'key' | 'value'): Located {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [depth, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    const found = childOf(node, step);
    if (found === undefined) return { offset, exact: false };
    const last = depth === path.length - 1;
    node = found.value;
    const place = last && part === 'key' ? startOf(found.key) : startOf(node);
    offset = place ?? startOf(found.key) ?? offset;
  }
  return { offset, exact: true };
}

function childOf(
  node: unknown,
  step: string | number,
): { readonly key: unknown; readonly value: unknown } | undefined {
  if (isMap(node)) {
    return node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(step));
  }
  if (isSeq(node)) {
    const value = node.items[Number(step)];
    return value === undefined ? undefined : { key: value, value };
  }
  return undefined;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
