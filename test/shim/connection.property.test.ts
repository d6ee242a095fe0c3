/** Random dialogues: a client, a mirror that does anything at any time, and a spool that fills and empties. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { EventKind, StreamKind } from '../../src/capture/types.ts';
import { Connection } from '../../src/shim/connection.ts';
import type { ConnectionPort, End, EventDetails } from '../../src/shim/connection-port.ts';
import { MirrorBudget, type MirrorGap, PIECE_COST_BYTES } from '../../src/shim/mirror-queue.ts';
import type { Mirroring } from '../../src/shim/mirror-selection.ts';
import { FrameReader } from '../../src/wire/frame-reader.ts';
import { concat, H3, testFrame } from '../support/frames.ts';

type Step =
  | { readonly client: number }
  | { readonly mirrorSays: number }
  | 'mirror takes'
  | 'mirror dies'
  | 'mirror refuses'
  | 'mirror accepts'
  | 'spool fills'
  | 'spool empties'
  | 'old is slow'
  | 'old drains'
  | 'report';

const chunkBytes = fc.oneof(fc.integer({ min: 1, max: 500 }), fc.constantFrom(1, 2, 3));
const words: readonly Step[] = [
  'mirror takes',
  'mirror takes',
  'mirror takes',
  'mirror dies',
  'mirror refuses',
  'mirror accepts',
  'mirror accepts',
  'spool fills',
  'spool empties',
  'old is slow',
  'old drains',
  'report',
];
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ client: chunkBytes }) },
  { weight: 1, arbitrary: fc.record({ mirrorSays: chunkBytes }) },
  { weight: 6, arbitrary: fc.constantFrom(...words) },
);

const FRAMES = Array.from({ length: 120 }, (_, n) => testFrame(n, { valueBytes: (n * 37) % 150 }));
const STREAM = concat(FRAMES);

/** Plays all the peers, and checks what must hold at every moment. */
class World implements ConnectionPort {
  readonly connection: Connection;
  readonly toOld: Uint8Array[] = [];
  /** Pieces that each life of the mirror took. */
  readonly lives: Uint8Array[][] = [];
  readonly gaps = new Map<number, MirrorGap>();
  readonly restarts: number[] = [];
  recorded = 0;
  mirrorSaid = 0;
  #sent = 0;
  #sending: Uint8Array | undefined;
  #mirror: 'up' | 'connecting' | 'gone' = 'connecting';
  #isOldSlow = false;
  #isSpoolFull = false;
  readonly #unread = new Set<End>();

  constructor(mirroring: Mirroring) {
    this.connection = new Connection(this, {
      active: 'old',
      layout: H3,
      mirrorLimits: { queueBytesMax: 3 * (150 + PIECE_COST_BYTES) },
      mirrorBudget: new MirrorBudget(100_000),
      mirroring,
      nowMs: () => 0,
      random: () => 0,
      guard: (work) => work(),
    });
    if (!this.connection.hasMirror) this.#mirror = 'gone';
    this.connection.opened('client');
    this.connection.opened('old');
  }

  get clientBytes(): number {
    return this.#sent;
  }

