/** Takes over the small rows of a damaged capture: what it says of itself, connections, events, gaps, accounts. */
import type { Recovery } from './recovery.ts';
import {
  accountOf,
  type AccountRecord,
  connectionOf,
  type ConnectionRecord,
  eventOf,
  type EventRecord,
  gapOf,
  type GapRecord,
  type StreamName,
} from './rows.ts';
import { UNCOUNTED } from './salvage-losses.ts';
import type { FoundStream, SalvageStore } from './salvage-store.ts';
import type { CaptureInfo, CaptureReader } from './types.ts';
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

interface OfStream {
  readonly stream_id: number;
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
  for (const row of store.rowsOf<ConnectionRecord>('connection')) {
    writer.addConnection(connectionOf(row));
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

function writeEvents(
  store: SalvageStore,
  writer: CaptureWriter,
  lost: string[],
  flush: () => void,
): number {
  let count = 0;
  for (const row of store.rowsOf<EventRecord>('event')) {
    const { details, ...event } = eventOf(row);
    if (details === undefined) lost.push(`details of event ${row.ordinal}`);
    writer.addEvent({ ...event, details: details ?? {} });
    count += 1;
    flush();
  }
  return count;
}

function writeGaps(
  store: SalvageStore,
  writer: CaptureWriter,
  streams: ReadonlyMap<number, FoundStream>,
  flush: () => void,
): number {
  let count = 0;
  for (const row of store.rowsOf<GapRecord & OfStream>('gap')) {
    const stream = streams.get(row.stream_id);
    if (stream === undefined) continue;
    writer.addGap(gapOf(row, nameOf(stream)));
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
  for (const row of store.rowsOf<AccountRecord & OfStream>('account')) {
    const { stream_id: id } = row;
    const found = streams.get(id);
    if (found === undefined) continue;
    const { firstOffset } = found;
    const account = accountOf(row, nameOf(found));
    const { connection, stream, seenBytes, mirroredBytes } = account;
    const missing =
      mirroredBytes === undefined ? 0 : seenBytes - mirroredBytes - (mirrorGaps.get(id) ?? 0);
    // Of a stream that began in another file, the gaps are there as well.
    const isKnown = missing === 0 || firstOffset > 0;
    if (!isKnown) {
      lost.push(`which ${missing} bytes of connection ${connection} the new relay was not sent`);
      const [offset, bytes, timeNs] = [firstOffset, 0, 0n];
      const times = { firstTimeNs: timeNs, lastTimeNs: timeNs };
      writer.addGap({
        connection,
        stream,
        where: 'mirror',
        reason: 'damaged',
        offset,
        bytes,
        ...UNCOUNTED,
        ...times,
      });
    }
    writer.addAccount({ ...account, mirroredBytes: isKnown ? mirroredBytes : undefined });
    flush();
  }
}

function nameOf({ connection, kind: stream }: FoundStream): StreamName {
  return { connection, stream };
}

function keyOf({ connection, kind }: FoundStream): string {
  return streamKey(connection, kind);
}
