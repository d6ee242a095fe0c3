import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameBorders, FrameCount } from '../../src/wire/frame-borders.ts';
import { concat, H2, H3, testFrame } from '../support/frames.ts';

const layouts = fc.constantFrom(H3, H2);
const sizes = fc.array(fc.nat(300), { minLength: 1, maxLength: 20 });
const cuts = fc.infiniteStream(fc.constantFrom(1, 2, 7, 31, 32, 33, 100, 500));

interface Chunked {
  readonly chunk: Uint8Array;
  readonly borders: FrameBorders;
}

function* pushed(
  borders: FrameBorders,
  stream: Uint8Array,
  lengths: Iterable<number>,
): Generator<Chunked> {
  let offset = 0;
  for (const length of lengths) {
    if (offset >= stream.length) return;
    const chunk = stream.subarray(offset, offset + length);
    borders.push(chunk);
    offset += chunk.length;
    yield { chunk, borders };
  }
}

describe('the borders of frames', () => {
  it('are where frames begin and end, however the stream is cut', () => {
    fc.assert(
      fc.property(sizes, layouts, cuts, (valueBytes, layout, lengths) => {
        const frames = valueBytes.map((size, n) => testFrame(n, { valueBytes: size, layout }));
        const real = new Set([0]);
        let end = 0;
        for (const frame of frames) real.add((end += frame.length));
        const borders = new FrameBorders(layout);
        for (const { chunk } of pushed(borders, concat(frames), lengths)) {
          const { chunkOffset, offset, firstBorder } = borders;
          expect(offset - chunkOffset).toBe(chunk.length);
          expect(firstBorder).toBe([...real].find((at) => at >= chunkOffset && at <= offset));
          expect(borders.isAtBorder).toBe(real.has(offset));
        }
      }),
    );
  });

  it('let every frame be counted once and named, however the stream is cut', () => {
    fc.assert(
      fc.property(sizes, layouts, cuts, (valueBytes, layout, lengths) => {
        const frames = valueBytes.map((size, n) => testFrame(n, { valueBytes: size, layout }));
        const count = new FrameCount(layout);
        const borders = new FrameBorders(layout);
        for (const { chunk } of pushed(borders, concat(frames), lengths)) {
          borders.countCarried(0, count);
          borders.countWhole(chunk, count);
        }
        expect(count.tally).toEqual({
          frames: frames.length,
          firstHeader: frames[0]!.slice(0, layout.sizeBytes),
          lastHeader: frames.at(-1)!.slice(0, layout.sizeBytes),
        });
      }),
    );
  });

  it('are found again behind any bytes that are no frame, a byte at a time too', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), layouts, cuts, (garbage, layout, lengths) => {
        const frames = Array.from({ length: 60 }, (_, n) =>
          testFrame(n, { valueBytes: n, layout }),
        );
        const stream = concat([testFrame(0, { layout }), garbage, ...frames]);
        const borders = new FrameBorders(layout);
        for (const { chunk } of pushed(borders, stream, lengths)) {
          // Longer than any of these frames: bytes of no frame may be left out anywhere.
          if (borders.firstBorder === undefined) expect(chunk.length).toBeLessThan(200);
        }
        expect(borders.isAtBorder).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('do not go on across a new beginning', () => {
    const borders = new FrameBorders(H3);
    borders.push(testFrame(1).subarray(0, 60));
    expect(borders.isAtBorder).toBe(false);
    borders.restart();
    borders.push(testFrame(2));
    expect([borders.firstBorder, borders.isAtBorder]).toEqual([60, true]);
  });
});
