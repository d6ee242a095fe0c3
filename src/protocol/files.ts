/** Reads the schemas that come with relaydiff: the only file here that touches the disk. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadProtocol, type Protocol } from './load.ts';

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
