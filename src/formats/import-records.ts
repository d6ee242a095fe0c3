/**
 * Makes a capture of the records of a file: written under another name, verified, and only then given its own, so
 * that a capture that is there is one that verifies.
 */
import { existsSync, rmSync } from 'node:fs';
import { OperatingError } from '../lib/operating-error.ts';
import type { Verification } from '../capture/verification.ts';
import { verifyCapture } from '../capture/verify.ts';
import { giveName, temporaryNameOf } from './new-file.ts';
import type { CaptureRecord, Placed, RecordCounts } from './record.ts';
import { type LayoutOf, RecordWriter } from './record-writer.ts';

export interface ImportOptions {
  /** How the file is called in messages. */
  readonly file: string;
  readonly layoutOf: LayoutOf;
  /** Keep what came before the place where the file breaks off or makes no sense. */
  readonly keepsPartial: boolean;
  readonly onVerify?: (step: string, done: number, total: number) => void;
}

export interface Imported {
  readonly counts: RecordCounts;
  /** Why only a part was kept. */
  readonly cutOff: string | undefined;
  readonly verification: Verification;
}

/** What is wrong with a file that is imported, and where. Parsers throw it, and whoever imports decides what to keep. */
export function importInvalid(file: string, place: string, what: string): OperatingError {
  return new OperatingError('IMPORT_INVALID', `${file}: ${place}: ${what}`, {
    hint: 'docs/interoperability.md describes the formats; --keep-partial keeps what stands before this place.',
  });
}

function isInvalid(error: unknown): error is OperatingError {
  return error instanceof OperatingError && error.code === 'IMPORT_INVALID';
}

/** Throws IMPORT_INVALID, CAPTURE_EXISTS or CAPTURE_UNWRITABLE; then there is no new file. */
export async function importRecords(
  out: string,
  records: AsyncIterable<Placed<CaptureRecord>> | Iterable<Placed<CaptureRecord>>,
  options: ImportOptions,
): Promise<Imported> {
  refuseExisting(out);
  const fresh = temporaryNameOf(out);
  const writer = new RecordWriter(fresh, options.layoutOf);
  try {
    const cutOff = await addAll(writer, records, options);
    if (cutOff === undefined) writer.seal();
    else writer.endCutOff(cutOff);
    const verification = verifyCapture(fresh, options.onVerify);
    if (verification.verdict === 'damaged' || verification.verdict === 'unreadable') {
      const what = verification.findings[0]?.message ?? verification.verdict;
      throw importInvalid(options.file, 'as a whole', `it makes no sound capture: ${what}`);
    }
    giveName(fresh, out, () => existing(out));
    return { counts: writer.counts, cutOff, verification: { ...verification, path: out } };
  } catch (error) {
    writer.abandon();
    throw error;
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${fresh}${suffix}`, { force: true });
  }
}

/** Returns why what follows is missing, when it may be. */
async function addAll(
  writer: RecordWriter,
  records: AsyncIterable<Placed<CaptureRecord>> | Iterable<Placed<CaptureRecord>>,
  { file, keepsPartial }: ImportOptions,
): Promise<string | undefined> {
  let place = 'at its beginning';
  try {
    for await (const record of records) {
      ({ place } = record);
      const fault = writer.add(record.value);
      if (fault !== undefined) throw importInvalid(file, place, fault);
    }
    const missing = writer.missing();
    if (missing !== undefined) throw importInvalid(file, `after ${place}`, missing);
    return undefined;
  } catch (error) {
    if (!isInvalid(error)) throw error;
    if (keepsPartial && writer.hasBegun) return error.message;
    const { chunks, events } = writer.counts;
    const sound = `; before it stand ${chunks} chunks and ${events} events`;
    throw new OperatingError('IMPORT_INVALID', `${error.message}${sound}`, {
      ...(error.hint !== undefined && { hint: error.hint }),
      cause: error,
    });
  }
}

export function refuseExisting(path: string): void {
  if (existsSync(path)) throw existing(path);
}

function existing(path: string): OperatingError {
  return new OperatingError('CAPTURE_EXISTS', `${path} exists already`, {
    hint: 'Name another file, or remove this one first: relaydiff never overwrites a capture.',
  });
}
