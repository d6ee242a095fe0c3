/**
 * Two recordings are scanned and analysed in windows like one; what is said must be what is said when they are looked at
 * whole, however differently they were paced and written.
 */
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { REWRITE_NOTE } from '../../src/capture/replay-notes.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import type { ScanOptions } from '../../src/diff/read-contents.ts';
import { JoinedCapture } from '../../src/diff/two-captures/joined-capture.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { repeated, single, SMALL, stepsOf, traffic, translator } from './faulty-traffic.ts';
import { delivers, dialect, protocol, sends } from './support.ts';

/** What one relay did: as if it had been recorded alone. */
function stepsOfSide(
  steps: readonly CaptureStep[],
  side: 'old' | 'new',
  { pace, writesApart }: { readonly pace: number; readonly writesApart: boolean },
): CaptureStep[] {
  return steps.flatMap((step): CaptureStep[] => {
    if ('waitMs' in step) return [{ waitMs: Math.round(step.waitMs * pace) }];
    if (!('stream' in step)) return [step];
    if (step.stream === side) return [{ ...step, stream: 'old' }];
    if (step.stream !== 'client') return [];
    const half = step.bytes.length >>> 1;
    if (!writesApart || half === 0) return [step];
    return [step.bytes.subarray(0, half), step.bytes.subarray(half)].map((bytes) => ({
      ...step,
      bytes,
    }));
  });
}

interface Second {
  /** It has only the first of them. */
  readonly clientsOfSecond?: number;
  /** Its clients were played in this dialect. */
  readonly newDialect?: Dialect;
}

function compare(
  first: readonly CaptureStep[],
  second: readonly CaptureStep[],
  sealed: boolean,
  windows: Partial<ScanOptions['windows']> = {},
  { clientsOfSecond = 3, newDialect = dialect }: Second = {},
): { readonly whole: DiffResult; readonly windowed: DiffResult } {
  const directory = temporaryDirectory();
  const [old, neu] = [first, second].map((steps, index) => {
    const path = join(directory, `${index}.capture`);
    const connections = ['one', 'two', 'three'].slice(0, index === 0 ? 3 : clientsOfSecond);
    const isThere = ({ connection = 1 }: { connection?: number | undefined }): boolean =>
      connection <= connections.length;
    const recorded = steps.filter((step) => !('connection' in step) || isThere(step));
    const isRewritten = index === 1 && newDialect !== dialect;
    const notes = isRewritten ? { [REWRITE_NOTE]: `dialect:${newDialect.name}` } : {};
    buildCapture(path, { connections, steps: recorded, sealed, notes });
    return path;
  });
  const layouts = { old: dialect.header, new: newDialect.header };
  const open = (path = ''): ReturnType<typeof openCapture> => openCapture(path);
  const joined = new JoinedCapture(open(old), open(neu), { layouts, newSide: 'old' });
  try {
    const base = { oldDialect: dialect, newDialect, labels: joined.labels };
    const limits = { ...SMALL.windows, ...windows };
    return {
      whole: diffCapture(joined, { ...base, scan: { wholeBytesMax: Infinity } }),
      windowed: diffCapture(joined, { ...base, scan: { ...SMALL, windows: limits } }),
    };
  } finally {
    joined.close();
  }
}

/** All but how long messages took: of those that agree nobody knows when they were sent. */
function told({ latency: _latency, ...result }: DiffResult): unknown {
  return result;
}

test.each([
  ['the same pace', 1],
  ['as fast as possible', 0],
  ['a third of the pace', 3],
])('two recordings, the second at %s, are told as when they are looked at whole', (_name, pace) => {
  let windowed = 0;
  fc.assert(
    fc.property(
      traffic(true, fc.oneof(single, single, repeated)),
      fc.boolean(),
      (made, writesApart) => {
        const steps = stepsOf(made);
        const first = stepsOfSide(steps, 'old', { pace: 1, writesApart: false });
        const second = stepsOfSide(steps, 'new', { pace, writesApart });
        const found = compare(first, second, made.sealed, { contextMoments: 6, keptBytesMax: 0 });
        if (found.windowed.latency?.old === null) windowed++;
        expect(told(found.windowed)).toEqual(told(found.whole));
      },
    ),
    { numRuns: 15 },
  );
  expect(windowed).toBeGreaterThan(5);
});

