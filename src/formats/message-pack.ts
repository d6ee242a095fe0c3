/**
 * Records as MessagePack maps, one after the other: the portable form of a capture, small and quick to read anywhere.
 * The same names as in NDJSON; times are integers, bytes are binary. The end record carries the SHA-256 of everything
 * in front of it.
 */
import { createHash } from 'node:crypto';
import { decode, encode } from '@msgpack/msgpack';
import { z } from 'zod';
import type { CaptureReader } from '../capture/types.ts';
import { importInvalid } from './import-records.ts';
import { messagePackLength } from './message-pack-length.ts';
import { captureRecords } from './read-records.ts';
import { type CaptureRecord, type Placed, type RecordCounts, RecordTally } from './record.ts';
import { firstMistake, recordShape } from './record-shapes.ts';

const SHAPE = recordShape({
  ns: z.int().nonnegative().transform(BigInt),
  bytes: z.instanceof(Uint8Array),
});
const DIGEST_SHAPE = z.object({ sha256: z.string() });

const BATCH_BYTES = 262_144;
/** Longer ones are refused before they are read. */
const VALUE_BYTES_MAX = 32 * 1024 * 1024;

export function* exportMessagePack(
  capture: CaptureReader,
  exporter: string,
): Generator<Uint8Array, RecordCounts> {
  const tally = new RecordTally();
  const hash = createHash('sha256');
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for (const record of captureRecords(capture, exporter)) {
    tally.add(record);
    const sha256 = record.record === 'end' ? { sha256: hash.copy().digest('hex') } : {};
    const packed = encode({ ...plain(record), ...sha256 }, { ignoreUndefined: true });
    hash.update(packed);
    batch.push(packed);
    bytes += packed.length;
    if (bytes < BATCH_BYTES) continue;
    yield Buffer.concat(batch);
    batch = [];
    bytes = 0;
  }
  yield Buffer.concat(batch);
  return tally.counts;
}

/** Times fit into doubles; the wall clock does not, and is decimal text as in NDJSON. */
function plain(record: CaptureRecord): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]: [string, unknown]) => {
      if (typeof value !== 'bigint') return [name, value];
      return [name, name === 'startedUnixNs' ? String(value) : Number(value)];
    }),
  );
}

/** Throws IMPORT_INVALID with the byte, at the first value that is no record, or whose digest is another. */
export async function* parseMessagePack(
  bytes: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<Placed<CaptureRecord>> {
  const hash = createHash('sha256');
  for await (const { value: packed, place } of valuesOf(bytes, file)) {
    let value: unknown;
    try {
      value = decode(packed);
    } catch (error) {
      throw importInvalid(file, place, error instanceof Error ? error.message : 'no MessagePack');
    }
    const parsed = SHAPE.safeParse(value);
    if (!parsed.success) throw importInvalid(file, place, firstMistake(parsed.error));
    if (parsed.data.record === 'end') {
      const said = DIGEST_SHAPE.safeParse(value).data?.sha256;
      if (said !== hash.digest('hex'))
        throw importInvalid(
          file,
          place,
          'the file is not as it was written: its digest is another',
        );
    } else hash.update(packed);
    yield { value: parsed.data, place };
  }
}

/** Each value of the file with its place. */
async function* valuesOf(
  bytes: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<Placed<Uint8Array>> {
  const cutter = new ValueCutter(file);
  for await (const piece of bytes) yield* cutter.push(piece);
  yield* cutter.end();
}

class ValueCutter {
  readonly #file: string;
  #pieces: Uint8Array[] = [];
  #waiting = 0;
  /** Place of the first byte that waits. */
  #begin = 0;
  /** Looking earlier would find nothing: to put together all that waits for each piece costs the square of it. */
  #wanted = 1;

  constructor(file: string) {
    this.#file = file;
  }

  *push(piece: Uint8Array): Generator<Placed<Uint8Array>> {
    this.#pieces.push(piece);
    this.#waiting += piece.length;
    if (this.#waiting >= this.#wanted) yield* this.#cut();
  }

  *end(): Generator<Placed<Uint8Array>> {
    yield* this.#cut();
    if (this.#waiting === 0) return;
    const what = `a value begins here, but the file ends after ${this.#waiting} bytes of it`;
    throw importInvalid(this.#file, `byte ${this.#begin}`, what);
  }

  *#cut(): Generator<Placed<Uint8Array>> {
    const buffer = Buffer.concat(this.#pieces);
    let at = 0;
    for (;;) {
      const place = `byte ${this.#begin + at}`;
      const length = messagePackLength(buffer, at);
      if (length === 'none') throw importInvalid(this.#file, place, 'no value of a record is here');
      const waiting = buffer.length - at;
      if (length !== 'more' && length > VALUE_BYTES_MAX)
        throw importInvalid(
          this.#file,
          place,
          `a value of ${length} bytes; 32 MiB are read at most`,
        );
      if (length === 'more' || length > waiting) {
        this.#wanted = length === 'more' ? Math.max(1, 2 * waiting) : length;
        break;
      }
      yield { value: buffer.subarray(at, at + length), place };
      at += length;
    }
    this.#pieces = [buffer.subarray(at)];
    this.#waiting = buffer.length - at;
    this.#begin += at;
  }
}
