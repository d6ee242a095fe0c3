/**
 * What the clients of a capture did, in pieces that can be left out one by one: clients, messages, borders of writes, and
 * departures. And which messages the old relay delivered to whom: its promise for whatever is kept. Pure but for reading.
 */
import { createHash } from 'node:crypto';
import { readSpans } from '../capture/spans.ts';
import type { CaptureReader, StreamRow } from '../capture/types.ts';
import { OperatingError } from '../lib/operating-error.ts';
import type { HeaderLayout } from '../wire/types.ts';

/** A frame, or bytes of a client that are none. */
export interface Unit {
  readonly id: number;
  readonly connection: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly isFrame: boolean;
  /** Id of the write that its last byte is in. */
  readonly lastWrite: number;
}

/** What one read of the shim returned of a client, in the recording. */
export interface Write {
  /** From 0 in recorded order over all clients. */
  readonly id: number;
  readonly connection: number;
  readonly offset: number;
  readonly length: number;
  readonly ordinal: number;
  readonly timeNs: bigint;
}

export interface Leaving {
  readonly kind: 'end' | 'close' | 'error';
  readonly code: string | undefined;
  readonly ordinal: number;
  readonly timeNs: bigint;
}

export interface Client {
  readonly id: number;
  readonly label: string;
  readonly openOrdinal: number;
  readonly openNs: bigint;
  /** How it went, in order; empty when it stayed. */
  readonly leaving: readonly Leaving[];
  /** Ids of the units that the old relay delivered to it, in its order. */
  readonly received: readonly number[];
}

export interface Traffic {
  readonly clients: readonly Client[];
  /** By id. */
  readonly units: readonly Unit[];
  readonly writes: readonly Write[];
  /** Deliveries of the old relay that are no message that a client sent: nobody can say what they belong to. */
  readonly strangeDeliveries: number;
}

const BYTES_MAX = 256 * 1024 * 1024;
const HASHED_FROM_BYTES = 512;

/** Throws USAGE for more than can be held. */
export function readTraffic(capture: CaptureReader, layout: HeaderLayout): Traffic {
  const streams = capture.streams();
  const bytes = streams.reduce((sum, row) => sum + (row.kind === 'client' ? row.bytes : 0), 0);
  if (bytes > BYTES_MAX) {
    throw new OperatingError(
      'USAGE',
      `the clients of ${capture.path} sent ${bytes} bytes; at most ${BYTES_MAX} are taken`,
      {
        hint: 'Take a part of the recording first: a file of a rotated one, or relaydiff golden create --trim.',
      },
    );
  }
  const writes = readWrites(capture, streams);
  const units = readUnits(capture, { streams, layout, writes });
  const visits = readVisits(capture);
  const byContent = unitsByContent(units);
  let strangeDeliveries = 0;
  const clients = capture.connections().map(({ id, label, openedNs }): Client => {
    const visit = visits.get(id);
    const openOrdinal = visit?.openOrdinal ?? 0;
    const stream = streams.find((row) => row.connection === id && row.kind === 'old');
    const promised =
      stream === undefined
        ? []
        : readReceived(capture, { stream, layout, byContent, openOrdinal, writes });
    strangeDeliveries += promised.filter((unit) => unit === undefined).length;
    return {
      id,
      label,
      openOrdinal,
      openNs: openedNs,
      leaving: visit?.leaving ?? [],
      received: promised.filter((unit) => unit !== undefined),
    };
  });
  return { clients, units, writes, strangeDeliveries };
}

function readWrites(capture: CaptureReader, streams: readonly StreamRow[]): readonly Write[] {
  const found: Omit<Write, 'id'>[] = [];
  for (const { id, connection, kind } of streams) {
    if (kind !== 'client') continue;
    for (const { ordinal, timeNs, offset, bytes } of capture.chunks(id))
      found.push({ connection, ordinal, timeNs, offset, length: bytes.length });
  }
  found.sort((left, right) => left.ordinal - right.ordinal);
  return found.map((write, id) => ({ id, ...write }));
}

function readUnits(
  capture: CaptureReader,
  {
    streams,
    layout,
    writes,
  }: {
    readonly streams: readonly StreamRow[];
    readonly layout: HeaderLayout;
    readonly writes: readonly Write[];
  },
): readonly Unit[] {
  const units: Unit[] = [];
  const byOrdinal = new Map(writes.map(({ ordinal, id }) => [ordinal, id]));
  for (const stream of streams) {
    if (stream.kind !== 'client') continue;
    for (const { span, arrivalOrdinal } of readSpans(capture, stream, layout)) {
      units.push({
        id: units.length,
        connection: stream.connection,
        offset: span.offset,
        bytes: span.bytes,
        isFrame: span.kind === 'frame',
        lastWrite: byOrdinal.get(arrivalOrdinal) ?? 0,
      });
    }
  }
  return units;
}

/** In the order in which they were sent. */
function unitsByContent(units: readonly Unit[]): ReadonlyMap<string, readonly Unit[]> {
  const byContent = new Map<string, Unit[]>();
  const inOrder = [...units].sort((left, right) => left.lastWrite - right.lastWrite);
  for (const unit of inOrder) {
    const key = contentKey(unit.bytes);
    const same = byContent.get(key);
    if (same === undefined) byContent.set(key, [unit]);
    else same.push(unit);
  }
  return byContent;
}

export function contentKey(bytes: Uint8Array): string {
  if (bytes.length > HASHED_FROM_BYTES) return createHash('sha1').update(bytes).digest('base64');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/**
 * Each delivery is of the first sending of its bytes that has not been delivered to this client, of those that were made
 * since it was there. undefined: of none.
 */
function readReceived(
  capture: CaptureReader,
  {
    stream,
    layout,
    byContent,
    openOrdinal,
    writes,
  }: {
    readonly stream: StreamRow;
    readonly layout: HeaderLayout;
    readonly byContent: ReadonlyMap<string, readonly Unit[]>;
    readonly openOrdinal: number;
    readonly writes: readonly Write[];
  },
): readonly (number | undefined)[] {
  const next = new Map<string, number>();
  const received: (number | undefined)[] = [];
  for (const { span } of readSpans(capture, stream, layout)) {
    const key = contentKey(span.bytes);
    const sendings = byContent.get(key) ?? [];
    let at = next.get(key) ?? 0;
    while (at < sendings.length && ordinalOf(sendings[at], writes) < openOrdinal) at++;
    received.push(sendings[at]?.id);
    next.set(key, at + 1);
  }
  return received;
}

function ordinalOf(unit: Unit | undefined, writes: readonly Write[]): number {
  return writes[unit?.lastWrite ?? -1]?.ordinal ?? 0;
}

interface Visit {
  openOrdinal: number;
  readonly leaving: Leaving[];
}

function readVisits(capture: CaptureReader): ReadonlyMap<number, Visit> {
  const visits = new Map<number, Visit>();
  for (const { kind, connection, stream, ordinal, timeNs, details } of capture.events()) {
    // What clients do after the recording was stopped is not theirs.
    if (kind === 'stop') break;
    if (connection === undefined || stream !== 'client') continue;
    const visit = visits.get(connection) ?? { openOrdinal: 0, leaving: [] };
    visits.set(connection, visit);
    if (kind === 'open') visit.openOrdinal = ordinal;
    else if (kind === 'end' || kind === 'close' || kind === 'error') {
      const { code } = details;
      visit.leaving.push({
        kind,
        ordinal,
        timeNs,
        code: typeof code === 'string' ? code : undefined,
      });
    }
  }
  return visits;
}
