/** The files that Torq keeps pools in, by the golden files and what may be wrong with them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { encodeStruct } from '../../src/protocol/encode.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { decodePoolCacheFile } from '../../src/protocol/pool-cache-file.ts';
import { spelledFile } from './spelled.ts';
import { vectors } from './vectors.ts';

const protocol = loadBuiltInProtocol();
const dialect = protocol.dialect('torq-types');
const HEADER_BYTES = 64;
const RECORD_BYTES = 88;

test.each(vectors.files)('$name decodes, and encodes to the same bytes', ({ hex, decoded }) => {
  const { header, records } = decoded;
  expect(spelledFile(dialect, fromHex(hex))).toEqual(
    header === undefined
      ? { kind: 'journal', records, rest: '' }
      : { kind: 'snapshot', header, records, missingRecords: 0, checksum: 'valid', rest: '' },
  );
  const parts = records.map((record) =>
    encodeStruct(
      dialect.structs.get(header === undefined ? 'PoolCacheJournalEntry' : 'PoolInfoTLV')!,
      record,
    ),
  );
  if (header !== undefined)
    parts.unshift(encodeStruct(dialect.structs.get('PoolCacheFileHeader')!, header));
  expect(toHex(Buffer.concat(parts))).toBe(hex);
});

describe('a file that is not as it should be', () => {
  const snapshot = fromHex(vectors.files.find(({ decoded }) => decoded.header)!.hex);

  test('cut off: the whole records, how many are missing, and the rest as bytes', () => {
    const cut = snapshot.subarray(0, HEADER_BYTES + RECORD_BYTES + 3);
    expect(spelledFile(dialect, cut)).toMatchObject({
      kind: 'snapshot',
      records: [{ tlv_type: 200 }],
      missingRecords: 1,
      checksum: 'wrong',
      rest: toHex(cut.subarray(-3)),
    });
  });

  test('more records than the header counts are rest', () => {
    const longer = Buffer.concat([snapshot, snapshot.subarray(HEADER_BYTES)]);
    expect(spelledFile(dialect, longer)).toMatchObject({
      missingRecords: 0,
      checksum: 'valid',
      rest: toHex(snapshot.subarray(HEADER_BYTES)),
    });
  });

  test('neither a snapshot nor a journal, or in a dialect without either', () => {
    const other = new Uint8Array(300).fill(7);
    expect(spelledFile(dialect, other)).toEqual({
      kind: 'unknown',
      detail: 'no magic POOL in the header, and no journal entries of 104 bytes',
    });
    expect(spelledFile(protocol.dialect('alphapulse-early'), snapshot)).toEqual({
      kind: 'unknown',
      detail: 'alphapulse-early has no pool cache',
    });
  });

  test('any bytes in any dialect give an answer', () => {
    const dialects = fc.constantFrom(...protocol.dialectNames);
    fc.assert(
      fc.property(dialects, fc.uint8Array({ maxLength: 400 }), (name, bytes) => {
        const kinds = ['snapshot', 'journal', 'unknown'];
        expect(kinds).toContain(decodePoolCacheFile(protocol.dialect(name), bytes).kind);
      }),
    );
  });
});
