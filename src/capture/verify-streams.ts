/** Verifies segments, journal and gaps, and that each stream is whole: no hole, no overlap, and the ledger right. */
import { crc32 } from 'node:zlib';
import { equalBytes } from '../lib/bytes.ts';
import { CHAIN_START, type SegmentColumns, segmentLink } from './chain.ts';
import type { Runs } from './deduplicator.ts';
import { decodeJournal } from './journal.ts';
import { SegmentCollector, type SegmentData } from './segment-collector.ts';
import { decodeSegmentTable, type SegmentTable } from './segment-table.ts';
import type { VerificationCounts } from './verification.ts';
import type { Findings, OnVerifyProgress } from './verify-findings.ts';
import type { RowReader } from './verify-rows.ts';
import { nameOf, verifyContinuity, verifyGaps, verifyLedger } from './verify-ledger.ts';
import type { SmallRows } from './verify-small-rows.ts';
import type { VerifiedStore } from './verify-store.ts';

interface VerifiedStreams {
  readonly reachesNs: number;
  readonly counts: Pick<
    VerificationCounts,
    'segments' | 'journalRows' | 'streamBytes' | 'chunks' | 'gaps' | 'gapBytes'
  >;
}

export function verifyStreams(
  rows: RowReader,
  known: { readonly small: SmallRows; readonly store: VerifiedStore },
  findings: Findings,
  onProgress: OnVerifyProgress,
): VerifiedStreams {
  const { small, store } = known;
  const chunks = new ChunkVerifier(small, store, findings);
  const segments = chunks.verifySegments(rows, onProgress);
  const waiting = chunks.verifyJournal(rows);
  const gaps = verifyGaps(rows, small.streams, findings);
  let streamBytes = 0;
  let gapBytes = 0;
  for (const stream of small.streams.values()) {
    const continuity = verifyContinuity(
      rows,
      stream,
      waiting.byStream.get(stream.id) ?? [],
      findings,
    );
    streamBytes += continuity.recordedBytes;
    gapBytes += continuity.gapBytes;
    verifyLedger(stream, continuity, gaps.mirrorBytes.get(stream.id) ?? 0, findings);
  }
  return {
    reachesNs: Math.max(chunks.reachesNs, gaps.reachesNs),
    counts: {
      segments,
      journalRows: waiting.rows,
      chunks: chunks.count,
      gaps: gaps.count,
      streamBytes,
      gapBytes,
    },
  };
}

type SegmentRow = SegmentColumns & { readonly id: number; readonly chain: Uint8Array };

class ChunkVerifier {
  readonly #small: SmallRows;
  readonly #store: VerifiedStore;
  readonly #findings: Findings;
  /** Of each stream. */
  readonly #last = new Map<number, { readonly ordinal: number; readonly timeNs: number }>();
  #count = 0;
  #reachesNs = 0;

  constructor(small: SmallRows, store: VerifiedStore, findings: Findings) {
    this.#small = small;
    this.#store = store;
    this.#findings = findings;
  }

  get count(): number {
    return this.#count;
  }

  get reachesNs(): number {
    return this.#reachesNs;
  }

  /** Returns how many there are. */
  verifySegments(rows: RowReader, onProgress: OnVerifyProgress): number {
    const size = rows.first<{ last: number | null }>(
      'segment',
      'SELECT max(id) AS last FROM segment',
    );
    const total = size?.last ?? 0;
    let before: SegmentRow | undefined;
    let count = 0;
    for (const row of rows.read<SegmentRow>('segment')) {
      this.#verifyLink(before, row);
      this.#verifySegment(row);
      before = row;
      count += 1;
      onProgress('checking segments', row.id, total);
    }
    return count;
  }

  verifyJournal(rows: RowReader): {
    readonly rows: number;
    readonly byStream: ReadonlyMap<number, readonly SegmentData[]>;
  } {
    const collected = new SegmentCollector();
    let count = 0;
    for (const row of rows.read<{ id: number; chunks: Uint8Array; crc32: number }>('journal')) {
      count += 1;
      const chunks = crc32(row.chunks) === row.crc32 ? decodeJournal(row.chunks) : undefined;
      if (chunks === undefined) this.#damage('journal', row.id, 'is not readable');
      for (const chunk of chunks ?? []) {
        this.#verifyRuns('journal', row.id, chunk.streamId, chunk.runs);
        this.#verifyOrder('journal', row.id, chunk.streamId, [chunk.ordinal], [chunk.timeNs]);
        collected.add(chunk);
      }
    }
    const byStream = new Map<number, SegmentData[]>();
    for (const segment of collected.segments()) {
      byStream.set(segment.streamId, [...(byStream.get(segment.streamId) ?? []), segment]);
    }
    return { rows: count, byStream };
  }

