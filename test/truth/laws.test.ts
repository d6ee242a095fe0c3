/** The laws of comparing, over streams with up to a hundred faults of all kinds. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import type { DiffResult, Divergence } from '../../src/diff/types.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { FAULT_KINDS, makeScenario, type Scenario, type Variant } from './scenario.ts';

const protocol = loadBuiltInProtocol();
const dialects = protocol.dialectNames.map((name) => protocol.dialect(name));

const SCENARIOS: readonly Scenario[] = [
  ...FAULT_KINDS.map((_, run) => makeScenario({ seed: 7, run, size: 'single', dialects })),
  ...[0, 1, 2].map((run) => makeScenario({ seed: 7, run, size: 'many', dialects })),
];

function compare(scenario: Scenario, variant?: Variant): DiffResult {
  const path = join(temporaryDirectory(), 'a.capture');
  scenario.writeTo(path, variant);
  const reader = openCapture(path);
  try {
    const { dialect } = scenario;
    return diffCapture(reader, {
      oldDialect: dialect,
      newDialect: dialect,
      divergencesListedMax: 1_000_000,
    });
  } finally {
    reader.close();
  }
}

it('compares a stream with itself as the same', () => {
  for (const scenario of SCENARIOS) {
    const { divergences, counts } = compare(scenario, 'twins');
    expect(divergences).toEqual([]);
    expect(counts.old).toBe(counts.new);
  }
});

it('says the same of old and new as of new and old, mirrored', () => {
  for (const scenario of SCENARIOS) {
    const [straight, mirrored] = [compare(scenario), compare(scenario, 'mirrored')];
    const kindsOf = ({ counts: { divergences } }: DiffResult): readonly number[] => [
      divergences.missing,
      divergences.extra + divergences.duplicated,
      divergences.modified,
      divergences.encoding,
      divergences.reordered,
      divergences.defect,
      divergences.connection,
    ];
    const [missing = 0, extra = 0, ...others] = kindsOf(mirrored);
    expect([extra, missing, ...others]).toEqual(kindsOf(straight));
    expect(placesOf(straight)).toEqual(placesOf(mirrored, 'mirrored'));
  }
});

/** Kind, connection and places of each divergence, as seen from the straight side. */
function placesOf({ divergences }: DiffResult, variant?: Variant): readonly string[] {
  const isMirrored = variant === 'mirrored';
  return divergences
    .map((one) => {
      const [old, neu] = isMirrored ? [one.new, one.old] : [one.old, one.new];
      const isAlone = one.kind === 'missing' || one.kind === 'extra' || one.kind === 'duplicated';
      // What a duplicate is a copy of is shown beside it, on one side only.
      const side = (one.kind === 'missing') === isMirrored ? 'new' : 'old';
      const place = isAlone
        ? `${side} ${(side === 'old' ? old : neu)?.offset}`
        : `${old?.offset} ${neu?.offset}`;
      const distance = typeof one.distance === 'number' ? Math.abs(one.distance) : '';
      return `${isAlone ? 'alone' : one.kind} ${one.connection} ${place} ${distance} ${fieldsOf(one)}`;
    })
    .toSorted();
}

/** TLVs are counted on the old side. */
function fieldsOf({ differences }: Divergence): string {
  return differences
    .map(({ path }) => path.replace(/^tlv\[\d+\]/, 'tlv'))
    .toSorted()
    .join(' ');
}

it('does not depend on the chunks in which the sides delivered', () => {
  for (const scenario of SCENARIOS) {
    expect(compare(scenario, 'cut')).toEqual(compare(scenario));
  }
});
