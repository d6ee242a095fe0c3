/** Reads the schemas that come with relaydiff: the only file here that touches the disk. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OperatingError } from '../lib/operating-error.ts';
import { loadProtocol, type Protocol, type SchemaTexts } from './load.ts';

/** `src/protocol/` and `dist/protocol/` both lie two levels below the package. */
const SCHEMA_DIRECTORY = new URL('../../schemas/protocol/', import.meta.url);

/** File name -> YAML text. */
export function readBuiltInSchemas(): ReadonlyMap<string, string> {
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

/** What somebody added to the schemas that come with relaydiff. Throws INPUT_UNREADABLE. */
export function readSchemaFiles(paths: readonly string[]): SchemaTexts {
  return paths.map((path) => {
    try {
      return [path, readFileSync(path, 'utf8')] as const;
    } catch (error) {
      throw new OperatingError('INPUT_UNREADABLE', `cannot read ${path}: ${String(error)}`, {
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
