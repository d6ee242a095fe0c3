/**
 * Redacts whatever a stream holds: frames, and bytes that are none, in such a way that they are cut again as they were.
 * Bytes that are no frame are taken as pieces of frames where a header stands, and as bytes without meaning elsewhere;
 * a piece of a message that a client sent becomes that piece of the redacted message.
 */
import { checksumState, u32At } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import type { HeaderLayout, Span } from '../wire/types.ts';
import type { FrameRedactor } from './frame-redactor.ts';
import type { Originals } from './originals.ts';
import type { Permutations } from './permutations.ts';
import type { Redaction } from './redaction-rules.ts';

/** What was no frame, in numbers. */
export interface PieceCounts {
  /** Pieces of messages that clients sent, redacted as these are. */
  ofMessages: number;
  /** Pieces of frames that no client sent. */
  ofFrames: number;
  /** Stretches of bytes without a header. */
  bare: number;
}

/** A part of a span. */
interface Part {
  readonly from: number;
  readonly to: number;
  readonly kind: 'bare' | 'piece';
}

const MAGIC_BYTES = 4;
const EXTENDED_MARKER = 255;
const CHECKSUM_BYTES = 4;
const TIMESTAMP_BYTES = 8;
/** Longer than any frame is no frame. */
const FRAME_BYTES_MAX = 1_048_576;

export class SpanParts {
  readonly #layout: HeaderLayout;
  readonly #magic: Buffer;

  constructor(layout: HeaderLayout) {
    this.#layout = layout;
    this.#magic = Buffer.alloc(MAGIC_BYTES);
    this.#magic.writeUInt32LE(layout.magic);
  }

  /** Bytes that are no frame, cut where headers begin. */
  *of(span: Span): Generator<Part> {
    const { bytes } = span;
    // What the reader took for the beginning of a frame is one, also when its magic has not come.
    const isBeginning =
      span.kind === 'tail' || (span.kind === 'defect' && span.defect !== 'bad-magic');
    let from = 0;
    let at = isBeginning ? 0 : this.nextHeader(bytes, 0);
    while (at < bytes.length) {
      if (at > from) yield { from, to: at, kind: 'bare' };
      const wholeTo = at + this.frameBytes(bytes, at);
      const to = wholeTo <= bytes.length ? wholeTo : this.nextHeader(bytes, at + 1);
      yield { from: at, to, kind: 'piece' };
      from = to;
      at = this.nextHeader(bytes, to);
    }
    if (from < bytes.length) yield { from, to: bytes.length, kind: 'bare' };
  }

