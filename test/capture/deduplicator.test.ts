import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deduplicator, type Runs } from '../../src/capture/deduplicator.ts';
import { RecentBytes } from '../../src/capture/recent-bytes.ts';
import { concat, H3, testFrame } from '../support/frames.ts';

/** A store as the writer keeps it, and what was placed of each stream. */
class Store {
  readonly #store: Deduplicator;
  readonly #pieces: Uint8Array[] = [];
  readonly #offsets = new Map<number, number>();
  readonly #runs = new Map<number, number[]>();

  constructor(keptBytes?: number) {
    this.#store = new Deduplicator(H3, new RecentBytes(keptBytes));
  }

  put(stream: number, bytes: Uint8Array, skippedBytes = 0): Runs {
    const offset = (this.#offsets.get(stream) ?? 0) + skippedBytes;
    const runs = this.#store.place(stream, offset, bytes);
    this.#offsets.set(stream, offset + bytes.length);
    this.#runs.set(stream, [...(this.#runs.get(stream) ?? []), ...runs]);
    this.#pieces.push(...this.#store.newPieces.pieces.map((piece) => Uint8Array.from(piece)));
    this.#store.stored();
    return runs;
  }

  get bytes(): Uint8Array {
    return concat(this.#pieces);
  }

  read(stream: number): Uint8Array {
    const store = this.bytes;
    const runs = this.#runs.get(stream) ?? [];
    const pieces: Uint8Array[] = [];
    for (let index = 0; index < runs.length; index += 2) {
      const start = runs[index] ?? 0;
      pieces.push(store.subarray(start, start + (runs[index + 1] ?? 0)));
    }
    return concat(pieces);
  }
}

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let from = 0;
  for (let index = 0; from < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    chunks.push(bytes.subarray(from, from + size));
    from += size;
  }
  return chunks;
}

const frames = Array.from({ length: 40 }, (_, index) => testFrame(index));

describe('the store of bytes', () => {
  it('keeps what a publisher sent once, however the relays cut what they deliver', () => {
    const sent = concat(frames);
    for (const [written, delivered] of [
      [[100], [100]],
      [[100], [4_000]],
      [[4_000], [300, 7]],
      [[40, 60], [100]],
      [[1], [64]],
      [[350], [130]],
    ] as const) {
      const store = new Store();
      for (const chunk of cut(sent, written)) store.put(1, chunk);
      for (const stream of [2, 3, 4]) {
        for (const chunk of cut(sent, delivered)) store.put(stream, chunk);
        expect(Buffer.from(store.read(stream)).equals(sent)).toBe(true);
      }
      expect(store.bytes.length).toBe(sent.length);
    }
  });

  it('stores a header again that comes in pieces when nothing says what it repeats', () => {
    const store = new Store();
    store.put(1, concat(frames));
    for (const chunk of cut(concat(frames), [7])) store.put(2, chunk);
    expect(store.bytes.length).toBe(40 * 100 + 35);
  });

  it('follows a message that came in two pieces with another publisher between them', () => {
    const [first, second] = [testFrame(1), testFrame(2)];
    const store = new Store();
    store.put(1, first.subarray(0, 50));
    store.put(2, second);
    store.put(1, first.subarray(50));
    store.put(3, concat([first, second]));
    store.put(4, concat([second, first]));
    expect(store.bytes.length).toBe(200);
    expect(Buffer.from(store.read(4)).equals(concat([second, first]))).toBe(true);
  });

  it('finds its way back after bytes of its own, and behind a gap', () => {
    const store = new Store();
    store.put(1, concat(frames));
    store.put(2, concat([...frames.slice(0, 5), testFrame(99), ...frames.slice(5, 10)]));
    store.put(2, concat(frames.slice(20)), 1_000);
    expect(store.bytes.length).toBe(41 * 100);
  });

  it('stores what is new in a chunk in one piece, and once what comes twice in it', () => {
    const store = new Store();
    expect(store.put(1, concat(frames))).toEqual([0, 40 * 100]);
    const [again, fresh, other] = [testFrame(200), testFrame(201), testFrame(202)];
    expect(store.put(1, concat([again, fresh, again, other]))).toEqual([
      4_000, 200, 4_000, 100, 4_200, 100,
    ]);
    expect(Buffer.from(store.read(1)).equals(concat([...frames, again, fresh, again, other]))).toBe(
      true,
    );
  });

  it('makes a reference only of bytes that it has compared', () => {
    const store = new Store();
    const twin = Uint8Array.from(testFrame(1));
    twin[99] = (twin[99] ?? 0) ^ 1;
    store.put(1, testFrame(1));
    store.put(2, twin);
    expect(Buffer.from(store.read(2)).equals(twin)).toBe(true);
    expect(store.bytes.length).toBe(200);
  });

  it('gives back every stream, whatever is repeated, damaged, cut or forgotten', () => {
    const chunk = fc.record({
      stream: fc.integer({ min: 1, max: 4 }),
      pieces: fc.array(
        fc.oneof(
          fc.integer({ min: 0, max: 5 }).map((number) => testFrame(number)),
          fc.uint8Array({ minLength: 1, maxLength: 90 }),
        ),
        { minLength: 1, maxLength: 4 },
      ),
      size: fc.integer({ min: 1, max: 400 }),
      skippedBytes: fc.constantFrom(0, 0, 0, 13),
    });
    fc.assert(
      fc.property(
        fc.array(chunk, { maxLength: 40 }),
        fc.constantFrom(undefined, 50, 1_000),
        (chunks, keptBytes) => {
          const store = new Store(keptBytes);
          const sent = new Map<number, Uint8Array>();
          for (const { stream, pieces, size, skippedBytes } of chunks) {
            for (const [index, part] of cut(concat(pieces), [size]).entries()) {
              store.put(stream, part, index === 0 ? skippedBytes : 0);
            }
            sent.set(stream, concat([sent.get(stream) ?? new Uint8Array(), ...pieces]));
          }
          for (const [stream, bytes] of sent) {
            expect(Buffer.from(store.read(stream)).equals(bytes)).toBe(true);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('forgets what is old, and stores it again', () => {
    const store = new Store(1_000);
    for (const frame of frames) store.put(1, frame);
    for (let number = 100; number < 2_000; number++) store.put(1, testFrame(number));
    store.put(2, frames[0] ?? new Uint8Array());
    expect(store.bytes.length).toBe((40 + 1_900 + 1) * 100);
  });
});
