/** The rows of a capture as values. Bytes, times, streams, gaps and events; no meaning. */
import type { HeaderLayout, Span } from '../wire/types.ts';

/** Which ordered bytes of a connection: client -> relays, old relay -> client, new relay -> nobody. */
export type StreamKind = 'client' | 'old' | 'new';
export const STREAM_KINDS: readonly StreamKind[] = ['client', 'old', 'new'];

export type Side = 'old' | 'new';

/** What is known of the recording as a whole. */
export interface CaptureInfo {
  /** `record`, `tap` for one that only listened, `replay`; `transcript` or `import` for what others recorded. */
  readonly origin: string;
  /** Version of relaydiff that wrote the file. */
  readonly writer: string;
  /** Wall clock at time 0, ns since the Unix epoch. */
  readonly startedUnixNs: bigint;
  /** Dialect the recording was made with: its header layout decides what a frame is. */
  readonly dialect: string;
  /** False when the recorder did not end in good order: what is there is true, the end is missing. */
  readonly sealed: boolean;
  /** Time of the last thing that happened, ns since time 0. */
  readonly durationNs: bigint;
  /** Of a file of a rotated recording. */
  readonly part: PartInfo | undefined;
  /** Free text: sockets of the recording, or where an import came from. */
  readonly notes: Readonly<Record<string, string>>;
}

export interface PartInfo {
  /** The same in all files of a recording, and in no other. */
  readonly set: string;
  /** Counts from 1. */
  readonly number: number;
  /** When this file followed the one before. */
  readonly startNs: bigint;
}

export interface ConnectionRow {
  readonly id: number;
  /** `publisher`, `client-3`: how people call it. */
  readonly label: string;
  readonly openedNs: bigint;
}

export interface StreamRow {
  readonly id: number;
  readonly connection: number;
  readonly kind: StreamKind;
  /** Bytes recorded. */
  readonly bytes: number;
  readonly chunks: number;
  /** Position of the first byte that could be here: 0, but in a later file of a rotated recording. */
  readonly firstOffset: number;
}

/** A stream, and behind which byte it ends as yet: what has not grown has the same end. */
export interface StreamEnd extends Pick<StreamRow, 'id' | 'connection' | 'kind'> {
  readonly endOffset: number;
}

/**
 * What one read returned. `ordinal` counts chunks and events of the whole capture in order of arrival, so
 * it orders what happened in the same nanosecond and across streams.
 */
