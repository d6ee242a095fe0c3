/** The promise of redaction: a differ says the same of the redacted capture, whatever happened in it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import type { DiffResult, Divergence } from '../../src/diff/types.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { FAULT_KINDS, makeScenario, type Scenario } from '../truth/scenario.ts';
import { dialects, redact } from './support.ts';

function compare(path: string, dialect: Dialect): DiffResult {
  const capture = openCapture(path);
  try {
    return diffCapture(capture, {
      oldDialect: dialect,
      newDialect: dialect,
      divergencesListedMax: 1_000_000,
    });
  } finally {
    capture.close();
  }
}

/** Everything but values: verdict, counts, and of each divergence kind, places, identity and cause. */
function told(result: DiffResult): unknown {
  const causeOf = new Map(result.groups.map((group) => [group.id, group.cause]));
  return {
    verdict: result.verdict,
    counts: result.counts,
    ignored: result.ignored,
    groups: result.groups.map(({ kind, count, cause }) => `${kind} ${count} ${cause}`).toSorted(),
    divergences: result.divergences
      .map((one) => JSON.stringify({ ...placeOf(one), cause: causeOf.get(one.group) }))
      .toSorted(),
  };
}

function placeOf({ kind, connection, identity, old, new: neu }: Divergence): object {
  const places = [old, neu].map((side) => side && { ...side, hex: undefined });
  return { kind, connection, identity, places };
}

/** Which of two equal places a moved TLV was at is nobody's to say. */
function fieldsOf({ differences }: Divergence): readonly string[] {
  return differences.map(
    ({ path, class: each }) => `${path.replace(/^tlv\[\d+\]/, 'tlv')} ${each}`,
  );
}

/** Where the heads differ, the bytes are not cut into the same fields, and so are not equal any more. */
function isCutOtherwise({ differences }: Divergence): boolean {
  return differences.some(({ path }) => /^tlv\[\d+\]\.(type|length|marker|reserved)$/.test(path));
}

const RULES = `
rules:
  - { id: clock, action: shift, by: -30d, where: { path: header.timestamp } }
  - { id: prices, action: shift, by: 12, where: { path: '**.price' } }
`;

it('is compared as what it was made of, whatever fault is in it', () => {
  const directory = temporaryDirectory();
  const scenarios: readonly Scenario[] = [
    ...FAULT_KINDS.map((_, run) => makeScenario({ seed: 11, run, size: 'single', dialects })),
    makeScenario({ seed: 11, run: 2, size: 'many', dialects }),
  ];
  let divergences = 0;
  for (const [index, scenario] of scenarios.entries()) {
    const { dialect, faults } = scenario;
    const plain = join(directory, 'plain.capture');
    const redacted = join(directory, 'redacted.capture');
    scenario.writeTo(plain);
    expect(redact(plain, redacted, RULES, dialect).attempt).toBe(1);
    const before = compare(plain, dialect);
    const after = compare(redacted, dialect);
    const what = `${index} ${faults.join()}`;
    expect(told(after), what).toEqual(told(before));
    const afterBy = new Map(after.divergences.map((one) => [JSON.stringify(placeOf(one)), one]));
    for (const one of before.divergences) {
      divergences += 1;
      const other = afterBy.get(JSON.stringify(placeOf(one)));
      const [fields, otherFields] = [fieldsOf(one), other === undefined ? [] : fieldsOf(other)];
      if (isCutOtherwise(one)) expect(otherFields.length, what).toBeGreaterThan(0);
      else expect(otherFields, what).toEqual(fields);
    }
    for (const path of [plain, redacted]) rmSync(path);
  }
  expect(divergences).toBeGreaterThan(100);
});
