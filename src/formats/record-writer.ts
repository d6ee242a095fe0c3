/**
 * Records as a new capture. Takes only what a capture can be: connections before their streams, every byte of a
 * stream recorded or in a gap, times that do not go back. What does not fit comes back as a sentence, because the
 * caller knows where in the file it stands.
 */
import { assert } from '../lib/assert.ts';
import type { CaptureReader } from '../capture/types.ts';
import { CaptureWriter, streamKey } from '../capture/writer.ts';
import type { HeaderLayout } from '../wire/types.ts';
import {
  type CaptureRecord,
  type ChunkRecord,
  type EndRecord,
  type EventRecord,
  type GapRecord,
  type HeadRecord,
  type RecordCounts,
  RecordTally,
} from './record.ts';

/** What is wrong with a record, as one sentence without its place. */
export type Fault = string;

/** Which frames the new capture will be looked up by. */
export type LayoutOf = (capture: {
  readonly info: Pick<CaptureReader['info'], 'dialect'>;
  readonly protocolSchemas: () => ReadonlyMap<string, string>;
}) => HeaderLayout;

/** Why bytes are missing that a file would have brought that broke off. */
const CUT_OFF = 'cut-off';
const FLUSH_BYTES = 4 * 1024 * 1024;
const FLUSH_CHUNKS = 16_384;

interface StreamState {
  readonly connection: number;
  readonly stream: ChunkRecord['stream'];
  /** Behind the last byte that is recorded or in a gap. */
  end: number;
  lastOrdinal: number;
  lastTimeNs: bigint;
  /** Recording gaps that begin behind `end`: the chunk in front of them is still to come. */
  readonly ahead: GapRecord[];
}

export class RecordWriter {
  readonly #path: string;
  readonly #layoutOf: LayoutOf;
  readonly #tally = new RecordTally();
  readonly #schemas = new Map<string, string>();
  readonly #connections = new Set<number>();
  readonly #streams = new Map<string, StreamState>();
  readonly #gaps: GapRecord[] = [];
  #head: HeadRecord | undefined;
  #writer: CaptureWriter | undefined;
  #isEnded = false;
  #lastEvent: Pick<EventRecord, 'ordinal' | 'timeNs'> = { ordinal: -1, timeNs: 0n };
  #unflushedBytes = 0;
  #unflushedChunks = 0;

  /** `path`: of the new capture, made with the first record behind head and schemas. */
  constructor(path: string, layoutOf: LayoutOf) {
    this.#path = path;
    this.#layoutOf = layoutOf;
  }

  get counts(): RecordCounts {
    return this.#tally.counts;
  }

  /** There is something that could be kept of a file that breaks off here. */
  get hasBegun(): boolean {
    return this.#head !== undefined;
  }

