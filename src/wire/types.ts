/**
 * The words of the wire: what a stream of bytes is cut into. Every byte of a stream lies in exactly one
 * span. All bytes are views into the chunks that were pushed; copy them to keep them beyond the next push.
 */

/** Byte offsets of the header fields. Which of the three orders applies is part of the dialect. */
export interface HeaderLayout {
  readonly generation: string;
  readonly sizeBytes: number;
  /** First four bytes of a header as an unsigned little-endian number: 0xDEADBEEF. */
  readonly magic: number;
  readonly offsets: HeaderOffsets;
}

export interface HeaderOffsets {
  readonly magic: number;
  readonly relay_domain: number;
  readonly version: number;
  readonly source: number;
  readonly flags: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly payload_size: number;
  readonly checksum: number;
}

export interface Header {
  readonly magic: number;
  readonly relay_domain: number;
  readonly version: number;
  readonly source: number;
  readonly flags: number;
  readonly sequence: bigint;
  readonly timestamp: bigint;
  readonly payload_size: number;
  readonly checksum: number;
}

/** zero means "not computed": most real publishers write it (protocol reference, "Who writes 0"). */
export type ChecksumState = 'valid' | 'zero' | 'wrong';

/** A header and its payload, complete. `offset` counts bytes from the start of the stream. */
export interface Frame {
  readonly kind: 'frame';
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Bytes that are no frame.
 * - `bad-magic`: bytes where a header should begin, up to the next frame that can be trusted.
 * - `oversize-payload`: a header that announces more than the limit, and what follows it.
 * - `truncated-frame`: the beginning of a frame whose rest never came: another frame begins inside it.
 */
export type DefectKind = 'bad-magic' | 'oversize-payload' | 'truncated-frame';

export interface Defect {
  readonly kind: 'defect';
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly defect: DefectKind;
  /** One sentence for a person, with the numbers. */
  readonly detail: string;
}

/** What was left when the stream ended: the beginning of a frame that may have been going to continue. */
export interface Tail {
  readonly kind: 'tail';
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly detail: string;
}

export type Span = Frame | Defect | Tail;

/** One TLV inside a payload. Offsets count from the start of the payload. */
export interface Tlv {
  readonly type: number;
  readonly extended: boolean;
  /** Where the 2- or 5-byte head begins. */
  readonly offset: number;
  readonly valueOffset: number;
  readonly length: number;
}

/** Why a payload could not be walked to its end; the bytes from `offset` on are undecoded. */
export interface TlvDefect {
  readonly defect: 'truncated-tlv' | 'bad-extended-reserved';
  readonly offset: number;
  readonly length: number;
  readonly detail: string;
}

export interface TlvWalk {
  readonly tlvs: readonly Tlv[];
  readonly defect: TlvDefect | undefined;
}
