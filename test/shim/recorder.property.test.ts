import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Gap, StreamKind } from '../../src/capture/types.ts';
import { chunksOf, type RecordBatch } from '../../src/shim/record-batch.ts';
import { Recorder } from '../../src/shim/recorder.ts';

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
            waiting.push(batch.bytes.length);
          },
        },
        () => ++clockNs,
        { spoolBytesMax: 1_000, batchBytesMax: 400 },
      );
      for (const each of actions) {
        if (each === 'send') recorder.send();
        else if (each === 'disk catches up') recorder.stored(waiting.shift() ?? 0);
        else recorder.addChunk(each.connection, each.stream, new Uint8Array(each.bytes));
        expect(recorder.spooledBytes).toBeLessThanOrEqual(1_000);
      }
      recorder.send();
      for (const account of recorder.accounts) {
        const isOurs = (each: { connection: number; stream: StreamKind }): boolean =>
          each.connection === account.connection && each.stream === account.stream;
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
        expect(offset).toBe(account.seenBytes);
        expect(account.recordedBytes + account.gapBytes).toBe(account.seenBytes);
      }
    }),
    { numRuns: 300 },
  );
});
