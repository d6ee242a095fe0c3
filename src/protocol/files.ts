/** Reads the schemas that come with relaydiff, and what the build has checked of them: the only file here that touches the disk. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OperatingError, reasonOf } from '../lib/operating-error.ts';
import { loadProtocol, type Protocol, type SchemaTexts } from './load.ts';
import type { FileShape } from './schema-shape.ts';
import { readSchemaSource, rememberChecked } from './schema-source.ts';

/** `src/protocol/` and `dist/protocol/` both lie two levels below the package. */
const SCHEMA_DIRECTORY = new URL('../../schemas/protocol/', import.meta.url);

/** `[text, shape]` of each schema, written by the build; without it the texts are read as any other. */
const CHECKED_SCHEMAS = new URL('../../dist/checked-schemas.json', import.meta.url);

let areCheckedRemembered = false;

function rememberCheckedSchemas(): void {
  if (areCheckedRemembered) return;
  areCheckedRemembered = true;
  if (!existsSync(CHECKED_SCHEMAS)) return;
  const checked: readonly CheckedSchema[] = JSON.parse(readFileSync(CHECKED_SCHEMAS, 'utf8'));
  for (const [text, shape] of checked) rememberChecked(text, shape);
}

/** File name -> YAML text. */
export function readBuiltInSchemas(): ReadonlyMap<string, string> {
  rememberCheckedSchemas();
  const files = readdirSync(fileURLToPath(SCHEMA_DIRECTORY))
    .filter((file) => file.endsWith('.yaml'))
    .sort();
  return new Map(
    files.map((file) => [file, readFileSync(new URL(file, SCHEMA_DIRECTORY), 'utf8')]),
  );
}

export function loadBuiltInProtocol(): Protocol {
  return loadProtocol(readBuiltInSchemas());
}

type CheckedSchema = readonly [text: string, shape: FileShape];

/**
 * What the build writes, so that no start of the program has to parse and check the same texts.
 * @public for `scripts/build.mjs`
 */
export function checkedSchemas(): readonly CheckedSchema[] {
  return [...readBuiltInSchemas()].map(([file, text]) => {
    const read = readSchemaSource(file, text);
    if ('source' in read) return [text, read.source.shape];
    throw new Error(read.mistakes.join('\n'));
  });
}

/** What somebody added to the schemas that come with relaydiff. Throws INPUT_UNREADABLE. */
export function readSchemaFiles(paths: readonly string[]): SchemaTexts {
  return paths.map((path) => {
    try {
      return [path, readFileSync(path, 'utf8')] as const;
    } catch (error) {
      throw new OperatingError('INPUT_UNREADABLE', `cannot read ${path}: ${reasonOf(error)}`, {
        hint: 'Give a schema file; schemas/protocol/README.md describes the format.',
        cause: error,
      });
    }
  });
}

/** The schemas that come with relaydiff and those of the files. Throws SCHEMA_INVALID. */
export function loadProtocolWith(paths: readonly string[]): Protocol {
  return loadProtocol([...readBuiltInSchemas(), ...readSchemaFiles(paths)]);
}
