/** Whatever the bytes are, each of the layer's questions is answered, and the answers agree. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../src/lib/bytes.ts';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { detectDialect } from '../../src/protocol/detect.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { judgeBytes } from '../../src/protocol/judge.ts';
import { describeFrame } from '../../src/protocol/leaves.ts';
import { remarksOn } from '../../src/protocol/remarks.ts';
import { frames, propertyDialects } from './arbitraries.ts';
import { vectors } from './vectors.ts';

const protocol = loadBuiltInProtocol();

/** Garbage, and golden messages with a few bytes changed or cut off. */
const bytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .tuple(
      fc.constantFrom(...vectors.valid, ...vectors.invalid),
      fc.array(fc.tuple(fc.nat({ max: 600 }), fc.nat({ max: 255 })), { maxLength: 4 }),
      fc.nat({ max: 3000 }),
    )
    .map(([{ hex }, changes, length]) => {
      const damaged = fromHex(hex).slice(0, length);
      for (const [position, value] of changes) {
        if (position < damaged.length) damaged[position] = value;
      }
      return damaged;
    }),
);

describe.each(propertyDialects())('$name', (dialect) => {
  test('remarks lie on leaves or TLVs of the frame, and judgements hold them all', () => {
    fc.assert(
      fc.property(fc.oneof(bytes, frames(dialect)), (frame) => {
        const leaves = describeFrame(dialect, frame);
        const places = new Set(leaves.map(({ path }) => path));
        for (const { kind, path } of remarksOn(dialect, frame)) {
          const tlv = /^tlv\[\d+\]/.exec(path)?.[0];
          expect(places.has(path) || places.has(`${tlv}.type`), `${kind} ${path}`).toBe(true);
        }
        const judged = judgeBytes(dialect, frame).map(({ kind }) => kind);
        if (frame.byteLength < dialect.header.sizeBytes) {
          expect(judged).toEqual(['truncated-header']);
          return;
        }
        const { defect, header, checksum } = decodeMessage(dialect, frame);
        const sized = header.payload_size === frame.byteLength - dialect.header.sizeBytes;
        if (header.magic === dialect.header.magic && sized) {
          expect(judged.includes('wrong-checksum')).toBe(checksum === 'wrong');
          if (defect !== undefined) expect(judged).toContain(defect.defect);
          for (const { kind } of remarksOn(dialect, frame)) expect(judged).toContain(kind);
        }
      }),
      { numRuns: 200 },
    );
  });
});

test('a detection ranks whatever it is given, and never forgets a dialect that fits', () => {
  fc.assert(
    fc.property(
      fc.array(bytes, { maxLength: 6 }),
      fc.array(bytes, { maxLength: 3 }),
      (sample, streams) => {
        const { candidates, best, summary } = detectDialect(protocol, { frames: sample, streams });
        expect(summary).not.toBe('');
        expect(best.length > 0).toBe(candidates.length > 0);
        const ranks = candidates.map(({ rank }) => rank);
        expect(ranks).toEqual(ranks.toSorted((left, right) => left - right));
      },
    ),
    { numRuns: 150 },
  );
});
