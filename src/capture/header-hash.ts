/** A hash by which frames are looked up, each once: a call into native code would cost several times as much. */

const WORD_BYTES = 4;
const MULTIPLIER = 0x9e37_79b1;

/** 32 bits of the bytes from `from` to `to`. */
export function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = to - from;
  let at = from;
  for (; at + WORD_BYTES <= to; at += WORD_BYTES) {
    const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    const high = ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    hash = mixed(hash ^ low ^ high);
  }
  for (; at < to; at++) hash = mixed(hash ^ (bytes[at] ?? 0));
  return (hash ^ (hash >>> 13)) >>> 0;
}

function mixed(hash: number): number {
  const product = Math.imul(hash, MULTIPLIER);
  return product ^ (product >>> 15);
}
