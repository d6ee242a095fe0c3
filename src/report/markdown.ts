/**
 * A check as one page of Markdown, as GitHub shows it in the summary of a job: a table of all cases, and below it what is
 * known of each that did not pass. Texts come from captures and relays: nothing in them is markup. Bounded; the last
 * paragraph has what differs from run to run.
 */
import { caseLines, clipped, printedWords } from './case-text.ts';
import type { CaseOutcome, CheckCase, CheckReport } from './check-report.ts';

/** GitHub takes 1 MiB for all that a step writes; another part of it may write, too. */
export const MARKDOWN_BYTES_MAX = 900_000;
/** One case must not take the room of all others. */
const CASE_BYTES_MAX = 60_000;
const CELL_CHARACTERS_MAX = 400;
/** The table leaves room for details. */
const ROWS_BYTES_MAX = MARKDOWN_BYTES_MAX / 2;
const LIMITS = { groupsMax: 20, divergencesMax: 10 };

const SIGNS: Readonly<Record<CaseOutcome, string>> = {
  passed: '✅ passed',
  failed: '❌ failed',
  inconclusive: '⚠️ inconclusive',
  'relay-failed': '💥 relay failed',
  skipped: '⏭️ skipped',
};

export function renderMarkdown(report: CheckReport): string {
  const { cases, run } = report;
  const rows = rowsOf(cases);
  const head = [
    `## relaydiff: ${headline(report)}`,
    '',
    ...(report.relay === null ? [] : [`Relay under test: ${code(report.relay)}`, '']),
    '| outcome | golden | replay | |',
    '|---|---|---|---|',
    ...rows,
    ...(cases.length > rows.length ? ['', `and ${cases.length - rows.length} more cases.`] : []),
    '',
  ].join('\n');
  const foot = `\n<sub>${escaped(`relaydiff ${run.relaydiff}, ${(run.elapsedMs / 1e3).toFixed(1)} s from ${run.startedAt} on ${run.host} (${run.platform}, node ${run.node})`)}</sub>\n`;
  const room = MARKDOWN_BYTES_MAX - Buffer.byteLength(head) - Buffer.byteLength(foot);
  return `${head}${details(report, room)}${foot}`;
}

/** `all 16 cases passed`, `3 of 16 cases failed, 1 relay failure`. */
export function headline({ counts }: CheckReport): string {
  const { cases, passed, failed, inconclusive, relayFailed, skipped, unstable } = counts;
  const all = `${cases} case${cases === 1 ? '' : 's'}`;
  if (passed === cases) return cases === 1 ? 'the case passed' : `all ${all} passed`;
  const parts = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(relayFailed > 0 ? [`${relayFailed} with a relay that failed`] : []),
    ...(inconclusive > 0 ? [`${inconclusive} inconclusive`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ...(unstable > 0 ? [`${unstable} not the same each time`] : []),
  ];
  return `of ${all}: ${parts.join(', ')}`;
}

function rowsOf(cases: readonly CheckCase[]): readonly string[] {
  const rows: string[] = [];
  let bytes = 0;
  for (const told of cases) {
    const row = rowOf(told);
    bytes += Buffer.byteLength(row) + 1;
    if (bytes > ROWS_BYTES_MAX) break;
    rows.push(row);
  }
  return rows;
}

function rowOf({ outcome, golden, replay, reason, asShown }: CheckCase): string {
  const known =
    asShown === true && outcome === 'failed' ? ' (as the golden shows of the new relay)' : '';
  const cells = [SIGNS[outcome], escaped(golden), escaped(replay), escaped(`${reason}${known}`)];
  return `| ${cells.join(' | ')} |`;
}

function details({ cases, run }: CheckReport, roomBytes: number): string {
  let text = '';
  let leftOut = 0;
  for (const [index, told] of cases.entries()) {
    if (told.outcome === 'passed' || told.outcome === 'skipped') continue;
    const part = caseDetails(told, printedWords(run.cases[index]?.stderr.tail ?? ''));
    // A hundred bytes for the note below.
    if (Buffer.byteLength(text) + Buffer.byteLength(part) + 100 > roomBytes) leftOut += 1;
    else text += part;
  }
  if (leftOut === 0) return text;
  return `${text}\nThe details of ${leftOut} more cases had no room here.\n`;
}

function caseDetails(told: CheckCase, said: string): string {
  const { golden, replay, outcome } = told;
  const lines = caseLines(told, LIMITS);
  return [
    '',
    `<details><summary>${SIGNS[outcome]}: ${escaped(golden)}, ${escaped(replay)}</summary>`,
    '',
    ...(lines.length === 0 ? [] : [fenced(lines.join('\n'))]),
    ...(said.trim() === '' ? [] : ['', 'The relay said at its end:', '', fenced(said.trimEnd())]),
    '',
    '</details>',
    '',
  ].join('\n');
}

/** A code block that no run of backticks inside it can close. */
function fenced(text: string): string {
  const runs = [...text.matchAll(/`+/g)].map(([run]) => run.length);
  const fence = '`'.repeat(Math.max(3, ...runs.map((length) => length + 1)));
  const safe = clipped(text, CASE_BYTES_MAX / 4);
  return `${fence}text\n${safe}\n${fence}`;
}

function code(text: string): string {
  const runs = [...text.matchAll(/`+/g)].map(([run]) => run.length);
  const ticks = '`'.repeat(Math.max(1, ...runs.map((length) => length + 1)));
  const inside = printedWords(text).replaceAll('\n', ' ');
  return `${ticks} ${inside} ${ticks}`;
}

/** Every mark of Markdown and of HTML stands for itself; one line. */
function escaped(text: string): string {
  const line = printedWords(clipped(text, CELL_CHARACTERS_MAX)).replaceAll(/\s+/g, ' ');
  return line.replaceAll(
    /[\\`*_{}[\]<>()#+!|~&@$^]/g,
    (mark) => ESCAPED_AS_HTML[mark] ?? `\\${mark}`,
  );
}

/** These are told apart from markup in more places as numbers than behind a backslash. */
const ESCAPED_AS_HTML: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  '|': '&#124;',
  '@': '&#64;',
};
