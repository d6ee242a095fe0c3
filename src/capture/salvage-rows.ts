/** Takes over the small rows of a damaged capture: what it says of itself, connections, events, gaps, accounts. */
import { decodeDetails } from './event-details.ts';
import type { Recovery } from './recovery.ts';
import { UNCOUNTED } from './salvage-losses.ts';
import type { FoundStream, SalvageStore } from './salvage-store.ts';
import type { CaptureInfo, CaptureReader, EventKind, Gap, StreamKind } from './types.ts';
import { type CaptureStart, type CaptureWriter, streamKey } from './writer.ts';

export interface CaptureFacts extends Pick<CaptureReader, 'info' | 'protocolSchemas'> {
  readonly start: Omit<CaptureStart, 'layout'>;
  /** When the last thing happened. */
  readonly endNs: bigint;
  /** What is not known any more, as people read it. */
  readonly lost: string[];
}

const NOTE = 'note.';

/** What the capture says of itself; `dialect` and `writer` stand where it says nothing any more. */
export function factsOf(
  store: SalvageStore,
  options: { readonly writer: string; readonly dialect: string },
): CaptureFacts {
  const values = store.info();
  const lost: string[] = [];
  const fact = (key: string, otherwise: string): string => {
    const value = values.get(key);
    if (value === undefined) lost.push(`${key} (taken as ${otherwise})`);
    return value ?? otherwise;
  };
  const notes = [...values]
    .filter(([key]) => key.startsWith(NOTE))
    .map(([key, value]) => [key.slice(NOTE.length), value] as const);
  const endNs = BigInt(Math.max(store.lastTimeNs(), Number(values.get('duration_ns') ?? 0)));
  const part = partOf(values, store.streams(), lost);
  const info: CaptureInfo = {
    origin: fact('origin', 'record'),
    writer: options.writer,
    startedUnixNs: BigInt(fact('started_unix_ns', '0')),
    dialect: fact('dialect', options.dialect),
    sealed: values.get('sealed') === '1',
    durationNs: endNs,
    part,
    notes: { 'recorded-by': fact('writer', 'unknown'), ...Object.fromEntries(notes) },
  };
  const protocolSchemas = store.protocolSchemas();
  const firstOffsets = new Map(
    store.streams().map((stream) => [keyOf(stream), stream.firstOffset] as const),
  );
  const { part: _, ...start } = info;
  const withPart = {
    ...start,
    protocolSchemas,
    ...(part === undefined ? {} : { part: { ...part, firstOffsets } }),
  };
  return { info, start: withPart, protocolSchemas: () => protocolSchemas, endNs, lost };
}

function partOf(
  values: ReadonlyMap<string, string>,
  streams: readonly FoundStream[],
  lost: string[],
): CaptureInfo['part'] {
  const [set, number, startNs] = ['set', 'part', 'part_start_ns'].map((key) => values.get(key));
  if (set !== undefined && number !== undefined && startNs !== undefined)
    return { set, number: Number(number), startNs: BigInt(startNs) };
  const isPart = set ?? number ?? startNs;
  if (isPart === undefined && streams.every(({ firstOffset }) => firstOffset === 0))
    return undefined;
  lost.push('which file of which rotated recording it is');
  return { set: set ?? 'lost', number: Number(number ?? 1), startNs: BigInt(startNs ?? 0) };
}

type RowCounts = Pick<Recovery['recovered'], 'connections' | 'streams' | 'events' | 'gaps'>;

const FLUSH_ROWS = 10_000;

/** Writes all rows that are not bytes. What they lack is added to `lost`. */
export function writeRows(store: SalvageStore, writer: CaptureWriter, lost: string[]): RowCounts {
  const streams = new Map(store.streams().map((stream) => [stream.id, stream] as const));
  const flush = flushNowAndThen(writer);
  const counts = {
    connections: writeConnections(store, writer, lost, flush),
    streams: streams.size,
    events: writeEvents(store, writer, lost, flush),
    gaps: writeGaps(store, writer, streams, flush),
  };
  writeAccounts(store, writer, { streams, lost }, flush);
  return counts;
}

function flushNowAndThen(writer: CaptureWriter): () => void {
  let rows = 0;
  return () => {
    rows += 1;
    if (rows % FLUSH_ROWS === 0) writer.flush();
  };
}

