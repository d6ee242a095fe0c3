/** What each action and each selector does to the divergences of real captures. */
import { describe, expect, it } from 'vitest';
import type { DiffResult, RuleOutcome } from '../../../src/diff/types.ts';
import { delivers, diffScenario, sends } from '../support.ts';
import {
  diffPairs,
  orderBook,
  orderBookFields,
  message,
  rulesOf,
  trade,
  tradeTlv,
} from './support.ts';
import { testFrame } from '../../support/frames.ts';

function rule(parts: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ rules: [{ id: 'r', action: 'ignore', reason: 'why', ...parts }] });
}

function outcome(result: DiffResult, id = 'r'): RuleOutcome | undefined {
  return result.rules?.find((each) => each.id === id);
}

const paths = (result: DiffResult): readonly string[] =>
  result.divergences.flatMap(({ differences }) => differences.map(({ path }) => path));

const PRICE = 'tlv[0].Trade.price';
const same = trade({ sequence: 1 });
const cheap = trade({ sequence: 2 });
const dear = trade({ sequence: 2, price: 4_500_001_000_000n });
const dearAndLater = trade({ sequence: 2, price: 4_500_001_000_000n, executedNs: 9n });

describe('a rule that takes whole divergences', () => {
  it('leaves the verdict same, and the reason says what it rests on', () => {
    const result = diffPairs(
      [
        [same, same],
        [cheap, undefined],
      ],
      rule({ where: { kind: 'missing' } }),
    );
    expect(result.verdict).toBe('same');
    expect(result.reason).toBe(
      'But for what rules swallow, old and new delivered the same 1 message; 1 rule swallowed 1 divergence.',
    );
    expect(result.counts.divergences.missing).toBe(0);
    expect(result.counts.swallowed).toMatchObject({ divergences: { missing: 1 }, trimmed: 0 });
    expect(result.swallowed).toEqual([
      {
        rules: ['r'],
        kind: 'missing',
        connection: 1,
        old: 1,
        new: null,
        differences: 0,
        whole: true,
      },
    ]);
    expect(outcome(result)).toMatchObject({
      state: 'used',
      divergences: 1,
      differences: 0,
      first: { subject: 'Trade', identity: { sequence: '2' }, old: { ordinal: 1 }, new: null },
    });
    expect(result.groups).toEqual([]);
    expect(result.connections[0]?.divergences).toBe(0);
  });

  it('swallows nothing once it has expired, and says so', () => {
    const text = rule({ where: { kind: 'missing' }, expires: '2026-07-30' });
    const result = diffPairs(
      [
        [same, same],
        [cheap, undefined],
      ],
      text,
    );
    expect(result.verdict).toBe('different');
    expect(result.reason).toContain('1 rule has expired and swallowed nothing');
    expect(outcome(result)).toMatchObject({ state: 'expired', divergences: 0, first: null });
  });

  it('never makes data that nobody can judge agree', () => {
    const result = diffScenario(
      {
        sealed: false,
        steps: [
          ...sends(1, same, cheap),
          ...delivers('old', [1], same, cheap),
          ...delivers('new', [1], same),
        ],
      },
      { rules: rulesOf(rule({ where: { kind: ['missing', 'extra', 'defect', 'connection'] } })) },
    );
    expect(result.verdict).toBe('inconclusive');
    expect(outcome(result)?.divergences).toBe(0);
    expect(result.counts.gaps.frames).toBe(1);
  });

  it.each([
    ['kind', 'missing', 'extra'],
    ['side', 'old', 'new'],
    ['connection', 'pub*', 'dash*'],
    ['connection', '1', '2'],
    ['domain', 'MarketData', 'Signal'],
    ['domain', '1', '2'],
    ['source', 'PolygonCollector', 'KrakenCollector'],
    ['source', '4', '5'],
    ['tlv', 'Trade', 'Quote'],
    ['tlv', '1', '2'],
    ['cause', 'un*', 'other-domain'],
    ['group', 'Trade missing from new', 'Trade missing'],
    ['group', 'Trade * new', 'Quote *'],
  ])('selects by %s: %s, not %s', (selector, word, other) => {
    const pairs = [
      [same, same],
      [cheap, undefined],
    ] as const;
    const swallowed = (words: string | readonly string[]): number | undefined =>
      outcome(diffPairs(pairs, rule({ where: { [selector]: words } })))?.divergences;
    expect([swallowed(word), swallowed(other), swallowed([other, word])]).toEqual([1, 0, 1]);
  });

  it('selects bytes that are no frame by the message that they began', () => {
    const steps = [
      ...sends(1, cheap.subarray(0, 40), cheap.subarray(40)),
      ...delivers('old', [1], cheap),
      ...delivers('new', [1], cheap.subarray(0, 40)),
      { connection: 1, stream: 'new', bytes: same } as const,
      ...sends(1, same),
      ...delivers('old', [1], same),
    ];
    const found = diffScenario({ steps });
    expect(found.counts.divergences.defect).toBeGreaterThan(0);
    const text = rule({ where: { tlv: 'Trade', kind: 'defect' } });
    const result = diffScenario({ steps }, { rules: rulesOf(text) });
    expect(result.counts.divergences.defect).toBe(0);
  });

  it('selects connection divergences by the side that closed', () => {
    const steps = [
      ...sends(1, same),
      ...delivers('old', [1], same),
      ...delivers('new', [1], same),
      { connection: 1, event: 'close', on: 'new' } as const,
      { waitMs: 3_000 },
      ...sends(1, cheap),
      ...delivers('old', [1], cheap),
      { waitMs: 3_000 },
      ...sends(1, dear),
      ...delivers('old', [1], dear),
    ];
    const kinds = (side: string): number =>
      diffScenario({ steps }, { rules: rulesOf(rule({ where: { kind: 'connection', side } })) })
        .counts.divergences.connection;
    expect([kinds('old'), kinds('new')]).toEqual([1, 0]);
  });
});

