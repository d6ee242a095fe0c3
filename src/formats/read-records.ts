/** A capture as records, in bounded memory: what is read of it at a time is a segment a stream, and its gaps. */
import { FILE_MISSING } from '../capture/capture-set.ts';
import type { CaptureReader, Gap, StreamAccount, StreamRow } from '../capture/types.ts';
import { streamKey } from '../capture/writer.ts';
import { mergeSorted } from '../lib/merge-sorted.ts';
import {
  type CaptureRecord,
  type ChunkRecord,
  type EventRecord,
  type GapRecord,
  type HeadRecord,
  RECORDS_FORMAT,
  RecordTally,
} from './record.ts';

/** `exporter`: version of relaydiff. The bytes of a chunk are valid until the next record. */
export function* captureRecords(
  capture: CaptureReader,
  exporter: string,
): Generator<CaptureRecord> {
  const tally = new RecordTally();
  for (const record of withoutEnd(capture, exporter)) {
    tally.add(record);
    yield record;
  }
  yield { record: 'end', counts: tally.counts };
}

function* withoutEnd(capture: CaptureReader, exporter: string): Generator<CaptureRecord> {
  yield headRecord(capture, exporter);
  yield* preamble(capture);
  const chunks = capture.streams().map((stream) => chunkRecords(capture, stream));
  yield* inPlace(new GapsInPlace(capture.gaps()), [eventRecords(capture), ...chunks]);
  yield* accountRecords(capture);
}

export function headRecord({ info }: CaptureReader, exporter: string): HeadRecord {
  return {
    record: 'head',
    format: RECORDS_FORMAT,
    origin: info.origin,
    writer: info.writer,
    exporter,
    startedUnixNs: info.startedUnixNs,
    dialect: info.dialect,
    sealed: info.sealed,
    set: info.part?.set,
    notes: info.notes,
  };
}

/** What stands between the head and what happened. */
export function* preamble(capture: CaptureReader): Generator<CaptureRecord> {
  for (const [name, yaml] of capture.protocolSchemas()) yield { record: 'schema', name, yaml };
  for (const row of capture.connections()) yield { record: 'connection', ...row };
  for (const { connection, kind } of capture.streams())
    yield { record: 'stream', connection, stream: kind };
}

function* chunkRecords(capture: CaptureReader, stream: StreamRow): Generator<ChunkRecord> {
  const { id, connection, kind } = stream;
  for (const chunk of capture.chunks(id))
    yield { record: 'chunk', connection, stream: kind, ...chunk };
}

export function* eventRecords(capture: CaptureReader): Generator<EventRecord> {
  for (const event of capture.events()) yield { record: 'event', ...event };
}

function* inPlace(
  gaps: GapsInPlace,
  sequences: readonly Iterable<ChunkRecord | EventRecord>[],
): Generator<CaptureRecord> {
  for (const record of mergeSorted(sequences, (left, right) => left.ordinal - right.ordinal)) {
    if (record.record === 'chunk') yield* gaps.before(record);
    yield* gaps.until(record.timeNs);
    yield record;
  }
  yield* gaps.rest();
}

/**
 * What a file that is missing held of a stream nobody knows, so also not how much of it was mirrored: an account that
 * covers it cannot be compared any more, and says what passed only.
 */
export function* accountRecords(capture: CaptureReader): Generator<CaptureRecord> {
  const unknown = new Set(
    capture
      .gaps()
      .filter(({ reason }) => reason === FILE_MISSING)
      .map(({ connection, stream }) => streamKey(connection, stream)),
  );
  for (const account of capture.accounts()) {
    const isKnown = !unknown.has(streamKey(account.connection, account.stream));
    const known: StreamAccount = isKnown ? account : { ...account, mirroredBytes: undefined };
    yield { record: 'account', ...known };
  }
}

/** Hands out each gap once: when its time has come, or when its stream goes on behind it. */
export class GapsInPlace {
  readonly #byTime: readonly GapRecord[];
  readonly #byStream = new Map<string, GapRecord[]>();
  readonly #given = new Set<number>();
  #next = 0;

  constructor(gaps: readonly Gap[]) {
    const records = gaps.map((gap, index): GapRecord => ({ record: 'gap', index, ...gap }));
    this.#byTime = records.toSorted((left, right) => compare(left.firstTimeNs, right.firstTimeNs));
    for (const record of records.toSorted((left, right) => right.offset - left.offset)) {
      const key = streamKey(record.connection, record.stream);
      const known = this.#byStream.get(key);
      if (known === undefined) this.#byStream.set(key, [record]);
      else known.push(record);
    }
  }

  *until(timeNs: bigint): Generator<GapRecord> {
    for (;;) {
      const gap = this.#byTime[this.#next];
      if (gap === undefined || gap.firstTimeNs > timeNs) return;
      this.#next += 1;
      yield* this.#give(gap);
    }
  }

  /** Those that end where the bytes begin, or before. */
  *before({
    connection,
    stream,
    offset,
  }: Pick<ChunkRecord, 'connection' | 'stream' | 'offset'>): Generator<GapRecord> {
    const waiting = this.#byStream.get(streamKey(connection, stream));
    if (waiting === undefined) return;
    for (let gap = waiting.at(-1); gap !== undefined && gap.offset < offset; gap = waiting.at(-1)) {
      waiting.pop();
      yield* this.#give(gap);
    }
  }

  *rest(): Generator<GapRecord> {
    for (const gap of this.#byTime.slice(this.#next)) yield* this.#give(gap);
  }

  *#give(gap: GapRecord): Generator<GapRecord> {
    if (this.#given.has(gap.index)) return;
    this.#given.add(gap.index);
    yield gap;
  }
}

function compare(left: bigint, right: bigint): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
