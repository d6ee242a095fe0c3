/**
 * A check as JUnit XML: one suite a golden, one case a replay. What the relay did not promise is a failure; what kept it
 * from being judged is an error; so no case is green that exit code 0 would not stand for. Times and the host are in the
 * attributes `time`, `timestamp` and `hostname` only. Valid XML 1.0 whatever the texts hold.
 */
import { toUSVString } from 'node:util';
import { caseLines, printedWords } from './case-text.ts';
import type { CaseRunFacts, CheckCase, CheckReport } from './check-report.ts';

const LIMITS = { groupsMax: 50, divergencesMax: 50 };

interface TimedCase {
  readonly told: CheckCase;
  readonly facts: CaseRunFacts | undefined;
}

export function renderJunit(report: CheckReport): string {
  const { cases, run } = report;
  const suites = new Map<string, TimedCase[]>();
  for (const [index, told] of cases.entries()) {
    const suite = suites.get(told.golden) ?? [];
    suites.set(told.golden, [...suite, { told, facts: run.cases[index] }]);
  }
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes({ name: 'relaydiff', ...totals(cases), time: seconds(run.elapsedMs), timestamp: run.startedAt })}>`,
    ...[...suites].flatMap(([golden, members]) => suiteLines(golden, members, report)),
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}

function suiteLines(
  golden: string,
  members: readonly TimedCase[],
  { run }: CheckReport,
): readonly string[] {
  const cases = members.map(({ told }) => told);
  const elapsedMs = members.reduce((sum, { facts }) => sum + (facts?.elapsedMs ?? 0), 0);
  const { title = null, domain = '' } = cases[0] ?? {};
  const about = [
    ...(title === null ? [] : [['title', title] as const]),
    ['domain', domain] as const,
  ];
  return [
    `  <testsuite ${attributes({ name: golden, ...totals(cases), time: seconds(elapsedMs), timestamp: run.startedAt, hostname: run.host })}>`,
    '    <properties>',
    ...about.map(([name, value]) => `      <property ${attributes({ name, value })}/>`),
    '    </properties>',
    ...members.flatMap(testLines),
    '  </testsuite>',
  ];
}

function testLines({ told, facts }: TimedCase): readonly string[] {
  const { golden, replay } = told;
  const head = attributes({
    name: replay,
    classname: golden,
    time: seconds(facts?.elapsedMs ?? 0),
  });
  const said = printedWords(facts?.stderr.tail ?? '');
  const inside = [
    ...outcomeLines(told),
    ...(said === '' || told.outcome === 'passed'
      ? []
      : [`      <system-err>${escaped(said)}</system-err>`]),
  ];
  if (inside.length === 0) return [`    <testcase ${head}/>`];
  return [`    <testcase ${head}>`, ...inside, '    </testcase>'];
}

function outcomeLines(told: CheckCase): readonly string[] {
  const { outcome, reason } = told;
  if (outcome === 'passed') return [];
  if (outcome === 'skipped') return [`      <skipped ${attributes({ message: reason })}/>`];
  const name = outcome === 'failed' ? 'failure' : 'error';
  const text = [reason, ...caseLines(told, LIMITS)].join('\n');
  const type = told.relay?.trouble ?? outcome;
  return [`      <${name} ${attributes({ message: reason, type })}>${escaped(text)}</${name}>`];
}

function totals(cases: readonly CheckCase[]): Readonly<Record<string, string>> {
  const of = (...outcomes: readonly CheckCase['outcome'][]): string =>
    String(cases.filter(({ outcome }) => outcomes.includes(outcome)).length);
  return {
    tests: String(cases.length),
    failures: of('failed'),
    errors: of('relay-failed', 'inconclusive'),
    skipped: of('skipped'),
  };
}

function seconds(ms: number): string {
  return (ms / 1e3).toFixed(3);
}

function attributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${escaped(value).replaceAll(/[\t\n\r]/g, numbered)}"`)
    .join(' ');
}

/** Attributes lose white space that is not written as a number. */
function numbered(character: string): string {
  return `&#${character.charCodeAt(0)};`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** What XML 1.0 cannot hold at all, not even as a number, is replaced. */
function escaped(text: string): string {
  return (
    toUSVString(text)
      // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\u{fffd}')
      .replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
  );
}
