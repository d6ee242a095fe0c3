import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { mistakesIn, rulesOf } from './support.ts';

const validate = new Ajv2020({
  strict: true,
  strictRequired: false,
  strictTypes: false,
  allowUnionTypes: true,
}).compile(
  JSON.parse(
    readFileSync(new URL('../../../schemas/json/rules.schema.json', import.meta.url), 'utf8'),
  ),
);

const RULE = { id: 'a', action: 'ignore', reason: 'because', where: { kind: 'late' } };

function fileWith(...rules: readonly object[]): string {
  return JSON.stringify({ rules });
}

describe('a rules file', () => {
  it('is told all its mistakes at once, each with its place and what was meant', () => {
    const text = [
      'rules:',
      '  - id: first',
      '    action: ignroe',
      '    reason: x',
      '    where: { kind: modified }',
      '  - id: second',
      '    action: expect',
      '    reasn: typo',
      '    where:',
      '      kinds: missing',
      '  - id: third',
      '    action: tolerate',
      '    reason: y',
      '    absolute: 5 minutes',
      '    where:',
      '      path: [header.timestamp, "tlv[*].Trade.prcie", "tlv[x].Trade"]',
      '      tlv: Trde',
      '      side: new',
      '  - id: third',
      '    action: expect',
      '    reason: z',
      '    owner: me',
      '    expires: 2026-02-30',
      '    where: {}',
      '  - just a text',
      '  - { id: fourth, action: ignore, reason: r, where: { kind: [missing, extr], domain: Sginal, source: 300 } }',
    ].join('\n');
    expect(mistakesIn(text)).toEqual([
      'rules.yaml:3:13: rules[0].action: expected one of ignore, tolerate, as-set, as-map, expect, did you mean "ignore"?',
      'rules.yaml:6:5: missing key "reason"',
      'rules.yaml:8:5: unknown key "reasn", did you mean "reason"?',
      'rules.yaml:10:7: unknown key "kinds", did you mean "kind"?',
      'rules.yaml:14:15: "5 minutes" is no distance; write a number in the unit of the field (0.01), or a time (5ms, 10us, 1s)',
      'rules.yaml:16:32: no dialect has "prcie" in tlv.Trade, did you mean "price"?',
      'rules.yaml:16:54: "[x]" is no position; write [*] or a number',
      'rules.yaml:17:12: no dialect has a tlv "Trde", did you mean "Trade"?',
      'rules.yaml:18:7: tolerate cannot select by side',
      'rules.yaml:19:9: another rule is called "third" (rules.yaml:11)',
      'rules.yaml:23:14: "2026-02-30" is no date; write it as 2026-12-31',
      'rules.yaml:24:12: where is empty: it would select every divergence there is',
      'rules.yaml:25:5: rules[4]: expected a rule: a map of id, action, reason and where',
      'rules.yaml:26:71: "extr" is no kind, did you mean "extra"?',
      'rules.yaml:26:86: no dialect has a domain "Sginal", did you mean "Signal"?',
      'rules.yaml:26:102: no dialect has a source "300"',
    ]);
  });

  it('is told of names that no dialect has, in paths, too', () => {
    const paths = ['header.timestmap', 'tlv[*].Trade.prcie', 'tlv[*].Trde.price', 'tvl[0]'];
    const where = { path: [...paths, 'tlv[*].OrderBook.bids.elements[*].sise', 'a b', 'tlv[x]'] };
    expect(
      mistakesIn(fileWith({ ...RULE, where })).map((line) => line.replace(/^\S+ /, '')),
    ).toEqual([
      'no dialect has "timestmap" in header, did you mean "timestamp"?',
      'no dialect has "prcie" in tlv.Trade, did you mean "price"?',
      'no dialect has "Trde" in tlv, did you mean "Trade"?',
      'no dialect has "tvl" in a message, did you mean "tlv"?',
      'no dialect has "sise" in tlv.OrderBook.bids.elements, did you mean "size"?',
      '"a b" is no path; write it as the report does: tlv[*].Trade.price, header.timestamp',
      '"[x]" is no position; write [*] or a number',
    ]);
  });

  it('is told of keys that the elements of its lists cannot have', () => {
    const map = { ...RULE, action: 'as-map', where: { path: 'tlv[*].OrderBook.bids' } };
    expect(mistakesIn(fileWith({ ...map, key: ['price', 'sise'] }))).toEqual([
      expect.stringContaining('no dialect has "sise" in tlv.OrderBook.bids, did you mean "size"?'),
    ]);
  });

  it('tells rules apart by their ids over all files, and ends at 1,000 rules', () => {
    expect(mistakesIn(fileWith(RULE, { ...RULE }))).toEqual([
      'rules.yaml:1:89: another rule is called "a" (rules.yaml:1)',
    ]);
    const many = Array.from({ length: 1_001 }, (_, at) => ({ ...RULE, id: `r${at}` }));
    expect(mistakesIn(fileWith(...many))).toEqual([
      'rules.yaml:1:11: 1001 rules, at most 1000 are allowed',
    ]);
  });

  it('may be empty, or say that there are no rules', () => {
    for (const text of ['', '# nothing yet\n', 'rules: []', 'rules:\n'])
      expect(rulesOf(text).rules).toEqual([]);
    expect(mistakesIn('rules: [')).toHaveLength(1);
    expect(mistakesIn('[]')).toEqual(['rules.yaml:1:1: expected a map with the key rules']);
    expect(mistakesIn('ruels: []')).toEqual(
      expect.arrayContaining(['rules.yaml:1:1: unknown key "ruels", did you mean "rules"?']),
    );
  });

  it('expires with the day after its last', () => {
    const on = (expires: string): boolean | undefined =>
      rulesOf(fileWith({ ...RULE, expires })).rules[0]?.isExpired;
    expect([on('2026-07-30'), on('2026-07-31'), on('2026-08-01')]).toEqual([true, false, false]);
  });
});

