/**
 * Writes the capture of a golden: a recording, or the part of it that was chosen, as one sealed file. Keeps bytes, writes,
 * times and order; counts times from where the part begins, and closes streams up where something was left out.
 */
import type { CaptureEvent, CaptureReader, Chunk, StreamKind } from '../capture/types.ts';
import { CaptureWriter } from '../capture/writer.ts';
import { mergeSorted } from '../lib/merge-sorted.ts';
import type { HeaderLayout } from '../wire/types.ts';
import type { ByteRange, Selection, StreamPart } from './selection.ts';

export interface CopyOptions {
  readonly path: string;
  /** Version of relaydiff. */
  readonly writer: string;
  readonly layout: HeaderLayout;
  /** What is taken; undefined: everything as it is. */
  readonly selection: Selection | undefined;
  /** Other names for connections, by their number. */
  readonly labels: ReadonlyMap<number, string>;
  readonly protocolSchemas: ReadonlyMap<string, string>;
  /** Of where the capture comes from; they stand beside those of the recording. */
  readonly notes: Readonly<Record<string, string>>;
}

/** Chunks are small, and a golden is. */
const CHUNKS_A_FLUSH = 4_096;

/** Throws CAPTURE_EXISTS, CAPTURE_UNWRITABLE or CAPTURE_DAMAGED. */
export function copyCapture(capture: CaptureReader, options: CopyOptions): void {
  const { selection } = options;
  const shiftNs = selection?.startNs ?? 0n;
  const writer = CaptureWriter.create(options.path, {
    origin: capture.info.origin,
    writer: options.writer,
    startedUnixNs: capture.info.startedUnixNs + shiftNs,
    dialect: capture.info.dialect,
    layout: options.layout,
    notes: { ...capture.info.notes, ...options.notes },
    protocolSchemas: options.protocolSchemas,
  });
  const at = (timeNs: bigint): bigint => (timeNs > shiftNs ? timeNs - shiftNs : 0n);
  const connections = capture
    .connections()
    .filter(({ id }) => selection === undefined || selection.connections.has(id));
  for (const { id, label, openedNs } of connections) {
    writer.addConnection({
      id,
      label: options.labels.get(id) ?? label,
      openedNs: at(openedNs),
    });
  }
  copyHappenings(capture, writer, { selection, at });
  copyGapsAndAccounts(capture, writer, { selection });
  writer.seal();
}

interface Happening {
  readonly ordinal: number;
  readonly write: (ordinal: number) => void;
}

interface Copying {
  readonly selection: Selection | undefined;
  /** The time in the new capture. */
  readonly at: (timeNs: bigint) => bigint;
}

/** Events and chunks, counted anew in the order in which they were. */
function copyHappenings(capture: CaptureReader, writer: CaptureWriter, copying: Copying): void {
  const sequences = [
    eventsOf(capture, writer, copying),
    ...capture
      .streams()
      .map((stream) => chunksOf(capture, writer, { ...copying, ...stream, streamId: stream.id })),
  ];
  let ordinal = 0;
  for (const { write } of mergeSorted(sequences, (left, right) => left.ordinal - right.ordinal)) {
    ordinal += 1;
    write(ordinal);
    if (ordinal % CHUNKS_A_FLUSH === 0) writer.flush();
  }
  if (copying.selection === undefined) return;
  // What was asked was awaited: what is not here did not come.
  const { openAtEnd, endNs } = copying.selection;
  writer.addEvent({
    ordinal: ordinal + 1,
    timeNs: copying.at(endNs),
    connection: undefined,
    stream: undefined,
    kind: 'stop',
    details: { clients: openAtEnd, drained: 1 },
  });
}

function* eventsOf(
  capture: CaptureReader,
  writer: CaptureWriter,
  { selection, at }: Copying,
): Generator<Happening> {
  for (const event of capture.events()) {
    if (selection !== undefined && !isInSelection(event, selection)) continue;
    yield {
      ordinal: event.ordinal,
      write: (ordinal) => writer.addEvent({ ...event, ordinal, timeNs: at(event.timeNs) }),
    };
  }
}

function isInSelection(event: CaptureEvent, selection: Selection): boolean {
  if (event.timeNs > selection.endNs || event.kind === 'stop') return false;
  if (event.connection === undefined) return event.kind === 'start';
  if (!selection.connections.has(event.connection)) return false;
  return event.stream !== 'new' || selection.hasNew;
}

function* chunksOf(
  capture: CaptureReader,
  writer: CaptureWriter,
  {
    selection,
    at,
    streamId,
    connection,
    kind,
  }: Copying & {
    readonly streamId: number;
    readonly connection: number;
    readonly kind: StreamKind;
  },
): Generator<Happening> {
  const part = partOf(selection, connection, kind);
  if (part === undefined) return;
  let end = 0;
  for (const { ordinal: before, timeNs, offset: offsetBefore, bytes } of keptChunks(
    capture.chunks(streamId),
    part,
  )) {
    const offset = part === 'all' ? offsetBefore : end;
    end = offset + bytes.length;
    yield {
      ordinal: before,
      write: (ordinal) =>
        writer.addChunk({
          connection,
          stream: kind,
          ordinal,
          timeNs: at(timeNs),
          offset,
          bytes: Uint8Array.from(bytes),
        }),
    };
  }
}

/** undefined: nothing of it. */
function partOf(
  selection: Selection | undefined,
  connection: number,
  kind: StreamKind,
): StreamPart | undefined {
  if (selection === undefined) return 'all';
  return selection.connections.get(connection)?.[kind];
}

/** Of each chunk what lies in the ranges; what is left of one chunk stays one. */
function* keptChunks(chunks: Iterable<Chunk>, part: StreamPart): Generator<Chunk> {
  if (part === 'all') {
    yield* chunks;
    return;
  }
  const ranges = part[Symbol.iterator]();
  let range = nextOf(ranges);
  for (const chunk of chunks) {
    const end = chunk.offset + chunk.bytes.length;
    const pieces: Uint8Array[] = [];
    while (range !== undefined && range.offset < end) {
      const from = Math.max(range.offset, chunk.offset);
      const to = Math.min(range.offset + range.bytes, end);
      if (to > from) pieces.push(chunk.bytes.subarray(from - chunk.offset, to - chunk.offset));
      if (range.offset + range.bytes > end) break;
      range = nextOf(ranges);
    }
    if (pieces.length > 0) yield { ...chunk, bytes: Buffer.concat(pieces) };
    if (range === undefined) return;
  }
}

function nextOf(ranges: Iterator<ByteRange>): ByteRange | undefined {
  const { done, value } = ranges.next();
  return done === true ? undefined : value;
}

/** A part has no gaps: what lies in one is not taken. What the sockets counted is then what is here. */
function copyGapsAndAccounts(
  capture: CaptureReader,
  writer: CaptureWriter,
  { selection }: Pick<Copying, 'selection'>,
): void {
  if (selection === undefined) {
    for (const gap of capture.gaps()) writer.addGap(gap);
    for (const account of capture.accounts()) writer.addAccount(account);
    return;
  }
  for (const { connection, stream, mirroredBytes } of capture.accounts()) {
    const part = selection.connections.get(connection)?.[stream];
    if (part === undefined || part === 'all') continue;
    const seenBytes = part.reduce((sum, { bytes }) => sum + bytes, 0);
    writer.addAccount({
      connection,
      stream,
      seenBytes,
      mirroredBytes: mirroredBytes === undefined ? undefined : seenBytes,
    });
  }
}
