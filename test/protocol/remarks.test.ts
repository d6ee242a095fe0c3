/** Each kind of remark, on a message that is good but for one thing. */
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../src/lib/bytes.ts';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { type EncodableTlv, encodeMessage } from '../../src/protocol/encode.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { judgeBytes } from '../../src/protocol/judge.ts';
import { type Remark, remarksOn } from '../../src/protocol/remarks.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { vectors } from './vectors.ts';

const protocol = loadBuiltInProtocol();
const dialect = protocol.dialect('torq-types');
const HEADER = { relay_domain: 0, version: 1, source: 3, flags: 0, sequence: '7', timestamp: '8' };
const TRADE: EncodableTlv = {
  type: 1,
  fields: {
    asset_id: '1',
    price: '2',
    volume: '3',
    execution_timestamp_ns: '4',
    venue_id: 101,
    asset_type: 51,
    reserved: 0,
    side: 1,
  },
};
const TRACE: EncodableTlv = {
  type: 108,
  fields: {
    start_timestamp_ns: '1',
    current_timestamp_ns: '2',
    source_service: 3,
    span_depth: 0,
    stage_flags: 15,
    reserved: 0,
    trace_id: '00'.repeat(8),
  },
};

function frameOf(
  tlvs: readonly EncodableTlv[],
  header: Partial<typeof HEADER> = {},
  checksum: 'valid' | 'zero' = 'valid',
): Uint8Array {
  return encodeMessage(dialect, { header: { ...HEADER, ...header }, tlvs }, checksum);
}

function raw(type: number, bytes: number, extended = false): EncodableTlv {
  return { type, extended, fields: { raw: '00'.repeat(bytes) } };
}

function vectorFrame(name: string): Uint8Array {
  return fromHex(vectors.valid.find((vector) => vector.name === name)!.hex);
}

test('there is nothing to remark on a message as the registry wants it', () => {
  expect(remarksOn(dialect, frameOf([TRADE]))).toEqual([]);
  expect(judgeBytes(dialect, frameOf([TRADE]))).toEqual([]);
  expect(remarksOn(dialect, new Uint8Array(31))).toEqual([]);
});

