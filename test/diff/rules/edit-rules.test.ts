import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  type GroupRule,
  idForGroup,
  ruleOfGroup,
  rulesIn,
  withGroupRule,
  withoutRule,
} from '../../../src/diff/rules/edit-rules.ts';
import { rulesOf } from './support.ts';

const RULE: GroupRule = {
  id: 'missing-trade',
  reason: 'known: TORQ-118',
  owner: 'ops',
  expires: '2026-12-31',
  group: { kind: 'missing', cause: 'unexplained', title: 'Trade missing from new' },
};

const FILE = `# Rules of the desk.

rules:
  # Why this is here.
  - id: padding # never remove
    action: ignore
    reason: "padding means nothing"
    where: { class: padding } # flow

  # The second.
  - id: close-enough
    action: tolerate
    absolute: 0.1000000000000000000001
    reason: 'long ${'words '.repeat(30)}'
    where:
      path: [header.timestamp, 'tlv[*].Trade.price']
# The end.
`;

describe('a rules file that review writes into', () => {
  it('keeps every word of what was there, and ends with the new rule', () => {
    const text = withGroupRule(FILE, RULE);
    const lines = text.split('\n');
    for (const line of FILE.split('\n')) expect(lines).toContain(line);
    expect(text).toContain(`
  - id: missing-trade
    action: expect
    reason: 'known: TORQ-118'
    owner: ops
    expires: 2026-12-31
    where:
      kind: missing
      cause: unexplained
      group: Trade missing from new
`);
    expect(rulesOf(text).rules.map(({ id }) => id)).toEqual([
      'padding',
      'close-enough',
      'missing-trade',
    ]);
    expect(withoutRule(text, 'missing-trade')).toBe(FILE);
    expect(withoutRule(FILE, 'missing-trade')).toBe(FILE);
  });

  it('keeps lists where they stand', () => {
    const flat = 'rules:\n- id: a\n  action: ignore\n  reason: x\n  where:\n    kind: late\n';
    const text = withGroupRule(flat, RULE);
    expect(text.startsWith(flat)).toBe(true);
    expect(text).toContain('\n- id: missing-trade\n  action: expect\n');
  });

  it.each(['', '# only a comment\n', 'rules:\n', 'rules: []\n', 'rules: [] # none\n'])(
    'may have been %j',
    (before) => {
      const text = withGroupRule(before, RULE);
      expect(rulesOf(text).rules).toMatchObject([{ id: 'missing-trade', owner: 'ops' }]);
      expect(text).toContain('\n  - id: missing-trade\n    action: expect\n');
      const comment = /#.*/.exec(before)?.[0];
      expect(text).toContain(comment ?? 'rules:');
      expect(rulesOf(withoutRule(text, 'missing-trade')).rules).toEqual([]);
    },
  );

  it('renews a rule in its place, with the comment above it', () => {
    const first = withGroupRule(FILE, { ...RULE, id: 'padding', expires: '2027-01-01' });
    expect(rulesOf(first).rules.map(({ id, expires }) => [id, expires])).toEqual([
      ['padding', '2027-01-01'],
      ['close-enough', undefined],
    ]);
    expect(first).toContain('  # Why this is here.\n  - id: padding\n');
  });

  it('selects its group and no other, whatever is written in the title or the reason', () => {
    const word = fc.oneof(
      fc.string({ minLength: 1, maxLength: 40 }),
      fc.string({ unit: fc.constantFrom('*', '\\', ' ', ':', '#', 'a', "'", '"', '\n', '-') }),
      fc.constantFrom('yes', '12', '0.1', 'null', '~', '2026-01-01', '- a', '{a: b}', '|', '>'),
    );
    const words = word.map((text) => text.trim()).filter((text) => text !== '');
    fc.assert(
      fc.property(words, words, words, words, (title, other, reason, owner) => {
        const group = { ...RULE.group, title };
        const text = withGroupRule(FILE, { ...RULE, reason, owner, group });
        const rule = rulesOf(text).rules[2];
        expect(rule).toMatchObject({ reason, owner });
        expect(rule?.selectsGroup?.(title)).toBe(true);
        expect(rule?.selectsGroup?.(other)).toBe(other === title);
        expect(ruleOfGroup(rulesIn('rules.yaml', text), group)?.shape.id).toBe(RULE.id);
        // Other readers of YAML see the same texts.
        expect(parse(text).rules[2]).toMatchObject({ reason, owner, expires: RULE.expires });
      }),
      { numRuns: 300 },
    );
  });
});

it('gives a rule an id that says what it is, and that nobody has', () => {
  const group = {
    kind: 'missing',
    cause: 'read-began-inside-a-frame',
    title: 'PoolSwap missing',
  } as const;
  const id = idForGroup(group, new Set());
  expect(id).toBe('missing-poolswap-read-began-inside-a-frame');
  expect(idForGroup(group, new Set([id, `${id}-2`]))).toBe(`${id}-3`);
  const odd = { kind: 'defect', cause: 'ö', title: '"%&/' } as const;
  expect(idForGroup(odd, new Set())).toMatch(/^[a-z0-9][a-z0-9-]*$/);
});
