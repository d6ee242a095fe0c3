/**
 * A check as workflow commands of GitHub Actions: annotations, grouped by their cause over all cases, because GitHub shows
 * ten of a kind a step. Texts are escaped, so that nothing in a capture or in the words of a relay is a command. Pure.
 */
import { clipped, printedWords } from './case-text.ts';
import type { CheckCase, CheckReport } from './check-report.ts';

const ANNOTATIONS_MAX = 10;
const CASES_NAMED_MAX = 5;
const MESSAGE_CHARACTERS_MAX = 4_000;

type AnnotationKind = 'error' | 'warning';

interface Annotation {
  readonly kind: AnnotationKind;
  readonly title: string;
  readonly text: string;
  /** What it counts; the larger comes first. */
  count: number;
  /** Relay failures, then what nobody can explain, then the rest. */
  readonly rank: number;
  readonly cases: string[];
}

/** Lines to print as they are, each at the beginning of a line. */
export function githubAnnotations(report: CheckReport): readonly string[] {
  const annotations = annotationsOf(report.cases);
  return [...linesOf(annotations, 'error'), ...linesOf(annotations, 'warning')];
}

/** A line that is only to be read: no runner takes a part of it for a command. */
export function inert(line: string): string {
  return line.replace(/^(\s*)::/, '$1: :').replaceAll('##[', '## [');
}

function annotationsOf(cases: readonly CheckCase[]): readonly Annotation[] {
  const byKey = new Map<string, Annotation>();
  const add = (annotation: Omit<Annotation, 'cases'>, { golden, replay }: CheckCase): void => {
    const { kind, title, text, count } = annotation;
    const key = `${kind}\n${title}\n${text}`;
    const known = byKey.get(key);
    const name = `${golden} (${replay})`;
    if (known === undefined) byKey.set(key, { ...annotation, cases: [name] });
    else {
      known.count += count;
      known.cases.push(name);
    }
  };
  for (const told of cases) addCase(told, (annotation) => add(annotation, told));
  return [...byKey.values()].sort(
    (left, right) => left.rank - right.rank || right.count - left.count,
  );
}

function addCase(told: CheckCase, add: (annotation: Omit<Annotation, 'cases'>) => void): void {
  const { outcome, reason, comparison, relay, isStable } = told;
  if (outcome === 'relay-failed') {
    const title = `relay failed: ${relay?.trouble ?? ''}`;
    add({ kind: 'error', title, text: reason, count: 1, rank: 0 });
  }
  const groups = comparison?.groups ?? [];
  if (outcome === 'failed' && groups.length === 0) {
    add({ kind: 'error', title: 'promise broken', text: reason, count: 1, rank: 1 });
  }
  for (const { kind, cause, title, count, explanation } of groups) {
    const text = explanation === '' ? title : `${title}\n${explanation}`;
    const rank = cause === null ? 1 : 2;
    add({ kind: 'error', title: `${kind}: ${cause ?? 'unexplained'}`, text, count, rank });
  }
  if (outcome === 'inconclusive') {
    add({ kind: 'warning', title: 'inconclusive', text: reason, count: 1, rank: 1 });
  }
  if (outcome === 'skipped') {
    add({ kind: 'warning', title: 'skipped', text: reason, count: 1, rank: 2 });
  }
  if (!isStable) {
    const text = 'Its repetitions did not all show the same.';
    add({ kind: 'warning', title: 'not stable', text, count: 1, rank: 0 });
  }
}

function linesOf(annotations: readonly Annotation[], kind: AnnotationKind): readonly string[] {
  const all = annotations.filter((each) => each.kind === kind);
  const told = all.length > ANNOTATIONS_MAX ? all.slice(0, ANNOTATIONS_MAX - 1) : all;
  const untold = all.length - told.length;
  const lines = told.map(({ title, text, count, cases }) => {
    const named = cases.slice(0, CASES_NAMED_MAX).join(', ');
    const more =
      cases.length > CASES_NAMED_MAX ? ` and ${cases.length - CASES_NAMED_MAX} more` : '';
    return command(kind, `relaydiff: ${title}`, `${count} × ${text}\nin ${named}${more}`);
  });
  if (untold === 0) return lines;
  const rest = `and ${untold} more; the summary has all of them`;
  return [...lines, command(kind, 'relaydiff: more', rest)];
}

function command(kind: AnnotationKind, title: string, text: string): string {
  const message = clipped(printedWords(text), MESSAGE_CHARACTERS_MAX);
  return `::${kind} title=${escapedProperty(clipped(title, 200))}::${escapedData(message)}`;
}

function escapedData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapedProperty(text: string): string {
  return escapedData(printedWords(text)).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
