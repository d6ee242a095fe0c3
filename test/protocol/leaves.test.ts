/** What leaves are called, what they show to people, and which class they are of. */
import { describe, expect, test } from 'vitest';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { encodeMessage, type EncodableTlv } from '../../src/protocol/encode.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { describeFrame, subjectOf, tlvNames } from '../../src/protocol/leaves.ts';
import type { Leaf } from '../../src/protocol/types.ts';

const protocol = loadBuiltInProtocol();
const dialect = protocol.dialect('torq-types');

const HEADER = {
  relay_domain: 0,
  version: 1,
  source: 3,
  flags: 0,
  sequence: '7',
  timestamp: '1756000000130456810',
};
const TRADE: EncodableTlv = {
  type: 1,
  fields: {
    asset_id: '4779519138295185408',
    price: '6500000000000',
    volume: '-5',
    execution_timestamp_ns: '1756000000123456789',
    venue_id: 101,
    asset_type: 51,
    reserved: 0,
    side: 9,
  },
};

function frameOf(...tlvs: readonly EncodableTlv[]): Uint8Array {
  return encodeMessage(dialect, { header: HEADER, tlvs }, 'valid');
}

function leavesOf(...tlvs: readonly EncodableTlv[]): ReadonlyMap<string, Leaf> {
  return new Map(describeFrame(dialect, frameOf(...tlvs)).map((leaf) => [leaf.path, leaf]));
}

/** `path class`, from the first TLV on. */
function classesOf(...tlvs: readonly EncodableTlv[]): string[] {
  return [...leavesOf(...tlvs).values()]
    .filter((leaf) => leaf.path.startsWith('tlv'))
    .map((leaf) => `${leaf.path} ${leaf.class}`);
}

test('the header is semantic but for what says how it is written', () => {
  const header = [...leavesOf().values()].map(({ path, class: leafClass, display }) => [
    path,
    leafClass,
    display,
  ]);
  expect(header).toEqual([
    ['header.magic', 'semantic', '0xDEADBEEF'],
    ['header.relay_domain', 'semantic', 'MarketData'],
    ['header.version', 'semantic', undefined],
    ['header.source', 'semantic', 'KrakenCollector'],
    ['header.flags', 'semantic', undefined],
    ['header.sequence', 'semantic', undefined],
    ['header.timestamp', 'semantic', '2025-08-24T01:46:40.130456810Z'],
    ['header.payload_size', 'encoding', undefined],
    ['header.checksum', 'encoding', 'valid'],
  ]);
});

test('the same byte has another name in another dialect', () => {
  const frame = encodeMessage(
    dialect,
    { header: { ...HEADER, relay_domain: 1, source: 2 }, tlvs: [TRADE] },
    'zero',
  );
  const shown = (name: string): (string | undefined)[] =>
    describeFrame(protocol.dialect(name), frame)
      .filter(({ path }) => /relay_domain|source|asset_type|checksum/.test(path))
      .map((leaf) => leaf.display);
  expect(shown('torq-types')).toEqual(['Signal', 'CoinbaseCollector', 'not computed', 'Coin']);
  expect(shown('torq-codec')).toEqual(['MarketData', 'KrakenCollector', 'not computed', 'Coin']);
});

describe('values for people', () => {
  const leaves = leavesOf(TRADE, {
    type: 108,
    fields: {
      start_timestamp_ns: '0',
      current_timestamp_ns: '18446744073709551615',
      source_service: 99,
      span_depth: 1,
      stage_flags: 19,
      reserved: 0,
      trace_id: '0000000000000001',
    },
  });

  test.each([
    ['tlv[0].type', '1', 'Trade'],
    ['tlv[0].length', '40', undefined],
    ['tlv[0].Trade.asset_id', '4779519138295185408', undefined],
    ['tlv[0].Trade.price', '6500000000000', '65000.00000000'],
    ['tlv[0].Trade.volume', '-5', '-0.00000005'],
    [
      'tlv[0].Trade.execution_timestamp_ns',
      '1756000000123456789',
      '2025-08-24T01:46:40.123456789Z',
    ],
    ['tlv[0].Trade.venue_id', '101', 'Kraken'],
    ['tlv[0].Trade.side', '9', undefined],
    ['tlv[0].Trade._padding', '000000', undefined],
    ['tlv[1].TraceContext.start_timestamp_ns', '0', '1970-01-01T00:00:00.000000000Z'],
    [
      'tlv[1].TraceContext.current_timestamp_ns',
      '18446744073709551615',
      '2554-07-21T23:34:33.709551615Z',
    ],
    ['tlv[1].TraceContext.source_service', '99', 'TestClient'],
    ['tlv[1].TraceContext.stage_flags', '19', 'collected|relayed|0x10'],
    ['tlv[1].TraceContext.trace_id', '0000000000000001', undefined],
  ])('%s = %s (%s)', (path, value, display) => {
    expect(leaves.get(path)).toMatchObject({ value });
    expect(leaves.get(path)?.display).toBe(display);
  });

  test('seconds, and seconds that no calendar knows', () => {
    const signal = dialect.structs.get('ArbitrageSignalTLV')!;
    const fields = Object.fromEntries(
      signal.fields
        .filter((field) => !field.padding)
        .map(({ name, type }) => [name, type.kind === 'bytes' ? '00'.repeat(type.length) : 1]),
    );
    const cache = { chain_id: '1', version: 1, pool_count: 0, checksum: 0, magic: '504f4f4c' };
    const last_updated = '18446744073709551615';
    const leaves = leavesOf(
      { type: 32, fields },
      { type: 201, fields: { ...cache, last_updated } },
    );
    expect(leaves.get('tlv[0].ArbitrageSignal.valid_until')?.display).toBe('1970-01-01T00:00:01Z');
    expect(leaves.get('tlv[1].Vendor:PoolCacheHeader.last_updated')).not.toHaveProperty('display');
  });
});

