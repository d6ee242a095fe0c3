/**
 * The agreement scan retires what agrees; what is said of the rest must be what is said when every message is kept.
 * Small limits make the scan do on forty messages what it does on millions.
 */
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import type { ScanOptions } from '../../src/diff/read-contents.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import {
  dropped,
  repeated,
  single,
  SMALL,
  stepsOf,
  traffic,
  translator,
} from './faulty-traffic.ts';
import { dialect, protocol } from './support.ts';

function both(
  steps: readonly CaptureStep[],
  sealed: boolean,
  scan: Partial<ScanOptions> = {},
  newDialect = dialect,
): { readonly whole: DiffResult; readonly scanned: DiffResult } {
  const path = join(temporaryDirectory(), 'c.capture');
  buildCapture(path, { connections: ['one', 'two', 'three'], steps, sealed });
  const reader = openCapture(path);
  try {
    const dialects = { oldDialect: dialect, newDialect };
    return {
      whole: diffCapture(reader, { ...dialects, scan: { wholeBytesMax: Infinity } }),
      scanned: diffCapture(reader, { ...dialects, scan: { ...SMALL, ...scan } }),
    };
  } finally {
    reader.close();
  }
}

const RUNS = { numRuns: 60 };

/** The scan does not know when what agreed was sent: by that a result tells that it comes from one. */
function isFromScan({ latency }: DiffResult): boolean {
  return latency !== undefined && latency.old === null;
}

/** How far new is behind the scan measures of every pair that agrees, also of equal ones of which one has moved. */
function expectSame({ whole, scanned }: ReturnType<typeof both>): void {
  expect({ ...scanned, latency: undefined }).toEqual({ ...whole, latency: undefined });
  const [measured = 0, measuredByWhole = 0] = [scanned, whole].map(
    ({ latency }) => latency?.behind.count,
  );
  expect(measured).toBeGreaterThanOrEqual(measuredByWhole);
}

test('what agrees and is retired changes nothing in the result', () => {
  fc.assert(
    fc.property(traffic(false, single), (made) => {
      expectSame(both(stepsOf(made), made.sealed));
    }),
    RUNS,
  );
});

test('nor does it when two publishers are interleaved in other ways', () => {
  fc.assert(
    fc.property(traffic(true, single), (made) => {
      expectSame(both(stepsOf(made), made.sealed));
    }),
    RUNS,
  );
});

test('messages that a relay lost for everybody are told without looking at those that agree', () => {
  let fromScan = 0;
  fc.assert(
    fc.property(traffic(true, dropped), (made) => {
      const sent = made.sent.map((one) => ({ ...one, chunk: 'alone' as const }));
      const compared = both(stepsOf({ ...made, sent }), made.sealed);
      expectSame(compared);
      expect(compared.scanned.latency?.behind).toEqual(compared.whole.latency?.behind);
      const { missing } = compared.scanned.counts.divergences;
      if (isFromScan(compared.scanned) && missing > 0) fromScan++;
    }),
    { numRuns: 100 },
  );
  expect(fromScan).toBeGreaterThan(20);
});

test('nor where messages are repeated', () => {
  fc.assert(
    fc.property(traffic(true, fc.oneof(single, repeated)), (made) => {
      expectSame(both(stepsOf(made), made.sealed));
    }),
    RUNS,
  );
});

test('nor where new speaks another dialect', () => {
  const newDialect = protocol.dialect('alphapulse-v2-seqfirst');
  const ofNew = translator(dialect, newDialect);
  fc.assert(
    fc.property(traffic(true, dropped), (made) => {
      expectSame(both(stepsOf(made, ofNew), made.sealed, {}, newDialect));
    }),
    { numRuns: 30 },
  );
});

test('where more contents differ than are known everywhere, every message is still counted once', () => {
  fc.assert(
    fc.property(traffic(true, fc.oneof(single, repeated)), fc.nat(20), (made, contentsMax) => {
      const { scanned } = both(stepsOf(made), true, { contentsMax, perConnectionMin: 2 });
      const { counts } = scanned;
      const { missing, extra, duplicated } = counts.divergences;
      expect(counts.old + counts.new).toBe(
        2 * counts.pairs + missing + extra + duplicated + counts.ignored + counts.gaps.frames,
      );
    }),
    RUNS,
  );
});
