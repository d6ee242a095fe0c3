/** Verifies that each stream is whole: no hole, no overlap but for its gaps, and as many bytes as the sockets counted. */
import { mergeSorted } from '../lib/merge-sorted.ts';
import type { SegmentData } from './segment-collector.ts';
import { type Continuity, followPieces, type StreamPiece } from './stream-continuity.ts';
import type { Gap } from './types.ts';
import type { Findings } from './verify-findings.ts';
import type { RowReader } from './verify-rows.ts';
import type { VerifiedStream } from './verify-small-rows.ts';

export function nameOf(stream: VerifiedStream): string {
  return `connection ${stream.connection}, ${stream.kind} stream`;
}

interface GapRow {
  readonly id: number;
  readonly stream_id: number;
  readonly place: Gap['where'];
  readonly reason: string;
  readonly stream_offset: number;
  readonly byte_count: number;
  readonly last_time_ns: number;
}

export function verifyGaps(
  rows: RowReader,
  streams: ReadonlyMap<number, VerifiedStream>,
  findings: Findings,
): {
  readonly count: number;
  readonly mirrorBytes: ReadonlyMap<number, number>;
  readonly reachesNs: number;
} {
  let count = 0;
  let reachesNs = 0;
  const mirrorBytes = new Map<number, number>();
  for (const row of rows.read<GapRow>('gap')) {
    count += 1;
    reachesNs = Math.max(reachesNs, row.last_time_ns);
    const { stream_id: id, place, reason, stream_offset: offset, byte_count: bytes } = row;
    if (place === 'mirror') mirrorBytes.set(id, (mirrorBytes.get(id) ?? 0) + bytes);
    const stream = streams.get(id);
    if (stream === undefined) {
      const message = `gap ${row.id} is of stream ${id}, which is not there`;
      findings.damage({ check: 'stream', table: 'gap', row: row.id, message });
      continue;
    }
    const amount = bytes === 0 ? 'an unknown number of bytes' : `${bytes} bytes`;
    const what = place === 'mirror' ? 'were not sent to the new relay' : 'were not recorded';
    findings.missing({
      check: 'stream',
      table: 'gap',
      row: row.id,
      connection: stream.connection,
      stream: stream.kind,
      offset,
      bytes,
      message: `${nameOf(stream)}: ${amount} from ${offset} on ${what} (${reason})`,
    });
  }
  return { count, mirrorBytes, reachesNs };
}

/** Segments and recording gaps of a stream in the order of their offsets. */
const PIECES = `
  SELECT 'recorded' AS kind, 'segment ' || id AS name, stream_offset AS offset, byte_count AS bytes
  FROM segment WHERE stream_id = ?
  UNION ALL
  SELECT 'gap', 'gap ' || id, stream_offset, byte_count
  FROM gap WHERE stream_id = ? AND place = 'recording'
  ORDER BY offset, kind`;

export function verifyContinuity(
  rows: RowReader,
  stream: VerifiedStream,
  waiting: readonly SegmentData[],
  findings: Findings,
): Continuity {
  const stored = rows.query<StreamPiece>('segment', PIECES, stream.id, stream.id);
  const inJournal = waiting.map(
    ({ offset, bytes }): StreamPiece => ({ kind: 'recorded', name: 'the journal', offset, bytes }),
  );
  const pieces = mergeSorted([stored, inJournal], (left, right) => left.offset - right.offset);
  return followPieces(stream.firstOffset, pieces, (fault) => {
    const { offset, bytes } = fault;
    const what =
      fault.kind === 'hole'
        ? `are neither recorded nor in a gap (before ${fault.before.name})`
        : `are there twice (${fault.piece.name})`;
    findings.damage({
      check: 'stream',
      table: 'stream',
      row: stream.id,
      connection: stream.connection,
      stream: stream.kind,
      offset,
      bytes,
      message: `${nameOf(stream)}: ${bytes} bytes from ${offset} on ${what}`,
    });
  });
}

/** What the sockets counted must be what is here. */
export function verifyLedger(
  stream: VerifiedStream,
  { end }: Continuity,
  mirrorGapBytes: number,
  findings: Findings,
): void {
  const { account, connection, kind } = stream;
  if (account === undefined) return;
  const { seenBytes, mirroredBytes } = account;
  const damage = (message: string): void =>
    findings.damage({
      check: 'ledger',
      table: 'account',
      row: stream.id,
      connection,
      stream: kind,
      message: `${nameOf(stream)}: ${message}`,
    });
  if (seenBytes !== end)
    damage(`${seenBytes} bytes passed, but recorded bytes and gaps end at ${end}`);
  // Of a stream that began in another file, the gaps are there as well.
  if (mirroredBytes === null || stream.firstOffset > 0) return;
  if (seenBytes !== mirroredBytes + mirrorGapBytes) {
    damage(
      `${seenBytes} bytes passed, but ${mirroredBytes} were sent to the new relay and ${mirrorGapBytes} are in gaps`,
    );
  }
}