export interface Chunk {
  readonly ordinal: number;
  /** ns since time 0, monotonic. */
  readonly timeNs: bigint;
  /** Position of the first byte in its stream. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Consecutive chunks of one stream with their bytes in one piece: for who reads many. Columns have one length. */
export interface ChunkRun {
  /** Position of the first byte in its stream. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly ordinals: readonly number[];
  /** ns since time 0. */
  readonly timesNs: readonly number[];
  /** Where they lie in the order of all streams, as times. Absent: that is told by `timesNs`. */
  readonly ordersNs?: readonly number[];
  readonly lengths: readonly number[];
}

/**
 * - `open`: the client connected.          - `upstream-open`: the relay of a side accepted; with
 *   details.life from 2 on, again: see `restarts` of the reader.
 * - `upstream-failed`: the relay of a side could not be reached (details.code).
 * - `end`: the peer of the stream finished sending (half-close).
 * - `close`: the peer of the stream is gone.   - `error`: the stream broke (details.code).
 * - `start`, `stop`: of the recording.     - `note`: anything else that a reader should know.
 */
export const EVENT_KINDS = [
  'start',
  'stop',
  'open',
  'upstream-open',
  'upstream-failed',
  'end',
  'close',
  'error',
  'note',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

export interface CaptureEvent {
  readonly ordinal: number;
  readonly timeNs: bigint;
  readonly connection: number | undefined;
  /** The stream it happened on, when it happened on one. */
  readonly stream: StreamKind | undefined;
  readonly kind: EventKind;
  readonly details: Readonly<Record<string, string | number>>;
}

/**
 * Bytes that passed but are missing somewhere.
 * - `recording`: they reached their receiver but are not in this file; the stream continues at
 *   `offset + bytes`.
 * - `mirror`: client bytes that are in this file but that the mirror relay was not sent.
 */
export interface Gap {
  readonly connection: number;
  readonly stream: StreamKind;
  readonly where: 'recording' | 'mirror';
  readonly reason: string;
  readonly offset: number;
  readonly bytes: number;
  /** Frames that ended in it and of which no byte got through; undefined when nobody could count them. */
  readonly frames: number | undefined;
  /** Header bytes of the first and of the last of these frames; undefined when there is none, or nobody kept them. */
  readonly firstHeader: Uint8Array | undefined;
  readonly lastHeader: Uint8Array | undefined;
  readonly firstTimeNs: bigint;
  readonly lastTimeNs: bigint;
}

/** What passed on a stream that has ended, as its sockets counted it. */
export interface StreamAccount {
  readonly connection: number;
  readonly stream: StreamKind;
  readonly seenBytes: number;
  /** Of a client stream: what the mirror's socket took. */
  readonly mirroredBytes: number | undefined;
}

/** A span of a stream with the moment its last byte arrived. The bytes are the caller's to keep. */
export interface ArrivedSpan<S = Span> {
  readonly span: S;
  /** Position among the spans of its stream, from 0. */
  readonly index: number;
  /** Ordinal of the chunk that brought its last byte (see Chunk). */
  readonly arrivalOrdinal: number;
  readonly arrivalNs: bigint;
}

/** An open capture. Everything is read in bounded memory: at most one segment a stream at a time. */
export interface CaptureReader {
  readonly path: string;
  readonly info: CaptureInfo;
  /** The protocol schema files that the recording was made with: name -> YAML text. */
  protocolSchemas(): ReadonlyMap<string, string>;
  connections(): readonly ConnectionRow[];
  streams(): readonly StreamRow[];
  /** The streams without what must be counted for them: takes as long for a recording of hours as for one of seconds. */
  streamEnds?(): readonly StreamEnd[];
  gaps(): readonly Gap[];
  accounts(): readonly StreamAccount[];
  events(): Iterable<CaptureEvent>;
  /**
   * Offsets in a stream, ascending, at which the relay began to speak on a new connection: what was begun
   * before does not go on there.
   */
  restarts(connection: number, kind: StreamKind): readonly number[];
  /** The chunks of one stream in order. After a recording gap the offset jumps. */
  chunks(streamId: number): Iterable<Chunk>;
  /**
   * The same in runs, from a place on where a chunk begins; by default from the beginning. For readers that can give
   * them cheaply: `chunkRuns` makes them of chunks where there are none.
   */
  runs?(streamId: number, fromOffset?: number): Iterable<ChunkRun>;
  /** Of two recordings of the same clients that are read as one: a client stream as the other recording has it. */
  sentAgain?(streamId: number): SentAgain | undefined;
  close(): void;
}

/** The same bytes, but for what only one of the recordings has; in chunks and at times of its own. */
export interface SentAgain {
  readonly capture: CaptureReader;
  readonly stream: StreamRow;
  readonly layout: HeaderLayout;
  /** By which messages of the two recordings are the same. */
  readonly keys: Readonly<Record<'first' | 'second', KeyOfSent>>;
  /** What only the first recording has of the stream, by its offsets. */
  readonly onlyFirst: readonly ByteRange[];
  /** What only the second has, by its own. */
  readonly onlySecond: readonly ByteRange[];
  /** Times of the second on the clock of the first. */
  readonly mapNs: (timeNs: number) => number;
}

export type KeyOfSent = (sent: Pick<ArrivedSpan, 'span' | 'index'>) => Uint8Array;

export interface ByteRange {
  readonly offset: number;
  readonly bytes: number;
}
