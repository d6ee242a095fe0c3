/**
 * Values of two dialects whose layouts have other widths: the same where both can say it, and told from what one
 * of them has no room for.
 */
import { describe, expect, it } from 'vitest';
import { compareMeanings } from '../../src/diff/compare-meanings.ts';
import type { FrameView } from '../../src/diff/compare-frames.ts';
import type { Difference } from '../../src/diff/types.ts';
import { encodeMessage } from '../../src/protocol/encode.ts';
import { loadBuiltInProtocol, readBuiltInSchemas } from '../../src/protocol/files.ts';
import { loadProtocol } from '../../src/protocol/load.ts';
import type { Dialect, FieldValues } from '../../src/protocol/types.ts';

const protocol = loadBuiltInProtocol();
const PACKED = protocol.dialect('alphapulse-v2-packed');
const ALIGNED = protocol.dialect('alphapulse-v2-aligned');
const SEQFIRST = protocol.dialect('alphapulse-v2-seqfirst');
const TODAY = protocol.dialect('torq-types');

interface Said {
  readonly dialect: Dialect;
  readonly fields: FieldValues;
}

function compare(type: number, old: Said, neu: Said): readonly Difference[] {
  const view = ({ dialect, fields }: Said): FrameView => {
    const domain = dialect.types.get(type)?.domain;
    const names = [...dialect.domains.names];
    const relay_domain = names.find(([, name]) => name === domain)?.[0] ?? names[0]?.[0] ?? 0;
    const source = [...dialect.sources.names].find(([, name]) => name === 'KrakenCollector')?.[0];
    const header = { version: 1, flags: 0, sequence: '7', timestamp: '9', checksum: 0 };
    return {
      dialect,
      bytes: encodeMessage(
        dialect,
        { header: { ...header, relay_domain, source: source ?? 0 }, tlvs: [{ type, fields }] },
        'zero',
      ),
    };
  };
  return compareMeanings(view(old), view(neu));
}

const ADDRESS = '45dda9cb7c25131df268515131f647d726f50608';

/** `sqrtPrice`: big-endian in 20 bytes, little-endian in 32. */
function swap(dialect: Dialect, sqrtPrice: bigint): Said {
  const hex = sqrtPrice.toString(16);
  const little = hex.padStart(64, '0').match(/../g)?.toReversed().join('') ?? '';
  return {
    dialect,
    fields: {
      venue: 301,
      pool_address: ADDRESS,
      token_in_addr: ADDRESS,
      token_out_addr: ADDRESS,
      amount_in: '1',
      amount_out: '2',
      amount_in_decimals: 18,
      amount_out_decimals: 6,
      sqrt_price_x96_after: dialect === PACKED ? hex.padStart(40, '0') : little,
      tick_after: -3,
      liquidity_after: '4',
      timestamp_ns: '5',
      block_number: '6',
    },
  };
}

describe('a price of 20 big-endian bytes and one of 32 little-endian bytes', () => {
  const price = 2n ** 96n + 12_345n;

  it('are the same number', () => {
    expect(compare(11, swap(PACKED, price), swap(TODAY, price))).toEqual([]);
    expect(compare(11, swap(TODAY, 0n), swap(PACKED, 0n))).toEqual([]);
  });

  it('are told apart by their numbers, at their place', () => {
    expect(compare(11, swap(PACKED, price), swap(TODAY, price + 1n))).toEqual([
      {
        path: 'tlv[0].PoolSwap.sqrt_price_x96_after',
        old: String(price),
        new: String(price + 1n),
        bytes: { offset: 32 + 2 + 96, length: 20 },
        class: 'semantic',
      },
    ]);
  });

  it('differ when the price needs more than the 128 bits of today, and say so', () => {
    const wide = 2n ** 131n + 9n;
    expect(compare(11, swap(PACKED, wide), swap(TODAY, 9n))).toMatchObject([
      {
        old: String(wide),
        new: '9',
        class: 'semantic',
        note: 'the number of old does not fit into the 128 bits of new, which has its low 128',
      },
    ]);
    expect(compare(11, swap(TODAY, 8n), swap(PACKED, wide))).toMatchObject([
      { note: 'the number of new does not fit into the 128 bits of old' },
    ]);
  });
});

