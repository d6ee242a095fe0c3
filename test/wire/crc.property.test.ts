import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32Of } from '../../src/wire/crc.ts';

test('a CRC of any part, going on from any other, is what zlib gives', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 700 });
  fc.assert(
    fc.property(
      bytes,
      fc.nat({ max: 700 }),
      fc.nat({ max: 700 }),
      bytes,
      (all, one, other, before) => {
        const from = Math.min(one, other, all.length);
        const to = Math.min(Math.max(one, other), all.length);
        const whole = Buffer.concat([before, all.subarray(from, to)]);
        expect(crc32Of(all, from, to, crc32(before))).toBe(crc32(whole));
      },
    ),
    { numRuns: 1_000 },
  );
});
