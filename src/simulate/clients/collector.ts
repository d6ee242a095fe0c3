/**
 * A market-data collector: an identification frame on connect, then one frame a write on the hot path
 * (checksum 0, one sequence for the whole process). With the dialect torq-codec its domain byte is 1 and
 * every relay carries it; with torq-types it is 0, as in the newest publishers, and the generic relay
 * refuses every frame but the identification.
 */
import { fromHex } from '../../lib/bytes.ts';
import { Market } from '../market.ts';
import { createRandom } from '../../lib/random.ts';
import { FrameFactory, paceOf } from '../traffic.ts';
import type { Content, ScriptOptions, Write } from '../traffic.ts';

/** What a RelayOutput writes on every connect, always with domain 1 and source 2, whatever its dialect. */
export const IDENTIFICATION_FRAME: Uint8Array = fromHex(`efbeadde01010200${'00'.repeat(24)}`);

interface Observation {
  readonly source: string;
  readonly content: Content;
}

export function* collectorScript(options: ScriptOptions): Generator<Write> {
  const random = createRandom(options.seed);
  const market = new Market(options.dialect, random);
  const frames = new FrameFactory(options, 'hot-path');
  const pace = paceOf(options);
  for (let index = 0; pace.has(index); index++) {
    const afterMs = pace.dueMs(index);
    const observation = observe(market, random.next(), afterMs);
    yield { bytes: frames.make({ domain: 'MarketData', afterMs, ...observation }), afterMs };
  }
}

/** Half trades, then quotes, swaps and a few gas prices; `share` is in [0, 1). */
function observe(market: Market, share: number, atMs: number): Observation {
  if (share < 0.5) return { source: 'KrakenCollector', content: market.trade(atMs) };
  if (share < 0.8) return { source: 'KrakenCollector', content: market.quote(atMs) };
  if (share < 0.95) return { source: 'PolygonCollector', content: market.poolSwap(atMs) };
  return { source: 'PolygonCollector', content: market.gasPrice(atMs) };
}
