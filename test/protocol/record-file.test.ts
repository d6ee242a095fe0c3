/** The files and blobs in which services keep pools: the golden files, the layouts of the reference, and what may be wrong. */
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { encodeStruct } from '../../src/protocol/encode.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { type FileDefect, readRecordFile, recognizeFile } from '../../src/protocol/record-file.ts';
import type { Dialect, FieldValues } from '../../src/protocol/types.ts';
import { concat } from '../support/frames.ts';
import { type SpelledPart, spelledParts } from './spelled.ts';
import { vectors } from './vectors.ts';

const protocol = loadBuiltInProtocol();
const dialect = protocol.dialect('torq-types');

function parts(format: string, bytes: Uint8Array, from: Dialect = dialect): readonly SpelledPart[] {
  return spelledParts(from.files.get(format)!, bytes);
}

function defects(format: string, bytes: Uint8Array): readonly FileDefect[] {
  return parts(format, bytes).filter((part) => part.part === 'defect');
}

const fieldsOf = (part: SpelledPart | undefined): FieldValues =>
  part === undefined || part.part === 'defect' ? {} : part.fields;

test.each(vectors.files)(
  '$name is recognized, decodes, and encodes to the same bytes',
  (vector) => {
    const bytes = fromHex(vector.hex);
    const { header, records } = vector.decoded;
    const { layout } = recognizeFile(dialect, bytes);
    expect(layout?.name).toBe(header === undefined ? 'PoolCacheJournal' : 'PoolCache');
    const found = spelledParts(layout!, bytes);
    expect(found.map((part) => part.part)).not.toContain('defect');
    expect(found.filter((part) => part.part === 'record').map(fieldsOf)).toEqual(records);
    if (header !== undefined) expect(found[0]).toMatchObject({ fields: header, checksum: 'valid' });
    const structs = found.map((part) => (part.part === 'header' ? layout!.header : layout!.record));
    const encoded = found.map((part, index) => encodeStruct(structs[index]!, fieldsOf(part)));
    expect(toHex(concat(encoded))).toBe(vector.hex);
  },
);

const [POOL, TOKEN0, TOKEN1] = [1, 2, 3].map((byte) => new Uint8Array(20).fill(byte * 0x11));

/** Written by hand from the reference: a head of 24 bytes and records of 83. */
function pythonFile(count: number, counted = count): Uint8Array {
  const head = Buffer.alloc(24);
  head.write('POOL', 0, 'latin1');
  head.writeUInt8(1, 4);
  head.writeUInt32LE(counted, 8);
  head.writeUInt32LE(137, 12);
  head.writeBigUInt64LE(1_756_000_000_123_456_789n, 16);
  const records = Array.from({ length: count }, (_, index) => {
    const record = Buffer.alloc(83);
    record.set(concat([POOL!, TOKEN0!, TOKEN1!]));
    record.writeUInt8(18, 60);
    record.writeUInt8(6, 61);
    record.writeUInt8(index % 2 === 0 ? 2 : 1, 62);
    record.writeUInt32LE(3_000, 63);
    record.writeBigUInt64LE(1_755_000_000_000_000_000n, 67);
    record.writeBigUInt64LE(1_756_000_000_000_000_000n, 75);
    return record;
  });
  return concat([head, ...records]);
}

/** A count of 4 bytes and records of 77. */
function stateBlob(count: number, counted = count): Uint8Array {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(counted, 0);
  const records = Array.from({ length: count }, () => {
    const record = Buffer.alloc(77);
    record.set(concat([POOL!, TOKEN0!, TOKEN1!]));
    record.writeUInt8(18, 60);
    record.writeUInt8(6, 61);
    record.writeUInt8(1, 62);
    record.writeUInt32LE(30, 63);
    record.writeUInt16LE(301, 67);
    record.writeBigUInt64LE(1_756_000_000n, 69);
    return record;
  });
  return concat([head, ...records]);
}

describe('the pool cache of the Python script', () => {
  it('has 13 records in 1103 bytes, as the committed one, and is told from the one of Rust', () => {
    const bytes = pythonFile(13);
    expect(bytes).toHaveLength(1_103);
    for (const name of ['torq-types', 'torq-codec', 'alphapulse-late', 'alphapulse-v2-packed'])
      expect(recognizeFile(protocol.dialect(name), bytes).layout?.name).toBe('PythonPoolCache');
    const [header, first, second] = parts('PythonPoolCache', bytes);
    expect(header).toEqual({
      part: 'header',
      offset: 0,
      length: 24,
      fields: {
        magic: toHex(Buffer.from('POOL')),
        version: 1,
        pool_count: 13,
        chain_id: 137,
        timestamp: '1756000000123456789',
      },
    });
    expect(first).toEqual({
      part: 'record',
      ordinal: 0,
      offset: 24,
      length: 83,
      fields: {
        pool: '11'.repeat(20),
        token0: '22'.repeat(20),
        token1: '33'.repeat(20),
        decimals0: 18,
        decimals1: 6,
        pool_type: 2,
        fee: 3_000,
        discovered_at: '1755000000000000000',
        last_seen: '1756000000000000000',
      },
    });
    expect(second).toMatchObject({ offset: 107, fields: { pool_type: 1 } });
    expect(defects('PythonPoolCache', bytes)).toEqual([]);
  });

  it('is told from the packed cache of Rust, which begins with the same eight bytes', () => {
    const packed = protocol.dialect('alphapulse-v2-packed');
    const header = {
      magic: toHex(Buffer.from('POOL')),
      version: 1,
      chain_id: '137',
      pool_count: 1,
    };
    const layout = packed.files.get('PoolCache')!;
    const record = Object.fromEntries(
      layout.record.fields.map(({ name, type, always }) => [
        name,
        always ?? (type.kind === 'bytes' ? '11'.repeat(20) : 1),
      ]),
    );
    const body = encodeStruct(layout.record, record);
    const bytes = concat([
      encodeStruct(layout.header!, { ...header, last_updated: '5', checksum: crc32(body) }),
      body,
    ]);
    expect(recognizeFile(packed, bytes).layout?.name).toBe('PoolCache');
    expect(parts('PoolCache', bytes, packed)).toMatchObject([
      { part: 'header', checksum: 'valid' },
      { part: 'record', fields: { tlv_type: 200, tlv_length: 85 } },
    ]);
  });
});

