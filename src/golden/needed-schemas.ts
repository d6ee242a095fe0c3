/**
 * Which of the schemas in a recording a golden needs: they are half of a small capture. Those of its dialect and what these
 * extend; all, as soon as somebody added definitions of their own. Pure.
 */
import { readSchemaSource, schemaName } from '../protocol/schema-source.ts';

export function neededSchemas(
  recorded: ReadonlyMap<string, string>,
  dialect: string,
  builtIn: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const files = new Map([...recorded].map(([file, text]) => [schemaName(file), { file, text }]));
  if ([...files.keys()].some((name) => !builtIn.has(name))) return recorded;
  const needed = new Set<string>();
  const open = [dialect];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const schema = files.get(name);
    const read = schema === undefined ? undefined : readSchemaSource(schema.file, schema.text);
    // What this relaydiff cannot read, another one wrote: it may need any of them.
    if (read === undefined || 'mistakes' in read) return recorded;
    needed.add(name);
    const bases = [read.source.shape.extends ?? []].flat();
    open.push(...bases.filter((base) => !needed.has(base)));
  }
  return new Map([...recorded].filter(([file]) => needed.has(schemaName(file))));
}
