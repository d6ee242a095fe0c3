/** What the scan leaves aside changes nothing that is said of faults whose truth is known. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { SMALL } from '../diff/faulty-traffic.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { FAULT_KINDS, makeScenario, type Scenario } from './scenario.ts';

const protocol = loadBuiltInProtocol();
const dialects = protocol.dialectNames.map((name) => protocol.dialect(name));

function compare(scenario: Scenario): { readonly whole: DiffResult; readonly scanned: DiffResult } {
  const path = join(temporaryDirectory(), 'a.capture');
  scenario.writeTo(path);
  const reader = openCapture(path);
  const options = { oldDialect: scenario.dialect, newDialect: scenario.dialect };
  try {
    return {
      whole: diffCapture(reader, { ...options, scan: { wholeBytesMax: Infinity } }),
      scanned: diffCapture(reader, { ...options, scan: SMALL }),
    };
  } finally {
    reader.close();
  }
}

/** All but the times of messages, and which of equal copies it was. */
function told({ verdict, counts, connections, divergences, groups }: DiffResult): unknown {
  return {
    verdict,
    counts,
    connections,
    groups: groups.map(({ first, ...group }) => ({ ...group, hasFirst: first !== '' })),
    kinds: divergences.map(({ kind, connection, group }) => `${kind} ${connection} ${group}`),
  };
}

function isFromScan({ latency }: DiffResult): boolean {
  return latency !== undefined && latency.old === null;
}

it.each([1, 2, 3])('says the same of every kind of fault with a scan before, seed %i', (seed) => {
  let fromScan = 0;
  for (const [run] of FAULT_KINDS.entries()) {
    const { whole, scanned } = compare(makeScenario({ seed, run, size: 'single', dialects }));
    expect(told(scanned)).toEqual(told(whole));
    if (isFromScan(scanned)) fromScan++;
  }
  expect(fromScan).toBeGreaterThan(0);
});

it('says the same of lost, moved and repeated messages among hundreds', () => {
  for (const kind of ['drop', 'move', 'swap', 'duplicate'] as const) {
    for (const run of [0, 1]) {
      const { whole, scanned } = compare(
        makeScenario({ seed: 110, run, size: 'many', dialects, kind }),
      );
      expect(told(scanned)).toEqual(told(whole));
    }
  }
});

it('tells bytes that are no message from the scan alone', () => {
  let fromScan = 0;
  for (const run of [0, 1, 2, 3, 4]) {
    const { whole, scanned } = compare(
      makeScenario({ seed: 5, run, size: 'single', dialects, kind: 'garbage' }),
    );
    expect(told(scanned)).toEqual(told(whole));
    if (isFromScan(scanned) && scanned.divergences.length > 0) fromScan++;
  }
  expect(fromScan).toBeGreaterThan(0);
});