describe('a rule about fields', () => {
  it('takes its differences and leaves the others, which give the divergence its name', () => {
    const result = diffPairs(
      [[cheap, dearAndLater]],
      rule({ where: { path: 'tlv[*].Trade.price' } }),
    );
    expect(paths(result)).toEqual(['tlv[0].Trade.execution_timestamp_ns']);
    expect(result.divergences[0]).toMatchObject({
      kind: 'modified',
      detail: expect.stringContaining('changed in new: tlv[].Trade.execution_timestamp_ns'),
      swallowed: [{ rule: 'r', path: PRICE }],
    });
    expect(result.groups[0]?.title).toBe('Trade changed: tlv[].Trade.execution_timestamp_ns');
    expect(result.counts.swallowed).toMatchObject({ differences: 1, trimmed: 1 });
    expect(result.reason).toContain('1 rule swallowed a part of 1 other');
    expect(outcome(result)).toMatchObject({
      divergences: 0,
      trimmed: 1,
      differences: 1,
      first: { differences: [{ path: PRICE, old: '4500000000000', new: '4500001000000' }] },
    });
  });

  it('swallows a divergence together with others, and it counts for the first', () => {
    const rules = [
      { id: 'a', action: 'ignore', reason: 'x', where: { path: 'tlv[*].Trade.*_timestamp_ns' } },
      { id: 'b', action: 'ignore', reason: 'x', where: { path: 'tlv[0].Trade.price' } },
    ];
    const result = diffPairs([[cheap, dearAndLater]], JSON.stringify({ rules }));
    expect(result.verdict).toBe('same');
    expect(result.rules).toMatchObject([
      { id: 'a', divergences: 1, differences: 1 },
      { id: 'b', divergences: 0, differences: 1 },
    ]);
    expect(result.swallowed?.[0]).toMatchObject({ rules: ['a', 'b'], differences: 2 });
  });

  it('may leave a difference of encoding only, which rules about encoding see', () => {
    const fresh = trade({ sequence: 2, price: 4_500_001_000_000n, checksum: 'valid' });
    const price = { id: 'a', action: 'ignore', reason: 'x', where: { path: 'tlv[*].Trade.price' } };
    const encoding = { id: 'b', action: 'ignore', reason: 'x', where: { kind: 'encoding' } };
    const one = diffPairs([[cheap, fresh]], JSON.stringify({ rules: [price] }));
    expect(one.counts).toMatchObject({ divergences: { modified: 0, encoding: 1 }, equivalent: 1 });
    for (const rules of [
      [price, encoding],
      [encoding, price],
    ]) {
      const both = diffPairs([[cheap, fresh]], JSON.stringify({ rules }));
      expect(both.verdict).toBe('same');
      expect(both.counts.swallowed?.divergences.modified).toBe(1);
    }
  });

  it.each([
    ['tlv[*].Trade', true],
    ['tlv[*]', true],
    ['tlv[].Trade.price', true],
    ['**.price', true],
    ['tlv[*].*.price', true],
    ['tlv[0].Trade.pri*', true],
    ['tlv[1].Trade.price', false],
    ['header', false],
    ['tlv[*].Trade.volume', false],
    ['tlv[*].Quote', false],
  ])('selects by the path %s: %s', (path, does) => {
    expect(diffPairs([[cheap, dear]], rule({ where: { path } })).verdict).toBe(
      does ? 'same' : 'different',
    );
  });

  it('selects by class', () => {
    const written = trade({ sequence: 2, checksum: 'valid' });
    const verdicts = (word: string): string =>
      diffPairs([[cheap, written]], rule({ where: { class: word } })).verdict;
    expect([verdicts('encoding'), verdicts('padding')]).toEqual(['same', 'different']);
  });

  it('tolerates what is close, in the unit of the field, and says what it cannot measure', () => {
    const tolerate = (parts: object, where: object = { path: 'tlv[*].Trade.price' }): DiffResult =>
      diffPairs([[cheap, dear]], rule({ action: 'tolerate', ...parts, where }));
    expect(tolerate({ absolute: '0.01' }).verdict).toBe('same');
    expect(tolerate({ absolute: '0.00999999' }).verdict).toBe('different');
    expect(tolerate({ relative: '0.00001%', absolute: '0.01' }).verdict).toBe('same');
    expect(tolerate({ relative: '0.00001%' }).verdict).toBe('different');
    expect(outcome(tolerate({ absolute: '1s' }))).toMatchObject({ state: 'unused', unmeasured: 1 });
  });
});

