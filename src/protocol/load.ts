/**
 * Turns schema texts into dialects. Pure; where the texts come from is files.ts or a capture. All mistakes
 * of all files come back in one OperatingError SCHEMA_INVALID, a line each: `file:line:column: what`.
 */
import { OperatingError } from '../lib/operating-error.ts';
import { resolveDialect } from './resolve-dialect.ts';
import {
  type Mistake,
  type Path,
  readSchemaSource,
  type SchemaSource,
  schemaName,
} from './schema-source.ts';
import { didYouMean } from './suggest.ts';
import type { Dialect } from './types.ts';

export interface Protocol {
  /** @throws OperatingError DIALECT_UNKNOWN */
  dialect(name: string): Dialect;
  /** In alphabetical order, abstract schemas not included. */
  readonly dialectNames: readonly string[];
  /** The texts that this was loaded from, by file name. */
  readonly sources: ReadonlyMap<string, string>;
}

/** More than anybody can mend before loading again. */
const MISTAKES_LISTED_MAX = 20;

export function loadProtocol(sources: ReadonlyMap<string, string>): Protocol {
  const files = readSources(sources);
  const mistakes = new Set<Mistake>();
  const dialects = new Map<string, Dialect>();
  for (const source of files.values()) {
    const chain = baseChain(source, files, mistakes);
    if (chain === undefined || source.shape.abstract === true) continue;
    const dialect = resolveDialect(chain, (mistake) => mistakes.add(mistake));
    if (dialect !== undefined) dialects.set(dialect.name, dialect);
  }
  if (mistakes.size > 0) throw schemaInvalid([...mistakes]);
  const dialectNames = [...dialects.keys()].sort();
  return {
    dialectNames,
    sources,
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

function readSources(sources: ReadonlyMap<string, string>): ReadonlyMap<string, SchemaSource> {
  const files = new Map<string, SchemaSource>();
  const mistakes: Mistake[] = [];
  for (const [file, text] of sources) {
    const read = readSchemaSource(file, text);
    if ('mistakes' in read) mistakes.push(...read.mistakes);
    else files.set(schemaName(file), read.source);
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
  for (const { base, path } of basesOf(source)) {
    const next = files.get(base);
    if (next === undefined) {
      const what = `no schema is called "${base}"${didYouMean(base, files.keys())}`;
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

function basesOf(source: SchemaSource): readonly { readonly base: string; readonly path: Path }[] {
  const bases = source.shape.extends;
  if (bases === undefined) return [];
  if (typeof bases === 'string') return [{ base: bases, path: ['extends'] }];
  return bases.map((base, index) => ({ base, path: ['extends', index] }));
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
