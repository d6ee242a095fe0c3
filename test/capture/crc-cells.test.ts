import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CELL_BYTES, CrcCells } from '../../src/capture/crc-cells.ts';

const LENGTH_MAX = 3 * CELL_BYTES + 50;
const place = fc.oneof(
  fc.nat({ max: LENGTH_MAX }),
  fc.constantFrom(0, CELL_BYTES - 1, CELL_BYTES, CELL_BYTES + 1, 2 * CELL_BYTES, 3 * CELL_BYTES),
);

test('the CRC of any part, joined to that of anything before it, is that of the bytes', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      place,
      place,
      place,
      fc.uint8Array({ maxLength: 9 }),
      (seed, length, one, other, before) => {
        const bytes = Uint8Array.from(
          { length },
          (_, at) => Math.imul(at + seed, 2_654_435_761) >>> 24,
        );
        const cells = new CrcCells(bytes);
        expect(cells.crc32).toBe(crc32(bytes));
        const from = Math.min(one, other, length);
        const to = Math.min(Math.max(one, other), length);
        const whole = new Uint8Array([...before, ...bytes.subarray(from, to)]);
        expect(cells.goOn(crc32(before), from, to)).toBe(crc32(whole));
      },
    ),
    { numRuns: 300 },
  );
});
