/**
 * What does not agree is analysed in windows; what is said must be what is said when the whole capture is looked at at
 * once. Small limits make windows of a few messages.
 */
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import type { WindowLimits } from '../../src/diff/windows/window-reader.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { repeated, single, SMALL, stepsOf, traffic } from './faulty-traffic.ts';
import { dialect } from './support.ts';

function both(
  steps: readonly CaptureStep[],
  sealed: boolean,
  windows: WindowLimits,
): { readonly whole: DiffResult; readonly windowed: DiffResult } {
  const path = join(temporaryDirectory(), 'c.capture');
  buildCapture(path, { connections: ['one', 'two', 'three'], steps, sealed });
  const reader = openCapture(path);
  try {
    const dialects = { oldDialect: dialect, newDialect: dialect };
    return {
      whole: diffCapture(reader, { ...dialects, scan: { wholeBytesMax: Infinity } }),
      windowed: diffCapture(reader, { ...dialects, scan: { ...SMALL, windows } }),
    };
  } finally {
    reader.close();
  }
}

const RUNS = { numRuns: Number(process.env['RUNS'] ?? 60) };

function told({ latency: _latency, ...result }: DiffResult): unknown {
  return result;
}

test.each([
  { isInterleaved: false, contextMoments: 6, recordsMax: 100_000, fault: single },
  { isInterleaved: true, contextMoments: 6, recordsMax: 100_000, fault: single },
  { isInterleaved: true, contextMoments: 6, recordsMax: 64, fault: single },
  {
    isInterleaved: true,
    contextMoments: 6,
    recordsMax: 100_000,
    fault: fc.oneof(single, repeated),
  },
])(
  'windows of $contextMoments messages around, $recordsMax spans at most',
  ({ isInterleaved, fault, ...limits }) => {
    fc.assert(
      fc.property(traffic(isInterleaved, fault), (made) => {
        const { whole, windowed } = both(stepsOf(made), made.sealed, { ...limits, bytesMax: 1e6 });
        expect(told(windowed)).toEqual(told(whole));
      }),
      RUNS,
    );
  },
);
