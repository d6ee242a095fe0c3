/** The promise of redaction: a differ says the same of the redacted capture, and no byte of a value is left. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import { namesOfDialects } from '../../src/diff/rules/protocol-names.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { redactCapture } from '../../src/redact/redact-capture.ts';
import type { RedactionReport } from '../../src/redact/redaction-report.ts';
import { readRedaction } from '../../src/redact/redaction-rules.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { FAULT_KINDS, makeScenario, type Scenario } from '../truth/scenario.ts';

const protocol = loadBuiltInProtocol();
const dialects = protocol.dialectNames.map((name) => protocol.dialect(name));
const names = namesOfDialects(dialects);
const KEY = Buffer.from('a key that nobody guesses');

function redact(from: string, out: string, dialect: Dialect, rules: string): RedactionReport {
  const capture = openCapture(from);
  try {
    return redactCapture(capture, {
      out,
      dialect,
      protocolSchemas: protocol.sources,
      redaction: readRedaction('redact.yaml', rules, { names, dialect }),
      key: KEY,
      writer: 'test',
      onProgress: () => undefined,
    });
  } finally {
    capture.close();
  }
}

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

/** Everything but values: verdict, counts, and of each divergence kind, place, fields and cause. */
function told(result: DiffResult): unknown {
  const causeOf = new Map(result.groups.map((group) => [group.id, group.cause]));
  return {
    verdict: result.verdict,
    counts: result.counts,
    groups: result.groups.map(({ kind, count, cause }) => `${kind} ${count} ${cause}`).toSorted(),
    divergences: result.divergences.map((one) => ({
      kind: one.kind,
      connection: one.connection,
      identity: { ...one.identity },
      places: [one.old, one.new].map((side) => side && { ...side, hex: undefined }),
      cause: causeOf.get(one.group),
      fields: one.differences.map((difference) => `${difference.path} ${difference.class}`),
    })),
  };
}

const RULES = `
rules:
  - { id: clock, action: shift, by: -30d, where: { path: header.timestamp } }
  - { id: prices, action: shift, by: 12, where: { path: '**.price' } }
`;

it('is compared as what it was made of, whatever fault is in it', () => {
  const directory = temporaryDirectory();
  const scenarios: readonly Scenario[] = [
    ...FAULT_KINDS.flatMap((_, run) =>
      [11, 12].map((seed) => makeScenario({ seed, run, size: 'single', dialects })),
    ),
    ...[0, 1, 2].map((run) => makeScenario({ seed: 11, run, size: 'many', dialects })),
  ];
  for (const [index, scenario] of scenarios.entries()) {
    const { dialect, faults } = scenario;
    const [plain, redacted] = ['a.capture', 'b.capture'].map((name) => join(directory, name));
    scenario.writeTo(plain ?? '');
    const report = redact(plain ?? '', redacted ?? '', dialect, RULES);
    expect(told(compare(redacted ?? '', dialect)), `${index} ${faults.join()}`).toEqual(
      told(compare(plain ?? '', dialect)),
    );
    expect(report.attempt).toBe(1);
    for (const path of [plain, redacted]) rmSync(path ?? '');
  }
});
