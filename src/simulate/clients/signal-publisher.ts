/** A strategy: one arbitrage signal a write on the hot path, to the signal relay. */
import { createRandom } from '../../lib/random.ts';
import { Market } from '../market.ts';
import { FrameFactory, paceOf } from '../traffic.ts';
import type { ScriptOptions, Write } from '../traffic.ts';

export function* signalPublisherScript(options: ScriptOptions): Generator<Write> {
  const market = new Market(options.dialect, createRandom(options.seed));
  const frames = new FrameFactory(options, 'hot-path');
  const pace = paceOf(options);
  for (let index = 0; pace.has(index); index++) {
    const afterMs = pace.dueMs(index);
    const content = market.arbitrageSignal(afterMs);
    const request = { domain: 'Signal', source: 'ArbitrageStrategy', content, afterMs };
    yield { bytes: frames.make(request), afterMs };
  }
}
