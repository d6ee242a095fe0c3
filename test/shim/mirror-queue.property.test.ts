import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MirrorBudget, type MirrorGap, MirrorQueue } from '../../src/shim/mirror-queue.ts';
import { FrameReader } from '../../src/wire/frame-reader.ts';
import { concat, H2, H3, testFrame } from '../support/frames.ts';

const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ read: fc.integer({ min: 1, max: 400 }) }) },
  { weight: 4, arbitrary: fc.constant('the socket takes a piece' as const) },
  { weight: 1, arbitrary: fc.constant('report' as const) },
);
const sizes = fc.array(fc.nat(200), { minLength: 1, maxLength: 30 });

it('sends every byte or accounts for it once, and never breaks a frame while the mirror lives', () => {
  fc.assert(
    fc.property(
      sizes,
      fc.array(action, { maxLength: 60 }),
      fc.constantFrom(H3, H2),
      fc.boolean(),
      (valueBytes, actions, layout, dies) => {
        const stream = concat(
          valueBytes.map((size, n) => testFrame(n, { valueBytes: size, layout })),
        );
        const queue = new MirrorQueue(layout, { queueBytesMax: 500 }, new MirrorBudget(2_000));
        const sent: Uint8Array[] = [];
        const gaps = new Map<number, MirrorGap>();
        const collect = (): void => {
          for (const gap of queue.takeGaps()) gaps.set(gap.offset, gap);
        };
        let offset = 0;
        let sending: Uint8Array | undefined;
        let ended = 0;
        const take = (): void => {
          if (sending !== undefined) {
            sent.push(sending);
            queue.taken();
          }
          sending = queue.next();
        };
        const read = (length: number): void => {
          ended += queue.add(stream.subarray(offset, offset + length));
          offset += Math.min(length, stream.length - offset);
          sending ??= queue.next();
        };
        for (const each of actions) {
          if (each === 'report') collect();
          else if (each === 'the socket takes a piece') take();
          else if (offset < stream.length) read(each.read);
        }
        if (offset < stream.length) read(stream.length - offset);
        expect(ended).toBe(valueBytes.length);
        if (dies) queue.shut('mirror-closed');
        else for (let piece = sending; piece !== undefined; piece = sending) take();
        collect();
        const ranges = [...gaps.values()].sort((left, right) => left.offset - right.offset);
        let end = 0;
        let gapBytes = 0;
        for (const gap of ranges) {
          expect(gap.offset).toBeGreaterThanOrEqual(end);
          end = gap.offset + gap.bytes;
          gapBytes += gap.bytes;
        }
        const mirrored = concat(sent);
        expect(mirrored.length + gapBytes).toBe(stream.length);
        if (dies) return;
        const reader = new FrameReader(layout);
        const spans = [...reader.push(mirrored), ...reader.flush()];
        expect(spans.every((span) => span.kind === 'frame')).toBe(true);
        const frames = ranges.reduce((sum, gap) => sum + (gap.frames ?? 0), 0);
        expect(spans.length + frames).toBe(valueBytes.length);
      },
    ),
    { numRuns: 1_000 },
  );
});

it('knows since when its oldest bytes wait', () => {
  const budget = new MirrorBudget(2_000);
  const queue = new MirrorQueue(H3, { queueBytesMax: 500 }, budget);
  expect(queue.waitingSinceMs).toBeUndefined();
  for (const nowMs of [10, 20]) {
    budget.tick(nowMs);
    queue.add(testFrame(nowMs));
  }
  for (const sinceMs of [10, 20]) {
    expect(queue.waitingSinceMs).toBe(sinceMs);
    queue.next();
    expect(queue.waitingSinceMs).toBe(sinceMs);
    queue.taken();
  }
  expect(queue.waitingSinceMs).toBeUndefined();
});