  /** Throws CAPTURE_EXISTS or CAPTURE_UNWRITABLE, or SCHEMA_INVALID of the schemas in the records. */
  add(record: CaptureRecord): Fault | undefined {
    if (this.#isEnded) return 'there is more behind the end record';
    const fault = this.#check(record);
    if (fault === undefined) this.#tally.add(record);
    return fault;
  }

  /** What is wrong with the whole, once all records are there. */
  missing(): Fault | undefined {
    if (this.#head === undefined) return 'it holds no record';
    if (!this.#isEnded) return 'it ends without an end record: what follows is missing';
    for (const { connection, stream, end, ahead } of this.#streams.values()) {
      const [gap] = ahead;
      if (gap !== undefined)
        return `bytes ${end} to ${gap.offset} of ${nameOf(connection, stream)} are neither recorded nor in a gap`;
    }
    return undefined;
  }

  /** Makes the capture that the records say. Throws CAPTURE_UNWRITABLE. */
  seal(): void {
    const writer = this.#written();
    if (this.#head?.sealed === true) writer.seal();
    else writer.endUnsealed();
  }

  /** Makes a capture of what there is, which says of itself that its end is missing. Throws CAPTURE_UNWRITABLE. */
  endCutOff(why: string): void {
    for (const state of this.#streams.values()) this.#fillHoles(state);
    this.#written().endUnsealed({ [CUT_OFF]: why });
  }

  /** The file is the caller's to remove. */
  abandon(): void {
    this.#writer?.abandon();
  }

  #written(): CaptureWriter {
    const writer = this.#begin();
    // Their order is that of the rows, which is not the order in which they happened.
    for (const gap of this.#gaps.toSorted((left, right) => left.index - right.index))
      writer.addGap(gap);
    return writer;
  }

  #check(record: CaptureRecord): Fault | undefined {
    if (record.record === 'head') {
      if (this.#head !== undefined) return 'a second head: the file holds more than one capture';
      this.#head = record;
      return undefined;
    }
    if (this.#head === undefined) return 'the first record must be the head';
    if (record.record === 'schema') {
      if (this.#writer !== undefined) return 'a schema must stand right behind the head';
      this.#schemas.set(record.name, record.yaml);
      return undefined;
    }
    return this.#store(record, this.#begin());
  }

  #begin(): CaptureWriter {
    if (this.#writer !== undefined) return this.#writer;
    assert(this.#head !== undefined, 'a capture begins with its head');
    const { origin, writer, startedUnixNs, dialect, set, notes } = this.#head;
    this.#writer = CaptureWriter.create(this.#path, {
      origin,
      writer,
      startedUnixNs,
      dialect,
      layout: this.#layoutOf({ info: { dialect }, protocolSchemas: () => this.#schemas }),
      notes: set === undefined ? notes : { ...notes, 'joined from set': set },
      protocolSchemas: this.#schemas,
    });
    return this.#writer;
  }

  #store(
    record: Exclude<CaptureRecord, { readonly record: 'head' | 'schema' }>,
    writer: CaptureWriter,
  ): Fault | undefined {
    switch (record.record) {
      case 'connection':
        if (this.#connections.has(record.id)) return `a second connection ${record.id}`;
        this.#connections.add(record.id);
        writer.addConnection(record);
        return undefined;
      case 'stream': {
        const state = this.#stream(record);
        if (state !== undefined) writer.addStream(record.connection, record.stream);
        return state === undefined ? this.#stranger(record.connection) : undefined;
      }
      case 'chunk':
        return this.#addChunk(record, writer);
      case 'event':
        return this.#addEvent(record, writer);
      case 'gap':
        return this.#addGap(record);
      case 'account':
        if (this.#stream(record) === undefined) return this.#stranger(record.connection);
        writer.addAccount(record);
        return undefined;
      case 'end':
        return this.#end(record);
    }
  }

  #addChunk(chunk: ChunkRecord, writer: CaptureWriter): Fault | undefined {
    const state = this.#stream(chunk);
    if (state === undefined) return this.#stranger(chunk.connection);
    const { offset, bytes, ordinal, timeNs } = chunk;
    if (offset !== state.end) return continuityFault(state, chunk);
    if (ordinal <= state.lastOrdinal || timeNs < state.lastTimeNs) {
      const last = `ordinal ${state.lastOrdinal} at ${state.lastTimeNs} ns`;
      return `ordinal ${ordinal} at ${timeNs} ns goes back: the chunk before it has ${last}`;
    }
    state.lastOrdinal = ordinal;
    state.lastTimeNs = timeNs;
    advance(state, offset + bytes.length);
    // What is imported may lie in a buffer that is used again; the writer keeps bytes until its next flush.
    writer.addChunk({ ...chunk, bytes: Uint8Array.prototype.slice.call(bytes) });
    this.#unflushedBytes += bytes.length;
    this.#unflushedChunks += 1;
    if (this.#unflushedBytes >= FLUSH_BYTES || this.#unflushedChunks >= FLUSH_CHUNKS) {
      writer.flush();
      this.#unflushedBytes = 0;
      this.#unflushedChunks = 0;
    }
    return undefined;
  }

  #addEvent(event: EventRecord, writer: CaptureWriter): Fault | undefined {
    if (event.connection !== undefined && !this.#connections.has(event.connection))
      return this.#stranger(event.connection);
    const { ordinal, timeNs } = event;
    if (ordinal <= this.#lastEvent.ordinal || timeNs < this.#lastEvent.timeNs) {
      const last = `ordinal ${this.#lastEvent.ordinal} at ${this.#lastEvent.timeNs} ns`;
      return `ordinal ${ordinal} at ${timeNs} ns goes back: the event before it has ${last}`;
    }
    this.#lastEvent = { ordinal, timeNs };
    writer.addEvent(event);
    return undefined;
  }

  #addGap(gap: GapRecord): Fault | undefined {
    const state = this.#stream(gap);
    if (state === undefined) return this.#stranger(gap.connection);
    this.#gaps.push(gap);
    if (gap.where === 'mirror') return undefined;
    if (gap.offset < state.end)
      return `the gap at ${gap.offset} lies over bytes that are there: ${nameOf(gap.connection, gap.stream)} reached ${state.end}`;
    state.ahead.push(gap);
    state.ahead.sort((left, right) => left.offset - right.offset);
    advance(state, state.end);
    return undefined;
  }

  #end({ counts }: EndRecord): Fault | undefined {
    const found = this.#tally.counts;
    for (const name of Object.keys(found)) {
      if (!isCountName(name) || counts[name] === found[name]) continue;
      return `the end record counts ${counts[name]} ${name}, but there are ${found[name]}`;
    }
    this.#isEnded = true;
    return undefined;
  }

  #stream({
    connection,
    stream,
  }: Pick<ChunkRecord, 'connection' | 'stream'>): StreamState | undefined {
    const key = streamKey(connection, stream);
    const known = this.#streams.get(key);
    if (known !== undefined) return known;
    if (!this.#connections.has(connection)) return undefined;
    const state = { connection, stream, end: 0, lastOrdinal: -1, lastTimeNs: 0n, ahead: [] };
    this.#streams.set(key, state);
    return state;
  }

  #stranger(connection: number): Fault {
    return `there is no connection ${connection}`;
  }

  /** A gap whose place the file had not reached. */
  #fillHoles(state: StreamState): void {
    for (let gap = state.ahead[0]; gap !== undefined; gap = state.ahead[0]) {
      this.#gaps.push({
        ...gap,
        index: this.#gaps.length,
        reason: CUT_OFF,
        offset: state.end,
        bytes: gap.offset - state.end,
        frames: undefined,
        firstHeader: undefined,
        lastHeader: undefined,
      });
      advance(state, gap.offset);
    }
  }
}

function isCountName(name: string): name is keyof RecordCounts {
  return name !== '';
}

function advance(state: StreamState, end: number): void {
  state.end = end;
  for (let gap = state.ahead[0]; gap?.offset === state.end; gap = state.ahead[0]) {
    state.end += gap.bytes;
    state.ahead.shift();
  }
}

function continuityFault(state: StreamState, chunk: ChunkRecord): Fault {
  const where = nameOf(chunk.connection, chunk.stream);
  return chunk.offset > state.end
    ? `bytes ${state.end} to ${chunk.offset} of ${where} are neither recorded nor in a gap`
    : `bytes from ${chunk.offset} on are there twice: ${where} reached ${state.end}`;
}

function nameOf(connection: number, stream: string): string {
  return `the ${stream} stream of connection ${connection}`;
}