  /** Where the next header begins from `from` on, or the end of the bytes. */
  nextHeader(bytes: Uint8Array, from: number): number {
    const { magic } = this.#layout.offsets;
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const found = all.indexOf(this.#magic, from + magic);
    return found < 0 ? bytes.length : found - magic;
  }

  /** What the header at a place announces; infinite when it is not all there, or announces too much. */
  frameBytes(bytes: Uint8Array, at: number): number {
    const { sizeBytes, offsets, magic } = this.#layout;
    if (at + sizeBytes > bytes.length) return Number.POSITIVE_INFINITY;
    if (u32At(bytes, at + offsets.magic) !== magic) return Number.POSITIVE_INFINITY;
    const frameBytes = sizeBytes + u32At(bytes, at + offsets.payload_size);
    return frameBytes > FRAME_BYTES_MAX ? Number.POSITIVE_INFINITY : frameBytes;
  }

  /** Tells the originals what to look for. */
  collect(span: Span, originals: Originals): void {
    const { checksum } = this.#layout.offsets;
    if (span.kind === 'frame') {
      if (checksumState(this.#layout, span.bytes) === 'wrong')
        originals.noteWrongChecksum(u32At(span.bytes, checksum));
      const inner = this.nextHeader(span.bytes, 1);
      if (inner < span.bytes.length) {
        originals.notePiece(span.bytes);
        originals.notePiece(span.bytes.subarray(inner));
      }
      return;
    }
    for (const { kind, from, to } of this.of(span)) {
      if (kind === 'bare') continue;
      const piece = span.bytes.subarray(from, to);
      originals.notePiece(piece);
      if (piece.length >= checksum + CHECKSUM_BYTES)
        originals.noteWrongChecksum(u32At(piece, checksum));
    }
  }
}

export interface SpanTools {
  readonly layout: HeaderLayout;
  readonly frames: FrameRedactor;
  readonly originals: Originals;
  readonly permutations: Permutations;
  readonly redaction: Redaction;
}

export class SpanRedactor {
  readonly counts: PieceCounts = { ofMessages: 0, ofFrames: 0, bare: 0 };
  readonly #parts: SpanParts;
  readonly #tools: SpanTools;

  constructor(tools: SpanTools) {
    this.#tools = tools;
    this.#parts = new SpanParts(tools.layout);
  }

  /** As many bytes as it has. */
  redact(span: Span): Uint8Array {
    if (span.kind === 'frame')
      return this.#joined(span.bytes) ?? this.#tools.frames.redact(span.bytes);
    const redacted = Uint8Array.from(span.bytes);
    for (const { kind, from, to } of this.#parts.of(span)) {
      const bytes = span.bytes.subarray(from, to);
      redacted.set(kind === 'piece' ? this.#piece(bytes) : this.#bare(bytes), from);
    }
    return redacted;
  }

  /** A frame that no client sent, and that the beginnings of two sent messages make. */
  #joined(frame: Uint8Array): Uint8Array | undefined {
    const { originals, frames } = this.#tools;
    const inner = this.#parts.nextHeader(frame, 1);
    if (inner === frame.length || originals.wasSent(frame)) return undefined;
    const pieces = [frame.subarray(0, inner), frame.subarray(inner)];
    const found = pieces.map((piece) => originals.originalOf(piece));
    const isJoined = found.every(
      (original, index) => original !== undefined && original.common === pieces[index]?.length,
    );
    if (!isJoined) return undefined;
    this.counts.ofMessages += pieces.length;
    return Buffer.concat(
      found.map((original, index) =>
        original === undefined
          ? new Uint8Array()
          : frames.peek(original.message).subarray(0, pieces[index]?.length),
      ),
    );
  }

  /** What begins with a header: a frame that the reader had no trust in, or less than a frame. */
  #piece(bytes: Uint8Array): Uint8Array {
    const { frames, originals } = this.#tools;
    if (this.#parts.frameBytes(bytes, 0) === bytes.length) return frames.redact(bytes);
    const original = originals.originalOf(bytes);
    if (original?.common === bytes.length) {
      this.counts.ofMessages += 1;
      return frames.peek(original.message).subarray(0, bytes.length);
    }
    // Other bytes follow where the piece of a message ends.
    if (original !== undefined && original.common >= this.#tools.layout.sizeBytes) {
      this.counts.ofMessages += 1;
      const rest = this.#bare(bytes.subarray(original.common));
      return Buffer.concat([frames.peek(original.message).subarray(0, original.common), rest]);
    }
    this.counts.ofFrames += 1;
    return this.#beginning(bytes);
  }

  /** Of a message that nobody sent: heads stay, whole TLVs are redacted as in a frame, the rest has no meaning. */
  #beginning(bytes: Uint8Array): Uint8Array {
    const { layout, frames } = this.#tools;
    const redacted = Uint8Array.from(bytes);
    if (bytes.length < layout.sizeBytes) {
      this.#cutHeader(redacted);
      return redacted;
    }
    const { defect } = walkTlvs(bytes, layout.sizeBytes);
    const wholeTo = defect === undefined ? bytes.length : layout.sizeBytes + defect.offset;
    frames.redactPart(redacted.subarray(0, wholeTo));
    const headBytes = bytes[wholeTo] === EXTENDED_MARKER ? 5 : 2;
    this.#meaningless(redacted.subarray(Math.min(bytes.length, wholeTo + headBytes)));
    const at = layout.offsets.checksum;
    const checksum = redacted.subarray(at, at + CHECKSUM_BYTES);
    if (u32At(checksum, 0) !== 0) frames.redactWrongChecksum(checksum);
    return redacted;
  }

  /** A time that is cut cannot be moved, and half a checksum tells of its message too. */
  #cutHeader(bytes: Uint8Array): void {
    const { offsets } = this.#tools.layout;
    const isTimeRedacted = this.#tools.redaction.rules.some(
      ({ action, selectsField }) =>
        action !== 'keep' && selectsField('header.timestamp', 'semantic'),
    );
    const { timestamp, checksum } = offsets;
    if (isTimeRedacted) this.#meaningless(bytes.subarray(timestamp, timestamp + TIMESTAMP_BYTES));
    this.#meaningless(bytes.subarray(checksum, checksum + CHECKSUM_BYTES));
  }

  #bare(bytes: Uint8Array): Uint8Array {
    const { originals, frames } = this.#tools;
    const place = originals.placeOf(bytes);
    if (place !== undefined) {
      this.counts.ofMessages += 1;
      return frames.peek(place.message).subarray(place.at, place.at + bytes.length);
    }
    this.counts.bare += 1;
    const redacted = Uint8Array.from(bytes);
    this.#meaningless(redacted);
    return redacted;
  }

  #meaningless(bytes: Uint8Array): void {
    if (this.#tools.redaction.defects === 'keep') return;
    this.#tools.permutations.permuteKeepingZero({ scope: 'defect', bytes });
  }
}
