/**
 * Salvages a damaged capture into a new one. Whatever proves itself is taken over, wherever it is found; what is known
 * to be missing becomes a gap; nothing is guessed. Never writes to the input, and reads its own output again before
 * it says that it is done.
 */
import { existsSync, rmSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { assert } from '../lib/assert.ts';
import { mergeSorted } from '../lib/merge-sorted.ts';
import { OperatingError } from '../lib/operating-error.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { BlockReader, type BlockRow } from './block-reader.ts';
import { APPLICATION_ID, newestFormat } from './database.ts';
import { PageImages } from './page-images.ts';
import { openCaptureFile } from './reader.ts';
import type { Recovery } from './recovery.ts';
import { salvageStream, type StreamChunk } from './salvage-content.ts';
import { LostRanges, UNCOUNTED } from './salvage-losses.ts';
import { factsOf, writeRows } from './salvage-rows.ts';
import { readRowAt, SalvageScan, type Trouble } from './salvage-scan.ts';
import { type FoundStream, SalvageStore } from './salvage-store.ts';
import type { CaptureReader, Chunk, Gap } from './types.ts';
import { verifyCapture } from './verify.ts';
import { CaptureWriter, streamKey } from './writer.ts';

export interface RecoverOptions {
  /** Version of relaydiff. */
  readonly writer: string;
  /** Stands for the dialect of the recording where that is lost. */
  readonly dialect: string;
  readonly layoutOf: (capture: Pick<CaptureReader, 'info' | 'protocolSchemas'>) => HeaderLayout;
  readonly onProgress?: (step: string, done: number, total: number) => void;
}

const FLUSH_BYTES = 4 * 1024 * 1024;
const FLUSH_CHUNKS = 16_384;

/**
 * Throws CAPTURE_NOT_FOUND, CAPTURE_UNREADABLE, NOT_A_CAPTURE, CAPTURE_NEWER, or CAPTURE_DAMAGED when nothing can be
 * saved; CAPTURE_EXISTS or CAPTURE_UNWRITABLE for the output, of which nothing is left then.
 */
export function recoverCapture(input: string, output: string, options: RecoverOptions): Recovery {
  if (existsSync(output)) {
    throw new OperatingError('CAPTURE_EXISTS', `${output} exists already`, {
      hint: 'Name another file, or remove this one first: relaydiff never overwrites a capture.',
    });
  }
  const images = new PageImages(input);
  const store = new SalvageStore();
  try {
    return new Recoverer(input, output, images, store, options).run();
  } finally {
    store.close();
    images.close();
  }
}

class Recoverer {
  readonly #input: string;
  readonly #output: string;
  readonly #images: PageImages;
  readonly #store: SalvageStore;
  readonly #options: RecoverOptions;
  readonly #lost = new LostRanges();
  /** CRC-32 over every chunk that was written, by stream: what is read again must give the same. */
  readonly #written = new Map<FoundStream, number>();
  /** Where each stream ends, and when its last chunk came. */
  readonly #ends = new Map<FoundStream, Pick<Chunk, 'offset' | 'timeNs'>>();
  #chunks = 0;
  #bytes = 0;

  constructor(
    input: string,
    output: string,
    images: PageImages,
    store: SalvageStore,
    options: RecoverOptions,
  ) {
    this.#input = input;
    this.#output = output;
    this.#images = images;
    this.#store = store;
    this.#options = options;
  }

  run(): Recovery {
    const scan = new SalvageScan(
      this.#images,
      (row) => this.#store.add(row),
      (done, total) => this.#options.onProgress?.('searching', done, total),
    );
    scan.run();
    if (this.#store.rows === 0) throw this.#nothing();
    this.#store.finish();
    const sealed = this.#store.info().get('sealed') === '1';
    const proven = sealed && this.#store.hasDigest();
    const isIntact = proven || (!sealed && scan.troubleCount === 0);
    const facts = factsOf(this.#store, this.#options);
    const orphans = this.#store.orphans();
    let counts: ReturnType<typeof writeRows>;
    let isWhole: boolean;
    try {
      const writer = CaptureWriter.create(this.#output, {
        ...facts.start,
        layout: this.#options.layoutOf(facts),
        notes: { ...facts.start.notes, ...notesOf(this.#input, sealed, isIntact) },
      });
      counts = writeRows(this.#store, writer, facts.lost);
      this.#writeChunks(writer, facts.endNs, {
        isSealed: sealed,
        isIntact: isIntact || !mayHoldBytes(scan.troubles),
      });
      isWhole =
        isIntact && this.#lost.count === 0 && orphans.length === 0 && facts.lost.length === 0;
      if (!isWhole && this.#lost.count === 0) this.#markAsDamaged(writer, facts.endNs);
      writer.seal();
      this.#readAgain();
    } catch (error) {
      for (const suffix of ['', '-wal', '-shm'])
        rmSync(`${this.#output}${suffix}`, { force: true });
      throw error;
    }
    return {
      format: 'relaydiff-recover/1',
      input: this.#input,
      output: this.#output,
      verdict: isWhole ? 'whole' : 'lost',
      proven: proven && isWhole,
      sealed,
      recovered: { ...counts, chunks: this.#chunks, bytes: this.#bytes },
      lost: {
        ranges: this.#lost.listed,
        rangeCount: this.#lost.count,
        bytes: this.#lost.bytes,
        streams: orphans.map(({ stream, bytes }) => ({ id: stream, bytes })),
        facts: facts.lost,
        events: !isIntact && scan.troubles.some(({ table }) => (table ?? 'event') === 'event'),
      },
      damage: {
        count: scan.troubleCount,
        places: scan.troubles.map(({ table, page, what }) => ({
          table: table ?? null,
          page,
          what,
        })),
      },
    };
  }

  #writeChunks(
    writer: CaptureWriter,
    endNs: bigint,
    input: { readonly isSealed: boolean; readonly isIntact: boolean },
  ): void {
    const blocks = new BlockReader((position) => this.#loadBlock(position));
    const accounts = new Map(
      [...this.#store.rowsOf<{ stream_id: number; seen_bytes: number }>('account')].map(
        (row) => [row.stream_id, row.seen_bytes] as const,
      ),
    );
    const labels = new Map(
      [...this.#store.rowsOf<{ id: number; label: string }>('connection')].map(
        (row) => [row.id, row.label] as const,
      ),
    );
    const onLost = this.#lost.listener(writer, labels);
    const streams = this.#store.streams();
    const total = streams.length;
    const sequences = streams.map((stream) =>
      salvageStream(stream, {
        blocks,
        pieces: (id) => this.#store.pieces(id),
        knownEnd: accounts.get(stream.id) ?? 0,
        endNs,
        onLost,
        onEnd: (offset, timeNs) => {
          this.#ends.set(stream, { offset, timeNs });
          this.#options.onProgress?.('writing', this.#ends.size, total);
        },
      }),
    );
    let unflushedBytes = 0;
    for (const next of mergeSorted<StreamChunk>(sequences, byOrdinal)) {
      this.#write(writer, next);
      unflushedBytes += next.chunk.bytes.length;
      if (unflushedBytes < FLUSH_BYTES && this.#chunks % FLUSH_CHUNKS !== 0) continue;
      writer.flush();
      unflushedBytes = 0;
    }
    for (const stream of streams) {
      const end = this.#ends.get(stream);
      if (end === undefined || accounts.has(stream.id) || (input.isSealed && input.isIntact))
        continue;
      const reason = input.isIntact ? 'cut-off' : 'damaged';
      onLost({
        stream,
        offset: end.offset,
        bytes: 0,
        reason,
        firstTimeNs: end.timeNs,
        lastTimeNs: endNs,
      });
    }
  }

  /** What is lost has no place, or is no bytes: still nobody may take the new capture for the whole truth. */
  #markAsDamaged(writer: CaptureWriter, endNs: bigint): void {
    const [first] = this.#ends;
    if (first === undefined) return;
    const [stream, { offset, timeNs }] = first;
    writer.addGap({
      ...placeOf(stream),
      where: 'recording',
      reason: 'damaged',
      offset,
      bytes: 0,
      ...UNCOUNTED,
      firstTimeNs: timeNs,
      lastTimeNs: endNs,
    });
  }

  #write(writer: CaptureWriter, { stream, chunk }: StreamChunk): void {
    const { ordinal, timeNs, offset, bytes } = chunk;
    const { connection, kind } = stream;
    writer.addChunk({ connection, stream: kind, ordinal, timeNs, offset, bytes });
    this.#written.set(stream, checksumOn(this.#written.get(stream) ?? 0, chunk));
    this.#chunks += 1;
    this.#bytes += bytes.length;
  }

  #loadBlock(position: number): BlockRow | undefined {
    const place = this.#store.blockBefore(position);
    const row = place === undefined ? undefined : readRowAt(this.#images, place)?.row;
    const bytes = row?.['bytes'];
    if (place === undefined || !(bytes instanceof Uint8Array)) return undefined;
    return { start: place.start, bytes, crc32: Number(row?.['crc32']) };
  }

  /** The output must be what was meant to be written, and a sound capture. */
  #readAgain(): void {
    const meant = new Map(
      [...this.#written].map(([stream, checksum]) => [keyOf(stream), checksum] as const),
    );
    const capture = openCaptureFile(this.#output);
    try {
      for (const stream of capture.streams()) {
        let checksum = 0;
        for (const chunk of capture.chunks(stream.id)) checksum = checksumOn(checksum, chunk);
        const key = streamKey(stream.connection, stream.kind);
        const isSame = checksum === (meant.get(key) ?? 0);
        meant.delete(key);
        assert(isSame, `stream ${stream.id} of ${this.#output} is what was written`);
      }
    } finally {
      capture.close();
    }
    assert(meant.size === 0, `${this.#output} has every stream that was written`);
    const verified = verifyCapture(this.#output);
    assert(
      verified.verdict !== 'damaged',
      `${this.#output} verifies: ${verified.findings[0]?.message ?? ''}`,
    );
  }

  #nothing(): OperatingError {
    const { isSqlite, applicationId, userVersion } = this.#images.header;
    if (!isSqlite || applicationId !== APPLICATION_ID) {
      const what = isSqlite ? 'an SQLite file of another program' : 'no SQLite file';
      return new OperatingError(
        'NOT_A_CAPTURE',
        `${this.#input} is not a capture: it is ${what}, and nothing in it is a row of a capture`,
        { hint: 'Give a capture written by relaydiff record or relaydiff import.' },
      );
    }
    if (userVersion > newestFormat()) {
      return new OperatingError(
        'CAPTURE_NEWER',
        `${this.#input} has capture format ${userVersion}; this relaydiff reads up to ${newestFormat()}`,
        { hint: 'Update relaydiff, then try again.' },
      );
    }
    return new OperatingError(
      'CAPTURE_DAMAGED',
      `nothing could be saved from ${this.#input}: no row in it proves itself`,
      { hint: 'Keep the file with its -wal; a copy of it made earlier may hold more.' },
    );
  }
}

/** Damage at which bytes of streams may have been lost, or how many there were. */
function mayHoldBytes(troubles: readonly Trouble[]): boolean {
  const others = new Set(['capture_info', 'protocol_schema', 'event', 'connection', 'gap']);
  return troubles.some(({ table }) => table === undefined || !others.has(table));
}

function notesOf(
  input: string,
  isSealed: boolean,
  isIntact: boolean,
): Readonly<Record<string, string>> {
  const state = isSealed ? '' : ', which was not sealed: its end is missing';
  const damage = isIntact ? '' : isSealed ? ', which was damaged' : ' and was damaged';
  return { recovered: `from ${input}${state}${damage}` };
}

function placeOf({ connection, kind }: FoundStream): Pick<Gap, 'connection' | 'stream'> {
  return { connection, stream: kind };
}

function keyOf(stream: FoundStream): string {
  return streamKey(stream.connection, stream.kind);
}

function byOrdinal(left: StreamChunk, right: StreamChunk): number {
  return left.chunk.ordinal - right.chunk.ordinal;
}

function checksumOn(checksum: number, { ordinal, timeNs, offset, bytes }: Chunk): number {
  return crc32(bytes, crc32(`${ordinal} ${timeNs} ${offset}`, checksum));
}
