/**
 * Reads and writes the 32-byte header in any of its field orders, and judges checksums.
 * Knows nothing of streams (frame-reader) nor of what the numbers mean (protocol).
 */
import { crc32 } from 'node:zlib';
import type { ChecksumState, Header, HeaderLayout } from './types.ts';

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** `bytes` must hold at least a whole header. Nothing is checked. */
export function readHeader(layout: HeaderLayout, bytes: Uint8Array): Header {
  const view = viewOf(bytes);
  const at = layout.offsets;
  return {
    magic: view.getUint32(at.magic, true),
    relay_domain: view.getUint8(at.relay_domain),
    version: view.getUint8(at.version),
    source: view.getUint8(at.source),
    flags: view.getUint8(at.flags),
    sequence: view.getBigUint64(at.sequence, true),
    timestamp: view.getBigUint64(at.timestamp, true),
    payload_size: view.getUint32(at.payload_size, true),
    checksum: view.getUint32(at.checksum, true),
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
  const stored = viewOf(frame).getUint32(layout.offsets.checksum, true);
  if (stored === 0) return 'zero';
  return stored === frameChecksum(layout, frame) ? 'valid' : 'wrong';
}