describe('the blob of the state service', () => {
  it('is a count and records of 77 bytes', () => {
    const bytes = stateBlob(2);
    expect(recognizeFile(dialect, bytes).layout?.name).toBe('StateSnapshot');
    expect(parts('StateSnapshot', bytes)).toMatchObject([
      { part: 'record', ordinal: 0, offset: 4, length: 77 },
      {
        ordinal: 1,
        offset: 81,
        fields: {
          pool: '11'.repeat(20),
          decimals0: 18,
          decimals1: 6,
          pool_type: 1,
          fee: 30,
          venue: 301,
          discovered_at: '1756000000',
        },
      },
    ]);
  });

  it('may be empty', () => {
    expect(parts('StateSnapshot', stateBlob(0))).toEqual([]);
    expect(recognizeFile(dialect, stateBlob(0)).layout?.name).toBe('StateSnapshot');
  });
});

describe('what is wrong with a file is said with its place', () => {
  it('a head that is cut', () => {
    const cut = pythonFile(1).subarray(0, 20);
    expect(defects('PythonPoolCache', cut)).toEqual([
      {
        part: 'defect',
        defect: 'truncated-header',
        offset: 0,
        length: 20,
        hex: toHex(cut),
        detail: 'PythonPoolCacheHeader has 24 bytes, 20 are there',
      },
    ]);
    expect(defects('StateSnapshot', new Uint8Array(3))).toMatchObject([
      { defect: 'truncated-header', detail: 'count has 4 bytes, 3 are there' },
    ]);
  });

  it('a file that is cut inside a record: where, and how many are missing', () => {
    expect(defects('PythonPoolCache', pythonFile(3).subarray(0, 24 + 83 + 5))).toMatchObject([
      { defect: 'truncated-record', offset: 107, length: 5, hex: '1111111111' },
      {
        defect: 'missing-records',
        offset: 112,
        length: 0,
        detail: '3 records are counted, 1 are there',
      },
    ]);
    expect(defects('StateSnapshot', stateBlob(1, 4_294_967_295))).toMatchObject([
      { defect: 'missing-records', offset: 81 },
    ]);
  });

  it('bytes behind the records that are counted', () => {
    expect(defects('StateSnapshot', stateBlob(2, 1))).toMatchObject([
      { defect: 'bytes-after-records', offset: 81, length: 77 },
    ]);
  });

  it('a journal with half an entry at its end, which is recognized all the same', () => {
    const journal = fromHex(vectors.files.find(({ decoded }) => !decoded.header)!.hex);
    const cut = journal.subarray(0, 104 + 50);
    expect(recognizeFile(dialect, cut).layout?.name).toBe('PoolCacheJournal');
    expect(defects('PoolCacheJournal', cut)).toMatchObject([
      { defect: 'truncated-record', offset: 104, length: 50 },
    ]);
  });

  it('a constant and a checksum that are wrong', () => {
    const snapshot = fromHex(vectors.files.find(({ decoded }) => decoded.header)!.hex);
    snapshot[48] = 2;
    snapshot[64 + 22] = 201;
    expect(defects('PoolCache', snapshot)).toMatchObject([
      {
        defect: 'wrong-constant',
        offset: 48,
        length: 4,
        path: 'header.version',
        detail: '2 where every writer writes 1',
      },
      { defect: 'wrong-checksum', offset: 56, length: 4, path: 'header.checksum' },
      { defect: 'wrong-constant', offset: 86, path: 'record[0].tlv_type' },
    ]);
    // No loader takes version 2.
    expect(recognizeFile(dialect, snapshot)).toEqual({
      layout: undefined,
      because: [
        'PoolCache: 2 where every writer writes 1, at byte 48',
        'PoolCacheJournal: operation 124 is no JournalOperation, in the record at byte 0',
        expect.stringMatching(/^PythonPoolCache: .*, at byte 0$/),
        expect.stringMatching(/^StateSnapshot: /),
      ],
    });
  });
});

test('a dialect without files says so', () => {
  expect(recognizeFile(protocol.dialect('alphapulse-early'), pythonFile(1))).toEqual({
    layout: undefined,
    because: ['alphapulse-early knows no files'],
  });
});

test('any bytes, read as any file of any dialect, are covered once and in order', () => {
  const formats = protocol.dialectNames.flatMap((name) => [
    ...protocol.dialect(name).files.values(),
  ]);
  fc.assert(
    fc.property(fc.constantFrom(...formats), fc.uint8Array({ maxLength: 400 }), (layout, bytes) => {
      let covered = layout.countPrefix === undefined || bytes.length < 4 ? 0 : 4;
      for (const part of readRecordFile(layout, bytes)) {
        expect(part.offset + part.length).toBeLessThanOrEqual(bytes.length);
        if (part.part === 'defect' && part.hex === undefined) continue;
        expect(part.offset).toBe(covered);
        covered += part.length;
      }
      expect(covered).toBe(bytes.length);
    }),
  );
});
