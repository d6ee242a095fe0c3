/**
 * A capture as a sequence of records: the portable form that NDJSON, MessagePack and pcapng files carry, each in its
 * own spelling. A head, what the recording was made with, connections and streams; then what happened in the order in
 * which it did; then the accounts, and an end that counts. Only the words; nothing is read or written here.
 */
import type {
  CaptureEvent,
  ConnectionRow,
  Gap,
  StreamAccount,
  StreamKind,
} from '../capture/types.ts';

/** Another number means another meaning: readers refuse it. */
export const RECORDS_FORMAT = 'relaydiff-capture/1';

export interface HeadRecord {
  readonly record: 'head';
  readonly format: typeof RECORDS_FORMAT;
  readonly origin: string;
  /** Version of relaydiff that made the recording. */
  readonly writer: string;
  /** Version of relaydiff that wrote these records. */
  readonly exporter: string;
  /** Wall clock at time 0, ns since the Unix epoch. */
  readonly startedUnixNs: bigint;
  readonly dialect: string;
  readonly sealed: boolean;
  /** Of a rotated recording: what all its files are known by. Its records are those of all of them. */
  readonly set: string | undefined;
  readonly notes: Readonly<Record<string, string>>;
}

/** One of the protocol schema files that the recording was made with. */
export interface SchemaRecord {
  readonly record: 'schema';
  readonly name: string;
  readonly yaml: string;
}

export interface ConnectionRecord extends ConnectionRow {
  readonly record: 'connection';
}

/** In the order in which the capture numbers them. */
export interface StreamRecord {
  readonly record: 'stream';
  readonly connection: number;
  readonly stream: StreamKind;
}

export interface ChunkRecord {
  readonly record: 'chunk';
  readonly connection: number;
  readonly stream: StreamKind;
  readonly ordinal: number;
  readonly timeNs: bigint;
  /** Position of the first byte in its stream; jumps behind a recording gap. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface EventRecord extends CaptureEvent {
  readonly record: 'event';
}

/** Stands where its first byte passed, and before the chunk that follows it in its stream. */
export interface GapRecord extends Gap {
  readonly record: 'gap';
  /** Position among the gaps of the capture, from 0. */
  readonly index: number;
}

export interface AccountRecord extends StreamAccount {
  readonly record: 'account';
}

export interface RecordCounts {
  readonly connections: number;
  readonly streams: number;
  readonly chunks: number;
  /** Of all chunks. */
  readonly bytes: number;
  readonly events: number;
  readonly gaps: number;
  readonly accounts: number;
}

/** The last one: without it, the end of the file is missing. */
export interface EndRecord {
  readonly record: 'end';
  readonly counts: RecordCounts;
}

export type CaptureRecord =
  | HeadRecord
  | SchemaRecord
  | ConnectionRecord
  | StreamRecord
  | ChunkRecord
  | EventRecord
  | GapRecord
  | AccountRecord
  | EndRecord;

/** Counts records as they pass. */
export class RecordTally {
  #counts = { connections: 0, streams: 0, chunks: 0, bytes: 0, events: 0, gaps: 0, accounts: 0 };

  get counts(): RecordCounts {
    return { ...this.#counts };
  }

  add(record: CaptureRecord): void {
    const counts = this.#counts;
    switch (record.record) {
      case 'connection':
        counts.connections += 1;
        return;
      case 'stream':
        counts.streams += 1;
        return;
      case 'chunk':
        counts.chunks += 1;
        counts.bytes += record.bytes.length;
        return;
      case 'event':
        counts.events += 1;
        return;
      case 'gap':
        counts.gaps += 1;
        return;
      case 'account':
        counts.accounts += 1;
        return;
      case 'head':
      case 'schema':
      case 'end':
    }
  }
}

/** Something of a file that is imported, and where in it, as people find it: `line 12`, `byte 4096`. */
export interface Placed<T> {
  readonly value: T;
  readonly place: string;
}
