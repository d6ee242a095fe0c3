/**
 * Turns schema texts into dialects. Pure; where the texts come from is files.ts or a capture. All mistakes
 * of all files come back in one OperatingError SCHEMA_INVALID, a line each: `file:line:column: what`.
 */
import { OperatingError } from '../lib/operating-error.ts';
import { additionsByDialect, isAddition, namesAt } from './additions.ts';
import { resolveDialect } from './resolve-dialect.ts';
import {
  baseName,
  type Mistake,
  readSchemaSource,
  type Report,
  type SchemaSource,
} from './schema-source.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { Dialect } from './types.ts';

export interface Protocol {
  /** @throws OperatingError DIALECT_UNKNOWN */
  dialect(name: string): Dialect;
  /** In alphabetical order, abstract schemas not included. */
  readonly dialectNames: readonly string[];
  /** The texts that this was loaded from, by file name. */
  readonly sources: ReadonlyMap<string, string>;
}

/** File name, or path, and YAML text; the name of the file is the name of the schema. */
export type SchemaTexts = Iterable<readonly [file: string, text: string]>;

/** More than anybody can mend before loading again. */
const MISTAKES_LISTED_MAX = 20;

export function loadProtocol(texts: SchemaTexts): Protocol {
  const sources = [...texts];
  const files = readSources(sources);
  const mistakes = new Set<Mistake>();
  const report: Report = (mistake) => mistakes.add(mistake);
  const additions = additionsByDialect(files, report);
  const dialects = new Map<string, Dialect>();
  for (const source of files.values()) {
    const chain = baseChain(source, files, mistakes);
    if (chain === undefined || source.shape.abstract === true || isAddition(source)) continue;
    const all = [...chain, ...(additions.get(source.name) ?? [])];
    const dialect = resolveDialect(source, all, report);
    if (dialect !== undefined) dialects.set(dialect.name, dialect);
  }
  if (mistakes.size > 0) throw schemaInvalid([...mistakes]);
  const dialectNames = [...dialects.keys()].sort();
  return {
    dialectNames,
    sources: new Map(sources.map(([file, text]) => [baseName(file), text])),
    dialect(name) {
      const dialect = dialects.get(name);
      if (dialect !== undefined) return dialect;
      throw new OperatingError(
        'DIALECT_UNKNOWN',
        `no dialect is called "${name}"${didYouMean(name, dialectNames)}`,
        { hint: `Use one of: ${dialectNames.join(', ')}.` },
      );
    },
  };
}

function readSources(
  sources: readonly (readonly [string, string])[],
): ReadonlyMap<string, SchemaSource> {
  const files = new Map<string, SchemaSource>();
  const mistakes: Mistake[] = [];
  for (const [file, text] of sources) {
    const read = readSchemaSource(file, text);
    if ('mistakes' in read) {
      mistakes.push(...read.mistakes);
      continue;
    }
    const { source } = read;
    const other = files.get(source.name)?.file;
    if (other === undefined) files.set(source.name, source);
    else {
      const what = `another schema is called "${source.name}" (${other}); rename this file`;
      mistakes.push(source.mistake([], what));
    }
  }
  if (mistakes.length > 0) throw schemaInvalid(mistakes);
  return files;
}

/** The schema and what it extends, bases first, each once; undefined when a mistake was reported. */
function baseChain(
  source: SchemaSource,
  files: ReadonlyMap<string, SchemaSource>,
  mistakes: Set<Mistake>,
): readonly SchemaSource[] | undefined {
  const chain: SchemaSource[] = [];
  const found = appendBases(source, { files, mistakes, chain, open: [] });
  return found ? chain : undefined;
}

interface ChainContext {
  readonly files: ReadonlyMap<string, SchemaSource>;
  readonly mistakes: Set<Mistake>;
  /** What is complete, each schema after all that it extends. */
  readonly chain: SchemaSource[];
  /** Schemas whose bases are being looked up, outermost first. */
  readonly open: SchemaSource[];
}

/** False when a mistake was reported. */
function appendBases(source: SchemaSource, context: ChainContext): boolean {
  const { files, mistakes, chain, open } = context;
  if (chain.includes(source)) return true;
  open.push(source);
  for (const { name: base, path } of namesAt(source, 'extends')) {
    const next = files.get(base);
    if (next === undefined || isAddition(next)) {
      const what =
        next === undefined
          ? `no schema is called "${base}"${didYouMean(base, files.keys())}`
          : `"${base}" adds to other schemas and cannot be extended`;
      mistakes.add(source.mistake(path, what));
      return false;
    }
    if (open.includes(next)) {
      const ring = [next, ...open.slice(open.indexOf(next)).reverse()];
      const what = `"${next.name}" extends itself: ${ring.map((each) => each.name).join(' <- ')}`;
      mistakes.add(source.mistake(path, what));
      return false;
    }
    if (!appendBases(next, context)) return false;
  }
  open.pop();
  chain.push(source);
  return true;
}

function schemaInvalid(mistakes: readonly Mistake[]): OperatingError {
  const listed = mistakes.slice(0, MISTAKES_LISTED_MAX);
  const more = mistakes.length - listed.length;
  const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`;
  return new OperatingError(
    'SCHEMA_INVALID',
    [
      `the protocol schemas have ${count}:`,
      ...listed.map((mistake) => `  ${mistake}`),
      ...(more > 0 ? [`  ... and ${more} more`] : []),
    ].join('\n'),
    { hint: 'Correct the schema; schemas/protocol/README.md describes the format.' },
  );
}
