import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCutter, FEED_UNITS, leadOf, READ_BYTES_MAX } from '../../src/shim/tap-cutter.ts';
import { FrameReader } from '../../src/wire/frame-reader.ts';
import { concat, H3, testFrame } from '../support/frames.ts';

const garbage = fc.uint8Array({ minLength: 1, maxLength: 300 });
const frames = fc
  .record({
    sequence: fc.nat(1_000),
    valueBytes: fc.nat(200),
    domain: fc.integer({ max: 3, min: 0 }),
  })
  .map(({ sequence, ...rest }) => testFrame(sequence, rest));

function chunksOf(bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const places = cuts.map((cut) => cut % (bytes.length + 1)).sort((left, right) => left - right);
  return [...places, bytes.length].map((end, index) => bytes.slice(places[index - 1] ?? 0, end));
}

describe('the pieces that the new relay is fed', () => {
  it('are all the bytes in their order, whatever they are and however they came', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(frames, garbage), { maxLength: 12 }),
        fc.array(fc.nat(5_000), { maxLength: 12 }),
        fc.constantFrom(...FEED_UNITS),
        (parts, cuts, unit) => {
          const stream = concat(parts);
          const cutter = createCutter(unit, H3);
          const pieces = chunksOf(stream, cuts).flatMap((chunk) => [...cutter.push(chunk)]);
          pieces.push(...cutter.flush());
          expect(concat(pieces)).toEqual(stream);
          expect(cutter.heldBytes).toBe(0);
        },
      ),
    );
  });

  it('are whole frames, at once when they are whole, and never two domains together', () => {
    fc.assert(
      fc.property(
        fc.array(frames, { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(5_000), { maxLength: 12 }),
        (sent, cuts) => {
          const cutter = createCutter('frame', H3);
          const pieces = chunksOf(concat(sent), cuts).flatMap((chunk) => [...cutter.push(chunk)]);
          const leads = pieces.flatMap((piece) => {
            const inside = new FrameReader(H3).push(piece);
            expect(inside.every(({ kind }) => kind === 'frame')).toBe(true);
            const domains = inside.map(({ bytes }) => leadOf(H3, bytes));
            expect(new Set(domains).size).toBe(1);
            return domains;
          });
          expect(leads).toEqual(sent.map((frame) => leadOf(H3, frame)));
          expect(concat(pieces)).toEqual(concat(sent));
        },
      ),
    );
  });

  it('are no longer than a relay reads at once, and keep their bytes while the reader goes on', () => {
    const long = testFrame(1, { payload: new Uint8Array(200_000).fill(7) });
    for (const unit of FEED_UNITS) {
      const cutter = createCutter(unit, H3);
      const pieces = cutter.push(long);
      cutter.push(testFrame(2));
      expect(pieces.map((piece) => piece.length)).toEqual([
        65_536,
        65_536,
        65_536,
        200_032 - 196_608,
      ]);
      expect(Math.max(...pieces.map((piece) => piece.length))).toBe(READ_BYTES_MAX);
      expect(Buffer.compare(concat(pieces), long)).toBe(0);
    }
  });

  it('hold back what may be the beginning of a frame, and give it up when they are asked to', () => {
    const cutter = createCutter('frame', H3);
    const frame = testFrame(1);
    expect(cutter.push(frame.slice(0, 40))).toEqual([]);
    expect(cutter.heldBytes).toBe(40);
    expect(cutter.flush()).toEqual([frame.slice(0, 40)]);
    // The rest is no frame then, and is fed all the same.
    expect(concat([...cutter.push(frame.slice(40)), ...cutter.flush()])).toEqual(frame.slice(40));
  });
});
