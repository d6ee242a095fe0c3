/**
 * The sent messages that pieces of frames are pieces of: what a relay cut off, joined or left lying must be redacted as
 * the whole message is, or nobody could see any more what it was. Collected in two readings of a capture: first the
 * pieces, then the messages that they may be of.
 */
import { checksumState, u32At } from '../wire/header.ts';
import type { HeaderLayout } from '../wire/types.ts';

/** Beyond, pieces are redacted for themselves. */
const KEYS_MAX = 65_536;
const MESSAGES_MAX = 16_384;
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
/** A piece without a header must be so long that it cannot be many messages' by accident. */
const INNER_BYTES_MIN = 8;
/** Bytes that are searched for one such piece. */
const SEARCHED_BYTES_MAX = 16 * 1024 * 1024;

export class Originals {
  /** Of wrong checksums, the frame that one is right for. */
  readonly rightFor = new Map<number, Uint8Array>();
  /** Pieces that there was no room for. */
  forgotten = 0;
  readonly #layout: HeaderLayout;
  readonly #wrongChecksums = new Set<number>();
  /** First bytes of pieces, by how many they are: a header, or less. */
  readonly #beginnings = new Map<number, Map<string, Set<Uint8Array>>>();
  /** All messages that are kept, by their bytes, in order of their sending. */
  readonly #messages = new Map<string, Uint8Array>();
  #messageBytes = 0;

  constructor(layout: HeaderLayout) {
    this.#layout = layout;
  }

  /** Whether anything is to be looked for in the messages. */
  get isEmpty(): boolean {
    return this.#beginnings.size === 0 && this.#wrongChecksums.size === 0;
  }

  noteWrongChecksum(checksum: number): void {
    if (this.#wrongChecksums.size < KEYS_MAX) this.#wrongChecksums.add(checksum);
    else this.forgotten += 1;
  }

  notePiece(bytes: Uint8Array): void {
    const length = Math.min(bytes.length, this.#layout.sizeBytes);
    let same = this.#beginnings.get(length);
    if (same === undefined) this.#beginnings.set(length, (same = new Map()));
    const key = keyOf(bytes, length);
    if (same.size < KEYS_MAX) same.set(key, same.get(key) ?? new Set());
    else this.forgotten += 1;
  }

  /** Second reading: a whole frame that a client sent. */
  offerSent(frame: Uint8Array): void {
    for (const [length, same] of this.#beginnings) {
      const messages = same.get(keyOf(frame, length));
      if (messages === undefined) continue;
      const whole = this.#keep(frame);
      if (whole !== undefined) messages.add(whole);
    }
  }

  /** Second reading: any whole frame. */
  offerChecksum(frame: Uint8Array): void {
    if (this.#wrongChecksums.size === 0) return;
    const checksum = u32At(frame, this.#layout.offsets.checksum);
    if (!this.#wrongChecksums.has(checksum) || this.rightFor.has(checksum)) return;
    if (checksumState(this.#layout, frame) === 'valid')
      this.rightFor.set(checksum, Uint8Array.from(frame));
  }

  /** Whether a client sent exactly this, of what begins like a piece. */
  wasSent(frame: Uint8Array): boolean {
    return this.#messages.has(keyOf(frame, frame.length));
  }

  /** The sent message that begins most like the piece, and for how long; undefined when none does. */
  originalOf(
    piece: Uint8Array,
  ): { readonly message: Uint8Array; readonly common: number } | undefined {
    let best: { readonly message: Uint8Array; readonly common: number } | undefined;
    for (const message of this.#candidates(piece)) {
      const common = commonBytes(message, piece);
      if (common > (best?.common ?? 0)) best = { message, common };
      if (common === piece.length) break;
    }
    return best;
  }

  /** Where bytes without a header stand in a message that another piece is of. */
  placeOf(bytes: Uint8Array): { readonly message: Uint8Array; readonly at: number } | undefined {
    if (bytes.length < INNER_BYTES_MIN) return undefined;
    let searched = 0;
    for (const message of this.#messages.values()) {
      if (searched > SEARCHED_BYTES_MAX) return undefined;
      searched += message.length;
      const at = Buffer.from(message.buffer, message.byteOffset, message.length).indexOf(bytes);
      if (at > 0) return { message, at };
    }
    return undefined;
  }

  #candidates(piece: Uint8Array): Iterable<Uint8Array> {
    const length = Math.min(piece.length, this.#layout.sizeBytes);
    return this.#beginnings.get(length)?.get(keyOf(piece, length)) ?? [];
  }

  #keep(frame: Uint8Array): Uint8Array | undefined {
    const key = keyOf(frame, frame.length);
    const known = this.#messages.get(key);
    if (known !== undefined) return known;
    if (
      this.#messages.size >= MESSAGES_MAX ||
      this.#messageBytes + frame.length > MESSAGE_BYTES_MAX
    ) {
      this.forgotten += 1;
      return undefined;
    }
    const message = Uint8Array.from(frame);
    this.#messages.set(key, message);
    this.#messageBytes += message.length;
    return message;
  }
}

function keyOf(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString('latin1');
}

function commonBytes(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  let at = 0;
  while (at < length && left[at] === right[at]) at++;
  return at;
}