test('of a recording that was played in another dialect windows say what the whole says', () => {
  const newDialect = protocol.dialect('alphapulse-v2-seqfirst');
  const translate = translator(dialect, newDialect);
  const say = (step: CaptureStep): CaptureStep =>
    'stream' in step ? { ...step, bytes: translate(step.bytes) } : step;
  let windowed = 0;
  fc.assert(
    fc.property(traffic(true, fc.oneof(single, single, repeated)), (made) => {
      const steps = stepsOf(made);
      const pace = { pace: 1, writesApart: false };
      const first = stepsOfSide(steps, 'old', pace);
      const second = stepsOfSide(steps, 'new', pace).map(say);
      const windows = { contextMoments: 6, keptBytesMax: 0 };
      const found = compare(first, second, made.sealed, windows, { newDialect });
      if (found.windowed.latency?.old === null) windowed++;
      expect(told(found.windowed)).toEqual(told(found.whole));
    }),
    { numRuns: 15 },
  );
  expect(windowed).toBeGreaterThan(5);
});

/** Without some of the messages that clients sent, and what came of them. */
function withoutSome(
  steps: readonly CaptureStep[],
  isLeftOut: (at: number) => boolean,
): CaptureStep[] {
  const left = new Set<string>();
  let at = 0;
  for (const step of steps) {
    if (!('stream' in step) || step.stream !== 'client') continue;
    if (isLeftOut(at++)) left.add(Buffer.from(step.bytes).toString('hex'));
  }
  return steps.filter(
    (step) => !('stream' in step) || !left.has(Buffer.from(step.bytes).toString('hex')),
  );
}

test('two recordings whose clients did not send the same are told as when they are looked at whole', () => {
  let windowed = 0;
  fc.assert(
    fc.property(
      traffic(true, fc.oneof(single, single, repeated)),
      fc.integer({ min: 2, max: 40 }),
      fc.integer({ min: 2, max: 40 }),
      fc.integer({ min: 2, max: 3 }),
      (made, oldWithout, newWithout, clients) => {
        const steps = stepsOf(made);
        const first = withoutSome(
          stepsOfSide(steps, 'old', { pace: 1, writesApart: false }),
          (at) => at % oldWithout === 1,
        );
        const second = withoutSome(
          stepsOfSide(steps, 'new', { pace: 1, writesApart: false }),
          (at) => at % newWithout === 0,
        );
        const windows = { contextMoments: 6, keptBytesMax: 0 };
        const found = compare(first, second, made.sealed, windows, { clientsOfSecond: clients });
        if (found.windowed.latency?.old === null) windowed++;
        expect(told(found.windowed)).toEqual(told(found.whole));
      },
    ),
    { numRuns: 25 },
  );
  expect(windowed).toBeGreaterThan(5);
});

test.each([
  ['much faster', 200, 0],
  ['much slower', 0, 200],
])(
  'of a recording that was played %s, what was sent goes along with what was delivered: windows are enough',
  (_name, oldMs, newMs) => {
    const frames = Array.from({ length: 300 }, (_, at) => testFrame(at + 1, { checksum: 'zero' }));
    const recorded = (pauseMs: number, isFaulty: boolean): CaptureStep[] => [
      ...frames.flatMap((frame, at): CaptureStep[] => {
        const changed = Uint8Array.from(frame).with(50, 255);
        const passed = isFaulty && at % 50 === 20 ? changed : frame;
        return [...sends(1, frame), { waitMs: pauseMs }, ...delivers('old', [1, 2, 3], passed)];
      }),
      { connection: undefined, event: 'stop', details: { drained: 1 } },
    ];
    const first = recorded(oldMs, false);
    const second = recorded(newMs, true);
    const limits = { contextMoments: 4, recordsMax: 100, keptBytesMax: 0 };
    const { whole, windowed } = compare(first, second, true, limits);
    expect(windowed.latency?.old).toBeNull();
    expect(windowed.counts.divergences).toMatchObject({ modified: 18, missing: 0, extra: 0 });
    expect(told(windowed)).toEqual(told(whole));
  },
);