describe('lists whose order means nothing', () => {
  const level = (price: bigint, size: bigint): { price: bigint; size: bigint } => ({ price, size });
  const book = [level(30n, 1n), level(20n, 2n), level(10n, 3n)];
  const turned = [level(10n, 3n), level(30n, 1n), level(20n, 2n)];
  const grown = [level(10n, 3n), level(30n, 5n), level(20n, 2n)];
  const BIDS = 'tlv[*].OrderBook.bids';
  const asMap = { action: 'as-map', key: 'price', where: { path: BIDS } };

  it('agree as sets and as maps, whatever the order', () => {
    for (const parts of [{ action: 'as-set', where: { path: BIDS } }, asMap]) {
      const result = diffPairs([[orderBook(book), orderBook(turned)]], rule(parts));
      expect(result.verdict).toBe('same');
      expect(outcome(result)).toMatchObject({ divergences: 1, differences: 6, trimmed: 0 });
    }
  });

  it('tell by their key what changed, and other rules judge that', () => {
    const pairs = [[orderBook(book), orderBook(grown)]] as const;
    const result = diffPairs(pairs, rule(asMap));
    expect(result.divergences[0]).toMatchObject({
      kind: 'modified',
      differences: [{ path: 'tlv[0].OrderBook.bids.elements[0].size', old: '1', new: '5' }],
      swallowed: [{ rule: 'r', path: 'tlv[0].OrderBook.bids' }],
    });
    expect(outcome(result)).toMatchObject({ divergences: 0, trimmed: 1, differences: 5 });
    const rules = [
      { id: 'close', action: 'tolerate', absolute: 4, reason: 'x', where: { path: BIDS } },
      { id: 'r', reason: 'x', ...asMap },
    ];
    const close = diffPairs(pairs, JSON.stringify({ rules }));
    expect(close.verdict).toBe('same');
    expect(close.rules).toMatchObject([{ divergences: 1 }, { divergences: 0, differences: 5 }]);
  });

  it('keep their places where that says less', () => {
    const changed = [level(30n, 1n), level(20n, 9n), level(10n, 3n)];
    const result = diffPairs(
      [[orderBook(book), orderBook(changed)]],
      rule({ action: 'as-set', where: { path: BIDS } }),
    );
    expect(paths(result)).toEqual(['tlv[0].OrderBook.bids.elements[1].size']);
    expect(outcome(result)?.state).toBe('unused');
  });

  it('are left alone behind a TLV that only one side has', () => {
    const list = { type: 3, fields: orderBookFields([level(1n, 1n)]) };
    const other = { type: 202, fields: { raw: '01' } };
    const grownList = { type: 3, fields: orderBookFields([level(2n, 2n)]) };
    const pair = [message([list]), message([other, grownList])] as const;
    const places = (parts: Readonly<Record<string, unknown>>): readonly string[] =>
      paths(diffPairs([pair], rule(parts)));
    expect(places(asMap)).toEqual(paths(diffPairs([pair])));
    expect(places({ action: 'as-set', where: { path: BIDS } })).toEqual(paths(diffPairs([pair])));
  });

  it('may be the TLVs of a message', () => {
    const trades = [tradeTlv(), tradeTlv({ price: 1n }), { type: 202, fields: { raw: '0102' } }];
    const [one, two, other] = trades.map((tlv) => [tlv] as const);
    if (one === undefined || two === undefined || other === undefined) throw new Error('no TLVs');
    const old = message([...one, ...two, ...other]);
    const fresh = message([...other, ...two, ...one]);
    expect(diffPairs([[old, fresh]]).verdict).toBe('different');
    const result = diffPairs([[old, fresh]], rule({ action: 'as-set', where: { path: 'tlv' } }));
    expect(result.verdict).toBe('same');
  });

  it('are not compared in another way by an expired rule, nor for other messages', () => {
    const pairs = [[orderBook(book), orderBook(turned)]] as const;
    const verdict = (parts: object): string =>
      diffPairs(pairs, rule({ ...asMap, ...parts })).verdict;
    expect(verdict({ expires: '2026-01-01' })).toBe('different');
    expect(verdict({ where: { path: BIDS, tlv: 'Trade' } })).toBe('different');
  });
});

it('causes are found from all that was lost, so a rule about one group changes no other', () => {
  const steps = [
    ...sends(1, ...Array.from({ length: 4 }, (_, at) => testFrame(10 + at, { domain: 2 }))),
    ...delivers(
      'old',
      [1],
      ...Array.from({ length: 4 }, (_, at) => testFrame(10 + at, { domain: 2 })),
    ),
    ...Array.from({ length: 4 }, (_, at) => testFrame(20 + at)).flatMap((bytes) => [
      ...sends(1, bytes),
      ...delivers('old', [1], bytes),
      ...delivers('new', [1], bytes),
    ]),
  ];
  const found = diffScenario({ steps });
  const [group] = found.groups;
  expect(group?.cause).toBe('other-domain');
  const where = { kind: 'missing', cause: 'other-domain', group: group?.title };
  const result = diffScenario({ steps }, { rules: rulesOf(rule({ where })) });
  expect(result.verdict).toBe('same');
  expect(outcome(result)?.divergences).toBe(4);
});
