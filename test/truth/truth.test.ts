/** A little of `npm run truth`, and the judge itself: it must see whatever is wrong with a result. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import type { DiffResult, Divergence } from '../../src/diff/types.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { judge } from './judge.ts';
import { describe as words, precision, recall, runScenarios, type TruthAccount } from './run.ts';
import {
  FAULT_KINDS,
  type FaultKind,
  makeScenario,
  type Scenario,
  type ScenarioSize,
} from './scenario.ts';

const protocol = loadBuiltInProtocol();
const dialects = protocol.dialectNames.map((name) => protocol.dialect(name));

function run(size: ScenarioSize, runs: number): { account: TruthAccount; failures: string[] } {
  const failures: string[] = [];
  const account = runScenarios({
    seed: 2026,
    first: 0,
    runs,
    size,
    dialects,
    directory: temporaryDirectory(),
    report: (failure) => failures.push(words(failure)),
  });
  return { account, failures };
}

describe('the differ against the truth', () => {
  it('finds every single fault, once, with its kind and field, and nothing else', () => {
    const { account, failures } = run('single', 4 * FAULT_KINDS.length);
    expect(failures).toEqual([]);
    const never = [...account.byKind].filter(
      ([kind, { faults }]) => kind !== 'none' && faults === 0,
    );
    expect(never).toEqual([]);
    expect(account.total.expected).toBeGreaterThan(300);
  });

  it('finds at least 0.99 of up to a hundred faults in one stream, and invents no more than 0.01', () => {
    const { total } = run('many', 8).account;
    expect(total.expected).toBeGreaterThan(500);
    expect(recall(total)).toBeGreaterThanOrEqual(0.99);
    expect(precision(total)).toBeGreaterThanOrEqual(0.99);
  });
});

function found(kind: FaultKind): { scenario: Scenario; result: DiffResult } {
  for (let seed = 1; ; seed++) {
    const scenario = makeScenario({ seed, run: 0, size: 'single', dialects, kind });
    if (scenario.expected.length === 0) continue;
    const path = join(temporaryDirectory(), 'a.capture');
    scenario.writeTo(path);
    const reader = openCapture(path);
    const { dialect } = scenario;
    const result = diffCapture(reader, { oldDialect: dialect, newDialect: dialect });
    reader.close();
    return { scenario, result };
  }
}

function verdictOf(kind: FaultKind, change: (divergence: Divergence) => Divergence[]): string {
  const { scenario, result } = found(kind);
  const divergences = result.divergences.flatMap(change);
  const { missed, invented } = judge(scenario, { ...result, divergences });
  return `${missed.length} missed, ${invented.length} invented`;
}

describe('the judge', () => {
  it.each(['drop', 'flip', 'move', 'tlv-added', 'garbage'] as const)(
    'accepts a right report of %s',
    (kind) => {
      expect(verdictOf(kind, (one) => [one])).toBe('0 missed, 0 invented');
    },
  );

  it.each(['drop', 'flip', 'move', 'garbage'] as const)(
    'misses a report of %s that is not there',
    (kind) => {
      expect(verdictOf(kind, () => [])).toBe('1 missed, 0 invented');
    },
  );

  it('counts what is reported twice as invented', () => {
    expect(verdictOf('flip', (one) => [one, { ...one }])).toBe('0 missed, 1 invented');
  });

  it('wants the kind', () => {
    expect(verdictOf('flip', (one) => [{ ...one, kind: 'encoding' }])).toBe('1 missed, 1 invented');
    expect(verdictOf('drop', (one) => [{ ...one, kind: 'defect' }])).toBe('1 missed, 1 invented');
  });

  it('wants the place', () => {
    const moved = (one: Divergence): Divergence[] => [
      {
        ...one,
        old: one.old && { ...one.old, offset: one.old.offset + 1 },
        new: one.new && { ...one.new, offset: one.new.offset + 1 },
      },
    ];
    expect(verdictOf('drop', moved)).toBe('1 missed, 1 invented');
    expect(verdictOf('flip', moved)).toBe('1 missed, 1 invented');
  });

  it('wants the field, and no other one', () => {
    const [other] = [
      {
        path: 'header.nothing',
        old: '1',
        new: '2',
        bytes: { offset: 0, length: 1 },
        class: 'semantic' as const,
      },
    ];
    expect(verdictOf('flip', (one) => [{ ...one, differences: [other] }])).toBe(
      '1 missed, 1 invented',
    );
    expect(verdictOf('flip', (one) => [{ ...one, differences: [...one.differences, other] }])).toBe(
      '1 missed, 1 invented',
    );
  });

  it('wants the distance of what it cannot match by place alone', () => {
    const swapped = (one: Divergence): Divergence[] => [
      { ...one, distance: (one.distance ?? 0) + 1, old: one.new, new: one.old },
    ];
    expect(verdictOf('move', swapped)).toBe('1 missed, 1 invented');
  });
});
