/** A case of a check as plain lines: what JUnit holds as the text of a failure, and what a terminal shows. Pure. */
import { toUSVString } from 'node:util';
import type { CaseDivergence, CheckCase, Comparison, UnstableDivergence } from './check-report.ts';

/** Values of fields may be long. */
const VALUE_CHARACTERS_MAX = 200;

export interface CaseTextLimits {
  readonly groupsMax: number;
  readonly divergencesMax: number;
}

/** Without the reason, which stands before it everywhere. */
export function caseLines(
  { comparison, unstable, ...rest }: CheckCase,
  limits: CaseTextLimits,
): readonly string[] {
  const { runs, unstableOmitted } = rest;
  return [
    ...(comparison === null ? [] : comparisonLines(comparison, limits)),
    ...unstableLines(unstable.slice(0, limits.divergencesMax), unstableOmitted, runs.length),
  ];
}

function comparisonLines(
  { groups, divergences, divergencesOmitted }: Comparison,
  { groupsMax, divergencesMax }: CaseTextLimits,
): readonly string[] {
  const told = divergences.slice(0, divergencesMax);
  const more = divergencesOmitted + divergences.length - told.length;
  const moreGroups = groups.length - groupsMax;
  return [
    ...groups
      .slice(0, groupsMax)
      .flatMap(({ count, kind, title, cause, explanation, evidence }) => [
        `${count} ${kind}, ${cause ?? 'unexplained'}: ${title}`,
        ...(explanation === '' ? [] : [`  ${explanation}`]),
        ...(evidence === '' ? [] : [`  ${evidence}`]),
      ]),
    ...(moreGroups > 0 ? [`and ${moreGroups} more groups`] : []),
    ...told.flatMap(divergenceLines),
    ...(more > 0 && told.length > 0 ? [`and ${more} more divergences`] : []),
  ];
}

export function divergenceLines(divergence: CaseDivergence): readonly string[] {
  const { kind, connection, detail, promised, differences, differencesOmitted } = divergence;
  const place =
    promised === null
      ? ''
      : `, message ${promised.ordinal} of what it was promised (byte ${promised.offset}, ${promised.length} bytes)`;
  return [
    `${kind}: ${detail}`,
    `  to ${connection}${place} [${divergence.fingerprint}]`,
    ...differences.map(
      (each) =>
        `  ${each.path}: promised ${valueOf(each.promised)}, delivered ${valueOf(each.delivered)} (${each.class})`,
    ),
    ...(differencesOmitted > 0 ? [`  and ${differencesOmitted} more differences`] : []),
  ];
}

function unstableLines(
  unstable: readonly UnstableDivergence[],
  omitted: number,
  runs: number,
): readonly string[] {
  if (unstable.length === 0) return [];
  return [
    'not in every repetition:',
    ...unstable.map(
      ({ kind, detail, connection, seenIn, fingerprint }) =>
        `  in ${seenIn.length} of ${runs} (${seenIn.join(', ')}): ${kind}: ${detail}, to ${connection} [${fingerprint}]`,
    ),
    ...(omitted > 0 ? [`  and ${omitted} more`] : []),
  ];
}

function valueOf(value: string | null): string {
  return value === null ? 'nothing' : clipped(value, VALUE_CHARACTERS_MAX);
}

export function clipped(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text;
  // A character of two units is not cut in two.
  return `${toUSVString(text.slice(0, charactersMax - 1)).replace(/\u{fffd}$/u, '')}…`;
}

/** What a relay said, without colours and what else moves a cursor; lines stay lines. */
export function printedWords(text: string): string {
  return (
    toUSVString(text)
      // oxlint-disable-next-line no-control-regex -- escape sequences are what is looked for
      .replaceAll(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-_])/g, '')
      .replaceAll(/\r\n?/g, '\n')
      // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
      .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\u{fffd}')
  );
}
