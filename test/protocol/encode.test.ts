/** A value that does not fit its field is refused with the path of the field. */
import { expect, test } from 'vitest';
import { encodeMessage, encodeStruct } from '../../src/protocol/encode.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import type { FieldValues, StructLayout } from '../../src/protocol/types.ts';
import { spelledMessage } from './spelled.ts';

const dialect = loadBuiltInProtocol().dialect('torq-types');
const HEADER = { relay_domain: 0, version: 1, source: 3, flags: 0, sequence: '7', timestamp: '8' };
const RECOVERY = {
  last_sequence: '1',
  current_sequence: '2',
  consumer_id: 3,
  request_type: 1,
};
const LIQUIDITY = {
  timestamp_ns: '1',
  reserves: { count: 1, elements: ['1'] },
  pool_address: '00'.repeat(20),
  venue: 1,
};

function struct(name: string): StructLayout {
  return dialect.structs.get(name)!;
}

test.each<[string, FieldValues, ErrorConstructor, string]>([
  [
    'RecoveryRequestTLV',
    { ...RECOVERY, consumer_id: 2 ** 32 },
    RangeError,
    'RecoveryRequestTLV.consumer_id: 4294967296 does not fit u32 (0 to 4294967295)',
  ],
  [
    'RecoveryRequestTLV',
    { ...RECOVERY, consumer_id: -1 },
    RangeError,
    'RecoveryRequestTLV.consumer_id: -1 does not fit u32',
  ],
  [
    'RecoveryRequestTLV',
    { ...RECOVERY, last_sequence: '1.5' },
    TypeError,
    'RecoveryRequestTLV.last_sequence: "1.5" is no u64',
  ],
  [
    'RecoveryRequestTLV',
    { ...RECOVERY, last_sequence: 2 ** 53 },
    TypeError,
    'RecoveryRequestTLV.last_sequence: 9007199254740992 is no u64',
  ],
  [
    'RecoveryRequestTLV',
    { last_sequence: '1' },
    TypeError,
    'RecoveryRequestTLV.current_sequence: nothing is no u64',
  ],
  [
    'RecoveryRequestTLV',
    { ...RECOVERY, consumer: 1 },
    TypeError,
    'RecoveryRequestTLV.consumer: RecoveryRequestTLV has no such field',
  ],
  [
    'PoolLiquidityTLV',
    { ...LIQUIDITY, _padding: '00' },
    TypeError,
    'PoolLiquidityTLV._padding: PoolLiquidityTLV has no such field',
  ],
  [
    'PoolLiquidityTLV',
    { ...LIQUIDITY, pool_address: '00' },
    RangeError,
    'PoolLiquidityTLV.pool_address: 1 bytes, not 20',
  ],
  [
    'PoolLiquidityTLV',
    { ...LIQUIDITY, pool_address: '0g' },
    TypeError,
    'PoolLiquidityTLV.pool_address: "g" is not a hex digit',
  ],
  [
    'PoolLiquidityTLV',
    { ...LIQUIDITY, pool_address: 1 },
    TypeError,
    'PoolLiquidityTLV.pool_address: 1 is no hex text',
  ],
  [
    'PoolLiquidityTLV',
    { ...LIQUIDITY, reserves: '1' },
    TypeError,
    'PoolLiquidityTLV.reserves: "1" is no set of fields',
  ],
  [
    'PoolLiquidityTLV',
    { ...LIQUIDITY, reserves: { count: 1, elements: '1' } },
    TypeError,
    'PoolLiquidityTLV.reserves.elements: "1" is no list',
  ],
  [
    'PoolLiquidityTLV',
    { ...LIQUIDITY, reserves: { count: 2, elements: ['1'] } },
    RangeError,
    'PoolLiquidityTLV.reserves.count: 2, but there are 1 elements',
  ],
  [
    'PoolLiquidityTLV',
    { ...LIQUIDITY, reserves: { count: 9, elements: Array<string>(9).fill('1') } },
    RangeError,
    'PoolLiquidityTLV.reserves: 9 elements, at most 8',
  ],
  [
    'PoolLiquidityTLV',
    { ...LIQUIDITY, reserves: { count: 1, elements: ['-1'] } },
    RangeError,
    'PoolLiquidityTLV.reserves.elements[0]: -1 does not fit u128',
  ],
  [
    'FixedVec<u128,8>',
    { count: 1, elements: ['1'] },
    RangeError,
    'FixedVec<u128,8>.elements: 1 elements, not 8',
  ],
  [
    'SnapshotTLVHeader',
    { sequence: '1' },
    TypeError,
    'SnapshotTLVHeader.data: nothing is no hex text',
  ],
])('%s refuses %j', (name, values, error, message) => {
  const encode = (): Uint8Array => encodeStruct(struct(name), values);
  expect(encode).toThrow(error);
  expect(encode).toThrow(message);
});

test('numbers below 2^53 and decimal text are the same to a field of any width', () => {
  const text = { last_sequence: '1', current_sequence: '2', consumer_id: '3', request_type: '1' };
  const numbers = { ...RECOVERY, last_sequence: 1, current_sequence: 2 };
  expect(encodeStruct(struct('RecoveryRequestTLV'), numbers)).toEqual(
    encodeStruct(struct('RecoveryRequestTLV'), text),
  );
});

test('a message needs no more than its header values and its TLVs', () => {
  const tlvs = [
    { type: 110, fields: RECOVERY },
    { type: 101, fields: { raw: '00' } },
    { type: 5, fields: { raw: 'ab'.repeat(256) } },
  ];
  const message = spelledMessage(
    dialect,
    encodeMessage(dialect, { header: HEADER, tlvs }, 'valid'),
  );
  expect(message.checksum).toBe('valid');
  expect(message.header).toMatchObject({
    ...HEADER,
    magic: 0xdeadbeef,
    payload_size: 26 + 3 + 261,
  });
  expect(message.tlvs.map(({ layout, extended }) => [layout, extended])).toEqual([
    ['RecoveryRequestTLV', false],
    [undefined, false],
    [undefined, true],
  ]);
});

test('what cannot be encoded is told with its place in the message', () => {
  const encode = (tlv: { type: number; layout?: string; fields: FieldValues }): Uint8Array =>
    encodeMessage(dialect, { header: HEADER, tlvs: [tlv] }, 'valid');
  expect(() => encode({ type: 100, fields: {} })).toThrow(
    'tlv[0]: no struct for type 100 and no raw',
  );
  expect(() => encode({ type: 1, layout: 'Nothing', fields: {} })).toThrow(
    'tlv[0]: no struct Nothing',
  );
  expect(() => encode({ type: 1, fields: { raw: '0' } })).toThrow('tlv[0].raw: an odd number');
  const wide = { header: { ...HEADER, flags: 256 }, tlvs: [] };
  expect(() => encodeMessage(dialect, wide, 'zero')).toThrow('header.flags: 256 does not fit u8');
  const unsigned = { header: HEADER, tlvs: [] };
  expect(() => encodeMessage(dialect, unsigned, 'keep')).toThrow(
    'header.checksum: nothing is no u32',
  );
});