function writeConnections(
  store: SalvageStore,
  writer: CaptureWriter,
  lost: string[],
  flush: () => void,
): number {
  let count = 0;
  for (const row of store.rowsOf<{ id: number; label: string; opened_ns: number }>('connection')) {
    writer.addConnection({ id: row.id, label: row.label, openedNs: BigInt(row.opened_ns) });
    count += 1;
    flush();
  }
  for (const id of store.lostConnections()) {
    lost.push(`label of connection ${id}, and when it was opened`);
    writer.addConnection({ id, label: `lost-${id}`, openedNs: 0n });
    flush();
  }
  return count;
}

interface EventRow {
  readonly ordinal: number;
  readonly time_ns: number;
  readonly connection_id: number | null;
  readonly stream: StreamKind | null;
  readonly kind: EventKind;
  readonly details: Uint8Array;
}

function writeEvents(
  store: SalvageStore,
  writer: CaptureWriter,
  lost: string[],
  flush: () => void,
): number {
  let count = 0;
  for (const row of store.rowsOf<EventRow>('event')) {
    const details = decodeDetails(row.details);
    if (details === undefined) lost.push(`details of event ${row.ordinal}`);
    writer.addEvent({
      ordinal: row.ordinal,
      timeNs: BigInt(row.time_ns),
      connection: row.connection_id ?? undefined,
      stream: row.stream ?? undefined,
      kind: row.kind,
      details: details ?? {},
    });
    count += 1;
    flush();
  }
  return count;
}

interface GapRow {
  readonly stream_id: number;
  readonly place: Gap['where'];
  readonly reason: string;
  readonly stream_offset: number;
  readonly byte_count: number;
  readonly frame_count: number | null;
  readonly first_header: Uint8Array | null;
  readonly last_header: Uint8Array | null;
  readonly first_time_ns: number;
  readonly last_time_ns: number;
}

function writeGaps(
  store: SalvageStore,
  writer: CaptureWriter,
  streams: ReadonlyMap<number, FoundStream>,
  flush: () => void,
): number {
  let count = 0;
  for (const row of store.rowsOf<GapRow>('gap')) {
    const stream = streams.get(row.stream_id);
    if (stream === undefined) continue;
    writer.addGap({
      connection: stream.connection,
      stream: stream.kind,
      where: row.place,
      reason: row.reason,
      offset: row.stream_offset,
      bytes: row.byte_count,
      frames: row.frame_count ?? undefined,
      firstHeader: row.first_header ?? undefined,
      lastHeader: row.last_header ?? undefined,
      firstTimeNs: BigInt(row.first_time_ns),
      lastTimeNs: BigInt(row.last_time_ns),
    });
    count += 1;
    flush();
  }
  return count;
}

function writeAccounts(
  store: SalvageStore,
  writer: CaptureWriter,
  { streams, lost }: { streams: ReadonlyMap<number, FoundStream>; lost: string[] },
  flush: () => void,
): void {
  const mirrorGaps = store.mirrorGapBytes();
  const rows = store.rowsOf<{
    stream_id: number;
    seen_bytes: number;
    mirrored_bytes: number | null;
  }>('account');
  for (const { stream_id: id, seen_bytes: seenBytes, mirrored_bytes: mirroredBytes } of rows) {
    const stream = streams.get(id);
    if (stream === undefined) continue;
    const { connection, kind, firstOffset } = stream;
    const missing =
      mirroredBytes === null ? 0 : seenBytes - mirroredBytes - (mirrorGaps.get(id) ?? 0);
    // Of a stream that began in another file, the gaps are there as well.
    const isKnown = missing === 0 || firstOffset > 0;
    if (!isKnown) {
      lost.push(`which ${missing} bytes of connection ${connection} the new relay was not sent`);
      const [offset, bytes, timeNs] = [firstOffset, 0, 0n];
      const times = { firstTimeNs: timeNs, lastTimeNs: timeNs };
      writer.addGap({
        connection,
        stream: kind,
        where: 'mirror',
        reason: 'damaged',
        offset,
        bytes,
        ...UNCOUNTED,
        ...times,
      });
    }
    writer.addAccount({
      connection,
      stream: kind,
      seenBytes,
      mirroredBytes: isKnown ? (mirroredBytes ?? undefined) : undefined,
    });
    flush();
  }
}

function keyOf({ connection, kind }: FoundStream): string {
  return streamKey(connection, kind);
}
