import { describe, expect, it } from 'vitest';
import {
  type Effect,
  parseExpiry,
  type ReviewOptions,
  ReviewSession,
} from '../../src/report/review-session.ts';
import { renderReview } from '../../src/report/review-text.ts';
import { sampleResult } from './sample-result.ts';

const TODAY = '2026-07-31';
const OPTIONS: ReviewOptions = {
  today: TODAY,
  owner: 'ann',
  expires: '2026-10-29',
  ids: ['taken'],
  idOf: () => undefined,
  isAccepted: () => false,
};

interface Played {
  readonly session: ReviewSession;
  readonly said: string;
  readonly effects: readonly Effect[];
}

function play(answers: readonly string[], options: Partial<ReviewOptions> = {}): Played {
  const session = new ReviewSession(sampleResult, { ...OPTIONS, ...options });
  const said: string[] = [];
  const effects: Effect[] = [];
  for (const answer of answers) {
    const { show, prompt } = session.ask();
    const { say, effect } = session.answer(answer);
    said.push(...show, prompt + answer, ...say);
    if (effect !== undefined) effects.push(effect);
  }
  return { session, said: said.join('\n'), effects };
}

const ids = (groups: readonly { readonly id: string }[]): readonly string[] =>
  groups.map(({ id }) => id);

describe('a review', () => {
  it('shows title, cause, evidence and the first divergence with its differences', () => {
    const { said } = play(['s', 'more']);
    expect(said).toContain(`
Group 1 of 6: Trade missing from new: a chunk with its bytes began inside a frame
  kind      missing, 24 divergences
  cause     read-began-inside-a-frame: consistent with a relay that drops reads which do not begin with a header
  evidence  24 of 24 lost messages have bytes in a chunk that begins inside a frame; 0 of 576 forwarded ones do.
  d1        connection 2 (burst-publisher): Trade forwarded by old is missing in new: its read began inside a frame.
`);
    expect(said).toContain('tlv[0].Trade.price: old 4500012000000, new 4500112000000');
    expect(said.match(/^ {2}d2\d /gm)).toHaveLength(4);
  });

  it('asks who accepts what, why and until when, and remembers the answers', () => {
    const { session, effects, said } = play([
      'a',
      '',
      '',
      '',
      'a',
      'new prices',
      'bob',
      '30d',
      'a',
      'x',
      '',
      '',
    ]);
    expect(effects).toMatchObject([
      {
        kind: 'write',
        rules: [
          {
            id: 'missing-trade-read-began-inside-a-frame',
            reason: 'consistent with a relay that drops reads which do not begin with a header',
            owner: 'ann',
            expires: '2026-10-29',
            group: { id: 'g1' },
          },
        ],
      },
      { rules: [{ reason: 'new prices', owner: 'bob', expires: '2026-08-30' }] },
      { rules: [{ reason: 'x', owner: 'bob', expires: '2026-08-30' }] },
    ]);
    expect(said).toContain('until, a date or days [2026-08-30]: ');
    expect(ids(session.summary().accepted.map(({ group }) => group))).toEqual(['g1', 'g2', 'g3']);
  });

  it('wants a reason for what nothing explains, a day to come, and an owner', () => {
    const { session, said } = play(
      ['s', 'a', '', 'ok', '', 'me', '2026-07-30', 'soon', '2026-07-31'],
      {
        owner: '',
      },
    );
    expect(said).toContain('Nothing explains it, so a reason is needed');
    expect(said).toContain('Somebody must own it.');
    expect(said).toContain('"2026-07-30" is no day from 2026-07-31 on');
    expect(session.summary().accepted).toMatchObject([{ rule: { owner: 'me', expires: TODAY } }]);
  });

  it('takes a rule back when what was accepted is rejected after all', () => {
    const { session, effects, said } = play(['a', '', '', '', 'back', 'r', 'r', 'q']);
    expect(effects.map(({ kind }) => kind)).toEqual(['write', 'remove']);
    expect(said).toContain(
      '  decided   accepted until 2026-10-29 as missing-trade-read-began-inside-a-frame',
    );
    const { accepted, rejected, open } = session.summary();
    expect([accepted.length, ids(rejected), open.length]).toEqual([0, ['g1', 'g2'], 4]);
    expect(session.isDone).toBe(true);
  });

  it('accepts all that is left with one answer, and can go back from the end', () => {
    const { session, effects } = play(['r', 'all', 'whole', '', '', 'back', 'r', '']);
    expect(
      effects.map((effect) => (effect.kind === 'write' ? effect.rules.length : 'taken back')),
    ).toEqual([5, 'taken back']);
    expect(ids(session.summary().rejected)).toEqual(['g1', 'g6']);
    expect(session.isDone).toBe(true);
    const written = effects.flatMap((effect) => (effect.kind === 'write' ? effect.rules : []));
    expect(new Set(written.map(({ id }) => id)).size).toBe(5);
  });

  it('asks only for what no rule accepts, and renews the rule that has expired', () => {
    const { session, effects } = play(['a', 'still so', '', '', 'q'], {
      isAccepted: ({ id }) => id === 'g1',
      idOf: ({ id }) => (id === 'g2' ? 'old-one' : undefined),
    });
    expect(effects).toMatchObject([{ rules: [{ id: 'old-one', group: { id: 'g2' } }] }]);
    expect(ids(session.summary().acceptedBefore)).toEqual(['g1']);
  });

  it('says what it understands', () => {
    const { said, session } = play(['?', 'what', 'skip', 'b', 'b', 'Q']);
    expect(said).toContain('"what" is no answer.');
    expect(said.match(/a, accept/g)).toHaveLength(2);
    expect(session.isDone).toBe(true);
  });

  it('ends with what was decided, in words', () => {
    const { session } = play(['a', '', '', '', 'r', 'q']);
    expect(
      renderReview(session.summary(), 'rules.yaml'),
    ).toBe(`accepted: 1 group, 24 divergences (rules.yaml)
  g1  Trade missing from new: a chunk with its bytes began inside a frame: missing-trade-read-began-inside-a-frame, until 2026-10-29, of ann
rejected: 1 group, 6 divergences
  g2  Prices and sizes differ
open: 4 groups, 5 divergences
  g3  One more TLV in new
  g4  Trade in new only: old refuses its domain
  g5  Trade cut short in new: a chunk with its bytes began inside a frame
  g6  new closes early
`);
  });
});

it.each([
  ['90d', '2026-10-29'],
  ['1 day', '2026-08-01'],
  ['0d', TODAY],
  ['2026-12-31', '2026-12-31'],
  ['2026-02-30', undefined],
  ['2025-12-31', undefined],
  ['4000d', undefined],
  ['-1d', undefined],
  ['', undefined],
])('%j from 2026-07-31 on is %j', (text, day) => {
  expect(parseExpiry(text, TODAY)).toBe(day);
});
