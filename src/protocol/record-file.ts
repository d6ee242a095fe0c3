/**
 * Reads files of records (`files` of the schemas): a header or a count, then structs back to back, without TLV
 * framing. Pure and total: what does not fit is a defect with its place, and every byte is in one part.
 */
import { crc32 } from 'node:zlib';
import { toHex } from '../lib/bytes.ts';
import { viewOf } from '../wire/header.ts';
import type { ChecksumState } from '../wire/types.ts';
import { fieldText, isConstant } from './field-values.ts';
import { decodeStruct } from './struct-decoder.ts';
import type {
  Dialect,
  DecodedValue,
  DecodedFields,
  RecordFileLayout,
  StructLayout,
} from './types.ts';
import { INTEGER_BYTES, readInteger } from './values.ts';

export type FileDefectKind =
  /** Too few bytes for the header, or for the count. */
  | 'truncated-header'
  /** Something else where every writer writes the same; no loader takes such a file. */
  | 'wrong-constant'
  /** An end that is no whole record. */
  | 'truncated-record'
  /** Records that are counted and not there. */
  | 'missing-records'
  /** Bytes behind the last record that is counted. */
  | 'bytes-after-records'
  /** The checksum is not that of the records; no loader looks at it. */
  | 'wrong-checksum';

interface Place {
  /** From the start of the file. */
  readonly offset: number;
  readonly length: number;
}

export interface FileHeader extends Place {
  readonly part: 'header';
  readonly fields: DecodedFields;
  /** Of all whole records, as the field is meant; there when the header has one. */
  readonly checksum?: ChecksumState;
}

export interface FileRecord extends Place {
  readonly part: 'record';
  /** From 0. */
  readonly ordinal: number;
  readonly fields: DecodedFields;
}

/** Of bytes that no other part has, with their hex; or of a field that a part before it has. */
export interface FileDefect extends Place {
  readonly part: 'defect';
  readonly defect: FileDefectKind;
  readonly detail: string;
  readonly path?: string;
  readonly hex?: string;
}

export type FilePart = FileHeader | FileRecord | FileDefect;

/** In the order of the bytes, one at a time: a file may hold a million records. */
export function* readRecordFile(layout: RecordFileLayout, bytes: Uint8Array): Generator<FilePart> {
  const { record } = layout;
  const start = bodyOffset(layout);
  if (bytes.byteLength < start) {
    const what = layout.header === undefined ? 'count' : layout.header.name;
    const detail = `${what} has ${start} bytes, ${bytes.byteLength} are there`;
    yield rest('truncated-header', bytes, 0, detail);
    return;
  }
  const counted = countOf(layout, bytes);
  const there = Math.floor((bytes.byteLength - start) / record.size);
  const count = Math.min(counted ?? there, there);
  const end = start + count * record.size;
  yield* readHeader(layout, bytes, bytes.subarray(start, end));
  for (let ordinal = 0; ordinal < count; ordinal++) {
    const place = { offset: start + ordinal * record.size, length: record.size };
    const fields = fieldsAt(record, bytes, place.offset);
    yield { part: 'record', ordinal, ...place, fields };
    yield* wrongConstants(record, fields, { offset: place.offset, path: `record[${ordinal}]` });
  }
  yield* readEnd(layout, bytes, { end, counted, count });
}

interface End {
  readonly end: number;
  readonly counted: number | undefined;
  readonly count: number;
}

function* readEnd(
  { record }: RecordFileLayout,
  bytes: Uint8Array,
  { end, counted, count }: End,
): Generator<FileDefect> {
  const left = bytes.byteLength - end;
  const missing = (counted ?? count) - count;
  if (left > 0) {
    const isCut = counted === undefined || missing > 0;
    yield isCut
      ? rest(
          'truncated-record',
          bytes,
          end,
          `${record.name} has ${record.size} bytes, ${left} are left`,
        )
      : rest(
          'bytes-after-records',
          bytes,
          end,
          `${left} bytes behind the ${count} records that are counted`,
        );
  }
  if (missing > 0) {
    const detail = `${counted} records are counted, ${count} are there`;
    yield {
      part: 'defect',
      defect: 'missing-records',
      offset: bytes.byteLength,
      length: 0,
      detail,
    };
  }
}

function* readHeader(
  { header, checksumField }: RecordFileLayout,
  bytes: Uint8Array,
  body: Uint8Array,
): Generator<FileHeader | FileDefect> {
  if (header === undefined) return;
  const fields = fieldsAt(header, bytes, 0);
  const place = { offset: 0, length: header.size };
  const stored = checksumField === undefined ? undefined : Number(fields[checksumField]);
  const checksum = stored === undefined ? undefined : checksumState(stored, body);
  yield { part: 'header', ...place, fields, ...(checksum === undefined ? {} : { checksum }) };
  yield* wrongConstants(header, fields, { offset: 0, path: 'header' });
  const field = header.fields.find(({ name }) => name === checksumField);
  if (checksum !== 'wrong' || field === undefined) return;
  const detail = `${hex32(stored ?? 0)} is written, the records give ${hex32(crc32(body))}`;
  const { offset, size: length, name } = field;
  yield {
    part: 'defect',
    defect: 'wrong-checksum',
    offset,
    length,
    path: `header.${name}`,
    detail,
  };
}