describe('each kind, with its place', () => {
  const system = { relay_domain: 3 };
  const overfull = vectorFrame('torq/orderbook-3x2').slice();
  overfull[32 + 5 + 40] = 51;
  const cases: readonly (readonly [string, Uint8Array, Remark])[] = [
    [
      'a quote, whose struct is longer than its registry says',
      vectorFrame('torq/quote-typical'),
      {
        kind: 'wrong-declared-size',
        path: 'tlv[0].length',
        detail: 'type 2 must be 52 bytes, got 56, as QuoteTLV has',
      },
    ],
    [
      'a fixed size in the extended form',
      frameOf([raw(100, 2, true)], system),
      {
        kind: 'wrong-declared-size',
        path: 'tlv[0].length',
        detail: 'type 100 must be 16 bytes, got 2',
      },
    ],
    [
      'a value under its bounds',
      frameOf([raw(30, 23)], { relay_domain: 1 }),
      {
        kind: 'out-of-bounds-size',
        path: 'tlv[0].length',
        detail: 'type 30 is 24 to 512 bytes, got 23',
      },
    ],
    [
      'a size that the registry allows and the struct does not',
      frameOf([raw(3, 5)]),
      { kind: 'unfit-struct', path: 'tlv[0]', detail: '5 bytes are no OrderBookTLV (2456 bytes)' },
    ],
    [
      'a checksum that nobody computed',
      frameOf([TRADE], {}, 'zero'),
      {
        kind: 'zero-checksum',
        path: 'header.checksum',
        detail: 'the publisher did not compute it',
      },
    ],
    [
      'an enum in the header',
      frameOf([TRADE], { source: 44 }),
      { kind: 'unknown-enum-number', path: 'header.source', detail: '44 is no SourceType' },
    ],
    [
      'an enum in a struct',
      frameOf([{ ...TRADE, fields: { ...TRADE.fields, side: 2 } }]),
      { kind: 'unknown-enum-number', path: 'tlv[0].Trade.side', detail: '2 is no Side' },
    ],
    [
      'a bit without a name',
      frameOf([{ ...TRACE, fields: { ...TRACE.fields, stage_flags: 17 } }], system),
      {
        kind: 'unknown-enum-number',
        path: 'tlv[0].TraceContext.stage_flags',
        detail: '17 is no TraceStageFlags',
      },
    ],
    [
      'padding that holds something',
      vectorFrame('torq/trade-garbage-padding'),
      {
        kind: 'non-zero-padding',
        path: 'tlv[0].Trade._padding',
        detail: '3 of 3 bytes are not 0',
      },
    ],
    [
      'a TLV in the domain of others',
      frameOf([TRADE], { relay_domain: 1 }),
      {
        kind: 'type-outside-domain-range',
        path: 'tlv[0].type',
        detail: 'Trade belongs to MarketData, the header says Signal',
      },
    ],
    [
      'a type of no registry',
      frameOf([raw(150, 1)]),
      { kind: 'unknown-type', path: 'tlv[0].type', detail: '150 is in no registry (Unknown)' },
    ],
    [
      'a version that nobody writes',
      frameOf([TRADE], { version: 2 }),
      { kind: 'unusual-version', path: 'header.version', detail: '2, publishers write 1' },
    ],
  ];

  test.each(cases)('%s', (_, frame, remark) => {
    expect(remarksOn(dialect, frame)).toEqual([remark]);
    expect(judgeBytes(dialect, frame)).toEqual([
      { kind: remark.kind, where: remark.path, detail: remark.detail },
    ]);
  });

  test('a checksum of other bytes', () => {
    const frame = frameOf([TRADE]);
    const [byte = 0] = frame.subarray(40, 41);
    const [remark, ...more] = remarksOn(dialect, frame.with(40, byte ^ 1));
    expect(remark).toMatchObject({ kind: 'wrong-checksum', path: 'header.checksum' });
    expect(remark?.detail).toMatch(/^[0-9a-f]{8} is written, the bytes give [0-9a-f]{8}$/);
    expect(more).toEqual([]);
  });

  test('more elements than a FixedVec has room for, which leaves the value raw', () => {
    expect(remarksOn(dialect, overfull)).toContainEqual({
      kind: 'count-over-capacity',
      path: 'tlv[0].OrderBook.bids.count',
      detail: '51 elements, there is room for 50',
    });
    expect(Object.keys(decodeMessage(dialect, overfull).tlvs[0]!.fields)).toEqual(['raw']);
  });

  test('elements behind the count that hold something', () => {
    const frame = vectorFrame('torq/orderbook-3x2').slice();
    frame[32 + 5 + 40] = 2;
    expect(remarksOn(dialect, frame)).toContainEqual({
      kind: 'non-zero-padding',
      path: 'tlv[0].OrderBook.bids.unused',
      detail: expect.stringMatching(/ of 1152 bytes are not 0$/),
    });
  });
});

test('a message may have many remarks, in the order of its bytes', () => {
  const frame = frameOf([raw(150, 0), TRADE], { relay_domain: 9, version: 0, source: 98 }, 'zero');
  expect(remarksOn(dialect, frame).map(({ kind, path }) => `${kind} ${path}`)).toEqual([
    'unknown-enum-number header.relay_domain',
    'unusual-version header.version',
    'unknown-enum-number header.source',
    'zero-checksum header.checksum',
    'unknown-type tlv[0].type',
  ]);
});

test('vendor types need no registry and belong to every domain', () => {
  expect(remarksOn(dialect, frameOf([raw(254, 3), raw(202, 0)], { relay_domain: 2 }))).toEqual([]);
});

test('the same bytes are judged by the numbering of the dialect', () => {
  const codec: Dialect = protocol.dialect('torq-codec');
  const frame = frameOf([TRADE], { relay_domain: 1 });
  expect(remarksOn(codec, frame).map(({ kind }) => kind)).not.toContain(
    'type-outside-domain-range',
  );
});

test('a frame of another header order is told with the order', () => {
  const seqfirst = fromHex(vectors.valid.find(({ name }) => name === 'seqfirst/trade-crc')!.hex);
  expect(judgeBytes(dialect, seqfirst)).toEqual([
    expect.objectContaining({ kind: 'bad-magic' }),
    {
      kind: 'wrong-dialect',
      where: 'bytes',
      detail: 'the bytes are a frame under header order H2',
    },
  ]);
});
