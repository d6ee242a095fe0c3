/** A check for a person at a terminal or reading a log: what did not pass first explained, then a table, then one line. */
import { styleText } from 'node:util';
import { caseLines, clipped, printedWords } from './case-text.ts';
import type { CaseOutcome, CaseRunFacts, CheckCase, CheckReport } from './check-report.ts';
import { headline } from './markdown.ts';

type Format = Parameters<typeof styleText>[0];

const LIMITS = { groupsMax: 6, divergencesMax: 3 };
const REASON_CHARACTERS_MAX = 160;
const SAID_LINES_MAX = 10;

const FORMATS: Readonly<Record<CaseOutcome, Format>> = {
  passed: 'green',
  failed: 'red',
  inconclusive: 'yellow',
  'relay-failed': 'red',
  skipped: 'yellow',
};

export interface CheckTerminalOptions {
  readonly colour: boolean;
}

export function renderCheck(report: CheckReport, { colour }: CheckTerminalOptions): string {
  const paint = (format: Format, text: string): string =>
    colour ? styleText(format, text, { validateStream: false }) : text;
  const { cases, run } = report;
  const width = (of: (told: CheckCase) => string): number =>
    Math.max(0, ...cases.map((told) => printedWords(of(told)).length));
  const widths = {
    outcome: width(({ outcome }) => outcome),
    golden: width(({ golden }) => golden),
    replay: width(({ replay }) => replay),
  };
  const rows = cases.map((told, index) => {
    const { outcome, golden, replay, reason } = told;
    const took = `${((run.cases[index]?.elapsedMs ?? 0) / 1e3).toFixed(1)} s`;
    const columns = [
      paint(FORMATS[outcome], outcome.padEnd(widths.outcome)),
      printedWords(golden).padEnd(widths.golden),
      replay.padEnd(widths.replay),
      took.padStart(7),
      oneLine(reason),
    ];
    return columns.join('  ');
  });
  const format = report.exitCode === 0 ? 'green' : 'red';
  const last = `${paint(['bold', format], report.verdict.toUpperCase())}  ${headline(report)}`;
  const parts = [
    ...cases.map((told, index) => explained(told, run.cases[index])),
    rows.join('\n'),
    last,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** One case while others still run. */
export function caseLine({ outcome, golden, replay, reason }: CheckCase): string {
  return `${outcome}: ${printedWords(golden)} ${replay}: ${oneLine(reason)}`;
}

function explained(told: CheckCase, facts: CaseRunFacts | undefined): string {
  const { outcome, golden, replay, reason, asShown, relay } = told;
  if (outcome === 'passed' || outcome === 'skipped') return '';
  const said = printedWords(facts?.stderr.tail ?? '').trimEnd();
  const saidLines = said === '' ? [] : said.split('\n').slice(-SAID_LINES_MAX);
  const left = relay?.leftBehind ?? 0;
  return [
    `${printedWords(golden)} ${replay}: ${printedWords(reason)}`,
    ...(outcome === 'failed' && asShown === true
      ? ['  just as the golden shows of the new relay']
      : []),
    ...(left > 0 ? [`  the relay left ${left} processes behind, which were killed`] : []),
    ...caseLines(told, LIMITS).map((line) => `  ${printedWords(line)}`),
    ...(outcome === 'relay-failed'
      ? (facts?.fidelity ?? []).slice(0, 1).map((each) => `  ${each}`)
      : []),
    ...(saidLines.length === 0
      ? []
      : ['  the relay said at its end:', ...saidLines.map((line) => `  | ${line}`)]),
    ...(facts?.html == null ? [] : [`  report: ${facts.html}`]),
    ...(facts?.captures ?? []).map((path) => `  replay: ${path}`),
  ].join('\n');
}

function oneLine(text: string): string {
  return clipped(printedWords(text).replaceAll(/\s+/g, ' '), REASON_CHARACTERS_MAX);
}