describe('a trace id of 16 bytes and one of 8', () => {
  const trace = (dialect: Dialect, trace_id: string): Said => ({
    dialect,
    fields: {
      trace_id,
      source_service: 1,
      span_depth: 0,
      stage_flags: 3,
      reserved: 0,
      start_timestamp_ns: '1',
      current_timestamp_ns: '2',
    },
  });
  const short = '0102030405060700';

  it('are the same where the longer one only has zeros more', () => {
    const long = short.padEnd(32, '0');
    for (const dialect of [PACKED, ALIGNED])
      expect(compare(108, trace(dialect, long), trace(TODAY, short))).toEqual([]);
  });

  it('differ where the longer one has more to say, and say what was cut', () => {
    const long = `${short}${'ab'.repeat(8)}`;
    expect(compare(108, trace(PACKED, long), trace(TODAY, short))).toMatchObject([
      {
        path: 'tlv[0].TraceContext.trace_id',
        old: long,
        new: short,
        class: 'semantic',
        note: 'the 16 bytes of old do not fit into the 8 of new, which has the first 8',
      },
    ]);
    expect(compare(108, trace(PACKED, long), trace(TODAY, 'ff'.repeat(8)))).toMatchObject([
      { note: 'the 16 bytes of old do not fit into the 8 of new' },
    ]);
  });

  it('differ without a note where both could say it', () => {
    const other = '02'.repeat(8).padEnd(32, '0');
    expect(compare(108, trace(PACKED, other), trace(TODAY, short))[0]).not.toHaveProperty('note');
  });
});

describe('lists', () => {
  const liquidity = (dialect: Dialect, count: number): Said => {
    const reserves = Array.from({ length: count }, (_, at) => String(at + 1));
    const fields =
      dialect === PACKED
        ? { reserve_count: count, reserves }
        : { reserves: { count, elements: reserves } };
    return { dialect, fields: { venue: 300, pool_address: ADDRESS, timestamp_ns: '1', ...fields } };
  };

  it('of any form say the same, and of too many elements what there is no room for', () => {
    expect(compare(10, liquidity(PACKED, 8), liquidity(TODAY, 8))).toEqual([]);
    expect(compare(10, liquidity(PACKED, 9), liquidity(TODAY, 8))).toMatchObject([
      {
        path: 'tlv[0].PoolLiquidity.reserves[8]',
        old: '9',
        new: null,
        note: 'the layout of new has room for 8 elements',
      },
    ]);
    expect(compare(10, liquidity(PACKED, 8), liquidity(TODAY, 7))[0]).not.toHaveProperty('note');
  });
});

describe('what every publisher writes', () => {
  const request = { last_sequence: '1', current_sequence: '5', consumer_id: 3, request_type: 2 };
  const head = { tlv_type: 110, tlv_length: 20, reserved: 0 };

  it('says nothing: a request that repeats its TLV head is the request without it', () => {
    for (const dialect of [PACKED, SEQFIRST]) {
      const old = { dialect, fields: { ...request, ...head } };
      expect(compare(110, old, { dialect: TODAY, fields: request })).toEqual([]);
    }
  });

  it('is a difference when it is something else', () => {
    const old = { dialect: SEQFIRST, fields: { ...request, ...head, tlv_type: 111 } };
    expect(compare(110, old, { dialect: TODAY, fields: request })).toMatchObject([
      {
        path: 'tlv[0].RecoveryRequest.tlv_type',
        old: '111',
        new: null,
        note: 'RecoveryRequestTLV of torq-types, the dialect of new, has no such field',
      },
    ]);
  });

  it('holds for the length in a PoolInfo, which is that of each layout', () => {
    const pool = (dialect: Dialect, tlv_length: number): Said => ({
      dialect,
      fields: {
        tlv_type: 200,
        tlv_length,
        pool_address: ADDRESS,
        token0_address: ADDRESS,
        token1_address: ADDRESS,
        token0_decimals: 18,
        token1_decimals: 6,
        pool_type: 2,
        fee_tier: 30,
        venue: 301,
        discovered_at: '1756000000',
        last_seen: '1756000001',
      },
    });
    expect(compare(200, pool(PACKED, 85), pool(TODAY, 86))).toEqual([]);
    expect(compare(200, pool(PACKED, 83), pool(TODAY, 86))).toHaveLength(1);
  });
});

