/**
 * A capture as the blocks of a pcapng file: an interface a stream, a unit for each frame, defect and tail, and for each
 * gap and event one without bytes, with a comment for people. What programs need to make the same capture again is
 * beside it where Wireshark does not look: each record but the chunks in a block of local use, and with each unit
 * which chunks its bytes are of (docs/interoperability.md).
 */
import { jsonText } from '../lib/json-text.ts';
import { mergeSorted } from '../lib/merge-sorted.ts';
import type { HeaderLayout, Span } from '../wire/types.ts';
import { readSpans } from '../capture/spans.ts';
import { streamKey } from '../capture/writer.ts';
import type { ArrivedSpan, CaptureReader, StreamRow } from '../capture/types.ts';
import { ChunkLedger, chunkTexts } from './chunk-texts.ts';
import {
  CAPTURED_BYTES_MAX,
  enhancedPacket,
  interfaceDescription,
  recordBlock,
  sectionHeader,
} from './pcapng-blocks.ts';
import { accountRecords, eventRecords, GapsInPlace, headRecord, preamble } from './read-records.ts';
import { type CaptureRecord, type EventRecord, type GapRecord, RecordTally } from './record.ts';

/** What the file holds for people. */
export interface UnitCounts {
  readonly frames: number;
  readonly defects: number;
  readonly tails: number;
  readonly gaps: number;
  readonly events: number;
  /** Frames and defects that are longer than a unit may be, and go on in the next one. */
  readonly continued: number;
}

interface SpanItem {
  readonly stream: StreamRow;
  readonly arrived: ArrivedSpan;
  /** Of each of its units. */
  readonly chunks: readonly (readonly string[])[];
}

type Item = SpanItem | EventRecord;

/** Of events that are of no stream. */
const RECORDING = 'recording';

/** In order of arrival, in bounded memory. */
export function exportPcapng(
  capture: CaptureReader,
  layout: HeaderLayout,
  exporter: string,
): Generator<Uint8Array, UnitCounts> {
  return new PcapngExport(capture, layout, exporter).blocks();
}

class PcapngExport {
  readonly #capture: CaptureReader;
  readonly #layout: HeaderLayout;
  readonly #exporter: string;
  readonly #streams: readonly StreamRow[];
  /** By `streamKey`. */
  readonly #interfaces: ReadonlyMap<string, number>;
  readonly #tally = new RecordTally();
  readonly #counts = { frames: 0, defects: 0, tails: 0, gaps: 0, events: 0, continued: 0 };

