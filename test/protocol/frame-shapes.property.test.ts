/** Looking at a frame by its shape finds the kinds of remarks that a walk over all of it finds. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameShapes } from '../../src/protocol/frame-shapes.ts';
import { remarkBit } from '../../src/protocol/remark-checks.ts';
import { REMARK_KINDS } from '../../src/protocol/remark-kind.ts';
import { remarksOn } from '../../src/protocol/remarks.ts';
import { encodeTlv } from '../../src/wire/tlv.ts';
import { concat, testFrame } from '../support/frames.ts';
import { frames, propertyDialects } from './arbitraries.ts';

function namesOf(kinds: number): readonly string[] {
  return REMARK_KINDS.filter((kind) => (kinds & remarkBit(kind)) !== 0);
}

/** A frame, and others that are like it but for some bytes: most of them keep its shape. */
const changes = fc.array(
  fc.array(fc.tuple(fc.nat({ max: 300 }), fc.nat({ max: 255 })), { maxLength: 3 }),
  { maxLength: 4 },
);

describe.each(propertyDialects())('$name', (dialect) => {
  test('the kinds of remarks are those of a walk, wherever the frame lies', () => {
    const shapes = new FrameShapes(dialect);
    const seen = new Set<string>();
    fc.assert(
      fc.property(frames(dialect), changes, fc.nat({ max: 9 }), (first, changed, start) => {
        const others = changed.map((places) => {
          const other = Uint8Array.from(first);
          for (const [at, value] of places) if (at < other.length) other[at] = value;
          return other;
        });
        for (const frame of [first, ...others, first]) {
          const bytes = concat([new Uint8Array(start).fill(7), frame, new Uint8Array(9).fill(255)]);
          const wanted = new Set(remarksOn(dialect, frame).map(({ kind }) => kind));
          const found = namesOf(shapes.kindsOf(bytes, start, start + frame.length));
          expect(found).toEqual(REMARK_KINDS.filter((kind) => wanted.has(kind)));
          for (const kind of found) seen.add(kind);
        }
      }),
      { numRuns: 300 },
    );
    expect(seen.size).toBeGreaterThan(6);
  });
});

test('frames of one shape differ in values only', () => {
  const [dialect] = propertyDialects();
  const shapes = new FrameShapes(dialect!);
  const id = (...types: readonly number[]): number | undefined => {
    const payload = concat(types.map((type) => encodeTlv(type, new Uint8Array(type))));
    const frame = testFrame(types.length, { payload });
    return shapes.shapeOf(frame, 0, frame.length)?.id;
  };
  expect([id(1), id(2), id(1), id(1, 2), id(2, 1), id(1, 2)]).toEqual([0, 1, 0, 2, 3, 2]);
  expect(id(...Array.from({ length: 65 }, () => 1))).toBeUndefined();
});

test('the shapes that are remembered are bounded, and nothing else changes beyond', () => {
  const [dialect] = propertyDialects();
  const shapes = new FrameShapes(dialect!);
  const ids = new Set<number>();
  let without = 0;
  for (let index = 0; index < 3_000; index++) {
    const payload = encodeTlv(1 + (index % 250), new Uint8Array(Math.floor(index / 250) + 30));
    const frame = testFrame(index, { payload });
    const id = shapes.shapeOf(frame, 0, frame.length)?.id;
    if (id === undefined) without++;
    else ids.add(id);
    const wanted = new Set(remarksOn(dialect!, frame).map(({ kind }) => kind));
    expect(namesOf(shapes.kindsOf(frame, 0, frame.length))).toEqual(
      REMARK_KINDS.filter((kind) => wanted.has(kind)),
    );
  }
  expect(ids.size).toBeGreaterThan(500);
  expect(ids.size).toBeLessThanOrEqual(1_024);
  expect(ids.size + without).toBe(3_000);
});
