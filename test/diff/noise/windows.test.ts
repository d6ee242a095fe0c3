/**
 * Messages with noise that agree are not kept, and what differs is analysed in windows; the noise is judged as it goes by.
 * What is said must be what is said when the whole capture is looked at at once.
 */
import { describe, expect, test } from 'vitest';
import { runsOf } from '../../../src/capture/chunk-runs.ts';
import { openCapture } from '../../../src/capture/open.ts';
import { readerWith } from '../../../src/capture/reader-with.ts';
import type { CaptureReader, Chunk, Gap, Side } from '../../../src/capture/types.ts';
import { diffCapture } from '../../../src/diff/diff-capture.ts';
import type { NoiseModel } from '../../../src/diff/noise/model.ts';
import type { DiffResult } from '../../../src/diff/types.ts';
import { createRandom } from '../../../src/lib/random.ts';
import { type Stamp, STAMP_FAULTS } from '../../../src/simulate/stamps.ts';
import { SMALL } from '../faulty-traffic.ts';
import { dialect } from '../support.ts';
import {
  ASSET_AT,
  learn,
  PRICE_AT,
  recordTwoRelays,
  SEQUENCE_AT,
  TIMESTAMP_AT,
  type TwoRelays,
  VOLUME_AT,
} from './support.ts';

const STAMPS: readonly Stamp[] = [
  { kind: 'counter', offset: SEQUENCE_AT },
  { kind: 'clock', offset: TIMESTAMP_AT },
  { kind: 'alias', offset: ASSET_AT },
  { kind: 'random', offset: VOLUME_AT },
];
const WINDOWS = { contextMoments: 6, recordsMax: 1_000, bytesMax: 1_000_000, keptBytesMax: 0 };

let model: NoiseModel | undefined;
const learned = (): NoiseModel =>
  (model ??= learn(recordTwoRelays({ seed: 1, messages: 800, stamps: STAMPS })));

interface Compared {
  readonly whole: DiffResult;
  readonly windowed: DiffResult;
}

function compare(
  relays: Omit<TwoRelays, 'stamps'>,
  hole: (capture: CaptureReader) => CaptureReader = (capture) => capture,
): Compared {
  const reader = hole(openCapture(recordTwoRelays({ ...relays, stamps: STAMPS })));
  const options = { oldDialect: dialect, newDialect: dialect, noise: learned() };
  try {
    return {
      whole: diffCapture(reader, { ...options, scan: { wholeBytesMax: Infinity } }),
      windowed: diffCapture(reader, { ...options, scan: { ...SMALL, windows: WINDOWS } }),
    };
  } finally {
    reader.close();
  }
}

function told({ latency: _latency, ...result }: DiffResult): unknown {
  return result;
}

/** As if so many chunks of what a side delivered had not been recorded. */
function withGap(capture: CaptureReader, kind: Side, from: number, count: number): CaptureReader {
  const stream = capture.streams().find((row) => row.kind === kind);
  if (stream === undefined) throw new Error(`no stream of ${kind}`);
  const lost = [...capture.chunks(stream.id)].slice(from, from + count);
  const [first, last] = [lost[0], lost.at(-1)];
  if (first === undefined || last === undefined) throw new Error('nothing to lose');
  const bytes = lost.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
  const gap: Gap = {
    connection: stream.connection,
    stream: kind,
    where: 'recording',
    reason: 'spool-full',
    offset: first.offset,
    bytes,
    frames: undefined,
    firstHeader: undefined,
    lastHeader: undefined,
    firstTimeNs: first.timeNs,
    lastTimeNs: last.timeNs,
  };
  const [lostId, lostFrom, lostTo] = [stream.id, first.offset, last.offset];
  function* chunks(id: number): Generator<Chunk> {
    for (const chunk of capture.chunks(id)) {
      const isLost = chunk.offset >= lostFrom && chunk.offset <= lostTo;
      if (id !== lostId || !isLost) yield chunk;
    }
  }
  return {
    ...readerWith(capture, {
      chunks,
      runs: (id, fromOffset) => runsOf(chunks(id), fromOffset),
    }),
    gaps: () => [...capture.gaps(), gap],
    streams: () =>
      capture
        .streams()
        .map((row) => (row.id === stream.id ? { ...row, bytes: row.bytes - bytes } : row)),
  };
}

describe('messages with noise, in windows', () => {
  test('agree, and each field is said to be as it was judged', () => {
    const { whole, windowed } = compare({ seed: 2, messages: 700, listeners: 2 });
    expect(windowed.counts).toMatchObject({ pairs: 1_400, noisy: 1_400 });
    expect(told(windowed)).toEqual(told(whole));
  });

  test.each(STAMP_FAULTS)('%s is told, message by message', (fault) => {
    const { whole, windowed } = compare({ seed: 3, messages: 700, fault });
    expect(whole.counts.divergences.modified).toBeGreaterThan(0);
    expect(told(windowed)).toEqual(told(whole));
  });

  test.each([4, 6, 7])('losses, copies, other orders and changes are told: %d', (seed) => {
    const random = createRandom(seed);
    const delivers = (stamped: readonly Uint8Array[]): readonly Uint8Array[] =>
      stamped.flatMap((frame, at) => {
        if (at % 90 === 20) return [];
        if (at % 170 === 30) return [frame, frame];
        return [frame];
      });
    const change = (frame: Uint8Array, index: number): Uint8Array => {
      const changed = Uint8Array.from(frame);
      if (index % 130 === 50 + random.integer(0, 9)) changed[PRICE_AT] = 0xff;
      return changed;
    };
    const fault = STAMP_FAULTS[seed % STAMP_FAULTS.length];
    const { whole, windowed } = compare({
      seed,
      messages: 600,
      listeners: 1 + (seed % 2),
      delivers,
      change,
      ...(seed > 5 && fault !== undefined && { fault }),
    });
    expect(whole.counts.divergences.missing).toBeGreaterThan(2);
    expect(told(windowed)).toEqual(told(whole));
  });

  test.each([
    ['old', 5],
    ['new', 5],
    ['new', 60],
  ] as const)('what %s delivered in a gap of %d chunks is not told', (side, count) => {
    const relays = {
      seed: 9,
      messages: 700,
      delivers: (stamped: readonly Uint8Array[]) => stamped.filter((_, at) => at % 90 !== 20),
    };
    const { whole, windowed } = compare(relays, (capture) => withGap(capture, side, 200, count));
    expect(whole.counts.gaps.bytes).toBeGreaterThan(0);
    expect(whole.counts.divergences.missing).toBeGreaterThan(2);
    expect(told(windowed)).toEqual(told(whole));
  });
});