  act(one: Step): void {
    if (typeof one === 'object') {
      if ('client' in one) this.#clientSays(one.client);
      else this.#mirrorSays(one.mirrorSays);
      return;
    }
    switch (one) {
      case 'mirror takes':
        this.mirrorTakes();
        return;
      case 'mirror dies':
        if (this.#mirror !== 'up') return;
        this.#sending = undefined;
        this.#mirror = 'gone';
        this.connection.closed('new');
        return;
      case 'mirror refuses':
        if (this.#mirror !== 'connecting') return;
        this.#mirror = 'gone';
        this.connection.unreachable('new', 'ECONNREFUSED');
        return;
      case 'mirror accepts':
        if (this.#mirror !== 'connecting') return;
        this.#mirror = 'up';
        this.lives.push([]);
        this.connection.opened('new');
        return;
      case 'spool fills':
        this.#isSpoolFull = true;
        this.connection.holdAll();
        return;
      case 'spool empties':
        this.#isSpoolFull = false;
        this.connection.releaseAll();
        return;
      case 'old is slow':
        this.#isOldSlow = true;
        return;
      case 'old drains':
        this.#isOldSlow = false;
        this.connection.drained('old');
        return;
      case 'report':
        this.connection.reportGaps();
        return;
    }
  }

  mirrorTakes(): boolean {
    if (this.#sending === undefined) return false;
    this.lives.at(-1)?.push(this.#sending);
    this.#sending = undefined;
    this.connection.mirrorTook();
    return true;
  }

  #clientSays(length: number): void {
    if (this.#unread.has('client')) {
      // Only what the operator asked for and back-pressure of the active relay hold a client back.
      expect(this.#isSpoolFull || this.#isOldSlow || this.toOld.length > 0).toBe(true);
      return;
    }
    const bytes = STREAM.subarray(this.#sent, this.#sent + length);
    if (bytes.length === 0) return;
    this.#sent += bytes.length;
    this.#reads('client', bytes);
  }

  #mirrorSays(length: number): void {
    if (this.#mirror !== 'up' || this.#unread.has('new')) return;
    this.mirrorSaid += length;
    this.#reads('new', new Uint8Array(length));
  }

  #reads(from: End, bytes: Uint8Array): void {
    this.connection.forward(from, bytes);
    this.connection.observe(from, bytes);
  }

  write(to: End, bytes: Uint8Array): boolean {
    expect(to).toBe('old');
    this.toOld.push(bytes);
    return !this.#isOldSlow;
  }
  send(piece: Uint8Array): void {
    expect([this.#sending, this.#mirror]).toEqual([undefined, 'up']);
    this.#sending = piece;
  }
  end(): void {
    throw new Error('nobody ended');
  }
  finish(): void {
    throw new Error('nobody is to be closed');
  }
  leaveMirror(): void {
    throw new Error('nobody left');
  }
  abandon(): void {
    throw new Error('nobody left');
  }
  reconnectMirror(): void {
    expect(this.#mirror).toBe('gone');
    this.#mirror = 'connecting';
  }
  cancelReconnect(): void {
    throw new Error('the client lives');
  }
  pause(from: End): void {
    this.#unread.add(from);
  }
  resume(from: End): void {
    this.#unread.delete(from);
  }
  recordChunk(stream: StreamKind, bytes: Uint8Array): void {
    if (stream === 'client') this.recorded += bytes.length;
  }
  recordEvent(_kind: EventKind, _stream: StreamKind | undefined, details: EventDetails): void {
    const { offset } = details;
    if (typeof offset === 'number') this.restarts.push(offset);
  }
  recordMirrorGap(gap: MirrorGap): void {
    this.gaps.set(gap.offset, gap);
  }
}

const mirrorings = fc.constantFrom<Mirroring>(
  'all',
  'all',
  'none',
  { sources: new Set([4]) },
  { sources: new Set([9]) },
);

it('forwards all, and mirrors or accounts for every byte, whatever the mirror and the spool do', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), mirrorings, (steps, mirroring) => {
      const world = new World(mirroring);
      for (const one of steps) world.act(one);
      while (world.mirrorTakes());
      world.connection.reportGaps();
      const client = STREAM.subarray(0, world.clientBytes);
      expect(Buffer.compare(concat(world.toOld), client)).toBe(0);
      expect(world.recorded).toBe(client.length);
      const missing = new Uint8Array(client.length);
      for (const { offset, bytes } of world.gaps.values()) {
        expect(missing.subarray(offset, offset + bytes).includes(1)).toBe(false);
        missing.fill(1, offset, offset + bytes);
      }
      const mirrored = concat(world.lives.flat());
      const waits = client.length - mirrored.length - missing.reduce((sum, one) => sum + one, 0);
      // Until the mirror has accepted, and until a first header says whose bytes these are, they wait.
      const isUndecided = typeof mirroring === 'object' && client.length < H3.sizeBytes;
      if (world.lives.length > 0 && !isUndecided) expect(waits).toBe(0);
      expect(world.connection.isMirrored).toBe(waits === 0);
      const wanted = client.filter((_, at) => missing[at] === 0).subarray(0, mirrored.length);
      expect(Buffer.compare(mirrored, wanted)).toBe(0);
      for (const life of world.lives) {
        const reader = new FrameReader(H3);
        const spans = [...reader.push(concat(life)), ...reader.flush()];
        expect(spans.slice(0, -1).every((span) => span.kind === 'frame')).toBe(true);
      }
      for (const at of world.restarts) expect(at).toBeLessThanOrEqual(world.mirrorSaid);
    }),
    { numRuns: 1_500 },
  );
});
