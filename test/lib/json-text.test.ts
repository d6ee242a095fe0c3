/** What JSON.stringify writes, and what it does not know. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonText } from '../../src/lib/json-text.ts';

test('writes wide numbers as decimal text and bytes as hex, and leaves out what is undefined', () => {
  const record = {
    wide: 2n ** 127n,
    low: -5n,
    bytes: Uint8Array.of(0, 171, 255),
    none: new Uint8Array(),
    nothing: undefined,
    list: [1n, [], {}],
  };
  expect(jsonText(record)).toBe(
    '{"wide":"170141183460469231731687303715884105728","low":"-5","bytes":"00abff","none":"",' +
      '"list":["1",[],{}]}',
  );
});

test('bytes are those of the view, wherever it lies in its buffer', () => {
  const whole = Uint8Array.from({ length: 200 }, (_, index) => index);
  for (const view of [whole.subarray(3, 6), Buffer.from(whole.buffer, 3, 3)]) {
    expect(jsonText([view, view.slice()])).toBe('["030405","030405"]');
  }
});

test('writes all that JSON has as JSON.stringify does', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      expect(jsonText(value)).toBe(JSON.stringify(value));
    }),
    { numRuns: 1_000 },
  );
});
