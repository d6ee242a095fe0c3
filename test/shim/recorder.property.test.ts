import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Gap, STREAM_KINDS, type StreamKind } from '../../src/capture/types.ts';
import { chunksOf, type RecordBatch, ROW_COST_BYTES } from '../../src/shim/record-batch.ts';
import { type OverloadPolicy, Recorder } from '../../src/shim/recorder.ts';
import { FrameBorders } from '../../src/wire/frame-borders.ts';
import { concat, H3, testFrame } from '../support/frames.ts';

const STREAMS = [1, 2].flatMap((connection) =>
  STREAM_KINDS.map((stream) => [connection, stream] as const),
);
const SPOOL_BYTES = 4_000;

type Action =
  | { readonly connection: number; readonly stream: StreamKind; readonly bytes: number }
  | 'send'
  | 'disk catches up';

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      connection: fc.constantFrom(1, 2),
      stream: fc.constantFrom<StreamKind>('client', 'old', 'new'),
      bytes: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(1, 2, 3)),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Action>('send') },
  { weight: 1, arbitrary: fc.constant<Action>('disk catches up') },
);

/** A recorder with a disk that stores when it is told to, and streams of frames to feed it with. */
class Rig {
  readonly batches: RecordBatch[] = [];
  readonly recorder: Recorder;
  readonly blocking: boolean[] = [];
  readonly #waiting: number[] = [];
  readonly #borders = new Map<string, FrameBorders>();
  #clockNs = 0n;

  constructor(onOverload: OverloadPolicy) {
    this.recorder = new Recorder(
      {
        send: (batch) => {
          this.batches.push(batch);
          this.#waiting.push(batch.costBytes);
        },
      },
      {
        layout: H3,
        now: () => ++this.#clockNs,
        limits: { spoolBytesMax: SPOOL_BYTES, batchBytesMax: 400 },
        onOverload,
        onBlocking: (isBlocking) => {
          this.blocking.push(isBlocking);
        },
      },
    );
  }

  add(connection: number, stream: StreamKind, bytes: number): void {
    const key = `${connection}/${stream}`;
    const borders = this.#borders.get(key) ?? new FrameBorders(H3);
    this.#borders.set(key, borders);
    const chunk = STREAM.subarray(borders.offset, borders.offset + bytes);
    borders.push(chunk);
    this.recorder.addChunk(connection, stream, chunk, borders);
  }

  catchUp(): void {
    this.recorder.stored(this.#waiting.shift() ?? 0);
  }

  end(): void {
    while (this.#waiting.length > 0) this.catchUp();
    for (const connection of [1, 2]) this.recorder.endConnection(connection, 0);
    this.recorder.send();
  }

  /** The gaps as they stand at the end. */
  gapsOf(connection: number, stream: StreamKind): readonly Gap[] {
    const gaps = new Map<number, Gap>();
    for (const gap of this.batches.flatMap((batch) => batch.gaps)) {
      if (gap.connection === connection && gap.stream === stream) gaps.set(gap.offset, gap);
    }
    return [...gaps.values()];
  }
}

const FRAME_BYTES = 60;
const FRAMES = Array.from({ length: 400 }, (_, n) => testFrame(n, { valueBytes: 26 }));
const STREAM = concat(FRAMES);

it('accounts for every byte of every stream, in chunks or in gaps of whole frames, without overlap', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      const rig = new Rig('gap');
      const { recorder, batches } = rig;
      for (const each of actions) {
        if (each === 'send') recorder.send();
        else if (each === 'disk catches up') rig.catchUp();
        else rig.add(each.connection, each.stream, each.bytes);
        expect(recorder.spooledCostBytes).toBeLessThanOrEqual(2 * SPOOL_BYTES);
      }
      rig.end();
      let recordedBytes = 0;
      let gapBytes = 0;
      for (const [connection, stream] of STREAMS) {
        const isOurs = (each: { connection: number; stream: StreamKind }): boolean =>
          each.connection === connection && each.stream === stream;
        const gaps = rig.gapsOf(connection, stream);
        const chunks = batches.flatMap((batch) => [...chunksOf(batch)]).filter(isOurs);
        const pieces = [
          ...chunks.map((chunk) => ({ offset: chunk.offset, bytes: chunk.bytes.length })),
          ...gaps,
        ].sort((left, right) => left.offset - right.offset);
        let offset = 0;
        for (const piece of pieces) {
          expect(piece.offset).toBe(offset);
          offset += piece.bytes;
        }
        for (const chunk of chunks) {
          const wanted = STREAM.subarray(chunk.offset, chunk.offset + chunk.bytes.length);
          expect(Buffer.compare(chunk.bytes, wanted)).toBe(0);
        }
        for (const gap of gaps) expectWholeFrames(gap, offset);
        const seen = actions.flatMap((each) =>
          typeof each === 'object' && isOurs(each) ? [each.bytes] : [],
        );
        expect(offset).toBe(seen.reduce((sum, bytes) => sum + bytes, 0));
        const account = batches.flatMap((batch) => batch.accounts).find(isOurs);
        expect(account?.seenBytes ?? 0).toBe(offset);
        recordedBytes += chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
        gapBytes += gaps.reduce((sum, gap) => sum + gap.bytes, 0);
      }
      const totals = Object.values(recorder.totals);
      expect(totals.reduce((sum, total) => sum + total.recordedBytes, 0)).toBe(recordedBytes);
      expect(totals.reduce((sum, total) => sum + total.gapBytes, 0)).toBe(gapBytes);
      expect(rig.blocking).toEqual([]);
      const lost = recorder.gapTotals.filter(({ where }) => where === 'recording');
      expect(lost.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(gapBytes);
    }),
    { numRuns: 500 },
  );
});

