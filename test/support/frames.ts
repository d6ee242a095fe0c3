/** Frames for tests: a header layout, and frames whose every byte is known. */
import { TODAY } from '../../src/simulate/stamps.ts';
import { buildFrame, type FrameParts } from '../../src/wire/build-frame.ts';
import { encodeTlv } from '../../src/wire/tlv.ts';
import type { HeaderLayout } from '../../src/wire/types.ts';

/** Magic first, today's order. */
export const H3 = TODAY;

/** Sequence first, the magic at 16 (protocol reference, H2). */
export const H2: HeaderLayout = {
  generation: 'H2',
  sizeBytes: 32,
  magic: 0xdeadbeef,
  offsets: {
    sequence: 0,
    timestamp: 8,
    magic: 16,
    payload_size: 20,
    checksum: 24,
    relay_domain: 28,
    version: 29,
    source: 30,
    flags: 31,
  },
};

export interface TestFrame extends Partial<FrameParts> {
  readonly layout?: HeaderLayout;
  /** Bytes of the one TLV's value. */
  readonly valueBytes?: number;
  readonly type?: number;
}

/** A frame with one TLV; two frames with different sequences differ in header and value. */
export function testFrame(sequence: number, options: TestFrame = {}): Uint8Array {
  const value = new Uint8Array(options.valueBytes ?? 66).fill(sequence % 200);
  return buildFrame(options.layout ?? H3, {
    domain: options.domain ?? 1,
    source: options.source ?? 4,
    sequence: options.sequence ?? BigInt(sequence),
    timestamp: options.timestamp ?? 1_700_000_000_000_000_000n + BigInt(sequence),
    payload: options.payload ?? encodeTlv(options.type ?? 1, value),
    checksum: options.checksum ?? 'valid',
  });
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
