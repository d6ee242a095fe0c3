/**
 * Reads the files in which Torq keeps pools between runs: the snapshot (`*_pool_cache.tlv`) and its journal
 * (`*_pool_cache.journal`). Both are structs back to back, without TLV framing. Pure and total: whatever does not
 * fit is kept as bytes.
 */
import { crc32 } from 'node:zlib';
import { equalBytes } from '../lib/bytes.ts';
import type { ChecksumState } from '../wire/types.ts';
import { decodeStruct } from './struct-decoder.ts';
import type { Dialect, DecodedFields, StructLayout } from './types.ts';

export type PoolCacheFile =
  | {
      readonly kind: 'snapshot';
      readonly header: DecodedFields;
      readonly records: readonly DecodedFields[];
      /** Records that the header counts and that the file does not hold; the loader of the source ignores it. */
      readonly missingRecords: number;
      /** Of the records, as the field is meant; no loader checks it. */
      readonly checksum: ChecksumState;
      /** The bytes behind the last record. */
      readonly rest: Uint8Array;
    }
  | {
      readonly kind: 'journal';
      readonly records: readonly DecodedFields[];
      readonly rest: Uint8Array;
    }
  /** Bytes that are neither; `detail` says why. */
  | { readonly kind: 'unknown'; readonly detail: string };

const SNAPSHOT_MAGIC = new TextEncoder().encode('POOL');

export function decodePoolCacheFile(dialect: Dialect, bytes: Uint8Array): PoolCacheFile {
  const header = dialect.structs.get('PoolCacheFileHeader');
  const pool = dialect.structs.get('PoolInfoTLV');
  const entry = dialect.structs.get('PoolCacheJournalEntry');
  if (header === undefined || pool === undefined || entry === undefined)
    return { kind: 'unknown', detail: `${dialect.name} has no pool cache` };
  const fields = decodeStruct(header, bytes.subarray(0, header.size));
  const magic = fields?.['magic'];
  if (fields !== undefined && magic instanceof Uint8Array && equalBytes(magic, SNAPSHOT_MAGIC))
    return decodeSnapshot(fields, pool, bytes.subarray(header.size));
  const { records, rest } = decodeRecords(entry, bytes, Number.POSITIVE_INFINITY);
  // An operation of 0 is what unrelated bytes hold; the sources number from 1.
  const operations = records.every((record) => isOperation(dialect, record['operation']));
  if (operations && (records.length > 0 || bytes.byteLength === 0))
    return { kind: 'journal', records, rest };
  const detail = `no magic POOL in the header, and no journal entries of ${entry.size} bytes`;
  return { kind: 'unknown', detail };
}

function isOperation(dialect: Dialect, operation: unknown): boolean {
  return dialect.enums.get('JournalOperation')?.names.has(Number(operation)) === true;
}

function decodeSnapshot(
  header: DecodedFields,
  pool: StructLayout,
  body: Uint8Array,
): PoolCacheFile {
  const counted = Number(header['pool_count']);
  const { records, rest } = decodeRecords(pool, body, counted);
  const stored = Number(header['checksum']);
  const computed = crc32(body.subarray(0, body.byteLength - rest.byteLength));
  const checksum = stored === computed ? 'valid' : 'wrong';
  return {
    kind: 'snapshot',
    header,
    records,
    missingRecords: counted - records.length,
    checksum: stored === 0 ? 'zero' : checksum,
    rest,
  };
}

function decodeRecords(
  struct: StructLayout,
  bytes: Uint8Array,
  countMax: number,
): { readonly records: readonly DecodedFields[]; readonly rest: Uint8Array } {
  const records: DecodedFields[] = [];
  let offset = 0;
  while (records.length < countMax && offset + struct.size <= bytes.byteLength) {
    const record = decodeStruct(struct, bytes.subarray(offset, offset + struct.size));
    if (record === undefined) break;
    records.push(record);
    offset += struct.size;
  }
  return { records, rest: bytes.subarray(offset) };
}
