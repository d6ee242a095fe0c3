/**
 * Files that add to dialects instead of being one (`adds_to`): which dialect gets which, and what such a
 * file may not say. Putting the entries together is resolve-dialect.
 */
import type { Path, Report, SchemaSource } from './schema-source.ts';
import { didYouMean } from '../lib/suggest.ts';

/** What makes a dialect; whoever wants another one writes a dialect that extends this one. */
const DIALECT_KEYS = ['extends', 'abstract', 'header', 'headers', 'framing'] as const;

export function isAddition(source: SchemaSource): boolean {
  return source.shape.adds_to !== undefined;
}

/** The additions of each dialect, in the order of the files. */
export function additionsByDialect(
  files: ReadonlyMap<string, SchemaSource>,
  report: Report,
): ReadonlyMap<string, readonly SchemaSource[]> {
  const additions = new Map<string, SchemaSource[]>();
  for (const source of files.values()) {
    if (!isAddition(source)) continue;
    for (const key of DIALECT_KEYS.filter((each) => source.shape[each] !== undefined)) {
      const what = `an addition has no ${key}: extend the dialect instead of adding to it`;
      report(source.mistake([key], what, 'key'));
    }
    for (const { name, path } of namesAt(source, 'adds_to')) {
      const fault = targetFault(name, files);
      if (fault !== undefined) report(source.mistake(path, fault));
      else additions.set(name, [...(additions.get(name) ?? []), source]);
    }
  }
  return additions;
}

function targetFault(name: string, files: ReadonlyMap<string, SchemaSource>): string | undefined {
  const target = files.get(name);
  const dialects = [...files.values()].filter(
    (each) => each.shape.abstract !== true && !isAddition(each),
  );
  if (target !== undefined && dialects.includes(target)) return undefined;
  if (target?.shape.abstract === true) return `"${name}" is abstract: name a dialect`;
  const suggestion = didYouMean(
    name,
    dialects.map((each) => each.name),
  );
  return `no dialect is called "${name}"${suggestion}`;
}

/** The names that stand under a key as one or as a list, each with its place. */
export function namesAt(
  source: SchemaSource,
  key: 'extends' | 'adds_to',
): readonly { readonly name: string; readonly path: Path }[] {
  const names = source.shape[key];
  if (names === undefined) return [];
  if (typeof names === 'string') return [{ name: names, path: [key] }];
  return names.map((name, index) => ({ name, path: [key, index] }));
}
