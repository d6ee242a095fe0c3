/**
 * The messages of a capture as a Parquet file: a row for each frame, defect, tail and gap, in order of arrival; what
 * they say in columns, all of it as JSON, and their bytes. For queries over recordings; chunks and events are not in
 * it, so nothing leads back to a capture.
 */
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { jsonText } from '../lib/json-text.ts';
import { mergeSorted } from '../lib/merge-sorted.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { gapWords, summarizeGap } from '../inspect/gaps.ts';
import { messageRecord } from '../inspect/messages.ts';
import { readSpans } from '../capture/spans.ts';
import type { ArrivedSpan, CaptureReader, StreamRow } from '../capture/types.ts';
import type { Dialect } from '../protocol/types.ts';
import { columnsOf, PARQUET_SCHEMA, type ParquetRow } from './parquet-columns.ts';
import { GapsInPlace } from './read-records.ts';
import type { GapRecord } from './record.ts';

export interface RowCounts {
  readonly frames: number;
  readonly defects: number;
  readonly tails: number;
  readonly gaps: number;
}

/** A row group is what is in memory at a time, some three times over. */
const GROUP_ROWS_MAX = 8_192;
const GROUP_BYTES_MAX = 8 * 1024 * 1024;

interface Arrived {
  readonly stream: StreamRow;
  readonly arrived: ArrivedSpan;
}

export function exportParquet(
  capture: CaptureReader,
  dialect: Dialect,
  exporter: string,
): Generator<Uint8Array, RowCounts> {
  return new ParquetExport(capture, dialect, exporter).pieces();
}

class ParquetExport {
  readonly #capture: CaptureReader;
  readonly #dialect: Dialect;
  readonly #labels: ReadonlyMap<number, string>;
  readonly #bytes = new ByteWriter();
  readonly #writer: ParquetWriter;
  readonly #counts = { frames: 0, defects: 0, tails: 0, gaps: 0 };

