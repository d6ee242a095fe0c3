import { describe, expect, it } from 'vitest';
import { renderTerminal } from '../../src/report/terminal.ts';
import { changed, makeResult, sampleResult } from './sample-result.ts';

const { rules: _rules, noise: _noise, ...plain } = sampleResult;

describe('the summary for a terminal', () => {
  it('says verdict, what differs, how much, why, and where the report is', () => {
    const text = renderTerminal(plain, {
      colour: false,
      reportPath: 'demo-out/report.html',
    });
    expect(text).toMatchInlineSnapshot(`
      "DIFFERENT  35 divergences in 6 groups; 3 groups are unexplained.

        old     10,432 frames   market-data-coalesced.capture, old
        new     10,409 frames   market-data-coalesced.capture, new
        pairs   10,408          10,402 identical, 0 equivalent

      What differs
        missing           24  in old, not in new
        extra              1  in new, not in old
        modified           7  other content
        defect             2  bytes that are no frame
        connection         1  connects, closes or errors

      Why
         6  Prices and sizes differ: unexplained, first is d25
         1  One more TLV in new: unexplained, first is d30
         1  new closes early: unexplained, first is d35
        26  24 missing, 2 defect: a chunk with its bytes began inside a frame
            consistent with a relay that drops reads which do not begin with a header; first is d1
         1  Trade in new only: old refuses its domain
            consistent with a relay that forwards only messages of its own domain; first is d31

      Remarks  unknown-enum-number       0 old       5 new  Trade; in 5 pairs on one side only
               zero-checksum        10,432 old  10,409 new  Trade, OrderBook

      Report  demo-out/report.html
      "
    `);
    expect(text.split('\n').length).toBeLessThanOrEqual(27);
  });

  it('says what was taken for noise, what did not fit it, and how often that would be wrong', () => {
    const { noise } = sampleResult;
    const text = renderTerminal({ ...plain, noise }, { colour: false });
    expect(text).toContain('Noise\n  learned from old-against-old.capture: 20,000 pairs\n');
    expect(text).toContain('false alarms there: 2 of 60,000 (0.00333 %): clock 2 of 9,800');
    expect(text).toMatch(/Trade header\.timestamp +clock +10,370 explained, 8 not/);
    expect(text).toContain('not learned: Trade header.flags differs in 17 of 10,378 pairs');
  });

  it('is short where nothing differs', () => {
    const text = renderTerminal(
      {
        ...changed(makeResult([]), { rules: undefined, noise: undefined }),
        verdict: 'same',
        reason: '10,432 frames on both sides, all identical.',
      },
      { colour: false },
    );
    expect(text).toMatchInlineSnapshot(`
      "SAME  10,432 frames on both sides, all identical.

        old     10,432 frames   market-data-coalesced.capture, old
        new     10,409 frames   market-data-coalesced.capture, new
        pairs   10,408          10,402 identical, 0 equivalent

      Remarks  unknown-enum-number       0 old       5 new  Trade; in 5 pairs on one side only
               zero-checksum        10,432 old  10,409 new  Trade, OrderBook
      "
    `);
  });

  it('says what rules did, first those that need somebody', () => {
    const text = renderTerminal(sampleResult, { colour: false });
    expect(text).toContain(`
Rules
  lost-at-the-open      expired: swallows nothing                                expect, until 2025-06-30, of relay-team
  price-rounding        unused: 5 differences in no unit of its limit            tolerate within 0.01
  clock-of-the-gateway  210 divergences, 444 differences (12 told for the rest)  tolerate within 5ms or 0.1%, until 2026-09-30, of market-data

`);
  });

  it('says what is missing from the data', () => {
    const text = renderTerminal(
      {
        ...sampleResult,
        capture: { ...sampleResult.capture, sealed: false },
        counts: {
          ...sampleResult.counts,
          gaps: { frames: 3, bytes: 4_096, inside: 40 },
          setAside: [
            { reason: 'edge', side: 'old', frames: 2, others: 0 },
            { reason: 'mirror-gap', side: 'old', frames: 3, others: 0 },
            { reason: 'recording-end', side: 'new', frames: 0, others: 1 },
          ],
        },
      },
      { colour: false },
    );
    expect(text).toContain('gaps     40 frames, 4,096 bytes were not recorded or not mirrored');
    expect(text).toContain('ignored  2 frames of old, passed while their client joined or left');
    expect(text).toContain('unjudged 3 frames of old, not mirrored to new');
    expect(text).toContain('unjudged 1 piece of no frame of new, when the recording ended');
    expect(text).toContain('unsealed');
  });

  it('colours only when asked to', () => {
    // oxlint-disable-next-line no-control-regex -- the escape character is what is looked for
    const escape = /\u001b\[/;
    expect(renderTerminal(sampleResult, { colour: true })).toMatch(escape);
    expect(renderTerminal(sampleResult, { colour: false })).not.toMatch(escape);
  });

  it('lets no control character of a label reach the terminal', () => {
    const text = renderTerminal(
      {
        ...sampleResult,
        reason: 'title \u001b]0;owned\u0007',
        groups: sampleResult.groups.map((group) => changed(group, { title: '\u001b[2J' })),
      },
      { colour: false },
    );
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});
