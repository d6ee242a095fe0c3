/** Looks up what the files of a dialect are made of: a header, a number of records, and the records. */
import { merged } from './merge-entries.ts';
import type { RecordFileShape } from './schema-shape.ts';
import type { Entry, Report, SchemaSource } from './schema-source.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { RecordFileLayout, StructLayout } from './types.ts';
import { isIntegerType } from './values.ts';

/** Enough for any count, and not wider than a number is exact. */
const COUNT_TYPES: ReadonlySet<string> = new Set(['u8', 'u16', 'u32']);

export function resolveFiles(
  chain: readonly SchemaSource[],
  structs: ReadonlyMap<string, StructLayout>,
  report: Report,
): ReadonlyMap<string, RecordFileLayout> {
  const files = new Map<string, RecordFileLayout>();
  for (const [name, entry] of merged(chain, 'files', (file) => file.files, { report })) {
    const layout = layoutOf(name, entry, structs, report);
    if (layout !== undefined) files.set(name, layout);
  }
  return files;
}

function layoutOf(
  name: string,
  { shape, source, path }: Entry<RecordFileShape>,
  structs: ReadonlyMap<string, StructLayout>,
  report: Report,
): RecordFileLayout | undefined {
  const mistake = (key: keyof RecordFileShape, what: string): undefined => {
    report(source.mistake([...path, key], what));
    return undefined;
  };
  const structOf = (key: 'header' | 'record', wanted: string): StructLayout | undefined => {
    const struct = structs.get(wanted);
    if (struct === undefined)
      return mistake(key, `no struct is called "${wanted}"${didYouMean(wanted, structs.keys())}`);
    if (struct.openEnded || struct.hasLists)
      return mistake(key, `${wanted} has no size of its own: a file is cut by sizes`);
    return struct;
  };
  const integerOf = (key: 'count' | 'checksum', field: string, within: StructLayout): void => {
    const found = within.fields.find((each) => each.name === field);
    if (found?.type.kind !== 'integer' || !COUNT_TYPES.has(found.type.integer))
      mistake(key, `${within.name} has no integer of at most 32 bits called "${field}"`);
  };
  const record = structOf('record', shape.record);
  const header = shape.header === undefined ? undefined : structOf('header', shape.header);
  const { count, checksum, note } = shape;
  if (header !== undefined && count !== undefined) integerOf('count', count, header);
  if (header !== undefined && checksum !== undefined) integerOf('checksum', checksum, header);
  if (shape.header === undefined && checksum !== undefined)
    mistake('checksum', 'only a header has a checksum');
  if (shape.header === undefined && count !== undefined && !isCountType(count))
    mistake('count', `without a header it is ${[...COUNT_TYPES].join(', ')}, before the records`);
  if (record === undefined) return undefined;
  const prefix =
    header === undefined && count !== undefined && isCountType(count) ? count : undefined;
  return {
    name,
    note,
    header,
    countField: header === undefined ? undefined : count,
    countPrefix: prefix,
    checksumField: checksum,
    record,
  };
}

function isCountType(text: string): text is 'u8' | 'u16' | 'u32' {
  return isIntegerType(text) && COUNT_TYPES.has(text);
}
