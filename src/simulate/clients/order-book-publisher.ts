/**
 * Publishes whole order books: 2,493 bytes a frame, in an extended TLV. Too long for the hot path, so with
 * a real checksum and sequence 0; the sequence of the venue is inside the book.
 */
import { Market } from '../market.ts';
import { createRandom } from '../../lib/random.ts';
import { FrameFactory, paceOf } from '../traffic.ts';
import type { ScriptOptions, Write } from '../traffic.ts';

export function* orderBookPublisherScript(options: ScriptOptions): Generator<Write> {
  const market = new Market(options.dialect, createRandom(options.seed));
  const frames = new FrameFactory(options, 'builder');
  const pace = paceOf(options);
  for (let index = 0; pace.has(index); index++) {
    const afterMs = pace.dueMs(index);
    const content = market.orderBook(afterMs);
    const bytes = frames.make({
      domain: 'MarketData',
      source: 'KrakenCollector',
      content,
      afterMs,
    });
    yield { bytes, afterMs };
  }
}
