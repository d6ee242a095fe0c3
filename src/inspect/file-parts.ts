/** A file of pools, part after part, as `decode --file-format` prints it. */
import { OperatingError } from '../lib/operating-error.ts';
import { displayInteger } from '../protocol/display.ts';
import { fieldText, isConstant } from '../protocol/field-values.ts';
import { type FilePart, readRecordFile, recognizeFile } from '../protocol/record-file.ts';
import { didYouMean } from '../lib/suggest.ts';
import type {
  DecodedFields,
  DecodedValue,
  Dialect,
  FieldLayout,
  RecordFileLayout,
  StructLayout,
} from '../protocol/types.ts';

/** What stands for a name: look at the bytes. */
export const AUTO_FORMAT = 'auto';

/** `format`: the name of a file of the dialect, or `auto`. Throws FILE_UNRECOGNIZED. */
export function fileLayout(dialect: Dialect, format: string, bytes: Uint8Array): RecordFileLayout {
  if (format !== AUTO_FORMAT) {
    const named = dialect.files.get(format);
    if (named !== undefined) return named;
    const names = [AUTO_FORMAT, ...dialect.files.keys()];
    throw unrecognized(
      `${dialect.name} has no file "${format}"${didYouMean(format, names)}; there are ${names.join(', ')}`,
    );
  }
  const { layout, because } = recognizeFile(dialect, bytes);
  if (layout !== undefined) return layout;
  throw unrecognized(`none of the files of ${dialect.name}: ${because.join('; ')}`);
}

function unrecognized(message: string): OperatingError {
  return new OperatingError('FILE_UNRECOGNIZED', message, {
    hint: 'Name the file with --file-format to see what is wrong with it, or try another --dialect.',
  });
}

/** One object a part, each with the name of the file. */
export function* fileRecords(layout: RecordFileLayout, bytes: Uint8Array): Generator<object> {
  for (const part of readRecordFile(layout, bytes)) yield { file: layout.name, ...part };
}

export function* fileLines(layout: RecordFileLayout, bytes: Uint8Array): Generator<string> {
  yield `${layout.name}, ${bytes.byteLength} bytes${layout.note === undefined ? '' : `: ${layout.note}`}`;
  for (const part of readRecordFile(layout, bytes)) yield partLine(layout, part);
}

const HEX_SHOWN_CHARACTERS = 32;

function partLine(layout: RecordFileLayout, part: FilePart): string {
  const place = `at ${part.offset}, ${part.length} bytes`;
  if (part.part === 'defect') {
    const { defect, detail, path, hex } = part;
    const bytes = hex === undefined ? '' : ` [${shorten(hex)}]`;
    return `${place}  DEFECT ${defect}${path === undefined ? '' : ` at ${path}`}: ${detail}${bytes}`;
  }
  const struct = part.part === 'header' ? layout.header : layout.record;
  const fields = struct === undefined ? '' : fieldsText(struct, part.fields);
  if (part.part === 'record') return `#${part.ordinal} ${place}: ${fields}`;
  return `header ${place}: ${fields}${part.checksum === undefined ? '' : ` (${part.checksum})`}`;
}

function fieldsText(struct: StructLayout, values: DecodedFields): string {
  return struct.fields
    .flatMap((field) => {
      const value = values[field.name];
      if (field.padding || value === undefined) return [];
      return [`${field.name} ${valueText(field, value)}`];
    })
    .join(', ');
}

/** A name and a date stand before their number, the text of a constant before its bytes. */
function valueText(field: FieldLayout, value: DecodedValue): string {
  if (field.type.kind === 'struct' && isFields(value))
    return `{${fieldsText(field.type.struct, value)}}`;
  const shown = shownValue(field, value);
  return shown === undefined ? fieldText(value) : `${shown} (${fieldText(value)})`;
}

function shownValue(field: FieldLayout, value: DecodedValue): string | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return displayInteger(field, value);
  if (!(value instanceof Uint8Array) || !isConstant(field, value)) return undefined;
  return Buffer.from(value).toString('latin1');
}

function isFields(value: DecodedValue): value is DecodedFields {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function shorten(hex: string): string {
  return hex.length <= HEX_SHOWN_CHARACTERS ? hex : `${hex.slice(0, HEX_SHOWN_CHARACTERS)}…`;
}
