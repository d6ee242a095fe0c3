import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DIVERGENCE_KINDS, type DiffResult, type ResultCounts } from '../../../src/diff/types.ts';
import type { CaptureStep } from '../../support/capture-builder.ts';
import { dialect, diffScenario } from '../support.ts';
import { type Level, orderBook, pairSteps, rulesOf, trade } from './support.ts';
import { RulesJudge } from '../../../src/diff/rules/apply-rules.ts';
import { FieldUnits } from '../../../src/diff/rules/field-units.ts';

const RUNS = { numRuns: 30 };

/** What becomes of one message on its way: old, and what new made of it. */
type Pair = readonly [old: Uint8Array | undefined, fresh: Uint8Array | undefined];

const small = fc.integer({ min: 0, max: 3 }).map(BigInt);
const levels: fc.Arbitrary<readonly Level[]> = fc.array(fc.record({ price: small, size: small }), {
  maxLength: 4,
});

function pairOf(sequence: number): fc.Arbitrary<Pair> {
  const parts = { sequence, source: 1 + (sequence % 3) };
  const changes = fc.record({
    price: small.map((by) => 100n + by),
    executedNs: small.map((by) => 1_000n + by),
    checksum: fc.constantFrom('valid' as const, 'zero' as const),
  });
  const traded = changes.map((change): Pair => {
    const old = trade({ ...parts, price: 100n, executedNs: 1_000n });
    return [old, trade({ ...parts, ...change })];
  });
  const listed = fc.tuple(levels, levels, fc.boolean()).map(([bids, others, isTurned]): Pair => {
    const turned = isTurned ? bids.toReversed() : others;
    return [orderBook(bids, parts), orderBook(turned, parts)];
  });
  const lost = fc
    .constantFrom(true, false)
    .map((inOld): Pair => (inOld ? [trade(parts), undefined] : [undefined, trade(parts)]));
  return fc.oneof(
    { weight: 4, arbitrary: traded },
    { weight: 3, arbitrary: listed },
    { weight: 2, arbitrary: lost },
  );
}

const scenarios: fc.Arbitrary<{ readonly steps: CaptureStep[]; readonly sealed: boolean }> = fc
  .integer({ min: 1, max: 8 })
  .chain((count) =>
    fc.record({
      steps: fc
        .tuple(...Array.from({ length: count }, (_, at) => pairOf(at + 1)))
        .map((pairs) => pairSteps(pairs)),
      sealed: fc.nat(5).map((chance) => chance > 0),
    }),
  );