/** Gaps begin and end between frames, but for the last one of a stream that stopped inside a frame. */
function expectWholeFrames(gap: Gap, streamEnd: number): void {
  const end = gap.offset + gap.bytes;
  expect(gap.offset % FRAME_BYTES).toBe(0);
  if (end !== streamEnd) expect(end % FRAME_BYTES).toBe(0);
  const first = gap.offset / FRAME_BYTES;
  const frames = Math.floor(end / FRAME_BYTES) - first;
  expect(gap.frames).toBe(frames);
  const header = (index: number): Uint8Array | undefined =>
    frames === 0 ? undefined : FRAMES[index]?.slice(0, 32);
  expect([gap.firstHeader, gap.lastHeader]).toEqual([header(first), header(first + frames - 1)]);
}

describe('a recorder that may block', () => {
  it('loses nothing, stops reading when the spool is full, goes on when there is room, and notes it', () => {
    const rig = new Rig('block');
    const { recorder, batches } = rig;
    let added = 0;
    while (!recorder.isBlocking) {
      rig.add(1, 'client', 100);
      added += 100;
    }
    expect(rig.blocking).toEqual([true]);
    expect(recorder.spooledCostBytes).toBeLessThan(SPOOL_BYTES + ROW_COST_BYTES);
    // What was on its way when reading stopped is taken all the same.
    for (let chunk = 0; chunk < 10; chunk++) rig.add(1, 'old', 100);
    recorder.send();
    while (recorder.isBlocking) rig.catchUp();
    expect(rig.blocking).toEqual([true, false]);
    rig.end();
    expect(batches.flatMap((batch) => batch.gaps)).toEqual([]);
    expect(recorder.totals.client.recordedBytes).toBe(added);
    expect(recorder.totals.old.recordedBytes).toBe(1_000);
    expect(batches.flatMap((batch) => batch.events).map((event) => event.details)).toMatchObject([
      { overload: 'reading stopped' },
      { overload: 'reading resumed' },
    ]);
  });

  it('leaves frames out from the moment on that nothing will be stored any more', () => {
    const rig = new Rig('block');
    const { recorder } = rig;
    while (!recorder.isBlocking) rig.add(1, 'client', 100);
    recorder.neverBlock();
    expect(rig.blocking).toEqual([true, false]);
    for (let chunk = 0; chunk < 40; chunk++) rig.add(1, 'client', 100);
    expect([recorder.isBlocking, recorder.totals.client.gapBytes > 0]).toEqual([false, true]);
  });
});

it('totals gaps by reason while they grow, and the frames of every stream', () => {
  const rig = new Rig('gap');
  const { recorder } = rig;
  const gap = {
    connection: 1,
    reason: 'mirror-slow',
    offset: 100,
    firstHeader: undefined,
    lastHeader: undefined,
  };
  recorder.addMirrorGap({ ...gap, bytes: 200, frames: 2 });
  recorder.addMirrorGap({ ...gap, bytes: 500, frames: 5 });
  recorder.addMirrorGap({ ...gap, connection: 2, bytes: 50, frames: undefined });
  recorder.addMirrorGap({ ...gap, offset: 900, bytes: 100, frames: 1 });
  recorder.addMirrorGap({ ...gap, reason: 'not-selected', offset: 2_000, bytes: 9, frames: 9 });
  const totals = recorder.gapTotals.filter(({ gaps }) => gaps > 0);
  expect(totals).toEqual([
    { where: 'mirror', reason: 'mirror-slow', gaps: 3, bytes: 650, frames: 6 },
  ]);
  expect([recorder.mirrorGapBytes, recorder.notSelectedBytes]).toEqual([650, 9]);
  rig.add(1, 'client', 2 * FRAME_BYTES);
  rig.add(2, 'client', FRAME_BYTES - 1);
  rig.add(2, 'client', FRAME_BYTES + 1);
  rig.add(1, 'old', FRAME_BYTES);
  expect(recorder.totals).toMatchObject({ client: { frames: 4 }, old: { frames: 1 } });
});
