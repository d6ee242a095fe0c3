/** Verifies the blocks: contiguous, each with the CRC-32 of its bytes, linked to the one before it. */
import { crc32 } from 'node:zlib';
import { equalBytes } from '../lib/bytes.ts';
import { BLOCK_BYTES_MAX, type BlockRow, BlockReader } from './block-reader.ts';
import { blockLink, CHAIN_START } from './chain.ts';
import type { VerificationCounts } from './verification.ts';
import type { Findings, OnVerifyProgress } from './verify-findings.ts';
import type { RowReader } from './verify-rows.ts';

export interface VerifiedStore {
  readonly reader: BlockReader;
  /** Position behind the last byte. */
  readonly end: number;
  readonly counts: Pick<VerificationCounts, 'blocks' | 'blockBytes'>;
}

export function verifyStore(
  rows: RowReader,
  findings: Findings,
  onProgress: OnVerifyProgress,
): VerifiedStore {
  const damage = (row: number, message: string): void =>
    findings.damage({ check: 'block', table: 'block', row, message: `block ${row} ${message}` });
  const size = rows.first<{ end: number | null }>('block', 'SELECT max(start) AS end FROM block');
  const total = size?.end ?? 0;
  let end = 0;
  let chain: Uint8Array | undefined = CHAIN_START;
  let counts = { blocks: 0, blockBytes: 0 };
  for (const row of rows.read<BlockRow & { readonly chain: Uint8Array }>('block')) {
    const { start, bytes } = row;
    if (bytes.length === 0 || bytes.length > BLOCK_BYTES_MAX)
      damage(start, `has ${bytes.length} bytes, which no block has`);
    if (crc32(bytes) !== row.crc32) damage(start, 'does not hold the bytes that were written');
    if (start > end) {
      damage(
        start,
        `does not follow the one before it: ${start - end} bytes from ${end} on are gone`,
      );
      chain = undefined; // Whatever it was linked to is not here.
    }
    if (start < end) damage(start, `begins within the one before it, which ends at ${end}`);
    if (chain !== undefined && !equalBytes(blockLink(chain, start, bytes), row.chain))
      damage(start, 'is not linked to the one before it');
    chain = row.chain;
    end = Math.max(end, start + bytes.length);
    counts = { blocks: counts.blocks + 1, blockBytes: counts.blockBytes + bytes.length };
    onProgress('checking blocks', start, total);
  }
  return { reader: new BlockReader((position) => loadBlock(rows, position)), end, counts };
}

function loadBlock(rows: RowReader, position: number): BlockRow | undefined {
  const block = rows.first<BlockRow>(
    'block',
    'SELECT start, bytes, crc32 FROM block WHERE start <= ? ORDER BY start DESC LIMIT 1',
    position,
  );
  return block?.bytes instanceof Uint8Array ? block : undefined;
}
