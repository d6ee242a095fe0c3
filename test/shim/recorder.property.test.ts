import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Gap, STREAM_KINDS, type StreamKind } from '../../src/capture/types.ts';
import { chunksOf, type RecordBatch } from '../../src/shim/record-batch.ts';
import { Recorder } from '../../src/shim/recorder.ts';

const STREAMS = [1, 2].flatMap((connection) =>
  STREAM_KINDS.map((stream) => [connection, stream] as const),
);

it('accounts for every byte of every stream, in chunks or in gaps, without overlap', () => {
  const action = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        connection: fc.constantFrom(1, 2),
        stream: fc.constantFrom<StreamKind>('client', 'old', 'new'),
        bytes: fc.integer({ min: 1, max: 300 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant('send' as const) },
    { weight: 1, arbitrary: fc.constant('disk catches up' as const) },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const batches: RecordBatch[] = [];
      const waiting: number[] = [];
      let clockNs = 0n;
      const recorder = new Recorder(
        {
          send: (batch) => {
            batches.push(batch);
            waiting.push(batch.costBytes);
          },
        },
        () => ++clockNs,
        { spoolBytesMax: 4_000, batchBytesMax: 400 },
      );
      for (const each of actions) {
        if (each === 'send') recorder.send();
        else if (each === 'disk catches up') recorder.stored(waiting.shift() ?? 0);
        else recorder.addChunk(each.connection, each.stream, new Uint8Array(each.bytes));
        expect(recorder.spooledCostBytes).toBeLessThanOrEqual(2 * 4_000);
      }
      for (const costBytes of waiting.splice(0)) recorder.stored(costBytes);
      recorder.send();
      let recordedBytes = 0;
      let gapBytes = 0;
      for (const [connection, stream] of STREAMS) {
        const isOurs = (each: { connection: number; stream: StreamKind }): boolean =>
          each.connection === connection && each.stream === stream;
        const gaps = new Map<number, Gap>();
        for (const gap of batches.flatMap((batch) => batch.gaps).filter(isOurs)) {
          gaps.set(gap.offset, gap);
        }
        const chunks = batches.flatMap((batch) => [...chunksOf(batch)]).filter(isOurs);
        const pieces = [
          ...chunks.map((chunk) => ({ offset: chunk.offset, bytes: chunk.bytes.length })),
          ...gaps.values(),
        ].sort((left, right) => left.offset - right.offset);
        let offset = 0;
        for (const piece of pieces) {
          expect(piece.offset).toBe(offset);
          offset += piece.bytes;
        }
        const seen = actions.flatMap((each) =>
          typeof each === 'object' && isOurs(each) ? [each.bytes] : [],
        );
        expect(offset).toBe(seen.reduce((sum, bytes) => sum + bytes, 0));
        recordedBytes += chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
        gapBytes += [...gaps.values()].reduce((sum, gap) => sum + gap.bytes, 0);
      }
      const totals = Object.values(recorder.totals);
      expect(totals.reduce((sum, total) => sum + total.recordedBytes, 0)).toBe(recordedBytes);
      expect(totals.reduce((sum, total) => sum + total.gapBytes, 0)).toBe(gapBytes);
      const lost = recorder.gapTotals.filter(({ where }) => where === 'recording');
      expect(lost.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(gapBytes);
    }),
    { numRuns: 300 },
  );
});

it('totals mirror gaps by reason while they grow, and the frames of streams that are counted', () => {
  const recorder = new Recorder({ send: () => undefined }, () => 0n);
  const gap = { connection: 1, reason: 'mirror-slow', offset: 100 };
  recorder.addMirrorGap({ ...gap, bytes: 200, frames: 2 });
  recorder.addMirrorGap({ ...gap, bytes: 500, frames: 5 });
  recorder.addMirrorGap({ ...gap, connection: 2, bytes: 50, frames: undefined });
  recorder.addMirrorGap({ ...gap, offset: 900, bytes: 100, frames: 1 });
  const totals = recorder.gapTotals.filter(({ gaps }) => gaps > 0);
  expect(totals).toEqual([
    { where: 'mirror', reason: 'mirror-slow', gaps: 3, bytes: 650, frames: 6 },
  ]);
  recorder.addChunk(1, 'client', new Uint8Array(10), 2);
  recorder.addChunk(2, 'client', new Uint8Array(10), 3);
  recorder.addChunk(1, 'old', new Uint8Array(10));
  expect(recorder.totals).toMatchObject({ client: { frames: 5 }, old: { frames: undefined } });
});
