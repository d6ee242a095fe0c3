/** What the tests against other programs share. */
import type { Dialect } from '../../src/protocol/types.ts';
import { readHeader } from '../../src/wire/header.ts';

/** Of the random messages; printed when a test fails, and may be given to see others. */
export const SEED = Number(process.env['RELAYDIFF_SEED'] ?? 20_260_727);

/** Whether the bytes are one frame by their own account, and nothing else. */
export function isWholeFrame({ header }: Dialect, bytes: Uint8Array): boolean {
  if (bytes.byteLength < header.sizeBytes) return false;
  const { magic, payload_size } = readHeader(header, bytes);
  return magic === header.magic && header.sizeBytes + payload_size === bytes.byteLength;
}
