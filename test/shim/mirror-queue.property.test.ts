import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  MirrorBudget,
  type MirrorGap,
  MirrorQueue,
  PIECE_COST_BYTES,
} from '../../src/shim/mirror-queue.ts';
import { FrameBorders } from '../../src/wire/frame-borders.ts';
import { FrameReader } from '../../src/wire/frame-reader.ts';
import type { HeaderLayout } from '../../src/wire/types.ts';
import { concat, H2, H3, testFrame } from '../support/frames.ts';

type Action =
  | { readonly read: number }
  | 'the socket takes a piece'
  | 'report'
  | 'the mirror dies'
  | 'the mirror is back';

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ read: fc.integer({ min: 1, max: 400 }) }) },
  { weight: 2, arbitrary: fc.record({ read: fc.constantFrom(1, 2, 3) }) },
  { weight: 5, arbitrary: fc.constant<Action>('the socket takes a piece') },
  { weight: 1, arbitrary: fc.constant<Action>('report') },
  { weight: 1, arbitrary: fc.constant<Action>('the mirror dies') },
  { weight: 1, arbitrary: fc.constant<Action>('the mirror is back') },
);
const sizes = fc.array(fc.nat(200), { minLength: 1, maxLength: 30 });

/** What the sockets and the machine do around a queue, and what a mirror got of it. */
class Rig {
  readonly gaps = new Map<number, MirrorGap>();
  /** What each life of the mirror was sent. */
  readonly lives: Uint8Array[][] = [[]];
  readonly #borders: FrameBorders;
  readonly #queue: MirrorQueue;
  readonly #stream: Uint8Array;
  #offset = 0;
  #sending: Uint8Array | undefined;
  #isDead = false;

  constructor(layout: HeaderLayout, stream: Uint8Array) {
    this.#borders = new FrameBorders(layout);
    const limits = { queueBytesMax: 500 + 4 * PIECE_COST_BYTES };
    this.#queue = new MirrorQueue(layout, this.#borders, limits, new MirrorBudget(20_000));
    this.#stream = stream;
  }

  get isDone(): boolean {
    return this.#offset === this.#stream.length;
  }

  act(step: Action): void {
    if (step === 'report') this.collect();
    else if (step === 'the socket takes a piece') this.take();
    else if (step === 'the mirror dies') this.die();
    else if (step === 'the mirror is back') this.comeBack();
    else this.read(step.read);
  }

  read(length: number): void {
    const chunk = this.#stream.subarray(this.#offset, this.#offset + length);
    if (chunk.length === 0) return;
    this.#offset += chunk.length;
    this.#borders.push(chunk);
    this.#queue.add(chunk);
    this.#feed();
  }

  take(): boolean {
    if (this.#sending === undefined) return false;
    this.lives.at(-1)?.push(this.#sending);
    this.#sending = undefined;
    this.#queue.taken();
    this.#feed();
    return true;
  }

  die(): void {
    this.#queue.shut('mirror-closed');
    this.#sending = undefined;
    this.#isDead = true;
  }

  comeBack(): void {
    if (!this.#isDead) return;
    this.#isDead = false;
    this.lives.push([]);
    this.#queue.reopen();
    this.#feed();
  }

  collect(): void {
    for (const gap of this.#queue.takeGaps()) this.gaps.set(gap.offset, gap);
  }

  #feed(): void {
    if (!this.#isDead) this.#sending ??= this.#queue.next();
  }
}

it('sends every byte or accounts for it once, whatever the mirror does; each life gets whole frames', () => {
  fc.assert(
    fc.property(
      sizes,
      fc.array(action, { maxLength: 80 }),
      fc.constantFrom(H3, H2),
      (valueBytes, actions, layout) => {
        const frames = valueBytes.map((size, n) => testFrame(n, { valueBytes: size, layout }));
        const stream = concat(frames);
        const rig = new Rig(layout, stream);
        for (const step of actions) rig.act(step);
        while (!rig.isDone) rig.read(300);
        while (rig.take());
        rig.collect();
        const gaps = [...rig.gaps.values()].sort((left, right) => left.offset - right.offset);
        const missing = new Uint8Array(stream.length);
        for (const { offset, bytes } of gaps) {
          expect(missing.subarray(offset, offset + bytes).includes(1)).toBe(false);
          missing.fill(1, offset, offset + bytes);
        }
        const sent = concat(rig.lives.flat());
        const mirrored = stream.filter((_, at) => missing[at] === 0);
        expect(Buffer.compare(sent, mirrored)).toBe(0);
        expectFramesCounted(frames, missing, gaps, layout);
        for (const life of rig.lives) {
          const reader = new FrameReader(layout);
          const spans = [...reader.push(concat(life)), ...reader.flush()];
          // Only the death of a mirror cuts a frame.
          const whole = spans.at(-1)?.kind === 'frame' ? spans : spans.slice(0, -1);
          expect(whole.every((span) => span.kind === 'frame')).toBe(true);
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

/** The frames of which no byte was sent are those that the gaps count, and gaps name theirs. */
function expectFramesCounted(
  frames: readonly Uint8Array[],
  missing: Uint8Array,
  gaps: readonly MirrorGap[],
  layout: HeaderLayout,
): void {
  const lost: { readonly frame: Uint8Array; readonly end: number }[] = [];
  let start = 0;
  for (const frame of frames) {
    const end = start + frame.length;
    if (!missing.subarray(start, end).includes(0)) lost.push({ frame, end });
    start = end;
  }
  for (const { offset, bytes, frames: counted, firstHeader, lastHeader } of gaps) {
    const inGap = lost.filter(({ end }) => end > offset && end <= offset + bytes);
    expect(counted).toBe(inGap.length);
    expect(firstHeader).toEqual(inGap[0]?.frame.slice(0, layout.sizeBytes));
    expect(lastHeader).toEqual(inGap.at(-1)?.frame.slice(0, layout.sizeBytes));
  }
}
it('knows since when its oldest bytes wait', () => {
  const budget = new MirrorBudget(2_000);
  const borders = new FrameBorders(H3);
  const queue = new MirrorQueue(H3, borders, { queueBytesMax: 2_000 }, budget);
  expect(queue.waitingSinceMs).toBeUndefined();
  for (const nowMs of [10, 20]) {
    budget.tick(nowMs);
    borders.push(testFrame(nowMs));
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