  #verifyLink(before: SegmentRow | undefined, row: SegmentRow): void {
    const expected = (before?.id ?? 0) + 1;
    if (row.id !== expected) {
      const lost = row.id - expected;
      this.#damage('segment', row.id, `does not follow the one before it: ${lost} are gone`);
    } else if (!equalBytes(segmentLink(before?.chain ?? CHAIN_START, row), row.chain)) {
      this.#damage('segment', row.id, 'is not linked to the one before it');
    }
  }

  #verifySegment(row: SegmentRow): void {
    const first = { ordinal: row.first_ordinal, timeNs: row.first_time_ns };
    const table = decodeSegmentTable(row.chunk_table, first);
    if (table === undefined) {
      this.#damage('segment', row.id, 'has no readable chunk table', row);
      return;
    }
    this.#verifyCounts(row, table);
    this.#verifyOrder('segment', row.id, row.stream_id, table.ordinals, table.timesNs);
    if (!this.#verifyRuns('segment', row.id, row.stream_id, table.runs)) return;
    const read = this.#store.reader.read(table.runs, row.byte_count);
    if (read?.crc32 !== row.crc32)
      this.#damage('segment', row.id, 'does not hold the bytes that were written', row);
  }

  #verifyCounts(row: SegmentRow, { lengths, timesNs }: SegmentTable): void {
    const total = lengths.reduce((sum, length) => sum + length, 0);
    if (lengths.length !== row.chunk_count || total !== row.byte_count)
      this.#damage('segment', row.id, 'does not hold the chunks that it says', row);
    if (timesNs.at(-1) !== row.last_time_ns)
      this.#damage('segment', row.id, 'does not end when it says', row);
  }

  #verifyRuns(table: 'segment' | 'journal', row: number, stream: number, runs: Runs): boolean {
    if (!this.#small.streams.has(stream))
      this.#damage(table, row, `is of stream ${stream}, which is not there`);
    for (let index = 0; index < runs.length; index += 2) {
      const end = (runs[index] ?? 0) + (runs[index + 1] ?? 0);
      if (end <= this.#store.end) continue;
      this.#damage(
        table,
        row,
        `needs bytes of blocks up to ${end}, but they end at ${this.#store.end}`,
      );
      return false;
    }
    return true;
  }

  #verifyOrder(
    table: 'segment' | 'journal',
    row: number,
    stream: number,
    ordinals: readonly number[],
    timesNs: readonly number[],
  ): void {
    let last = this.#last.get(stream) ?? { ordinal: -1, timeNs: 0 };
    let isOrdered = true;
    ordinals.forEach((ordinal, index) => {
      const timeNs = timesNs[index] ?? 0;
      if (ordinal <= last.ordinal || timeNs < last.timeNs) isOrdered = false;
      last = { ordinal, timeNs };
    });
    if (!isOrdered) this.#damage(table, row, 'has chunks that go back in order or time');
    this.#last.set(stream, last);
    this.#count += ordinals.length;
    this.#reachesNs = Math.max(this.#reachesNs, last.timeNs);
  }

  #damage(
    table: 'segment' | 'journal',
    row: number,
    message: string,
    place?: Pick<SegmentRow, 'stream_id' | 'stream_offset' | 'byte_count'>,
  ): void {
    const name = table === 'segment' ? `segment ${row}` : `row ${row} of the journal`;
    const stream = place === undefined ? undefined : this.#small.streams.get(place.stream_id);
    if (place === undefined || stream === undefined) {
      this.#findings.damage({ check: table, table, row, message: `${name} ${message}` });
      return;
    }
    this.#findings.damage({
      check: table,
      table,
      row,
      connection: stream.connection,
      stream: stream.kind,
      offset: place.stream_offset,
      bytes: place.byte_count,
      message: `${name} (${nameOf(stream)}, ${place.byte_count} bytes from ${place.stream_offset} on) ${message}`,
    });
  }
}
