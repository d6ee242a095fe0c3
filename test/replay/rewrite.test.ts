import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Chunk } from '../../src/capture/types.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import {
  parseRewrite,
  rewriteAll,
  rewriteChunks,
  type RewriteFrame,
  rewriteNumbering,
  rewriteSequence,
  rewriteTimestamps,
} from '../../src/replay/rewrite.ts';
import { checksumState, readHeader } from '../../src/wire/header.ts';
import type { HeaderLayout } from '../../src/wire/types.ts';
import { concat, H2, H3, testFrame } from '../support/frames.ts';

const CLOCK = { recordedUnixNs: 1_000_000_000n, replayedUnixNs: 5_000_000_000n, speed: 1 };

function cutAt(bytes: Uint8Array, cuts: readonly number[]): readonly Chunk[] {
  const borders = [...new Set([0, ...cuts.filter((at) => at < bytes.length)])].sort(
    (left, right) => left - right,
  );
  return borders.map((offset, ordinal) => ({
    ordinal,
    timeNs: BigInt(ordinal),
    offset,
    bytes: bytes.subarray(offset, borders[ordinal + 1] ?? bytes.length),
  }));
}

function rewritten(
  frames: readonly Uint8Array[],
  rewrite: RewriteFrame,
  to: HeaderLayout = H3,
  cuts: readonly number[] = [],
): Buffer {
  const chunks = rewriteChunks(cutAt(concat(frames), cuts), { from: H3, to }, rewrite);
  return Buffer.concat([...chunks].map(({ bytes }) => bytes));
}

test('a message has the age that it had, at the speed it is played with', () => {
  const frame = testFrame(1, { timestamp: 1_200_000_000n });
  const timestampOf = (speed: number): bigint =>
    readHeader(H3, rewritten([frame], rewriteTimestamps({ ...CLOCK, speed }))).timestamp;
  expect(timestampOf(1)).toBe(5_200_000_000n);
  expect(timestampOf(2)).toBe(5_100_000_000n);
  const untimed = testFrame(1, { timestamp: 0n });
  expect(readHeader(H3, rewritten([untimed], rewriteTimestamps(CLOCK))).timestamp).toBe(0n);
});

test('sequences count from 1 for each source', () => {
  const frames = [
    testFrame(1, { sequence: 70n, source: 4 }),
    testFrame(2, { sequence: 9n, source: 5 }),
    testFrame(3, { sequence: 71n, source: 4 }),
  ];
  const bytes = rewritten(frames, rewriteSequence());
  expect([0, 100, 200].map((at) => readHeader(H3, bytes.subarray(at)).sequence)).toEqual([
    1n,
    1n,
    2n,
  ]);
});

test('checksums that were valid are valid again, the others stay what they were', () => {
  const wrong = testFrame(3);
  wrong[28] = (wrong[28] ?? 0) ^ 1;
  const frames = [testFrame(1), testFrame(2, { checksum: 'zero' }), wrong];
  const bytes = rewritten(frames, rewriteTimestamps(CLOCK));
  const states = [0, 100, 200].map((at) => checksumState(H3, bytes.subarray(at, at + 100)));
  expect(states).toEqual(['valid', 'zero', 'wrong']);
  expect(readHeader(H3, bytes.subarray(200)).checksum).toBe(readHeader(H3, wrong).checksum);
});

test('a dialect renumbers what has the same name in it, in its own header order', () => {
  const protocol = loadBuiltInProtocol();
  const [from, to] = [protocol.dialect('torq-codec'), protocol.dialect('torq-types')];
  const frame = testFrame(1, { domain: 1 });
  const other = rewritten([frame], rewriteNumbering(from, to));
  expect(from.domains.names.get(1)).toBe('MarketData');
  expect(to.domains.names.get(readHeader(H3, other).relay_domain)).toBe('MarketData');
  expect(readHeader(H3, other).relay_domain).not.toBe(1);
  const moved = rewritten([frame], (header) => header, H2);
  expect(readHeader(H2, moved)).toMatchObject({ sequence: 1n, source: 4, payload_size: 68 });
  expect(checksumState(H2, moved)).toBe('valid');
  expect(moved.subarray(32)).toEqual(Buffer.from(frame.subarray(32)));
});

test('chunks keep their lengths and times, and what is no frame keeps its bytes', () => {
  const parts = fc.array(
    fc.oneof(
      fc.integer({ min: 1, max: 60 }).map((sequence) => testFrame(sequence)),
      fc.uint8Array({ minLength: 1, maxLength: 50 }),
    ),
    { minLength: 1, maxLength: 6 },
  );
  fc.assert(
    fc.property(parts, fc.array(fc.nat(500), { maxLength: 10 }), (pieces, cuts) => {
      const chunks = cutAt(concat(pieces), cuts);
      const layouts = { from: H3, to: H3 };
      const unchanged = [...rewriteChunks(chunks, layouts, (header) => header)];
      expect(
        unchanged.map(({ bytes, ...rest }) => ({ ...rest, bytes: Buffer.from(bytes) })),
      ).toEqual(chunks.map(({ bytes, ...rest }) => ({ ...rest, bytes: Buffer.from(bytes) })));
      const rewrite = (): RewriteFrame => rewriteAll([rewriteTimestamps(CLOCK), rewriteSequence()]);
      const whole = Buffer.concat(
        [...rewriteChunks(cutAt(concat(pieces), []), layouts, rewrite())].map(({ bytes }) => bytes),
      );
      const inChunks = [...rewriteChunks(chunks, layouts, rewrite())];
      expect(inChunks.map(({ bytes }) => bytes.length)).toEqual(
        chunks.map(({ bytes }) => bytes.length),
      );
      expect(Buffer.concat(inChunks.map(({ bytes }) => bytes))).toEqual(whole);
    }),
  );
});

test.each([
  ['timestamps', { timestamps: true, sequence: false, dialect: undefined }],
  ['sequence,dialect:torq-types', { timestamps: false, sequence: true, dialect: 'torq-types' }],
  ['dialect', undefined],
  ['dialect:', undefined],
  ['timestamps,timestamps', undefined],
  ['checksum', undefined],
  ['', undefined],
])('%j is read as it is meant', (text, request) => {
  expect(parseRewrite(text)).toEqual(request);
});
