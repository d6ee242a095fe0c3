/** JUnit, Markdown and annotations: valid, bounded, and free of markup and commands, whatever captures and relays say. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparisonOf, fingerprinted } from '../../src/report/case-of-result.ts';
import { checkReportOfDiff } from '../../src/report/check-of-diff.ts';
import type { CaseGroup, CheckCase, CheckReport } from '../../src/report/check-report.ts';
import { checkReportOf } from '../../src/report/check-summary.ts';
import { renderCheck } from '../../src/report/check-terminal.ts';
import { githubAnnotations, inert } from '../../src/report/github.ts';
import { renderJunit } from '../../src/report/junit.ts';
import { MARKDOWN_BYTES_MAX, renderMarkdown } from '../../src/report/markdown.ts';
import { readXml } from './read-xml.ts';
import { sampleResult } from './sample-result.ts';

const RUN = {
  startedAt: '2026-11-24T00:00:00.000Z',
  elapsedMs: 1_234,
  host: 'runner',
  platform: 'linux x64',
  node: 'v20',
  relaydiff: '0.1.0',
};

const passed: CheckCase = {
  golden: 'burst',
  replay: 'causal:recorded',
  title: 'A burst',
  domain: 'market_data',
  outcome: 'passed',
  reason: '12 messages as promised',
  relay: { trouble: null, end: 'killed by SIGTERM', leftBehind: 0 },
  comparison: null,
  asShown: null,
  runs: ['passed'],
  isStable: true,
  unstable: [],
  unstableOmitted: 0,
};

function group(text: string, count: number, cause: string | null = null): CaseGroup {
  return { cause, kind: 'missing', title: text, count, explanation: text, evidence: text };
}

function failed(text: string, groups: readonly CaseGroup[] = [group(text, 3)]): CheckCase {
  const comparison = { ...comparisonOf(sampleResult, 5), groups: [...groups], reason: text };
  return { ...passed, golden: text, outcome: 'failed', reason: text, comparison };
}

function relayFailed(text: string): CheckCase {
  const relay = { trouble: 'ended', end: 'exit code 101', leftBehind: 0 };
  return { ...passed, golden: text, outcome: 'relay-failed', reason: text, relay };
}

function report(cases: readonly CheckCase[], said = ''): CheckReport {
  const words = { tail: said, bytes: said.length };
  const facts = {
    elapsedMs: 500,
    delivered: 0,
    fidelity: [],
    stdout: words,
    stderr: words,
    html: null,
    captures: [],
  };
  const run = { ...RUN, cases: cases.map(() => facts) };
  return checkReportOf(cases, { relay: said, repeat: 1 }, run);
}

/** Control characters, halves of pairs, markup of every kind, commands. */
const nasty = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom(
        ']]>',
        '<b>&amp;"\'',
        '```',
        '| a |',
        '\ud800',
        '\u0000\u001b[31m',
        '\n::error::x\n##[add-path]y',
        '%0A,:',
        '\r\n\t',
        '\ufffe',
        '@team [x](y)',
      ),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));

describe('whatever texts say', () => {
  it('JUnit is valid, and counts what its cases show', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const cases = [passed, failed(text), relayFailed(text), failed(text)];
        const root = readXml(renderJunit(report(cases, text)));
        expect(root.attributes).toMatchObject({ tests: '4', failures: '2', errors: '1' });
        const tests = root.children.flatMap(({ children }) =>
          children.filter(({ name }) => name === 'testcase'),
        );
        const bad = tests.flatMap(({ children }) => children.map(({ name }) => name));
        expect(bad.filter((name) => name === 'failure')).toHaveLength(2);
        expect(bad.filter((name) => name === 'error')).toHaveLength(1);
      }),
      { numRuns: 200 },
    );
  });

  it('an annotation is one line and one command, and other lines are none', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const lines = githubAnnotations(report([failed(text), relayFailed(text)], text));
        expect(lines.length).toBe(2);
        for (const line of lines) {
          expect(line).toMatch(/^::(error|warning) title=[^:,\n\r]+::[^\n\r]+$/);
        }
        const shown = renderCheck(report([failed(text), relayFailed(text)], text), {
          colour: false,
        });
        for (const line of shown.split('\n').map(inert)) {
          expect(line).not.toMatch(/^\s*::|##\[/);
          // oxlint-disable-next-line no-control-regex -- a terminal must not be moved by traffic
          expect(line).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('a cell of Markdown stays a cell, and a block of code ends where it should', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const page = renderMarkdown(report([failed(text), relayFailed(text)], text));
        const lines = page.split('\n');
        const rows = lines.filter((line) => /^\| [❌💥]/u.test(line));
        expect(rows).toHaveLength(2);
        for (const row of rows) expect(row.match(/\|/g)).toHaveLength(5);
        let fence: string | undefined;
        for (const line of lines) {
          const [mark] = /^`{3,}/.exec(line) ?? [];
          if (fence === undefined && mark !== undefined) fence = mark;
          else if (line === fence) fence = undefined;
          else if (fence === undefined && !line.startsWith('Relay under test: `'))
            expect(line).not.toMatch(/<(?!\/?(details|summary|sub)>)/);
        }
        expect(fence).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });
});

