/**
 * A publisher with a buffer: several frames in one write, and now and then a frame that crosses from one
 * write into the next. The original relay passes all of it; the generic one passes whole bursts, but loses
 * the second part of every crossing. Real checksums, sequence 0 (the message builder).
 */
import { assertNever } from '../../lib/assert.ts';
import { Market } from '../market.ts';
import { createRandom } from '../../lib/random.ts';
import type { Random } from '../../lib/random.ts';
import { FrameFactory, paceOf } from '../traffic.ts';
import type { Pace, ScriptOptions, Write } from '../traffic.ts';

export interface BurstOptions extends ScriptOptions {
  /** Each such burst is a crossing; 0 for none. Default 5. */
  readonly crossingEvery?: number;
}

/**
 * Where a write ends inside a frame:
 * - `after-header`: one frame; a relay that judges headers passes only its beginning.
 * - `inside-header`: one frame; such a relay passes nothing of it.
 * - `inside-burst`: the second of three frames; the third, which is whole, is lost with its predecessor.
 */
type Crossing = 'after-header' | 'inside-header' | 'inside-burst';

const CROSSINGS: readonly [Crossing, ...Crossing[]] = [
  'after-header',
  'inside-header',
  'inside-burst',
];
const FRAMES_OF: Readonly<Record<Crossing, number>> = {
  'after-header': 1,
  'inside-header': 1,
  'inside-burst': 3,
};
const CROSSING_EVERY = 5;
/** Long enough for a relay to read the first part alone, short enough for the quiet part of a cycle. */
const CROSSING_PAUSE_MS = 16;
const BURST_FRAMES = { min: 2, max: 6 } as const;
const HEADER_BYTES = 32;

export function* burstPublisherScript(options: BurstOptions): Generator<Write> {
  const { crossingEvery = CROSSING_EVERY } = options;
  const random = createRandom(options.seed);
  const market = new Market(options.dialect, random);
  const factory = new FrameFactory(options, 'builder');
  const pace = paceOf(options);
  let made = 0;
  let earliestMs = 0;
  for (let burst = 1; pace.has(made); burst++) {
    const afterMs = Math.max(pace.dueMs(made), earliestMs);
    const crossing =
      crossingEvery > 0 && burst % crossingEvery === 0
        ? CROSSINGS[(burst / crossingEvery - 1) % CROSSINGS.length]
        : undefined;
    const wanted =
      crossing === undefined
        ? random.integer(BURST_FRAMES.min, BURST_FRAMES.max)
        : FRAMES_OF[crossing];
    const frames = Array.from({ length: available(pace, made, wanted) }, () =>
      factory.make({
        domain: 'MarketData',
        source: 'BinanceCollector',
        content: random.next() < 0.6 ? market.trade(afterMs) : market.quote(afterMs),
        afterMs,
      }),
    );
    made += frames.length;
    // A burst on the heels of a crossing could be read together with its second part, and be lost with it.
    if (crossing !== undefined) earliestMs = afterMs + 2 * CROSSING_PAUSE_MS;
    yield* writesOf(frames, afterMs, cutOf(frames, crossing, random));
  }
}

/** How many of the wanted messages the script still has. */
function available(pace: Pace, made: number, wanted: number): number {
  let count = 0;
  while (count < wanted && pace.has(made + count)) count++;
  return count;
}

/** Offset of the cut in the coalesced bytes; undefined for one write. */
function cutOf(
  frames: readonly Uint8Array[],
  crossing: Crossing | undefined,
  random: Random,
): number | undefined {
  const first = frames[0]?.byteLength ?? 0;
  switch (crossing) {
    case undefined:
      return undefined;
    case 'after-header':
      return random.integer(HEADER_BYTES + 1, first - 1);
    case 'inside-header':
      return random.integer(1, HEADER_BYTES - 1);
    case 'inside-burst': {
      // The end of a script may leave a single frame, which is then cut itself.
      const start = frames.length > 1 ? first : 0;
      return start + random.integer(HEADER_BYTES + 1, (frames[1]?.byteLength ?? first) - 1);
    }
    default:
      return assertNever(crossing, 'crossing');
  }
}

function* writesOf(
  frames: readonly Uint8Array[],
  afterMs: number,
  cut: number | undefined,
): Generator<Write> {
  const bytes = Buffer.concat(frames);
  yield { bytes: bytes.subarray(0, cut), afterMs };
  if (cut !== undefined) {
    yield { bytes: bytes.subarray(cut), afterMs: afterMs + CROSSING_PAUSE_MS };
  }
}
