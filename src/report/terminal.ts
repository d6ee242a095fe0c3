/**
 * The summary that a person understands in ten seconds: the verdict, what differs, how much, why, and
 * where to read on. Text only; the caller says whether it may be coloured.
 */
import { styleText } from 'node:util';
import type {
  DiffResult,
  DivergenceKind,
  GapRow,
  Group,
  Identity,
  ResultCounts,
  RuleOutcome,
  SetAsideCount,
  Verdict,
} from '../diff/types.ts';
import { isUnjudged } from '../diff/count-result.ts';
import { DIVERGENCE_KINDS } from '../diff/types.ts';
import type { LatencyDistribution } from '../diff/latency-histogram.ts';
import { duration } from './duration.ts';
import { ruleAmount, ruleTerms, rulesInOrder } from './rules.ts';
import { noiseLines } from './noise.ts';
import { type RemarkSummary, summarizeRemarks } from './remarks.ts';

export interface TerminalOptions {
  readonly colour: boolean;
  /** Where the HTML report was written, when it was. */
  readonly reportPath?: string;
}

type Format = Parameters<typeof styleText>[0];
type Paint = (format: Format, text: string) => string;

const CAUSES_MAX = 6;
const LINE_COLUMNS = 100;

const VERDICT_FORMAT: Readonly<Record<Verdict, Format>> = {
  same: ['bold', 'green'],
  different: ['bold', 'red'],
  inconclusive: ['bold', 'yellow'],
};

