/** Traffic that once cost a square of its size. The bounds are far above what it takes, and far below that. */
import { expect, test } from 'vitest';
import { alignContents } from '../../src/diff/align.ts';
import { compareFrames } from '../../src/diff/compare-frames.ts';
import { encodeTlv } from '../../src/wire/tlv.ts';
import { concat, testFrame } from '../support/frames.ts';
import { processorSeconds } from '../support/processor-seconds.ts';
import { delivers, dialect, diffScenario, sends } from './support.ts';

const HEARTBEAT = testFrame(0, { sequence: 0n, timestamp: 0n, checksum: 'zero' });

test('ten thousand equal messages, half of them lost', () => {
  const block = concat(Array.from({ length: 5_000 }, () => HEARTBEAT));
  const seconds = processorSeconds(() => {
    const result = diffScenario({
      steps: [
        ...sends(1, block, block),
        ...delivers('old', [1], block, block),
        ...delivers('new', [1], block),
      ],
    });
    expect(result.counts.divergences.missing).toBe(5_000);
  });
  expect(seconds).toBeLessThan(10);
});

test('a thousand connections that all send and get the same', () => {
  const ids = Array.from({ length: 1_000 }, (_, at) => at + 1);
  const seconds = processorSeconds(() => {
    const result = diffScenario({
      connections: ids.map((id) => `client-${id}`),
      steps: ids.flatMap((id) => [
        ...sends(id, HEARTBEAT),
        ...delivers('old', [id], HEARTBEAT),
        ...delivers('new', [id], HEARTBEAT),
      ]),
    });
    expect(result.verdict).toBe('same');
  });
  expect(seconds).toBeLessThan(10);
});

test('thousands of messages with one header, each cut short', () => {
  const frames = Array.from({ length: 4_000 }, (_, at) => {
    const frame = Uint8Array.from(HEARTBEAT);
    new DataView(frame.buffer).setUint32(34, at);
    return frame;
  });
  const whole = concat(frames);
  const heads = concat(frames.map((frame) => frame.subarray(0, 60)));
  const seconds = processorSeconds(() => {
    const result = diffScenario({
      steps: [...sends(1, whole), ...delivers('old', [1], whole), ...delivers('new', [1], heads)],
    });
    expect(result.counts.divergences).toMatchObject({ missing: 4_000, defect: 4_000, modified: 0 });
    expect(result.divergences[0]?.detail).not.toContain('one of');
  });
  expect(seconds).toBeLessThan(15);
});

test('few contents in long rows that differ all over', () => {
  const contents = (seed: number): number[] =>
    Array.from({ length: 40_000 }, (_, at) =>
      at % 500 === 499 ? 1_000 + at : (at * (at + seed) * 7_919) % 8,
    );
  const seconds = processorSeconds(() => {
    const alignment = alignContents(contents(1), contents(5));
    expect(alignment.inOrder.length).toBeGreaterThanOrEqual(80);
  });
  expect(seconds).toBeLessThan(10);
});

test('thousands of TLVs of other types are one block on each side', () => {
  const payload = (type: number): Uint8Array => {
    const bytes = new Uint8Array(8_000);
    for (let at = 0; at < bytes.length; at += 2) bytes[at] = type + (at % 7);
    return bytes;
  };
  const view = (type: number) => ({
    dialect,
    bytes: testFrame(1, { payload: payload(type), checksum: 'zero' }),
  });
  const differences = compareFrames(view(100), view(200));
  expect(differences.map((item) => item.path)).toEqual(['tlv[0..3999]', 'tlv[0..3999]']);
  expect(differences.map((item) => item.bytes.length)).toEqual([8_000, 8_000]);
});

/** TLVs of at most 64,000 bytes that hold a header of some other message every 32 bytes. */
function fullOfHeaders(count: number): Uint8Array {
  const headers = Array.from({ length: count }, (_, at) =>
    testFrame(at, { sequence: BigInt(1_000 + at), payload: new Uint8Array() }),
  );
  const values: Uint8Array[] = [];
  for (let from = 0; from < count; from += 2_000) {
    values.push(encodeTlv(1, concat(headers.slice(from, from + 2_000)), true));
  }
  return concat(values);
}

test('a message full of headers behind one that was cut short', () => {
  const cut = testFrame(1, { valueBytes: 62, checksum: 'zero' });
  const full = testFrame(2, { payload: fullOfHeaders(8_000) });
  const last = testFrame(3);
  const seconds = processorSeconds(() => {
    const result = diffScenario({
      steps: [
        ...sends(1, cut, full, last),
        ...delivers('old', [1], cut, full, last),
        ...delivers('new', [1], cut.subarray(0, 50), full.subarray(0, -8), last),
      ],
    });
    expect(result.verdict).toBe('different');
  });
  expect(seconds).toBeLessThan(15);
});
