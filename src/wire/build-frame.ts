/** Puts a frame together from its parts; the counterpart of the frame reader for tests and simulation. */
import { frameChecksum, viewOf, writeHeader } from './header.ts';
import type { HeaderLayout } from './types.ts';

export interface FrameParts {
  readonly domain: number;
  readonly source: number;
  readonly sequence: bigint;
  readonly timestamp: bigint;
  /** Encoded TLVs, back to back. */
  readonly payload: Uint8Array;
  readonly version?: number;
  readonly flags?: number;
  /** `zero` is what the hot path of real publishers writes. */
  readonly checksum: 'valid' | 'zero';
}

export function buildFrame(layout: HeaderLayout, parts: FrameParts): Uint8Array {
  const frame = new Uint8Array(layout.sizeBytes + parts.payload.byteLength);
  writeHeader(
    layout,
    {
      magic: layout.magic,
      relay_domain: parts.domain,
      version: parts.version ?? 1,
      source: parts.source,
      flags: parts.flags ?? 0,
      sequence: parts.sequence,
      timestamp: parts.timestamp,
      payload_size: parts.payload.byteLength,
      checksum: 0,
    },
    frame,
  );
  frame.set(parts.payload, layout.sizeBytes);
  if (parts.checksum === 'valid') {
    viewOf(frame).setUint32(layout.offsets.checksum, frameChecksum(layout, frame), true);
  }
  return frame;
}