  constructor(capture: CaptureReader, layout: HeaderLayout, exporter: string) {
    this.#capture = capture;
    this.#layout = layout;
    this.#exporter = exporter;
    this.#streams = capture.streams();
    this.#interfaces = new Map(
      this.#streams.map(({ connection, kind }, index) => [streamKey(connection, kind), index]),
    );
  }

  *blocks(): Generator<Uint8Array, UnitCounts> {
    const head = headRecord(this.#capture, this.#exporter);
    yield sectionHeader(`relaydiff ${this.#exporter}`, this.#comments());
    // Before any record: editcap and mergecap refuse files whose interfaces come behind blocks that they do not know.
    yield* this.#descriptions();
    yield this.#record(head);
    for (const record of preamble(this.#capture)) yield this.#record(record);
    const gaps = new GapsInPlace(this.#capture.gaps());
    const sequences = this.#streams.map((stream) => this.#spanItems(stream));
    for (const item of mergeSorted<Item>([eventRecords(this.#capture), ...sequences], byArrival)) {
      if (!('record' in item)) yield* this.#gaps(gaps.before(placeOf(item)));
      yield* this.#gaps(gaps.until(timeOf(item)));
      if ('record' in item) yield* this.#event(item);
      else yield* this.#span(item);
    }
    yield* this.#gaps(gaps.rest());
    for (const record of accountRecords(this.#capture)) yield this.#record(record);
    yield recordBlock(jsonText({ record: 'end', counts: this.#tally.counts }));
    return this.#counts;
  }

  #comments(): readonly string[] {
    const { origin, writer, dialect, notes } = this.#capture.info;
    const made = `${origin} by relaydiff ${writer}, dialect ${dialect}`;
    return [made, ...Object.entries(notes).map(([name, text]) => `${name}: ${text}`)];
  }

  *#descriptions(): Generator<Uint8Array> {
    const labels = new Map(this.#capture.connections().map(({ id, label }) => [id, label]));
    for (const { connection, kind } of this.#streams) {
      yield interfaceDescription(`${connection} ${labels.get(connection) ?? 'connection'} ${kind}`);
    }
    yield interfaceDescription(RECORDING);
  }

  *#spanItems(stream: StreamRow): Generator<SpanItem> {
    const { connection, kind } = stream;
    const ledger = new ChunkLedger(this.#capture, (chunk) =>
      this.#tally.add({ record: 'chunk', connection, stream: kind, ...chunk }),
    );
    for (const arrived of readSpans(ledger, stream, this.#layout)) {
      const { offset, bytes } = arrived.span;
      const chunks: (readonly string[])[] = [];
      for (let from = 0; from < bytes.length; from += CAPTURED_BYTES_MAX) {
        const length = Math.min(CAPTURED_BYTES_MAX, bytes.length - from);
        chunks.push(chunkTexts(offset + from, ledger.take(length)));
      }
      yield { stream, arrived, chunks };
    }
  }

  /** What is longer than a unit may be goes on in further units, so that no byte is missing. */
  *#span({ stream, arrived, chunks }: SpanItem): Generator<Uint8Array> {
    const { span, arrivalNs } = arrived;
    this.#countSpan(span);
    const own = span.kind === 'frame' ? [] : [span.detail];
    for (const [index, texts] of chunks.entries()) {
      const part = chunks.length === 1 ? [] : [`part ${index + 1} of ${chunks.length}`];
      const comment = [...own, ...part].join('; ');
      yield enhancedPacket({
        interface: this.#interfaceOf(stream.connection, stream.kind),
        unixNs: this.#unixNs(arrivalNs),
        bytes: span.bytes.subarray(index * CAPTURED_BYTES_MAX, (index + 1) * CAPTURED_BYTES_MAX),
        ...(index === 0 && { originalBytes: span.bytes.length }),
        chunks: texts,
        ...(comment !== '' && { comment }),
      });
    }
  }

  #countSpan({ kind, bytes }: Span): void {
    if (bytes.length > CAPTURED_BYTES_MAX) this.#counts.continued += 1;
    if (kind === 'frame') this.#counts.frames += 1;
    else if (kind === 'defect') this.#counts.defects += 1;
    else this.#counts.tails += 1;
  }

  *#gaps(gaps: Iterable<GapRecord>): Generator<Uint8Array> {
    for (const gap of gaps) {
      this.#counts.gaps += 1;
      const { connection, stream, where, bytes, reason, firstTimeNs } = gap;
      const amount = bytes === 0 ? 'an unknown number of' : bytes;
      const what = where === 'recording' ? 'recorded' : 'sent to the new relay';
      yield enhancedPacket({
        interface: this.#interfaceOf(connection, stream),
        unixNs: this.#unixNs(firstTimeNs),
        bytes: new Uint8Array(),
        // What only the mirror missed is in the file.
        originalBytes: where === 'recording' ? bytes : 0,
        comment: `gap: ${amount} bytes were not ${what} (${reason})`,
      });
      yield this.#record(gap);
    }
  }

  *#event(event: EventRecord): Generator<Uint8Array> {
    this.#counts.events += 1;
    const { connection, stream, kind, details, timeNs } = event;
    const of = [connection === undefined ? [] : `connection ${connection}`, stream ?? []].flat();
    const about = Object.entries(details).map(([name, value]) => `${name} ${value}`);
    yield enhancedPacket({
      interface: this.#interfaceOf(connection, stream),
      unixNs: this.#unixNs(timeNs),
      bytes: new Uint8Array(),
      comment: [`event: ${[kind, ...of].join(' ')}`, ...about].join(', '),
    });
    yield this.#record(event);
  }

  #record(record: CaptureRecord): Uint8Array {
    this.#tally.add(record);
    return recordBlock(jsonText(record));
  }

  #interfaceOf(connection: number | undefined, stream: StreamRow['kind'] | undefined): number {
    const recording = this.#streams.length;
    if (connection === undefined || stream === undefined) return recording;
    return this.#interfaces.get(streamKey(connection, stream)) ?? recording;
  }

  #unixNs(timeNs: bigint): bigint {
    return this.#capture.info.startedUnixNs + timeNs;
  }
}

function byArrival(left: Item, right: Item): number {
  return ordinalOf(left) - ordinalOf(right);
}

function ordinalOf(item: Item): number {
  return 'record' in item ? item.ordinal : item.arrived.arrivalOrdinal;
}

function timeOf(item: Item): bigint {
  return 'record' in item ? item.timeNs : item.arrived.arrivalNs;
}

function placeOf({ stream, arrived }: SpanItem): Parameters<GapsInPlace['before']>[0] {
  return { connection: stream.connection, stream: stream.kind, offset: arrived.span.offset };
}