describe('the published schema', () => {
  const expected = { ...RULE, action: 'expect', owner: 'me', expires: '2026-12-31' };
  const tolerated = { ...RULE, action: 'tolerate', where: { path: 'header.timestamp' } };
  const mapped = { ...RULE, action: 'as-map', where: { path: 'tlv' }, key: 'type' };
  const good = [
    RULE,
    expected,
    { ...expected, where: { group: 'Trade *', kind: ['missing', 'defect'], cause: '*' } },
    { ...tolerated, absolute: 5 },
    { ...tolerated, absolute: '5ms', relative: '0.1%' },
    { ...tolerated, relative: 0.01 },
    mapped,
    { ...mapped, key: ['type', 'length'] },
    { ...RULE, action: 'as-set', where: { path: ['tlv[*].OrderBook.bids', 'tlv'] } },
    {
      ...RULE,
      where: { domain: 1, source: [4, 'KrakenCollector'], tlv: 'Trade', class: 'padding' },
    },
    { ...RULE, where: { connection: ['collector-*', 3], side: 'new' } },
  ];
  const bad = [
    { ...RULE, id: '' },
    { ...RULE, id: '-x' },
    { ...RULE, id: undefined },
    { ...RULE, reason: undefined },
    { ...RULE, reason: '' },
    { ...RULE, where: undefined },
    { ...RULE, where: {} },
    { ...RULE, where: { kind: [] } },
    { ...RULE, where: { kind: 'modify' } },
    { ...RULE, where: { side: 'both' } },
    { ...RULE, where: { class: 'meaning' } },
    { ...RULE, where: { nothing: 'x' } },
    { ...RULE, where: { group: 'x', path: 'tlv' } },
    { ...RULE, where: { group: 'x', class: 'padding' } },
    { ...RULE, action: 'forgive' },
    { ...RULE, absolute: 5 },
    { ...RULE, relative: '1%' },
    { ...RULE, key: 'price' },
    { ...RULE, expires: 'tomorrow' },
    { ...RULE, more: 1 },
    { ...expected, owner: undefined },
    { ...expected, expires: undefined },
    tolerated,
    { ...tolerated, absolute: '5 minutes' },
    { ...tolerated, absolute: -1 },
    { ...tolerated, relative: '1/3' },
    { ...tolerated, absolute: 1, where: { kind: 'modified' } },
    { ...tolerated, absolute: 1, where: { path: 'header', kind: 'modified' } },
    { ...mapped, key: undefined },
    { ...mapped, where: { path: 'tlv', class: 'padding' } },
    { ...mapped, where: { tlv: 'Trade' } },
  ];

  it.each(good)('and the reader accept %j', (rule) => {
    const text = fileWith(rule);
    expect([mistakesIn(text), validate(parse(text))]).toEqual([[], true]);
  });

  it.each(bad)('and the reader refuse %j', (rule) => {
    const text = fileWith(rule);
    expect([mistakesIn(text).length > 0, validate(parse(text))]).toEqual([true, false]);
  });

  it('and the reader accept the example', () => {
    const file = new URL('../../../examples/rules.yaml', import.meta.url);
    const text = readFileSync(file, 'utf8');
    expect([mistakesIn(text), validate(parse(text))]).toEqual([[], true]);
    const actions = new Set(rulesOf(text).rules.map(({ action }) => action));
    expect(actions.size).toBe(5);
  });
});
