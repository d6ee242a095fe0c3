/** The header orders of a dialect, and which of them it uses. */
import type { HeaderLayout, HeaderOffsets } from '../wire/types.ts';
import { merged } from './merge-entries.ts';
import type { HeaderShape } from './schema-shape.ts';
import type { Entry, Report, SchemaSource } from './schema-source.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { HeaderField } from './types.ts';
import { HEADER_FIELDS, HEADER_INTEGERS, INTEGER_BYTES, isIntegerType } from './values.ts';

export function resolveHeaders(
  chain: readonly SchemaSource[],
  report: Report,
): ReadonlyMap<string, HeaderLayout> {
  return new Map(
    [...merged(chain, 'headers', (file) => file.headers)].map(([name, entry]) => [
      name,
      layoutHeader(name, entry, report),
    ]),
  );
}

/** A field that is no header field was reported with its layout. */
export function headerFields(
  chain: readonly SchemaSource[],
): ReadonlyMap<string, readonly HeaderField[]> {
  const layouts = merged(chain, 'headers', (file) => file.headers);
  return new Map(
    [...layouts].map(([header, { shape }]) => {
      let offset = 0;
      const fields = shape.fields.flatMap((field): HeaderField[] => {
        const name = HEADER_FIELDS.find((known) => known === field.name);
        if (name === undefined) return [];
        const type = HEADER_INTEGERS[name];
        const placed = { name, offset, type, note: field.note };
        offset += INTEGER_BYTES[type];
        return [placed];
      });
      return [header, fields];
    }),
  );
}

export function chosenHeader(
  chain: readonly SchemaSource[],
  self: SchemaSource,
  headers: ReadonlyMap<string, HeaderLayout>,
  report: Report,
): HeaderLayout | undefined {
  const chooser = chain.findLast((source) => source.shape.header !== undefined);
  const choice = chooser?.shape.header;
  if (chooser === undefined || choice === undefined) {
    report(self.mistake([], 'a dialect needs header'));
    return undefined;
  }
  if (!headers.has(choice)) {
    const what = `no header is called "${choice}"${didYouMean(choice, headers.keys())}`;
    report(chooser.mistake(['header'], what));
    return undefined;
  }
  return headers.get(choice);
}

function layoutHeader(
  generation: string,
  { shape, source, path }: Entry<HeaderShape>,
  report: Report,
): HeaderLayout {
  const offsets = new Map<string, number>();
  let offset = 0;
  for (const [index, field] of shape.fields.entries()) {
    const fieldPath = [...path, 'fields', index];
    const name = HEADER_FIELDS.find((known) => known === field.name);
    const expected = name && HEADER_INTEGERS[name];
    if (expected === undefined) {
      const suggestion = didYouMean(field.name, HEADER_FIELDS);
      report(
        source.mistake([...fieldPath, 'name'], `a header has no "${field.name}"${suggestion}`),
      );
    } else if (field.type !== expected) {
      report(
        source.mistake([...fieldPath, 'type'], `${field.name} is ${expected}, not ${field.type}`),
      );
    }
    if (offsets.has(field.name))
      report(source.mistake([...fieldPath, 'name'], `"${field.name}" is there already`));
    if (field.offset !== undefined && field.offset !== offset)
      report(
        source.mistake([...fieldPath, 'offset'], `says ${field.offset}, it lies at ${offset}`),
      );
    offsets.set(field.name, offset);
    offset += isIntegerType(field.type) ? INTEGER_BYTES[field.type] : 0;
  }
  if (offset !== shape.size)
    report(source.mistake([...path, 'size'], `says ${shape.size}, the fields add up to ${offset}`));
  const missing = HEADER_FIELDS.filter((name) => !offsets.has(name));
  for (const name of missing)
    report(source.mistake([...path, 'fields'], `the field ${name} is missing`));
  const at = (name: keyof HeaderOffsets): number => offsets.get(name) ?? 0;
  return {
    generation,
    sizeBytes: shape.size,
    magic: shape.magic,
    offsets: {
      magic: at('magic'),
      relay_domain: at('relay_domain'),
      version: at('version'),
      source: at('source'),
      flags: at('flags'),
      sequence: at('sequence'),
      timestamp: at('timestamp'),
      payload_size: at('payload_size'),
      checksum: at('checksum'),
    },
  };
}
