/**
 * An execution engine: an order, what became of it, and its fill, one frame a write with a real checksum, to the execution
 * relay. No source file of the protocol lays these messages out, so their values are bytes of the registered length.
 */
import { createRandom } from '../../lib/random.ts';
import type { Random } from '../../lib/random.ts';
import { FrameFactory, paceOf } from '../traffic.ts';
import type { OpaqueContent, ScriptOptions, Write } from '../traffic.ts';

/** As the registry declares them. */
const MESSAGES = [
  { type: 'OrderRequest', length: 32 },
  { type: 'OrderStatus', length: 24 },
  { type: 'Fill', length: 32 },
] as const;

export function* executionPublisherScript(options: ScriptOptions): Generator<Write> {
  const random = createRandom(options.seed);
  const frames = new FrameFactory(options, 'builder');
  const pace = paceOf(options);
  for (let index = 0; pace.has(index); index++) {
    const afterMs = pace.dueMs(index);
    const content = contentOf(index, random);
    const request = { domain: 'Execution', source: 'ExecutionEngine', content, afterMs };
    yield { bytes: frames.make(request), afterMs };
  }
}

function contentOf(index: number, random: Random): OpaqueContent {
  const { type, length } = MESSAGES[index % MESSAGES.length] ?? MESSAGES[0];
  return { type, bytes: Uint8Array.from({ length }, () => random.integer(0, 255)) };
}
