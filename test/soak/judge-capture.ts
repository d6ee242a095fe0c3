/**
 * Compares what a capture holds of a stream with what those who spoke and heard remember: every byte of it is recorded
 * as it was, or lies in a gap. Answers in words what is wrong; nothing when all is well.
 */
import type { CaptureReader, Gap, StreamKind } from '../../src/capture/types.ts';

export interface StreamName {
  readonly connection: number;
  readonly kind: StreamKind;
}

interface Piece {
  readonly offset: number;
  readonly length: number;
}

/** Nothing but the beginning of what passed: a recorder that was killed lacks the end, and nothing before it. */
export function* judgePrefix(
  capture: CaptureReader,
  stream: StreamName,
  all: Uint8Array,
): Generator<string> {
  const pieces = yield* judgeBytes(capture, stream, all);
  yield* judgeOrder(stream, pieces);
}

/** All that passed, gaps included; the end may lack where the peer vanished before everything was read from it. */
export function* judgeAccount(
  capture: CaptureReader,
  stream: StreamName,
  { all, mayEndEarly }: { readonly all: Uint8Array; readonly mayEndEarly: boolean },
): Generator<string> {
  const pieces = yield* judgeBytes(capture, stream, all);
  const gaps = gapsOf(capture, stream, 'recording');
  const ranges = [...pieces, ...gaps.map(({ offset, bytes }) => ({ offset, length: bytes }))].sort(
    (left, right) => left.offset - right.offset,
  );
  const end = yield* judgeOrder(stream, ranges);
  if (end > all.length || (end < all.length && !mayEndEarly)) {
    yield `${words(stream)}: ${all.length} bytes passed, ${end} are accounted for`;
  }
}

export function recordedBytes(capture: CaptureReader, stream: StreamName): number {
  return rowOf(capture, stream)?.bytes ?? 0;
}

export function gapsOf(
  capture: CaptureReader,
  { connection, kind }: StreamName,
  where: Gap['where'],
): readonly Gap[] {
  return capture
    .gaps()
    .filter((gap) => gap.where === where && gap.connection === connection && gap.stream === kind);
}

function rowOf(
  capture: CaptureReader,
  { connection, kind }: StreamName,
): ReturnType<CaptureReader['streams']>[number] | undefined {
  return capture.streams().find((row) => row.connection === connection && row.kind === kind);
}

function* judgeBytes(
  capture: CaptureReader,
  stream: StreamName,
  all: Uint8Array,
): Generator<string, readonly Piece[]> {
  const pieces: Piece[] = [];
  const row = rowOf(capture, stream);
  for (const { offset, bytes } of row === undefined ? [] : capture.chunks(row.id)) {
    pieces.push({ offset, length: bytes.length });
    const passed = all.subarray(offset, offset + bytes.length);
    if (Buffer.compare(bytes, passed) !== 0) {
      yield `${words(stream)}: other bytes at ${offset}`;
      break;
    }
  }
  return pieces;
}

function* judgeOrder(stream: StreamName, pieces: readonly Piece[]): Generator<string, number> {
  let end = 0;
  for (const { offset, length } of pieces) {
    if (offset !== end) yield `${words(stream)}: at ${end} comes ${offset}`;
    end = offset + length;
  }
  return end;
}

function words({ connection, kind }: StreamName): string {
  return `${kind} ${connection}`;
}
