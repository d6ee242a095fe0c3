/**
 * Walks the TLVs of a payload. Total: any bytes give TLVs and at most one defect that keeps the rest.
 *
 *   standard: [type u8][length u8][value]        extended: [255][0][type u8][length u16 LE][value]
 */
import { u16At, viewOf } from './header.ts';
import type { Tlv, TlvDefect, TlvWalk } from './types.ts';

export const EXTENDED_MARKER = 255;
export const STANDARD_HEAD_BYTES = 2;
export const EXTENDED_HEAD_BYTES = 5;

export const STANDARD_VALUE_BYTES_MAX = 255;
export const EXTENDED_VALUE_BYTES_MAX = 65_535;

/** `start`: where the payload begins in `bytes`, which spares the caller a view. It ends where `bytes` end. */
export function walkTlvs(bytes: Uint8Array, start = 0): TlvWalk {
  const tlvs: Tlv[] = [];
  const payloadBytes = bytes.length - start;
  let offset = 0;
  while (offset < payloadBytes) {
    const at = start + offset;
    const extended = bytes[at] === EXTENDED_MARKER;
    const valueOffset = offset + (extended ? EXTENDED_HEAD_BYTES : STANDARD_HEAD_BYTES);
    const length = extended ? u16At(bytes, at + 3) : (bytes[at + 1] ?? 0);
    const end = valueOffset + length;
    if (end > payloadBytes || (extended && bytes[at + 1] !== 0))
      return { tlvs, defect: defectAt(bytes, start, offset) };
    const type = bytes[extended ? at + 2 : at] ?? 0;
    tlvs.push({ type, extended, offset, valueOffset, length });
    offset = end;
  }
  return { tlvs, defect: undefined };
}

/** Whether the payload is an exact concatenation of at most `tlvCountMax` TLVs; makes no objects. */
export function isExactTlvWalk(
  bytes: Uint8Array,
  start: number,
  end: number,
  tlvCountMax: number,
): boolean {
  let offset = start;
  for (let count = 0; offset < end; count++) {
    if (count >= tlvCountMax || offset + STANDARD_HEAD_BYTES > end) return false;
    if (bytes[offset] === EXTENDED_MARKER) {
      if (offset + EXTENDED_HEAD_BYTES > end || bytes[offset + 1] !== 0) return false;
      offset += EXTENDED_HEAD_BYTES + u16At(bytes, offset + 3);
    } else {
      offset += STANDARD_HEAD_BYTES + (bytes[offset + 1] ?? 0);
    }
  }
  return offset === end;
}

/** What is wrong with the TLV at `offset`. */
function defectAt(bytes: Uint8Array, start: number, offset: number): TlvDefect {
  const at = start + offset;
  const left = bytes.length - at;
  const extended = bytes[at] === EXTENDED_MARKER;
  const headBytes = extended ? EXTENDED_HEAD_BYTES : STANDARD_HEAD_BYTES;
  const reserved = bytes[at + 1];
  if (extended && reserved !== undefined && reserved !== 0) {
    return {
      defect: 'bad-extended-reserved',
      offset,
      length: left,
      detail: `the reserved byte of an extended TLV is ${reserved}, not 0`,
    };
  }
  if (left < headBytes)
    return truncated(offset, left, `a TLV head needs ${headBytes} bytes, ${left} follow`);
  const type = bytes[extended ? at + 2 : at];
  const length = extended ? u16At(bytes, at + 3) : reserved;
  const valueLeft = left - headBytes;
  return truncated(offset, left, `TLV ${type} says ${length} bytes, ${valueLeft} follow`);
}

function truncated(offset: number, length: number, detail: string): TlvDefect {
  return { defect: 'truncated-tlv', offset, length, detail };
}

/** Encodes one TLV; extended when asked for, or when the value is longer than a standard one can be. */
export function encodeTlv(type: number, value: Uint8Array, extended?: boolean): Uint8Array {
  const useExtended = extended ?? value.byteLength > STANDARD_VALUE_BYTES_MAX;
  const limit = useExtended ? EXTENDED_VALUE_BYTES_MAX : STANDARD_VALUE_BYTES_MAX;
  if (value.byteLength > limit)
    throw new RangeError(`TLV ${type}: ${value.byteLength} bytes, at most ${limit}`);
  const headBytes = useExtended ? EXTENDED_HEAD_BYTES : STANDARD_HEAD_BYTES;
  const bytes = new Uint8Array(headBytes + value.byteLength);
  if (useExtended) {
    bytes[0] = EXTENDED_MARKER;
    bytes[2] = type;
    viewOf(bytes).setUint16(3, value.byteLength, true);
  } else {
    bytes[0] = type;
    bytes[1] = value.byteLength;
  }
  bytes.set(value, headBytes);
  return bytes;
}
