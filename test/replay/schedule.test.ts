import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import type { CaptureEvent, StreamKind } from '../../src/capture/types.ts';
import { pieceMakerOf } from '../../src/replay/chunking.ts';
import { Schedule, type Step } from '../../src/replay/schedule.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { H3, testFrame } from '../support/frames.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

function scheduleOf(connections: readonly string[], steps: readonly CaptureStep[]): Schedule {
  const path = join(temporaryDirectory(), 'c.capture');
  buildCapture(path, { connections, steps });
  const piecesOf = pieceMakerOf({ kind: 'recorded' }, H3);
  return new Schedule(openCapture(path), { piecesOf, looksAtReceipts: true });
}

function on(
  connection: number,
  kind: CaptureEvent['kind'],
  stream: StreamKind,
  details = {},
): CaptureStep {
  return { connection, event: kind, on: stream, details };
}

function says(connection: number, stream: StreamKind, bytes = testFrame(1)): CaptureStep {
  return { connection, stream, bytes };
}

function wordsOf(steps: Iterable<Step>): readonly string[] {
  return [...steps].map((step) => `${step.connection} ${step.kind}`);
}

describe('a schedule', () => {
  test('has the steps of all clients in the recorded order, and what each had received before', () => {
    const schedule = scheduleOf(
      ['a', 'b'],
      [
        on(1, 'open', 'client'),
        says(1, 'client'),
        on(2, 'open', 'client'),
        says(1, 'old'),
        says(1, 'old'),
        says(2, 'client'),
        says(1, 'client'),
        on(1, 'end', 'client'),
        { waitMs: 100 },
        on(1, 'close', 'client'),
      ],
    );
    const steps = [...schedule.steps()];
    expect(wordsOf(steps)).toEqual([
      '1 open',
      '1 send',
      '2 open',
      '2 send',
      '1 send',
      '1 end',
      '1 close',
    ]);
    const received = steps.map((step) =>
      'receivedBytes' in step ? step.receivedBytes : undefined,
    );
    expect(received).toEqual([undefined, 0, undefined, 0, 200, 200, 200]);
    expect(schedule.totals).toEqual({
      connections: 2,
      sentBytes: 300,
      receivedBytes: 200,
      gapBytes: 0,
    });
  });

  test('takes an end right before a close for a close, and a broken connection for a reset', () => {
    const schedule = scheduleOf(
      ['closes', 'resets', 'is closed'],
      [
        on(1, 'end', 'client'),
        on(1, 'error', 'client', { code: 'EPIPE' }),
        on(1, 'close', 'client'),
        on(2, 'error', 'client', { code: 'ECONNRESET' }),
        on(2, 'close', 'client'),
        on(3, 'close', 'old'),
        on(3, 'close', 'client'),
      ],
    );
    const steps = [...schedule.steps()].filter(({ kind }) => kind !== 'open');
    expect(wordsOf(steps)).toEqual(['1 close', '2 reset', '3 close']);
    expect(steps.map((step) => 'afterRelay' in step && step.afterRelay)).toEqual([
      false,
      false,
      true,
    ]);
  });

  test('leaves those open who were there when the recording stopped', () => {
    const schedule = scheduleOf(
      ['stays'],
      [
        on(1, 'open', 'client'),
        says(1, 'client'),
        { connection: undefined, event: 'stop' },
        on(1, 'close', 'client'),
      ],
    );
    expect(wordsOf(schedule.steps())).toEqual(['1 open', '1 send']);
  });

  test('says how much of the clients the recording lacks', () => {
    const gap = {
      connection: 1,
      stream: 'client',
      reason: 'spool-full',
      offset: 0,
      bytes: 70,
    } as const;
    const times = { firstTimeNs: 0n, lastTimeNs: 0n, frames: undefined };
    const schedule = scheduleOf(
      ['a'],
      [
        { gap: { ...gap, ...times, where: 'recording' } },
        { gap: { ...gap, ...times, where: 'mirror' } },
        says(1, 'client'),
      ],
    );
    expect(schedule.totals.gapBytes).toBe(70);
  });

  test('is in order of time, opens before it sends, and sends every byte once', () => {
    const step = fc.record({
      connection: fc.integer({ min: 1, max: 4 }),
      stream: fc.constantFrom<StreamKind>('client', 'client', 'old', 'new'),
      length: fc.integer({ min: 1, max: 80 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (said) => {
        const schedule = scheduleOf(
          ['a', 'b', 'c', 'd'],
          said.map(({ connection, stream, length }, index) =>
            says(connection, stream, new Uint8Array(length).fill(index)),
          ),
        );
        const steps = [...schedule.steps()];
        let lastNs = 0;
        const open = new Set<number>();
        const sent: Uint8Array[] = [];
        for (const each of steps) {
          expect(each.timeNs).toBeGreaterThanOrEqual(lastNs);
          lastNs = each.timeNs;
          if (each.kind === 'open') open.add(each.connection);
          expect(open.has(each.connection)).toBe(true);
          if (each.kind === 'send') sent.push(each.bytes);
        }
        const wanted = said.flatMap(({ stream, length }, index) =>
          stream === 'client' ? [new Uint8Array(length).fill(index)] : [],
        );
        expect(Buffer.concat(sent)).toEqual(Buffer.concat(wanted));
      }),
      { numRuns: 40 },
    );
  });
});