const where = fc.oneof(
  fc.constantFrom<Record<string, unknown>>(
    { kind: 'modified' },
    { kind: ['encoding', 'missing'] },
    { kind: 'extra', source: [1, 2] },
    { path: 'tlv[*].Trade.price' },
    { path: ['**.execution_timestamp_ns', 'header.checksum'], tlv: 'Trade' },
    { path: 'tlv[*].OrderBook.bids.elements[*].size' },
    { class: ['encoding', 'padding'] },
    { class: 'semantic', kind: 'modified', source: 2 },
    { group: 'Trade changed: tlv?.Trade.price'.replace('?', '*') },
    { group: '*checksum*', kind: 'encoding' },
    { group: 'OrderBook*', cause: 'unexplained' },
    { side: 'old', cause: '*' },
  ),
);
const body = fc.oneof(
  { weight: 3, arbitrary: where.map((each) => ({ action: 'ignore', where: each })) },
  fc
    .record({
      absolute: fc.constantFrom(1, '0.00000001', '2', '1ns', '2ns'),
      path: fc.constantFrom('tlv[*]', '**.price', '**.size', '**.execution_timestamp_ns'),
    })
    .map(({ absolute, path }) => ({ action: 'tolerate', absolute, where: { path } })),
  fc.constantFrom(
    { action: 'as-set', where: { path: 'tlv[*].OrderBook.bids' } },
    { action: 'as-map', key: 'price', where: { path: 'tlv[*].OrderBook.bids' } },
    { action: 'as-map', key: 'size', where: { path: 'tlv[*].OrderBook.*' } },
    { action: 'as-set', where: { path: 'tlv' } },
  ),
);
const ruleLists = fc
  .array(fc.record({ body, isExpired: fc.nat(5).map((chance) => chance === 0) }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((rules) =>
    rules.map(({ body: each, isExpired }, at) => ({
      id: `r${at}`,
      reason: 'x',
      ...each,
      ...(isExpired ? { expires: '2020-01-01' } : {}),
    })),
  );

function ruled(scenario: { readonly steps: CaptureStep[] }, rules: readonly object[]): DiffResult {
  return diffScenario(scenario, { rules: rulesOf(JSON.stringify({ rules })) });
}

const all = (divergences: ResultCounts['divergences']): number =>
  DIVERGENCE_KINDS.reduce((sum, kind) => sum + divergences[kind], 0);
const differences = (result: DiffResult): number =>
  result.divergences.reduce((sum, each) => sum + each.differences.length, 0);

test('rules lose nothing: what is told and what they swallowed is what was found', () => {
  fc.assert(
    fc.property(scenarios, ruleLists, (scenario, rules) => {
      const found = diffScenario(scenario);
      const left = ruled(scenario, rules);
      const { swallowed, ...counts } = left.counts;
      if (swallowed === undefined) throw new Error('nothing is counted');
      expect(all(counts.divergences) + all(swallowed.divergences)).toBe(
        all(found.counts.divergences),
      );
      expect(differences(left) + swallowed.differences).toBe(differences(found));
      const { divergences: _found, equivalent: _one, ...before } = found.counts;
      const { divergences: _left, equivalent: _other, ...after } = counts;
      expect(after).toEqual(before);
      // Each rule answers for its part, and no two of them for the same.
      const outcomes = left.rules ?? [];
      const sum = (key: 'divergences' | 'differences'): number =>
        outcomes.reduce((total, each) => total + each[key], 0);
      expect([sum('divergences'), sum('differences')]).toEqual([
        all(swallowed.divergences),
        swallowed.differences,
      ]);
      expect(left.swallowed).toHaveLength(all(swallowed.divergences) + swallowed.trimmed);
      expect(left.divergences.filter((each) => each.swallowed !== undefined)).toHaveLength(
        swallowed.trimmed,
      );
      if (found.verdict === 'inconclusive') expect(left.verdict).toBe('inconclusive');
      if (!scenario.sealed) expect(left.verdict).not.toBe('same');
    }),
    RUNS,
  );
});

/** All but which rule is named. */
function told(result: DiffResult): unknown {
  const divergences = result.divergences.map(({ swallowed, ...each }) => ({
    ...each,
    swallowed: swallowed?.map(({ path }) => path).sort(),
  }));
  return {
    divergences,
    groups: result.groups,
    counts: result.counts,
    verdict: result.verdict,
    swallowed: result.swallowed?.map(({ rules: _rules, ...each }) => each),
  };
}

test('the order of rules decides nothing but which of them is named, and expired ones do nothing', () => {
  fc.assert(
    fc.property(
      scenarios,
      ruleLists.chain((rules) =>
        fc.tuple(fc.constant(rules), fc.shuffledSubarray(rules, { minLength: rules.length })),
      ),
      (scenario, [rules, others]) => {
        expect(told(ruled(scenario, others))).toEqual(told(ruled(scenario, rules)));
        const holding = rules.filter((rule) => !('expires' in rule));
        expect(told(ruled(scenario, holding))).toEqual(told(ruled(scenario, rules)));
        const expired = rules.map((rule) => ({ ...rule, expires: '2020-01-01' }));
        expect(ruled(scenario, expired).divergences).toEqual(diffScenario(scenario).divergences);
      },
    ),
    RUNS,
  );
});

test('keeps a changed message that somebody else has left without differences', () => {
  const judge = new RulesJudge(rulesOf('rules: []'), {
    labelOf: () => 'one',
    causeOf: () => ({ name: 'unexplained', title: 'x' }),
    units: new FieldUnits({ old: dialect, new: dialect }),
  });
  const finding = {
    kind: 'modified',
    connection: 1,
    old: undefined,
    new: undefined,
    timeNs: 0,
    subject: 'Trade',
    detail: 'x',
    title: 'x',
    differences: [],
    loss: undefined,
    ownCause: undefined,
  } as const;
  expect(judge.keep(finding)).toBe(finding);
});