export function renderTerminal(result: DiffResult, options: TerminalOptions): string {
  const paint: Paint = (format, text) =>
    options.colour ? styleText(format, text, { validateStream: false }) : text;
  const sections = [
    headLines(result, paint),
    divergenceLines(result, paint),
    groupLines(result, paint),
    ruleLines(result.rules ?? [], paint),
    gapLines(result, paint),
    noiseSection(result, paint),
    remarkLines(result, paint),
    options.reportPath === undefined
      ? []
      : [`Report  ${paint('underline', printable(options.reportPath))}`],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** Labels come from captures: a control character in one must not reach the terminal. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\u{fffd}');
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

function headLines(result: DiffResult, paint: Paint): string[] {
  const { counts } = result;
  const verdict = paint(VERDICT_FORMAT[result.verdict], result.verdict.toUpperCase());
  const lines = [
    `${verdict}  ${printable(result.reason)}`,
    '',
    row(paint, 'old', `${number(counts.old)} frames`, result.old.label),
    row(paint, 'new', `${number(counts.new)} frames`, result.new.label),
    row(
      paint,
      'pairs',
      number(counts.pairs),
      `${number(counts.identical)} identical, ${number(counts.equivalent)} equivalent` +
        (counts.noisy === undefined || counts.noisy === 0
          ? ''
          : `, ${number(counts.noisy)} of them but for noise`),
    ),
  ];
  lines.push(...latencyLines(result, paint));
  lines.push(...setAsideLines(counts, paint));
  lines.push(...notSeenLines(result, paint));
  if (!result.capture.sealed) {
    lines.push(
      `  ${paint('yellow', 'unsealed')} the recorder did not end in good order; the end is missing`,
    );
  }
  return lines;
}

/** One line a side, of messages that both delivered. */
function latencyLines({ latency }: DiffResult, paint: Paint): string[] {
  if (latency === undefined) return [];
  const line = (side: string, times: LatencyDistribution | null): string[] => {
    if (times === null) return [];
    const { count, p50Ns, p99Ns, maxNs } = times;
    const all = `p50 ${duration(p50Ns)}, p99 ${duration(p99Ns)}, max ${duration(maxNs)}`;
    return [
      `  ${paint('dim', 'latency')} ${side.padEnd(11)} ${all} ${paint('dim', `of ${number(count)}`)}`,
    ];
  };
  return [
    ...line('of old', latency.old),
    ...line('of new', latency.new),
    ...line('new behind', latency.behind),
  ];
}

/** What the comparison says nothing about, because the recording could not hold it. */
function notSeenLines({ capture }: DiffResult, paint: Paint): string[] {
  const [first, ...others] = capture.notSeen ?? [];
  if (first === undefined) return [];
  const line = (head: string, spot: string): string => `  ${head} ${printable(spot)}`;
  return [
    line(paint('yellow', 'not seen'), first),
    ...others.map((spot) => line(' '.repeat('not seen'.length), spot)),
  ];
}

const UNJUDGED_BECAUSE: Readonly<Record<SetAsideCount['reason'], string>> = {
  edge: 'passed while their client joined or left',
  'edge-unknown': 'under way while their client joined or left, and nobody saw them pass',
  'mirror-gap': 'not mirrored to new',
  'recording-gap': 'where the other side was not recorded',
  'recording-end': 'when the recording ended',
  'connection-down': 'while or shortly before the other side had lost their client',
  'not-selected': 'that new was not to be shown, as asked for',
  'unseen-sender': 'from clients that were connected to old directly',
};

/** What was left out of the comparison, each reason and side by itself: it is no agreement. */
function setAsideLines({ gaps, setAside, ignored }: ResultCounts, paint: Paint): string[] {
  const lines: string[] = [];
  const add = (name: string, text: string): void => {
    lines.push(`  ${paint('yellow', name.padEnd(8))} ${text}`);
  };
  if (gaps.bytes > 0) {
    const frames =
      gaps.inside === undefined || gaps.inside === null ? '' : `${number(gaps.inside)} frames, `;
    add('gaps', `${frames}${number(gaps.bytes)} bytes were not recorded or not mirrored`);
  }
  if (setAside === undefined) {
    if (gaps.frames > 0) add('unjudged', `${number(gaps.frames)} frames`);
    if (ignored > 0) add('ignored', `${number(ignored)} frames`);
    return lines;
  }
  for (const { reason, side, frames, others } of setAside) {
    const amounts = [
      ...(frames > 0 ? [`${number(frames)} ${frames === 1 ? 'frame' : 'frames'}`] : []),
      ...(others > 0 ? [`${number(others)} ${others === 1 ? 'piece' : 'pieces'} of no frame`] : []),
    ];
    add(setAsideName(reason), `${amounts.join(' and ')} of ${side}, ${UNJUDGED_BECAUSE[reason]}`);
  }
  return lines;
}

function setAsideName(reason: SetAsideCount['reason']): string {
  if (reason === 'edge') return 'ignored';
  return isUnjudged(reason) ? 'unjudged' : 'left out';
}

const GAPS_MAX = 6;

/** The first gaps, each with the messages that it begins and ends with. */
function gapLines({ gaps = [], gapsOmitted = 0 }: DiffResult, paint: Paint): string[] {
  if (gaps.length === 0) return [];
  const lines = gaps.slice(0, GAPS_MAX).map((gap) => {
    const what = gap.where === 'mirror' ? 'not sent to new' : 'not recorded';
    const frames = gap.frames === null ? '' : `${number(gap.frames)} frames, `;
    return (
      `  connection ${gap.connection}, ${gap.stream} at ${number(gap.offset)}: ` +
      `${frames}${number(gap.bytes)} bytes ${what} (${printable(gap.reason)})${namesOf(gap)}`
    );
  });
  const rest = gaps.length - lines.length + gapsOmitted;
  if (rest > 0) lines.push(paint('dim', `  and ${number(rest)} more`));
  return [paint('bold', 'Gaps'), ...lines];
}

function namesOf({ first, last }: GapRow): string {
  if (first === null || last === null) return '';
  const name = ({ domain, source, sequence }: Identity): string =>
    `${domain}/${source}/${sequence}`;
  const from = `domain/source/sequence ${name(first)}`;
  return name(first) === name(last) ? `: ${from}` : `: ${from} to ${name(last)}`;
}

function row(paint: Paint, name: string, amount: string, text: string): string {
  return `  ${paint('dim', name.padEnd(8))}${amount.padEnd(16)}${printable(text)}`;
}

const KIND_MEANS: Readonly<Record<DivergenceKind, string>> = {
  missing: 'in old, not in new',
  extra: 'in new, not in old',
  duplicated: 'more often in new',
  reordered: 'in another order',
  modified: 'other content',
  encoding: 'same content, other bytes',
  defect: 'bytes that are no frame',
  connection: 'connects, closes or errors',
  late: 'later than allowed',
};

function divergenceLines(result: DiffResult, paint: Paint): string[] {
  const found = DIVERGENCE_KINDS.filter((kind) => result.counts.divergences[kind] > 0);
  if (found.length === 0) return [];
  const lines = found.map((kind) => {
    const amount = number(result.counts.divergences[kind]).padStart(9);
    return `  ${kind.padEnd(11)}${paint('bold', amount)}  ${paint('dim', KIND_MEANS[kind])}`;
  });
  return [paint('bold', 'What differs'), ...lines];
}

/** Groups with one cause, as one thing to understand. */
interface CauseSummary {
  readonly isExplained: boolean;
  readonly groups: [Group, ...Group[]];
  count: number;
}

function groupLines(result: DiffResult, paint: Paint): string[] {
  if (result.groups.length === 0) return [];
  const causes = summarizeCauses(result.groups);
  const shown = causes.slice(0, CAUSES_MAX);
  const columns = Math.max(...shown.map((cause) => number(cause.count).length));
  const lines = shown.flatMap((cause) => {
    const amount = paint('bold', number(cause.count).padStart(columns));
    const what = cut(printable(whatDiffers(cause)), LINE_COLUMNS);
    const [first] = cause.groups;
    if (!cause.isExplained) {
      return [`  ${amount}  ${what}: ${paint('yellow', 'unexplained')}, first is ${first.first}`];
    }
    const why = cut(printable(first.explanation || first.cause), LINE_COLUMNS);
    return [
      `  ${amount}  ${what}`,
      `  ${' '.repeat(columns)}  ${paint('dim', `${why}; first is ${first.first}`)}`,
    ];
  });
  const rest = causes.length - shown.length;
  if (rest > 0) lines.push(paint('dim', `  and ${number(rest)} more causes`));
  return [paint('bold', 'Why'), ...lines];
}

const RULES_MAX = 12;

/** What needs somebody first: expired and unused rules, then what swallowed most. */
function ruleLines(rules: readonly RuleOutcome[], paint: Paint): string[] {
  if (rules.length === 0) return [];
  const ordered = rulesInOrder(rules);
  const shown = ordered.slice(0, RULES_MAX);
  const names = Math.max(...shown.map(({ id }) => id.length));
  const amounts = Math.max(...shown.map((rule) => ruleAmount(rule).length));
  const lines = shown.map((rule) => {
    const amount = ruleAmount(rule).padEnd(amounts);
    const told = rule.state === 'used' ? amount : paint('yellow', amount);
    const terms = cut(printable(ruleTerms(rule)), LINE_COLUMNS);
    return `  ${rule.id.padEnd(names)}  ${told}  ${paint('dim', terms)}`;
  });
  const rest = ordered.length - shown.length;
  if (rest > 0) lines.push(paint('dim', `  and ${number(rest)} more`));
  return [paint('bold', 'Rules'), ...lines];
}

function noiseSection({ noise }: DiffResult, paint: Paint): string[] {
  if (noise === undefined) return [];
  return [paint('bold', 'Noise'), ...noiseLines(noise).map((line) => `  ${printable(line)}`)];
}

const REMARK_KINDS_MAX = 5;
const REMARK_SUBJECTS_MAX = 3;

/** By kind; the page and the result have them by message, too. One line each: they are no differences. */
function remarkLines({ remarks = [] }: DiffResult, paint: Paint): string[] {
  const all = summarizeRemarks(remarks);
  const kinds = all.slice(0, REMARK_KINDS_MAX);
  const nameColumns = Math.max(...kinds.map(({ kind }) => kind.length));
  const amountOf = (each: RemarkSummary, side: 'old' | 'new'): string => number(each[side]);
  const columns = Math.max(
    ...kinds.flatMap((each) => [amountOf(each, 'old').length, amountOf(each, 'new').length]),
  );
  const lines = kinds.map((each) => {
    const amounts = (['old', 'new'] as const)
      .map((side) => `${amountOf(each, side).padStart(columns)} ${side}`)
      .join('  ');
    const what = paint('dim', cut(printable(subjectsOf(each.subjects)), LINE_COLUMNS));
    return `${each.kind.padEnd(nameColumns)}  ${amounts}  ${what}${oneSidedWords(each, paint)}`;
  });
  const rest = all.length - kinds.length;
  if (rest > 0) lines.push(paint('dim', `and ${rest} more ${rest === 1 ? 'kind' : 'kinds'}`));
  const label = 'Remarks';
  return lines.map(
    (line, index) => `${index === 0 ? paint('bold', label) : ' '.repeat(label.length)}  ${line}`,
  );
}

function oneSidedWords({ oneSided }: RemarkSummary, paint: Paint): string {
  if (oneSided === 0) return '';
  const pairs = `${number(oneSided)} ${oneSided === 1 ? 'pair' : 'pairs'}`;
  return paint('yellow', `; in ${pairs} on one side only`);
}

function subjectsOf(subjects: readonly string[]): string {
  const shown = subjects.slice(0, REMARK_SUBJECTS_MAX).join(', ');
  const rest = subjects.length - REMARK_SUBJECTS_MAX;
  return rest > 0 ? `${shown} and ${number(rest)} more` : shown;
}

/** What nobody can explain yet comes first, each group by itself: it is what a person must look at. */
function summarizeCauses(groups: readonly Group[]): readonly CauseSummary[] {
  const causes = new Map<string, CauseSummary>();
  for (const group of groups) {
    const isExplained = group.cause !== 'unexplained';
    const key = isExplained ? group.cause : group.id;
    const cause = causes.get(key);
    if (cause === undefined) {
      causes.set(key, { isExplained, groups: [group], count: group.count });
    } else {
      cause.groups.push(group);
      cause.count += group.count;
    }
  }
  return [...causes.values()].sort(
    (left, right) =>
      Number(left.isExplained) - Number(right.isExplained) || right.count - left.count,
  );
}

/** The title of the one group; of several, the kinds with their numbers and what the titles share. */
function whatDiffers({ groups }: CauseSummary): string {
  const [first, ...others] = groups;
  if (others.length === 0) return first.title;
  const kinds = DIVERGENCE_KINDS.flatMap((kind) => {
    const of = groups.filter((group) => group.kind === kind);
    const count = of.reduce((sum, group) => sum + group.count, 0);
    return of.length === 0 ? [] : [`${number(count)} ${kind}`];
  });
  const reasons = new Set(groups.map(({ title }) => title.split(': ')[1] ?? ''));
  const reason = reasons.size === 1 ? [...reasons].join('') : '';
  return `${kinds.join(', ')}${reason === '' ? '' : `: ${reason}`}`;
}

function cut(text: string, columns: number): string {
  const characters = Array.from(text);
  return characters.length <= columns ? text : `${characters.slice(0, columns - 1).join('')}…`;
}
