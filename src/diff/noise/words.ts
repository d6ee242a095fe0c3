/** How noise is told to a person: times, signs, and the names of fields. */
import type { ClockUnit } from './model.ts';

/** What one step of a clock is in ns; ticks have no length. */
export const UNIT_NS: Readonly<Record<ClockUnit, number>> = {
  ns: 1,
  us: 1e3,
  ms: 1e6,
  s: 1e9,
  ticks: Number.NaN,
};

const SCALES: readonly (readonly [number, string])[] = [
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'us'],
];

/** `3.1 ms`, without its sign. */
export function durationWords(amount: number, unit: ClockUnit): string {
  const size = Math.abs(amount);
  if (unit === 'ticks') return `${shortNumber(size)} ticks`;
  const ns = size * UNIT_NS[unit];
  const [scale, name] = SCALES.find(([each]) => ns >= each) ?? [1, 'ns'];
  return `${shortNumber(ns / scale)} ${name}`;
}

export function signedWords(amount: number, unit: ClockUnit): string {
  return `${amount < 0 ? '-' : '+'}${durationWords(amount, unit)}`;
}

export function countWords(count: number): string {
  return count.toLocaleString('en-US');
}

/** Three digits that say something. */
export function shortNumber(value: number): string {
  if (value === 0) return '0';
  if (value >= 1_000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

export function rateWords({ alarms, judged }: { alarms: number; judged: number }): string {
  if (judged === 0) return 'nothing judged';
  const percent = alarms === 0 ? '0 %' : `${shortNumber((100 * alarms) / judged)} %`;
  return `${countWords(alarms)} of ${countWords(judged)} (${percent})`;
}
