/** Compares a capture in windows, and whole: what is said must be the same. */
import { join } from 'node:path';
import { openCapture } from '../../src/capture/open.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import type { WindowLimits } from '../../src/diff/windows/window-sink.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { SMALL } from './faulty-traffic.ts';
import { dialect } from './support.ts';

export interface Windowed {
  readonly sealed?: boolean;
  readonly listed?: number;
  readonly origin?: string;
  readonly connections?: readonly string[];
  readonly lateAfterMs?: number;
  readonly newDialect?: Dialect;
}

export function compareBothWays(
  steps: readonly CaptureStep[],
  windows: WindowLimits,
  {
    listed = 10_000,
    connections = ['one', 'two', 'three'],
    lateAfterMs,
    newDialect = dialect,
    ...script
  }: Windowed = {},
): { readonly whole: DiffResult; readonly windowed: DiffResult } {
  const path = join(temporaryDirectory(), 'c.capture');
  const { sealed = true, origin = 'record' } = script;
  buildCapture(path, { connections, steps, sealed, origin });
  const reader = openCapture(path);
  try {
    const base = {
      oldDialect: dialect,
      newDialect,
      divergencesListedMax: listed,
      lateAfterMs,
    };
    return {
      whole: diffCapture(reader, { ...base, scan: { wholeBytesMax: Infinity } }),
      windowed: diffCapture(reader, { ...base, scan: { ...SMALL, windows } }),
    };
  } finally {
    reader.close();
  }
}

/** All but how long messages took: of those that agree nobody knows when they were sent. */
export function told({ latency: _latency, ...result }: DiffResult): unknown {
  return result;
}

/** Windows of a few messages. */
export const LIMITS: WindowLimits = {
  contextMoments: 6,
  recordsMax: 100_000,
  bytesMax: 1_000_000,
  keptBytesMax: 0,
};
