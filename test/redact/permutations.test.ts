import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Permutations } from '../../src/redact/permutations.ts';

const KEY = Buffer.from('0123456789abcdef');
const permutations = new Permutations(KEY, 'test');

function permuted(bytes: Uint8Array, scope = 'price', by = permutations): string {
  const value = Uint8Array.from(bytes);
  by.permute([{ scope, bytes: value }]);
  return Buffer.from(value).toString('hex');
}

it('gives equal values equal pseudonyms and different ones different ones, whatever their width', () => {
  const pairs = fc
    .integer({ min: 1, max: 300 })
    .chain((length) =>
      fc.tuple(
        fc.uint8Array({ minLength: length, maxLength: length }),
        fc.uint8Array({ minLength: length, maxLength: length }),
      ),
    );
  fc.assert(
    fc.property(pairs, ([one, other]) => {
      const [left, right] = [permuted(one), permuted(other)];
      expect(left).toHaveLength(2 * one.length);
      expect(left === right).toBe(Buffer.compare(one, other) === 0);
      expect(permuted(one, 'price', new Permutations(KEY, 'test'))).toBe(left);
    }),
    { numRuns: 200 },
  );
});

it.each([1, 2])('takes every value of %i bytes to another place, one to one', (width) => {
  const all = new Set<string>();
  const values = Array.from({ length: 256 ** width }, (_, number) => {
    const bytes = Buffer.alloc(width);
    bytes.writeUIntLE(number, 0, width);
    return { scope: 'x', bytes };
  });
  permutations.permute(values);
  for (const { bytes } of values) all.add(bytes.toString('hex'));
  expect(all.size).toBe(256 ** width);
});

it('gives other pseudonyms under another key, in another scope and to many at once the same', () => {
  const value = Buffer.from('0011223344556677', 'hex');
  const other = new Permutations(Buffer.from('another key of 16'), 'test');
  const names = [permuted(value), permuted(value, 'size'), permuted(value, 'price', other)];
  expect(new Set(names).size).toBe(3);
  const many = [value, Buffer.from('0102', 'hex'), value].map((bytes) => ({
    scope: 'price',
    bytes: Uint8Array.from(bytes),
  }));
  permutations.permute(many);
  expect(many.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).toEqual([
    names[0],
    permuted(Buffer.from('0102', 'hex')),
    names[0],
  ]);
});

it('lets zero alone be zero, and stays one to one', () => {
  const images = new Set<number>();
  for (let number = 0; number < 256; number++) {
    const bytes = Uint8Array.of(number);
    permutations.permuteKeepingZero({ scope: 'padding', bytes });
    expect(bytes[0] === 0).toBe(number === 0);
    images.add(bytes[0] ?? -1);
  }
  expect(images.size).toBe(256);
});
