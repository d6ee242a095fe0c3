/**
 * Records as lines of JSON, one a line: for people, jq and scripts. 64-bit numbers are decimal text, bytes lower-case
 * hex (schemas/json/capture-record.schema.json).
 */
import type { CaptureReader } from '../capture/types.ts';
import { jsonText } from '../lib/json-text.ts';
import { captureRecords } from './read-records.ts';
import { importInvalid } from './import-records.ts';
import { type CaptureRecord, type Placed, type RecordCounts, RecordTally } from './record.ts';
import { DECIMAL_NS, firstMistake, HEX_BYTES, recordShape } from './record-shapes.ts';
import { linesOf } from './text-lines.ts';

/** A line of a file. */
export const LINE_SHAPE = recordShape({ ns: DECIMAL_NS, bytes: HEX_BYTES });

const BATCH_CHARACTERS = 262_144;

export function* exportNdjson(
  capture: CaptureReader,
  exporter: string,
): Generator<Uint8Array, RecordCounts> {
  const tally = new RecordTally();
  let batch = '';
  for (const record of captureRecords(capture, exporter)) {
    tally.add(record);
    batch += `${jsonText(record)}\n`;
    if (batch.length < BATCH_CHARACTERS) continue;
    yield Buffer.from(batch);
    batch = '';
  }
  yield Buffer.from(batch);
  return tally.counts;
}

/** Throws IMPORT_INVALID with the line, at the first that is no record. Lines without text are passed over. */
export async function* parseNdjson(
  bytes: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<Placed<CaptureRecord>> {
  for await (const { line, number } of linesOf(bytes, file)) {
    const place = `line ${number}`;
    if (line.trim() !== '') yield { value: parseRecordText(line, file, place), place };
  }
}

export function parseRecordText(text: string, file: string, place: string): CaptureRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw importInvalid(file, place, error instanceof Error ? error.message : 'not JSON');
  }
  const parsed = LINE_SHAPE.safeParse(value);
  if (parsed.success) return parsed.data;
  throw importInvalid(file, place, firstMistake(parsed.error));
}
