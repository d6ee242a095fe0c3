/** Whether the pieces of a stream follow each other without hole and overlap. Pure. */

/** Bytes of a stream that are recorded, or that a gap says are not. */
export interface StreamPiece {
  readonly kind: 'recorded' | 'gap';
  readonly offset: number;
  readonly bytes: number;
  /** How people find it. */
  readonly name: string;
}

export type ContinuityFault =
  | {
      readonly kind: 'hole';
      readonly offset: number;
      readonly bytes: number;
      readonly before: StreamPiece;
    }
  | {
      readonly kind: 'overlap';
      readonly offset: number;
      readonly bytes: number;
      readonly piece: StreamPiece;
    };

export interface Continuity {
  readonly recordedBytes: number;
  readonly gapBytes: number;
  /** Behind the last byte that is recorded or in a gap. */
  readonly end: number;
}

/** `pieces` come in the order of their offsets, a gap before what is recorded at the same one. */
export function followPieces(
  firstOffset: number,
  pieces: Iterable<StreamPiece>,
  onFault: (fault: ContinuityFault) => void,
): Continuity {
  let end = firstOffset;
  let recordedBytes = 0;
  let gapBytes = 0;
  for (const piece of pieces) {
    // A gap that grew over the border of two files of a rotated recording is in both of them.
    const isFromBefore = piece.kind === 'gap' && piece.offset < firstOffset && end === firstOffset;
    const offset = isFromBefore ? firstOffset : piece.offset;
    const bytes = Math.max(0, piece.offset + piece.bytes - offset);
    if (offset > end) onFault({ kind: 'hole', offset: end, bytes: offset - end, before: piece });
    if (offset < end) {
      const overlap = Math.min(end, offset + bytes) - offset;
      if (overlap > 0) onFault({ kind: 'overlap', offset, bytes: overlap, piece });
    }
    if (piece.kind === 'recorded') recordedBytes += bytes;
    else gapBytes += bytes;
    end = Math.max(end, offset + bytes);
  }
  return { recordedBytes, gapBytes, end };
}
