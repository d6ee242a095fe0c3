/**
 * A signal publisher on the market-data relay. Its signals alternate: one alone, and one in front of two
 * good market-data frames in the same write. The original relay passes everything; the generic one drops
 * the signals and, with them, the good frames behind.
 */
import { Market } from '../market.ts';
import { createRandom } from '../../lib/random.ts';
import { FrameFactory, paceOf } from '../traffic.ts';
import type { ScriptOptions, Write } from '../traffic.ts';

/** Messages of the two writes together: three in the first, one in the second. */
const MESSAGES_OF_ROUND = 4;

export function* wrongDomainPublisherScript(options: ScriptOptions): Generator<Write> {
  const market = new Market(options.dialect, createRandom(options.seed));
  const frames = new FrameFactory(options, 'hot-path');
  const pace = paceOf(options);
  const signal = (afterMs: number): Uint8Array =>
    frames.make({
      domain: 'Signal',
      source: 'ArbitrageStrategy',
      content: market.arbitrageSignal(afterMs),
      afterMs,
    });
  const trade = (afterMs: number): Uint8Array =>
    frames.make({
      domain: 'MarketData',
      source: 'KrakenCollector',
      content: market.trade(afterMs),
      afterMs,
    });
  let index = 0;
  while (pace.has(index)) {
    const afterMs = pace.dueMs(index);
    const isFirstOfRound = index % MESSAGES_OF_ROUND === 0;
    const followers = isFirstOfRound ? [1, 2].filter((ahead) => pace.has(index + ahead)) : [];
    const bytes = Buffer.concat([signal(afterMs), ...followers.map(() => trade(afterMs))]);
    yield { bytes, afterMs };
    index += 1 + followers.length;
  }
}
