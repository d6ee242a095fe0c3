import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReader } from '../../src/wire/frame-reader.ts';
import type { Span } from '../../src/wire/types.ts';
import { concat, H2, H3, testFrame } from '../support/frames.ts';

const LIMITS = { frameBytesMax: 4_096, resyncTlvCountMax: 64 };

interface Seen {
  readonly kind: string;
  readonly offset: number;
  readonly hex: string;
}

function seen(spans: readonly Span[]): readonly Seen[] {
  return spans.map((span) => ({
    kind: span.kind === 'defect' ? span.defect : span.kind,
    offset: span.offset,
    hex: Buffer.from(span.bytes).toString('hex'),
  }));
}

function read(chunks: readonly Uint8Array[], layout = H3): readonly Seen[] {
  const reader = new FrameReader(layout, LIMITS);
  const spans: Seen[] = [];
  for (const chunk of chunks) spans.push(...seen(reader.push(chunk)));
  spans.push(...seen(reader.flush()));
  return spans;
}

/** Whole frames, pieces of frames, headers with odd sizes, and noise that likes the magic. */
const piece = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.nat(300), fc.constantFrom('valid' as const, 'zero' as const))
      .map(([n, checksum]) => testFrame(n, { valueBytes: n, checksum })),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat(300), fc.nat(360), fc.nat(360))
      .map(([n, from, to]) =>
        testFrame(n, { valueBytes: n }).subarray(Math.min(from, to), Math.max(from, to)),
      ),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.constantFrom(0xef, 0xbe, 0xad, 0xde, 0, 1, 255), { maxLength: 40 })
      .map((bytes) => Uint8Array.from(bytes)),
  },
);
const stream = fc.array(piece, { maxLength: 12 }).map(concat);

function splitAt(bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const borders = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])];
  borders.sort((a, b) => a - b);
  return borders.slice(1).map((border, index) => bytes.subarray(borders[index], border));
}

describe('the frame reader, on any bytes', () => {
  it('covers every byte exactly once, in order', () => {
    fc.assert(
      fc.property(stream, fc.constantFrom(H3, H2), (bytes, layout) => {
        const spans = read([bytes], layout);
        expect(spans.map((span) => span.hex).join('')).toBe(Buffer.from(bytes).toString('hex'));
        let offset = 0;
        for (const span of spans) {
          expect(span.offset).toBe(offset);
          expect(span.hex.length).toBeGreaterThan(0);
          offset += span.hex.length / 2;
        }
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same spans for any split into chunks', () => {
    fc.assert(
      fc.property(
        stream,
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.constantFrom(H3, H2),
        (bytes, cuts, layout) => {
          expect(read(splitAt(bytes, cuts), layout)).toEqual(read([bytes], layout));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('gives the same spans byte by byte', () => {
    fc.assert(
      fc.property(stream, fc.constantFrom(H3, H2), (bytes, layout) => {
        const single = [...bytes].map((byte) => Uint8Array.of(byte));
        expect(read(single, layout)).toEqual(read([bytes], layout));
      }),
      { numRuns: 200 },
    );
  });

  it('reads good frames again after anything', () => {
    fc.assert(
      fc.property(stream, (noise) => {
        const good = [testFrame(1), testFrame(2), testFrame(3)];
        const spans = read([noise, ...good]);
        const last = good.at(-1);
        expect(spans.at(-1)).toMatchObject({
          kind: 'frame',
          hex: Buffer.from(last!).toString('hex'),
        });
      }),
      { numRuns: 500 },
    );
  });
});
