/** Rows of events, gaps, connections and accounts as SQLite has them, and what they say: for readers and for rescuers. */
import { decodeDetails } from './event-details.ts';
import type {
  CaptureEvent,
  ConnectionRow,
  EventKind,
  Gap,
  StreamAccount,
  StreamKind,
} from './types.ts';

/** Of which stream a row is: it has only its number. */
export interface StreamName {
  readonly connection: number;
  readonly stream: StreamKind;
}

export interface ConnectionRecord {
  readonly id: number;
  readonly label: string;
  readonly opened_ns: number;
}

export interface EventRecord {
  readonly ordinal: number;
  readonly time_ns: number;
  readonly connection_id: number | null;
  readonly stream: StreamKind | null;
  readonly kind: EventKind;
  readonly details: Uint8Array;
}

export interface GapRecord {
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

export interface AccountRecord {
  readonly seen_bytes: number;
  readonly mirrored_bytes: number | null;
}

export function connectionOf({ id, label, opened_ns: openedNs }: ConnectionRecord): ConnectionRow {
  return { id, label, openedNs: BigInt(openedNs) };
}

/** `details` is undefined where they are not readable any more. */
export function eventOf(
  row: EventRecord,
): Omit<CaptureEvent, 'details'> & { readonly details: CaptureEvent['details'] | undefined } {
  return {
    ordinal: row.ordinal,
    timeNs: BigInt(row.time_ns),
    connection: row.connection_id ?? undefined,
    stream: row.stream ?? undefined,
    kind: row.kind,
    details: decodeDetails(row.details),
  };
}

export function gapOf(row: GapRecord, { connection, stream }: StreamName): Gap {
  return {
    connection,
    stream,
    where: row.place,
    reason: row.reason,
    offset: row.stream_offset,
    bytes: row.byte_count,
    frames: row.frame_count ?? undefined,
    firstHeader: row.first_header ?? undefined,
    lastHeader: row.last_header ?? undefined,
    firstTimeNs: BigInt(row.first_time_ns),
    lastTimeNs: BigInt(row.last_time_ns),
  };
}

export function accountOf(row: AccountRecord, { connection, stream }: StreamName): StreamAccount {
  return {
    connection,
    stream,
    seenBytes: row.seen_bytes,
    mirroredBytes: row.mirrored_bytes ?? undefined,
  };
}
