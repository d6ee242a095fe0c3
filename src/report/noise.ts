/** What was taken for noise, as lines of the terminal: field by field, with what was learned and what did not fit. */
import { rateWords } from '../diff/noise/words.ts';
import type { NoiseFieldResult, NoiseResult } from '../diff/noise/result.ts';

const FIELDS_MAX = 12;
const UNLEARNED_MAX = 5;

type Counted = Pick<NoiseFieldResult, 'subject' | 'field' | 'kind' | 'parameters' | 'falseAlarms'> &
  Partial<Pick<NoiseFieldResult, 'judged' | 'explained' | 'alarms'>>;

/** Without colours and without a heading. `isJudged`: of a comparison; otherwise of a model alone. */
export function noiseLines(
  noise: Omit<NoiseResult, 'fields' | 'unlearnedTypes'> & {
    readonly fields: readonly Counted[];
    readonly unlearnedTypes?: NoiseResult['unlearnedTypes'];
  },
): string[] {
  const number = (value: number): string => value.toLocaleString('en-US');
  const lines = [
    `learned from ${noise.source}: ${number(noise.pairs)} pairs`,
    `false alarms there: ${rateWords(noise.falseAlarms)}${kindWords(noise.fields)}`,
  ];
  const byAlarms = [...noise.fields].sort(
    (left, right) => (right.alarms ?? 0) - (left.alarms ?? 0),
  );
  const shown = byAlarms.slice(0, FIELDS_MAX);
  const columns = Math.max(
    0,
    ...shown.map(({ subject, field }) => subject.length + field.length + 1),
  );
  for (const { subject, field, kind, parameters, alarms, explained, falseAlarms } of shown) {
    const counts =
      alarms === undefined
        ? `false alarms ${rateWords(falseAlarms)}`
        : `${number(explained ?? 0)} explained, ${number(alarms)} not`;
    lines.push(`${`${subject} ${field}`.padEnd(columns)}  ${kind.padEnd(10)}  ${counts}`);
    lines.push(`${' '.repeat(columns)}  ${parameters}`);
  }
  const rest = noise.fields.length - shown.length;
  if (rest > 0) lines.push(`and ${number(rest)} more fields`);
  for (const { subject, field, differing, pairs, why } of noise.unlearned.slice(0, UNLEARNED_MAX)) {
    lines.push(
      `not learned: ${subject} ${field} differs in ${number(differing)} of ${number(pairs)} pairs: ${why}`,
    );
  }
  for (const { subject, pairs } of (noise.unlearnedTypes ?? []).slice(0, UNLEARNED_MAX)) {
    lines.push(`not in the noise capture: ${subject}, of which ${number(pairs)} pairs differ`);
  }
  if (noise.divergences > 0) {
    lines.push(`divergences of the noise capture that are no noise: ${number(noise.divergences)}`);
  }
  return lines;
}

/** `: clock 2 of 9,800 (0.02 %), counter 0 of 9,800 (0 %)` */
function kindWords(fields: readonly Counted[]): string {
  const kinds = new Map<string, { judged: number; alarms: number }>();
  for (const { kind, falseAlarms } of fields) {
    const { judged, alarms } = kinds.get(kind) ?? { judged: 0, alarms: 0 };
    kinds.set(kind, { judged: judged + falseAlarms.judged, alarms: alarms + falseAlarms.alarms });
  }
  const words = [...kinds]
    .filter(([, { judged }]) => judged > 0)
    .map(([kind, count]) => `${kind} ${rateWords(count)}`);
  return words.length === 0 ? '' : `: ${words.join(', ')}`;
}
