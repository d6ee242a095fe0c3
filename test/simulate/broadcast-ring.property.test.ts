import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BroadcastRing } from '../../src/simulate/relay-core.ts';
import type { Reception, Subscription } from '../../src/simulate/relay-core.ts';

/** What a subscriber sees of a list that is never cut, by definition of the channel. */
class NaiveSubscription {
  #next: number;
  readonly #history: readonly Uint8Array[];
  readonly #slotCount: number;

  constructor(history: readonly Uint8Array[], slotCount: number) {
    this.#history = history;
    this.#slotCount = slotCount;
    this.#next = history.length;
  }

  get unread(): number {
    return Math.min(this.#history.length - this.#next, this.#slotCount);
  }

  receive(): Reception {
    const behind = this.#history.length - this.#next;
    if (behind > this.#slotCount) {
      const lost = behind - this.#slotCount;
      this.#next += lost;
      return { kind: 'lagged', lost };
    }
    const chunk = this.#history[this.#next];
    if (chunk === undefined) return { kind: 'empty' };
    this.#next += 1;
    return { kind: 'chunk', chunk };
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ do: 'send' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'subscribe' as const }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('receive' as const), who: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), who: fc.nat(9) }) },
);

test('the ring does what an endless list with a limited look back would do', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(step, { maxLength: 120 }),
      (capacity, steps) => {
        const ring = new BroadcastRing(capacity);
        const history: Uint8Array[] = [];
        let pairs: { ring: Subscription; naive: NaiveSubscription }[] = [];
        for (const [index, action] of steps.entries()) {
          if (action.do === 'send') {
            const chunk = Uint8Array.of(index);
            expect(ring.send(chunk)).toBe(pairs.length);
            history.push(chunk);
          } else if (action.do === 'subscribe') {
            pairs.push({
              ring: ring.subscribe(),
              naive: new NaiveSubscription(history, ring.slotCount),
            });
          } else if (pairs.length > 0) {
            const pair = pairs[action.who % pairs.length]!;
            if (action.do === 'receive') {
              expect(pair.ring.receive()).toEqual(pair.naive.receive());
            } else {
              pair.ring.close();
              pairs = pairs.filter((other) => other !== pair);
            }
          }
          expect(ring.keptCount).toBe(Math.max(0, ...pairs.map(({ naive }) => naive.unread)));
        }
      },
    ),
  );
});