  constructor(capture: CaptureReader, dialect: Dialect, exporter: string) {
    this.#capture = capture;
    this.#dialect = dialect;
    this.#labels = new Map(capture.connections().map(({ id, label }) => [id, label]));
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
      schema: [...PARQUET_SCHEMA],
      createdBy: `relaydiff ${exporter}`,
      kvMetadata: Object.entries(facts(capture, dialect)).map(([key, value]) => ({ key, value })),
    });
  }

  *pieces(): Generator<Uint8Array, RowCounts> {
    let rows: ParquetRow[] = [];
    let bytes = 0;
    for (const row of this.#rows()) {
      rows.push(row);
      bytes += row.bytes.length + row.message.length;
      if (rows.length < GROUP_ROWS_MAX && bytes < GROUP_BYTES_MAX) continue;
      yield this.#group(rows);
      rows = [];
      bytes = 0;
    }
    if (rows.length > 0) yield this.#group(rows);
    if (this.#writer.num_rows === 0n) throw nothingIn(this.#capture.path);
    void this.#writer.finish();
    yield this.#taken();
    return this.#counts;
  }

  #group(rows: readonly ParquetRow[]): Uint8Array {
    const columnData = columnsOf(rows);
    void this.#writer.write({ columnData: [...columnData], rowGroupSize: rows.length });
    return this.#taken();
  }

  /** What was written since the last time. */
  #taken(): Uint8Array {
    const taken = this.#bytes.getBytes().slice();
    this.#bytes.index = 0;
    return taken;
  }

  *#rows(): Generator<ParquetRow> {
    const gaps = new GapsInPlace(this.#capture.gaps());
    const sequences = this.#capture.streams().map((stream) => this.#arrivals(stream));
    for (const item of mergeSorted(sequences, byArrival)) {
      const { connection, kind } = item.stream;
      const { offset } = item.arrived.span;
      for (const gap of gaps.before({ connection, stream: kind, offset })) yield this.#gapRow(gap);
      for (const gap of gaps.until(item.arrived.arrivalNs)) yield this.#gapRow(gap);
      yield this.#spanRow(item);
    }
    for (const gap of gaps.rest()) yield this.#gapRow(gap);
  }

  *#arrivals(stream: StreamRow): Generator<Arrived> {
    for (const arrived of readSpans(this.#capture, stream, this.#dialect.header))
      yield { stream, arrived };
  }

  #spanRow({ stream, arrived }: Arrived): ParquetRow {
    const { span, index, arrivalNs } = arrived;
    if (span.kind === 'frame') this.#counts.frames += 1;
    else if (span.kind === 'defect') this.#counts.defects += 1;
    else this.#counts.tails += 1;
    const record = messageRecord(this.#dialect, span, index, { remarks: false });
    const { ordinal: _, offset, length, header, checksum, tlvs, defect } = record;
    const { domains, sources } = this.#dialect;
    return {
      kind: span.kind,
      ...this.#placeOf(stream.connection, stream.kind, arrivalNs),
      ordinal: BigInt(index),
      offset: BigInt(offset),
      length: BigInt(length),
      domain: header?.relay_domain ?? null,
      domain_name: (header && domains.names.get(header.relay_domain)) ?? null,
      source: header?.source ?? null,
      source_name: (header && sources.names.get(header.source)) ?? null,
      version: header?.version ?? null,
      flags: header?.flags ?? null,
      sequence: header?.sequence ?? null,
      timestamp: header?.timestamp ?? null,
      checksum: checksum ?? null,
      tlv_types: tlvs?.map(({ type }) => type) ?? [],
      tlv_names: tlvs?.map(({ name }) => name) ?? [],
      defect: defect?.kind ?? null,
      detail: defect?.detail ?? null,
      bytes: span.bytes,
      message: jsonText({ header, checksum, tlvs, defect }),
    };
  }

  #gapRow(gap: GapRecord): ParquetRow {
    this.#counts.gaps += 1;
    const summary = summarizeGap(gap, this.#dialect);
    return {
      kind: 'gap',
      ...this.#placeOf(gap.connection, gap.stream, gap.firstTimeNs),
      ordinal: null,
      offset: BigInt(gap.offset),
      length: BigInt(gap.bytes),
      domain: null,
      domain_name: null,
      source: null,
      source_name: null,
      version: null,
      flags: null,
      sequence: null,
      timestamp: null,
      checksum: null,
      tlv_types: [],
      tlv_names: [],
      defect: gap.reason,
      detail: gapWords(summary, this.#dialect),
      bytes: new Uint8Array(),
      message: jsonText({ gap: summary }),
    };
  }

  #placeOf(
    connection: number,
    stream: string,
    timeNs: bigint,
  ): Pick<ParquetRow, 'connection' | 'label' | 'stream' | 'time_ns' | 'arrived'> {
    return {
      connection,
      label: this.#labels.get(connection) ?? '',
      stream,
      time_ns: timeNs,
      arrived: this.#capture.info.startedUnixNs + timeNs,
    };
  }
}

/** A file without a row group would come out in such a way that strict readers refuse it. */
function nothingIn(path: string): OperatingError {
  return new OperatingError(
    'USAGE',
    `${path} holds no message and no gap: no row could be written`,
    {
      hint: 'Export it as ndjson to see what it holds.',
    },
  );
}

function byArrival(left: Arrived, right: Arrived): number {
  return left.arrived.arrivalOrdinal - right.arrived.arrivalOrdinal;
}

/** What is true of the whole file: its key-value metadata. */
function facts({ info }: CaptureReader, dialect: Dialect): Readonly<Record<string, string>> {
  return {
    'relaydiff.origin': info.origin,
    'relaydiff.writer': info.writer,
    'relaydiff.dialect': dialect.name,
    'relaydiff.started_unix_ns': String(info.startedUnixNs),
    'relaydiff.sealed': String(info.sealed),
    ...Object.fromEntries(
      Object.entries(info.notes).map(([name, text]) => [`relaydiff.note.${name}`, text]),
    ),
  };
}
