/** Bytes as text and back, and comparing them. No protocol knowledge. */

/** A view of the buffer that the last bytes lay in: to make one costs more than to write twenty bytes. */
let lastWhole: Buffer = Buffer.from(new ArrayBuffer(0));

export function toHex(bytes: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = bytes;
  if (lastWhole.buffer !== buffer) lastWhole = Buffer.from(buffer);
  return lastWhole.toString('hex', byteOffset, byteOffset + byteLength);
}

export interface HexError {
  /** Position in the text, counted from 0. */
  readonly position: number;
  readonly reason: string;
}

/** Reads hex digits; white space is allowed anywhere. Never throws: a mistake comes back with its place. */
export function parseHex(
  text: string,
): { readonly bytes: Uint8Array } | { readonly error: HexError } {
  const digits: number[] = [];
  let last = 0;
  for (let position = 0; position < text.length; position++) {
    const character = text.charAt(position);
    if (/\s/.test(character)) continue;
    const digit = Number.parseInt(character, 16);
    if (Number.isNaN(digit)) {
      return { error: { position, reason: `${JSON.stringify(character)} is not a hex digit` } };
    }
    digits.push(digit);
    last = position;
  }
  if (digits.length % 2 !== 0) {
    return { error: { position: last, reason: `an odd number of hex digits (${digits.length})` } };
  }
  const bytes = new Uint8Array(digits.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = ((digits[index * 2] ?? 0) << 4) | (digits[index * 2 + 1] ?? 0);
  }
  return { bytes };
}

/** For hex that the program itself wrote; a mistake in it is a bug. */
export function fromHex(hex: string): Uint8Array {
  const parsed = parseHex(hex);
  if ('error' in parsed)
    throw new TypeError(`bad hex at ${parsed.error.position}: ${parsed.error.reason}`);
  return parsed.bytes;
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.byteLength === right.byteLength && Buffer.compare(left, right) === 0;
}

/** How many of the first `length` bytes are the same until they differ. */
export function commonBytes(left: Buffer, right: Buffer, length: number): number {
  if (left.compare(right, 0, length, 0, length) === 0) return length;
  let low = 0;
  let high = length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (left.compare(right, low, middle, low, middle) === 0) low = middle;
    else high = middle;
  }
  return low;
}
