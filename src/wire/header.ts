/**
 * Reads and writes the 32-byte header in any of its field orders, and judges checksums.
 * Knows nothing of streams (frame-reader) nor of what the numbers mean (protocol).
 */
import { crc32 } from 'node:zlib';
import type { ChecksumState, Header, HeaderLayout, HeaderOffsets } from './types.ts';

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

/**
 * A view of all that lies in a buffer. The last one is kept, because to make one costs more than to read a header,
 * and the frames of a chunk lie in one buffer.
 */
export function wholeView(buffer: ArrayBufferLike): DataView {
  if (buffer !== lastBuffer) {
    lastBuffer = buffer;
    lastView = new DataView(buffer);
  }
  return lastView;
}

/** `bytes` must hold at least a whole header. */
export function readHeader({ offsets }: HeaderLayout, bytes: Uint8Array): Header {
  return readHeaderAt(offsets, wholeView(bytes.buffer), bytes.byteOffset);
}

/** The same of a header that begins at `at`. Nothing is checked. */
export function readHeaderAt(offsets: HeaderOffsets, view: DataView, at: number): Header {
  return {
    magic: view.getUint32(at + offsets.magic, true),
    relay_domain: view.getUint8(at + offsets.relay_domain),
    version: view.getUint8(at + offsets.version),
    source: view.getUint8(at + offsets.source),
    flags: view.getUint8(at + offsets.flags),
    sequence: view.getBigUint64(at + offsets.sequence, true),
    timestamp: view.getBigUint64(at + offsets.timestamp, true),
    payload_size: view.getUint32(at + offsets.payload_size, true),
    checksum: view.getUint32(at + offsets.checksum, true),
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

/** CRC-32 (IEEE) of the whole frame without its four checksum bytes: left out, not zeroed. */
export function frameChecksum(layout: HeaderLayout, frame: Uint8Array): number {
  const before = frame.subarray(0, layout.offsets.checksum);
  const after = frame.subarray(layout.offsets.checksum + CHECKSUM_BYTES);
  return crc32(after, crc32(before));
}

export function checksumState(layout: HeaderLayout, frame: Uint8Array): ChecksumState {
  const stored = u32At(frame, layout.offsets.checksum);
  if (stored === 0) return 'zero';
  return stored === frameChecksum(layout, frame) ? 'valid' : 'wrong';
}
