/**
 * One YAML text as checked data that still knows where each part of it stands. Collects mistakes instead
 * of stopping at the first; knows nothing of other files (see load).
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
import type { z } from 'zod';
import { didYouMean } from './suggest.ts';
import { fileShape, type FileShape, knownKeysAt } from './schema-shape.ts';

export type Path = readonly (string | number)[];

/** `torq-types.yaml:12:5: what is wrong`. */
export type Mistake = string;

export interface SchemaSource {
  /** Name of the file, or its path as it was given. */
  readonly file: string;
  /** Name of the schema: the file's without directory and `.yaml`. */
  readonly name: string;
  readonly shape: FileShape;
  /** The mistake `what` at a path; at the nearest thing around it when the path does not exist. */
  mistake(path: Path, what: string, part?: 'key' | 'value'): Mistake;
}

export type Report = (mistake: Mistake) => void;

/** One definition with the place that it stands at. */
export interface Entry<Shape> {
  readonly shape: Shape;
  readonly source: SchemaSource;
  readonly path: Path;
}

/** `conf/desk.yaml` -> `desk`. */
export function schemaName(file: string): string {
  return baseName(file).replace(/\.ya?ml$/, '');
}

export function baseName(file: string): string {
  return file.replace(/^.*[/\\]/, '');
}

export function readSchemaSource(
  file: string,
  text: string,
): { readonly source: SchemaSource } | { readonly mistakes: readonly Mistake[] } {
  const lines = new LineCounter();
  const at = (offset: number, what: string): Mistake => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}: ${what}`;
  };
  let document: Document.Parsed;
  let data: unknown;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    if (document.errors.length > 0)
      return { mistakes: document.errors.map((error) => at(error.pos[0], error.message)) };
    data = document.toJS();
  } catch (error) {
    // Too many aliases or too deep a nesting: the parser gives no place for these.
    return { mistakes: [`${file}:1:1: ${error instanceof Error ? error.message : String(error)}`] };
  }
  const mistake: SchemaSource['mistake'] = (path, what, part = 'value') =>
    at(locate(document, path, part).offset, what);
  if (data === null || data === undefined)
    return { mistakes: [`${file}:1:1: the file says nothing; a schema begins with description`] };
  const checked = fileShape.safeParse(data, { reportInput: true });
  if (checked.success)
    return { source: { file, name: schemaName(file), shape: checked.data, mistake } };
  return {
    mistakes: checked.error.issues.flatMap((issue) => mistakesOf(issue, document, mistake)),
  };
}

function mistakesOf(
  issue: z.core.$ZodIssue,
  document: Document,
  mistake: SchemaSource['mistake'],
): readonly Mistake[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  const where = pathText(path);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeysAt(path);
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

/** `structs.TradeTLV.fields[3].type`. */
export function pathText(path: Path): string {
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
