import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FieldUnits } from '../../../src/diff/rules/field-units.ts';
import { judgeDistance, parseAbsolute, parseRelative } from '../../../src/diff/rules/tolerance.ts';
import type { Difference } from '../../../src/diff/types.ts';
import { dialect } from '../support.ts';
import { packed } from './support.ts';

const units = new FieldUnits({ old: dialect, new: dialect });

function judge(path: string, values: readonly [bigint, bigint], limit: string): string {
  const difference: Difference = {
    path,
    old: String(values[0]),
    new: String(values[1]),
    bytes: { offset: 0, length: 8 },
    class: 'semantic',
  };
  const measured = units.measure(difference);
  if (measured === undefined) return 'not measurable';
  const isPart = /%|bps|ppm/.test(limit);
  return judgeDistance(measured, {
    absolute: isPart ? undefined : parseAbsolute(limit),
    relative: isPart ? parseRelative(limit) : undefined,
  });
}

const i64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

function decimal8(raw: bigint): string {
  const digits = String(raw).padStart(9, '0');
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

test('a price is within its limit up to the last unit of 64 bits, and beyond it by one more', () => {
  fc.assert(
    fc.property(i64, fc.bigInt({ min: 0n, max: 2n ** 64n }), fc.boolean(), (old, apart, up) => {
      const neu = up ? old + apart : old - apart;
      const price = 'tlv[0].Trade.price';
      expect(judge(price, [old, neu], decimal8(apart))).toBe('within');
      expect(judge(price, [old, neu + (up ? 1n : -1n)], decimal8(apart))).toBe('beyond');
    }),
  );
});

test('a clock is measured in ns, whatever the unit of the limit', () => {
  const perUnit = { ns: 1n, us: 1_000n, ms: 1_000_000n, s: 1_000_000_000n } as const;
  fc.assert(
    fc.property(
      u64,
      fc.bigInt({ min: 0n, max: 10n ** 12n }),
      fc.constantFrom('ns', 'us', 'ms', 's'),
      fc.constantFrom('header.timestamp', 'tlv[3].Trade.execution_timestamp_ns'),
      (old, amount, unit, path) => {
        const limit = `${amount}${unit}`;
        const edge = old + amount * perUnit[unit];
        expect(judge(path, [old, edge], limit)).toBe('within');
        expect(judge(path, [old, edge + 1n], limit)).toBe('beyond');
      },
    ),
  );
});

test('a part is taken of the larger value, without rounding', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 2n ** 50n }), (size) => {
      const larger = size * 10_000n;
      const asset = 'tlv[0].PoolSwap.amount_in';
      expect(judge(asset, [larger - size, larger], '1bps')).toBe('within');
      expect(judge(asset, [larger, larger - size], '0.01%')).toBe('within');
      expect(judge(asset, [larger - size - 1n, larger], '100ppm')).toBe('beyond');
      expect(judge(asset, [-larger, -larger + size], '0.01%')).toBe('within');
    }),
  );
});

test.each([
  ['tlv[0].Trade.venue_id', '1', 'a name'],
  ['tlv[0].Trade.side', '5ms', 'no clock'],
  ['tlv[0].Trade.price', '5ms', 'no clock'],
  ['header.timestamp', '1%', 'a part of the time since 1970'],
  ['header.source', '1', 'a name'],
  ['header.checksum', '1', 'a sum'],
  ['tlv[0].length', '1', 'how it is written'],
  ['tlv[0].OrderBook.bids.count', '1', 'how many there are'],
  ['tlv[0].Unknown.raw', '1', 'bytes'],
  ['tlv[0]', '1', 'a whole TLV'],
])('%s within %s is not measurable: %s', (path, limit) => {
  expect(judge(path, [5n, 6n], limit)).toBe('not measurable');
});

test('lists, vectors and durations are measured by what they are made of', () => {
  expect(judge('tlv[0].OrderBook.bids.elements[3].size', [5n, 6n], '1')).toBe('within');
  expect(judge('tlv[0].PoolLiquidity.reserves.elements[1]', [5n, 7n], '1')).toBe('beyond');
  expect(judge('tlv[0].SystemHealth.latency_p95_us', [100n, 1_100n], '1ms')).toBe('within');
  expect(judge('tlv[0].SystemHealth.latency_p95_us', [100n, 1_101n], '1ms')).toBe('beyond');
  // A plain number counts what the clock counts.
  expect(judge('header.timestamp', [100n, 105n], '5')).toBe('within');
  expect(judge('header.timestamp', [100n, 106n], '5')).toBe('beyond');
});

test.each(['', '-1', '1e3', '.5', '5.', '5 minutes', 'ms', '1_000', '0x10', 'NaN'])(
  '%j is no distance',
  (text) => {
    expect(parseAbsolute(text)).toBeUndefined();
  },
);

test.each(['0', '0%', '101%', '1.01', '-1%', '1e-3', '5ms', ''])('%j is no part', (text) => {
  expect(parseRelative(text)).toBeUndefined();
});

test('between two dialects a field is found by its shared name, and points are read where scales differ', () => {
  const between = new FieldUnits({ old: dialect, new: packed });
  const difference: Difference = {
    path: 'tlv[0].Trade.execution_timestamp_ns',
    old: '100',
    new: '5000100',
    bytes: { offset: 0, length: 8 },
    class: 'semantic',
  };
  const measured = between.measure(difference);
  expect(measured).toMatchObject({ kind: 'time', rawPlaces: 9 });
  const absolute = parseAbsolute('5ms');
  expect(measured && judgeDistance(measured, { absolute, relative: undefined })).toBe('within');
  expect(new FieldUnits({ old: packed, new: packed }).measure(difference)).toBeUndefined();
  expect(between.measure({ ...difference, new: null })).toBeUndefined();
});