describe('classes and paths', () => {
  test('a FixedVec has its count, its padding, its elements and its unused tail', () => {
    const classes = classesOf({
      type: 10,
      fields: {
        timestamp_ns: '1',
        reserves: { count: 2, elements: ['5', '340282366920938463463374607431768211455'] },
        pool_address: '45dda9cb7c25131df268515131f647d726f50608',
        venue: 400,
      },
    });
    expect(classes).toEqual([
      'tlv[0].type semantic',
      'tlv[0].length encoding',
      'tlv[0].PoolLiquidity.timestamp_ns semantic',
      'tlv[0].PoolLiquidity._implicit_8 padding',
      'tlv[0].PoolLiquidity.reserves.count semantic',
      'tlv[0].PoolLiquidity.reserves._padding padding',
      'tlv[0].PoolLiquidity.reserves.elements[0] semantic',
      'tlv[0].PoolLiquidity.reserves.elements[1] semantic',
      'tlv[0].PoolLiquidity.reserves.unused encoding',
      'tlv[0].PoolLiquidity.pool_address semantic',
      'tlv[0].PoolLiquidity.pool_address_padding padding',
      'tlv[0].PoolLiquidity.venue semantic',
      'tlv[0].PoolLiquidity._padding padding',
      'tlv[0].PoolLiquidity._implicit_200 padding',
    ]);
  });

  test('elements that are structs have the paths of their fields', () => {
    const level = { price: '1', size: '2', order_count: 3, reserved: 0 };
    const side = (count: number): EncodableTlv['fields'] => ({
      count,
      elements: Array.from({ length: count }, () => level),
    });
    const leaves = leavesOf({
      type: 3,
      fields: {
        asset_id: '1',
        venue_id: 101,
        asset_type: 51,
        reserved: 0,
        snapshot_timestamp_ns: '1',
        sequence: '2',
        precision_factor: '100000000',
        bids: side(50),
        asks: side(0),
      },
    });
    expect(leaves.get('tlv[0].OrderBook.bids.elements[49].price')).toMatchObject({
      offset: 32 + 5 + 40 + 8 + 49 * 24,
      display: '0.00000001',
    });
    expect(leaves.has('tlv[0].OrderBook.bids.unused')).toBe(false);
    expect(leaves.get('tlv[0].OrderBook.asks.unused')).toMatchObject({ length: 1200 });
  });

  test('an extended head is encoding but for the type', () => {
    expect(classesOf({ type: 100, extended: true, fields: { raw: '0102' } })).toEqual([
      'tlv[0].marker encoding',
      'tlv[0].reserved encoding',
      'tlv[0].type semantic',
      'tlv[0].length encoding',
      'tlv[0].Heartbeat.raw semantic',
    ]);
  });

  test('what no struct fits is raw under the best name there is', () => {
    const paths = classesOf(
      { type: 1, fields: { raw: '01' } },
      { type: 210, fields: { raw: '01' } },
      { type: 203, fields: { raw: '01' } },
      { type: 150, fields: { raw: '01' } },
      { type: 255, extended: true, fields: { raw: '01' } },
    ).filter((line) => line.includes('raw'));
    expect(paths).toEqual([
      'tlv[0].Trade.raw semantic',
      'tlv[1].Vendor.raw semantic',
      'tlv[2].Vendor:CustomMetrics.raw semantic',
      'tlv[3].Unknown.raw semantic',
      'tlv[4].Unknown.raw semantic',
    ]);
  });

  test('what follows a defect is undecoded', () => {
    const leaves = describeFrame(dialect, frameOf(TRADE).subarray(0, -1));
    expect(leaves.at(-1)).toMatchObject({ path: 'payload.undecoded', offset: 32, length: 41 });
  });
});

test('a message is called by its TLVs', () => {
  const decode = (...tlvs: EncodableTlv[]): ReturnType<typeof decodeMessage> =>
    decodeMessage(dialect, frameOf(...tlvs));
  expect(subjectOf(decode())).toBe('header only');
  expect(subjectOf(decode(TRADE))).toBe('Trade');
  const both = decode(TRADE, { type: 200, fields: { raw: '00' } });
  expect(subjectOf(both)).toBe('Trade+Vendor:PoolInfo');
  expect(tlvNames(both)).toEqual(['Trade', 'Vendor:PoolInfo']);
});
