import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JoinedWrites } from '../../src/replay/joined-writes.ts';

const WRITE_BYTES_MAX = 65_536;

/** Who sends, how much of the capture it is, and whether it lies right behind what was sent before. */
const sends = fc.array(
  fc.record({
    id: fc.integer({ min: 1, max: 2 }),
    length: fc.integer({ min: 1, max: 40_000 }),
    isBehind: fc.boolean(),
  }),
  { maxLength: 20 },
);

test('writes are what each client sends in a row, in order and up to what one read returns', () => {
  const memory = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 251);
  fc.assert(
    fc.property(sends, (list) => {
      const writes: { readonly id: number; readonly bytes: Uint8Array }[] = [];
      const joined = new JoinedWrites<{ readonly id: number }>((client, bytes) => {
        writes.push({ id: client.id, bytes });
      });
      const expected: { readonly id: number; bytes: Buffer }[] = [];
      let at = 0;
      for (const { id, length, isBehind } of list) {
        const from = isBehind ? at : at + 1;
        at = from + length;
        const bytes = memory.subarray(from, at);
        if (!joined.joins(id, bytes)) {
          joined.makeRoomFor({ id }, bytes);
          joined.add({ id }, bytes);
        }
        const last = expected.at(-1);
        const joins = last?.id === id && last.bytes.length + length <= WRITE_BYTES_MAX;
        if (joins) last.bytes = Buffer.concat([last.bytes, bytes]);
        else expected.push({ id, bytes: Buffer.from(bytes) });
      }
      joined.handOver();
      joined.handOver();
      expect(writes.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
      for (const [index, { bytes }] of writes.entries()) {
        expect(Buffer.compare(bytes, expected[index]?.bytes ?? Buffer.alloc(0))).toBe(0);
      }
    }),
  );
});