describe('however much there is', () => {
  it('Markdown stays below the limit of GitHub, and says what it left out', () => {
    const cases = Array.from({ length: 400 }, (_, at) => failed(`${at} ${'ü`<|'.repeat(120)}`));
    const page = renderMarkdown(report(cases, '\u{1f600}'.repeat(2_000)));
    expect(Buffer.byteLength(page)).toBeLessThanOrEqual(MARKDOWN_BYTES_MAX);
    expect(Buffer.byteLength(page)).toBeGreaterThan(MARKDOWN_BYTES_MAX / 2);
    expect(page).toMatch(/The details of \d+ more cases had no room here\./);
    const rows = page.match(/^\| ❌/gm)?.length ?? 0;
    expect(page).toContain(`and ${400 - rows} more cases.`);
  });

  it('there are at most ten annotations of a kind: relays first, then what is unexplained, then the largest', () => {
    const many = Array.from({ length: 12 }, (_, at) => group(`cause ${at}`, at + 1, `cause-${at}`));
    const cases = [
      failed('a', many),
      failed('b', [group('unknown', 1), ...many]),
      relayFailed('it ended'),
      ...Array.from(
        { length: 12 },
        (_, at): CheckCase => ({
          ...passed,
          outcome: 'inconclusive',
          reason: `doubt ${at}`,
        }),
      ),
    ];
    const lines = githubAnnotations(report(cases));
    const errors = lines.filter((line) => line.startsWith('::error'));
    expect(errors).toHaveLength(10);
    expect(lines.filter((line) => line.startsWith('::warning'))).toHaveLength(10);
    expect(errors[0]).toContain('relay failed%3A ended::1 × it ended');
    expect(errors[1]).toContain('missing%3A unexplained::1 × unknown');
    // The same cause in two cases is one annotation.
    expect(errors[2]).toBe(
      '::error title=relaydiff%3A missing%3A cause-11::24 × cause 11%0Acause 11%0Ain a (causal:recorded), b (causal:recorded)',
    );
    expect(errors[9]).toBe(
      '::error title=relaydiff%3A more::and 5 more; the summary has all of them',
    );
  });
});

describe('which exit code wins', () => {
  const outcome = (of: CheckCase['outcome']): CheckCase => ({ ...passed, outcome: of });
  it.each([
    [['passed'], 'passed', 0],
    [['passed', 'skipped'], 'inconclusive', 3],
    [['inconclusive', 'failed'], 'failed', 1],
    [['failed', 'relay-failed', 'inconclusive'], 'relay-failed', 4],
  ] as const)('of %j: %s, %i', (outcomes, verdict, exitCode) => {
    expect(report(outcomes.map(outcome))).toMatchObject({ verdict, exitCode });
  });
});

describe('a comparison as a case', () => {
  it('tells one divergence of each sort before a second of any, and counts the rest', () => {
    const { divergences, divergencesOmitted, groups } = comparisonOf(sampleResult, 3);
    const sorts = new Set(groups.map(({ kind, cause }) => `${kind} ${cause}`));
    expect(new Set(divergences.map(({ kind, cause }) => `${kind} ${cause}`)).size).toBe(
      Math.min(3, sorts.size),
    );
    expect(divergences.length + divergencesOmitted).toBe(
      sampleResult.divergences.length + sampleResult.divergencesOmitted,
    );
  });

  it('knows a divergence again whatever its clock says, and equal ones apart', () => {
    const fingerprints = fingerprinted(sampleResult).map(({ fingerprint }) => fingerprint);
    expect(new Set(fingerprints).size).toBe(fingerprints.length);
    const later = {
      ...sampleResult,
      divergences: sampleResult.divergences
        .map((divergence) => ({
          ...divergence,
          old: divergence.old && { ...divergence.old, arrivalNs: '77' },
          differences: divergence.differences.map((each) => ({ ...each, new: 'another time' })),
        }))
        .toReversed(),
    };
    const again = fingerprinted(later).map(({ fingerprint }) => fingerprint);
    expect(again.toSorted()).toEqual(fingerprints.toSorted());
  });

  it('is what diff writes, too', () => {
    const made = checkReportOfDiff(sampleResult, RUN, 50);
    expect(made).toMatchObject({ verdict: 'failed', exitCode: 1, relay: null });
    const suite = readXml(renderJunit(made)).children[0];
    expect(suite?.attributes).toMatchObject({ name: sampleResult.capture.name, failures: '1' });
  });
});
