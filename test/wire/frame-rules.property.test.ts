import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DEFAULT_FRAME_LIMITS, FrameRules } from '../../src/wire/frame-rules.ts';
import { H2, H3 } from '../support/frames.ts';

const MAGIC = Buffer.from('efbeadde', 'hex');
/** Bytes of the magic, in its order and not, and others: every near miss comes up. */
const piece = fc.oneof(
  fc.constantFrom(MAGIC, MAGIC.subarray(0, 3), MAGIC.subarray(1)),
  fc.constantFrom(0xef, 0xbe, 0xad, 0xde, 0).map((byte) => Buffer.of(byte)),
  fc.uint8Array({ maxLength: 40 }),
  fc.nat({ max: 300 }).map((length) => Buffer.alloc(length)),
);

test.each([H2, H3])(
  'the next magic in $generation is the first that begins before the end',
  (layout) => {
    const rules = new FrameRules(layout, DEFAULT_FRAME_LIMITS);
    const { magic: magicAt } = layout.offsets;
    const window = fc.array(piece, { maxLength: 12 }).map((pieces) => Buffer.concat(pieces));
    fc.assert(
      fc.property(window, fc.nat({ max: 900 }), fc.nat({ max: 900 }), (bytes, one, other) => {
        const from = Math.min(one, other, bytes.length);
        const end = Math.min(Math.max(one, other), bytes.length);
        let wanted: number | undefined;
        for (let at = from + magicAt; at < end && at + 4 <= bytes.length; at++) {
          if (wanted === undefined && bytes.subarray(at, at + 4).equals(MAGIC))
            wanted = at - magicAt;
        }
        expect(rules.nextMagic(bytes, from, end)).toBe(wanted);
      }),
      { numRuns: 1_000 },
    );
  },
);
