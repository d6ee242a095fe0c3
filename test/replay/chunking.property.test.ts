import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runsOf } from '../../src/capture/chunk-runs.ts';
import type { Chunk } from '../../src/capture/types.ts';
import { type Chunking, parseChunking, pieceMakerOf } from '../../src/replay/chunking.ts';
import { concat, H3, testFrame } from '../support/frames.ts';

const CHUNKINGS: readonly Chunking[] = [
  { kind: 'recorded' },
  { kind: 'frame' },
  { kind: 'coalesced' },
  { kind: 'byte' },
  { kind: 'split', seed: 7 },
];

/** Frames and noise, cut anywhere, at growing times. */
const recordings = fc
  .record({
    parts: fc.array(
      fc.oneof(
        fc
          .integer({ min: 1, max: 50 })
          .map((sequence) => testFrame(sequence, { valueBytes: sequence })),
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
      ),
      { minLength: 1, maxLength: 8 },
    ),
    cuts: fc.array(fc.nat(600), { maxLength: 8 }),
    pauses: fc.array(fc.nat(20_000_000), { minLength: 20, maxLength: 20 }),
  })
  .map(({ parts, cuts, pauses }): readonly Chunk[] => {
    const bytes = concat(parts);
    const borders = [...new Set([0, ...cuts.filter((at) => at < bytes.length)])].sort(
      (left, right) => left - right,
    );
    let timeNs = 0n;
    return borders.map((offset, index) => {
      timeNs += BigInt(pauses[index] ?? 0);
      return {
        ordinal: index * 2,
        timeNs,
        offset,
        bytes: bytes.subarray(offset, borders[index + 1] ?? bytes.length),
      };
    });
  });

test('whatever the chunking, the bytes are the same, in order, and none is sent before it was recorded', () => {
  fc.assert(
    fc.property(recordings, fc.constantFrom(...CHUNKINGS), (chunks, chunking) => {
      const pieces = [...pieceMakerOf(chunking, H3)(runsOf(chunks), 1)];
      expect(Buffer.concat(pieces.map(({ bytes }) => bytes))).toEqual(
        Buffer.concat(chunks.map(({ bytes }) => bytes)),
      );
      let end = 0;
      let lastNs = 0;
      for (const { bytes, timeNs, ordinal } of pieces) {
        end += bytes.length;
        expect(bytes.length).toBeGreaterThan(0);
        const brought = chunks.find((chunk) => chunk.offset + chunk.bytes.length >= end);
        expect(timeNs).toBeGreaterThanOrEqual(Number(brought?.timeNs));
        expect(ordinal).toBeGreaterThanOrEqual(Number(brought?.ordinal));
        expect(timeNs).toBeGreaterThanOrEqual(lastNs);
        lastNs = timeNs;
      }
    }),
  );
});

test('each chunking cuts as it says', () => {
  const frames = [1, 2, 3, 4].map((sequence) => testFrame(sequence));
  const [first = new Uint8Array(), second = new Uint8Array(), ...others] = frames;
  const chunk = (index: number, ms: number, bytes: Uint8Array): Chunk => ({
    ordinal: index,
    timeNs: BigInt(ms) * 1_000_000n,
    offset: index === 0 ? 0 : 150,
    bytes,
  });
  const chunks = [
    chunk(0, 0, concat([first, second.subarray(0, 50)])),
    chunk(1, 8, concat([second.subarray(50), ...others])),
  ];
  const lengthsOf = (text: string): readonly number[] => {
    const chunking = parseChunking(text);
    if (chunking === undefined) throw new Error(text);
    return [...pieceMakerOf(chunking, H3)(runsOf(chunks), 1)].map(({ bytes }) => bytes.length);
  };
  expect(lengthsOf('recorded')).toEqual([150, 250]);
  expect(lengthsOf('frame')).toEqual([100, 100, 100, 100]);
  expect(lengthsOf('coalesced')).toEqual([400]);
  expect(lengthsOf('byte')).toHaveLength(400);
  expect(lengthsOf('split:3')).toEqual(lengthsOf('split:3'));
  expect(lengthsOf('split:3')).not.toEqual(lengthsOf('split:4'));
  expect(lengthsOf('split:3').length).toBeGreaterThanOrEqual(4);
});

test('a coalesced write holds no more than one read of a relay, and waits no longer than 10 ms', () => {
  const bytes = new Uint8Array(30_000);
  const chunks = Array.from(
    { length: 10 },
    (_, index): Chunk => ({
      ordinal: index,
      timeNs: BigInt(index) * 1_000_000n * (index > 6 ? 20n : 1n),
      offset: index * bytes.length,
      bytes,
    }),
  );
  const pieces = [...pieceMakerOf({ kind: 'coalesced' }, H3)(runsOf(chunks), 1)];
  expect(pieces.map((piece) => piece.bytes.length)).toEqual([
    60_000, 60_000, 60_000, 30_000, 30_000, 30_000, 30_000,
  ]);
});

test.each(['', 'frames', 'split', 'split:', 'split:x', 'split:1:2', 'byte:1', 'recorded:'])(
  '%j is no chunking',
  (text) => {
    expect(parseChunking(text)).toBeUndefined();
  },
);