function checksumState(stored: number, body: Uint8Array): ChecksumState {
  if (stored === 0) return 'zero';
  return stored === crc32(body) ? 'valid' : 'wrong';
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** Where records begin. */
function bodyOffset({ header, countPrefix }: RecordFileLayout): number {
  return header?.size ?? (countPrefix === undefined ? 0 : INTEGER_BYTES[countPrefix]);
}

/** `bytes` hold the whole header; undefined when nothing counts the records. */
function countOf(layout: RecordFileLayout, bytes: Uint8Array): number | undefined {
  const { header, countField, countPrefix } = layout;
  if (countPrefix !== undefined)
    return Number(readInteger(viewOf(bytes), 0, countPrefix, 'little'));
  if (header === undefined || countField === undefined) return undefined;
  return Number(fieldsAt(header, bytes, 0)[countField]);
}

/** A FixedVec that says too much leaves no fields; its bytes are in the part all the same. */
function fieldsAt(struct: StructLayout, bytes: Uint8Array, offset: number): DecodedFields {
  const value = bytes.subarray(offset, offset + struct.size);
  return decodeStruct(struct, value) ?? { raw: value };
}

function* wrongConstants(
  struct: StructLayout,
  values: DecodedFields,
  { offset, path }: { readonly offset: number; readonly path: string },
): Generator<FileDefect> {
  for (const field of struct.fields) {
    const value = values[field.name];
    const place = { offset: offset + field.offset, path: `${path}.${field.name}` };
    if (field.type.kind === 'struct' && isRecord(value)) {
      yield* wrongConstants(field.type.struct, value, place);
    } else if (field.always !== undefined && value !== undefined && !isConstant(field, value)) {
      const detail = `${fieldText(value)} where every writer writes ${field.always}`;
      yield { part: 'defect', defect: 'wrong-constant', ...place, length: field.size, detail };
    }
  }
}

function rest(
  defect: FileDefectKind,
  bytes: Uint8Array,
  offset: number,
  detail: string,
): FileDefect {
  const hex = toHex(bytes.subarray(offset));
  return { part: 'defect', defect, offset, length: bytes.byteLength - offset, detail, hex };
}

function isRecord(value: DecodedValue | undefined): value is DecodedFields {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array);
}

export interface Recognized {
  /** undefined: it is none of the files that the dialect knows. */
  readonly layout: RecordFileLayout | undefined;
  /** For each file of the dialect that it is not, why. */
  readonly because: readonly string[];
}

/**
 * Which file of the dialect it is. The constants of the header must be right; a file without a header must begin
 * with a record whose numbers have names. Of several, the one with the fewest defects: two caches begin alike.
 */
export function recognizeFile(dialect: Dialect, bytes: Uint8Array): Recognized {
  const because: string[] = [];
  let best: { readonly layout: RecordFileLayout; readonly defects: number } | undefined;
  for (const layout of dialect.files.values()) {
    const { defects, obstacle } = fitOf(layout, bytes);
    if (obstacle !== undefined) because.push(`${layout.name}: ${obstacle}`);
    else if (best === undefined || defects < best.defects) best = { layout, defects };
  }
  if (dialect.files.size === 0) because.push(`${dialect.name} knows no files`);
  return { layout: best?.layout, because };
}

interface Fit {
  readonly defects: number;
  /** The first thing that speaks against it. */
  readonly obstacle: string | undefined;
}

/** A file that is another one has nothing but defects. */
const DEFECTS_LOOKED_AT = 16;

function fitOf(layout: RecordFileLayout, bytes: Uint8Array): Fit {
  let defects = 0;
  let records = 0;
  for (const part of readRecordFile(layout, bytes)) {
    const obstacle = obstacleIn(part, layout);
    if (obstacle !== undefined) return { defects, obstacle };
    if (part.part === 'record') records++;
    // No loader looks at the checksum, and neither does this.
    else if (part.part === 'defect' && part.defect !== 'wrong-checksum') defects++;
    if (defects >= DEFECTS_LOOKED_AT) break;
  }
  const isEmpty = layout.header === undefined && records === 0 && defects > 0;
  return { defects, obstacle: isEmpty ? 'no whole record' : undefined };
}

function obstacleIn(part: FilePart, layout: RecordFileLayout): string | undefined {
  const { header, record } = layout;
  if (part.part === 'defect') {
    const isOfHeader = part.offset < bodyOffset(layout);
    const isFatal =
      part.defect === 'truncated-header' ||
      (part.defect === 'wrong-constant' && (isOfHeader || header === undefined));
    return isFatal ? `${part.detail}, at byte ${part.offset}` : undefined;
  }
  if (part.part !== 'record' || header !== undefined) return undefined;
  const unnamed = unnamedNumber(record, part.fields);
  return unnamed && `${unnamed}, in the record at byte ${part.offset}`;
}

/** Bytes that are something else hold numbers that nothing is called by. */
function unnamedNumber(struct: StructLayout, values: DecodedFields): string | undefined {
  for (const { name, enum: table } of struct.fields) {
    const number = Number(values[name]);
    if (table !== undefined && !table.flags && !table.names.has(number))
      return `${name} ${number} is no ${table.name}`;
  }
  return undefined;
}
