/**
 * Reads and writes the 32-byte header in any of its field orders, and judges checksums.
 * Knows nothing of streams (frame-reader) nor of what the numbers mean (protocol).
 */
import { crc32Of } from './crc.ts';
import type { ChecksumState, Header, HeaderLayout } from './types.ts';

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Little-endian. Bytes are read one by one because to make a DataView of a frame costs more than to read it. */
export function u16At(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8);
}

/** Little-endian. */
export function u32At(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] ?? 0) |
      ((bytes[offset + 1] ?? 0) << 8) |
      ((bytes[offset + 2] ?? 0) << 16) |
      ((bytes[offset + 3] ?? 0) << 24)) >>>
    0
  );
}

let lastBuffer: ArrayBufferLike = new ArrayBuffer(0);
let lastView: DataView = new DataView(lastBuffer);

/** A view of all that lies in a buffer. The last one is kept: the frames of a chunk lie in one buffer. */
export function wholeView(buffer: ArrayBufferLike): DataView {
  if (buffer !== lastBuffer) {
    lastBuffer = buffer;
    lastView = new DataView(buffer);
  }
  return lastView;
}

/** One for all calls, for the same reason. */
const wide = new DataView(new ArrayBuffer(8));

function u64At(bytes: Uint8Array, offset: number): bigint {
  wide.setUint32(0, u32At(bytes, offset), true);
  wide.setUint32(4, u32At(bytes, offset + 4), true);
  return wide.getBigUint64(0, true);
}

/** `bytes` must hold at least a whole header. Nothing is checked. */
export function readHeader(layout: HeaderLayout, bytes: Uint8Array): Header {
  const at = layout.offsets;
  return {
    magic: u32At(bytes, at.magic),
    relay_domain: bytes[at.relay_domain] ?? 0,
    version: bytes[at.version] ?? 0,
    source: bytes[at.source] ?? 0,
    flags: bytes[at.flags] ?? 0,
    sequence: u64At(bytes, at.sequence),
    timestamp: u64At(bytes, at.timestamp),
    payload_size: u32At(bytes, at.payload_size),
    checksum: u32At(bytes, at.checksum),
  };
}

export function writeHeader(layout: HeaderLayout, header: Header, bytes: Uint8Array): void {
  const view = viewOf(bytes);
  const at = layout.offsets;
  view.setUint32(at.magic, header.magic, true);
  view.setUint8(at.relay_domain, header.relay_domain);
  view.setUint8(at.version, header.version);
  view.setUint8(at.source, header.source);
  view.setUint8(at.flags, header.flags);
  view.setBigUint64(at.sequence, header.sequence, true);
  view.setBigUint64(at.timestamp, header.timestamp, true);
  view.setUint32(at.payload_size, header.payload_size, true);
  view.setUint32(at.checksum, header.checksum, true);
}

const CHECKSUM_BYTES = 4;

/** CRC-32 (IEEE) of the whole frame without its four checksum bytes: left out, not zeroed. `start`, `end`: of the frame. */
export function frameChecksum(
  layout: HeaderLayout,
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): number {
  const at = start + layout.offsets.checksum;
  return crc32Of(bytes, at + CHECKSUM_BYTES, end, crc32Of(bytes, start, at));
}

export function checksumState(
  layout: HeaderLayout,
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): ChecksumState {
  const stored = u32At(bytes, start + layout.offsets.checksum);
  if (stored === 0) return 'zero';
  return stored === frameChecksum(layout, bytes, start, end) ? 'valid' : 'wrong';
}