describe('a dialect of the user with other widths', () => {
  const extended = loadProtocol([
    ...readBuiltInSchemas(),
    [
      'narrow.yaml',
      `description: narrow
extends: torq-types
structs:
  NoteTLV:
    size: 33
    fields:
      - { name: amount, type: u64 }
      - { name: change, type: i32 }
      - { name: price, type: i64, scale: 8 }
      - { name: at, type: u32, unit: unix-s }
      - { name: symbol, type: bytes<8> }
      - { name: flag, type: u8 }
types: [{ number: 230, name: Note, domain: vendor, size: any, struct: NoteTLV }]
`,
    ],
    [
      'wide.yaml',
      `description: wide
extends: torq-types
structs:
  NoteTLV:
    size: 80
    fields:
      - { name: symbol, type: bytes<16> }
      - { name: amount, type: u128, endian: big }
      - { name: change, type: i64 }
      - { name: price, type: i128, scale: 18 }
      - { name: moment, type: u64, unit: unix-ns, as: at }
      - { name: level, type: bytes<16>, number: big }
types: [{ number: 230, name: Note, domain: vendor, size: any, struct: NoteTLV }]
`,
    ],
  ]);
  const narrow = (change: FieldValues = {}): Said => ({
    dialect: extended.dialect('narrow'),
    fields: {
      amount: '7',
      change: -2,
      price: '6500050000000',
      at: 1_756_000_000,
      symbol: '4254432d55534400',
      flag: 0,
      ...change,
    },
  });
  const wide = (change: FieldValues = {}): Said => ({
    dialect: extended.dialect('wide'),
    fields: {
      amount: '7',
      change: '-2',
      price: '65000500000000000000000',
      moment: '1756000000000000000',
      symbol: '4254432d555344'.padEnd(32, '0'),
      level: '00'.repeat(16),
      ...change,
    },
  });
  const differencesOf = (old: Said, neu: Said): readonly Difference[] =>
    compare(230, old, neu).filter(({ path }) => !/flag|level/.test(path));

  it('says the same in u64 and u128, i32 and i64, seconds and nanoseconds, 8 and 18 decimals', () => {
    expect(differencesOf(narrow(), wide())).toEqual([]);
    expect(compare(230, narrow(), wide()).map(({ path, note }) => `${path}: ${note}`)).toEqual([
      'tlv[0].Vendor:Note.flag: NoteTLV of wide, the dialect of new, has no such field',
      'tlv[0].Vendor:Note.level: NoteTLV of narrow, the dialect of old, has no such field',
    ]);
  });

  it.each([
    ['amount', { amount: String(2n ** 64n + 7n) }, '64 bits of old, which has its low 64'],
    ['change', { change: String(2n ** 31n) }, 'does not fit into the 32 bits of old'],
    ['price', { price: '65000500000000000000001' }, 'more decimals than the 8 of old'],
    ['at', { moment: '1756000000000000001' }, 'more decimals than the 0 of old'],
    ['symbol', { symbol: '4254432d5553440031'.padEnd(32, '0') }, 'which has the first 8'],
  ])('tells that the narrower layout has no room: %s', (field, change, reason) => {
    const [difference, ...more] = differencesOf(narrow(), wide(change));
    expect(more).toEqual([]);
    expect(difference?.path).toBe(`tlv[0].Vendor:Note.${field}`);
    expect(difference?.note).toContain(reason);
  });

  it('shows numbers of two scales with their points', () => {
    expect(differencesOf(narrow({ price: '100000000' }), wide())).toMatchObject([
      { path: 'tlv[0].Vendor:Note.price', old: '1', new: '65000.5' },
    ]);
  });
});
