/**
 * A clock: both sides stamp the time at which they handled a message. How far the two stamps lie apart has a
 * distribution, which is learned; a stamp must lie within it, and the difference must not grow. A slow drift
 * stays within the bounds of single messages for long: a line through the medians of stretches finds it.
 */
import { defined } from '../../lib/assert.ts';
import { CLOCK_UNITS, type ClockModel, type ClockUnit } from './model.ts';
import {
  compareBigint,
  fitLine,
  type Line,
  median,
  medianBigint,
  quantile,
  sortNumbers,
  tailBound,
} from './statistics.ts';
import {
  type Alarm,
  countTypes,
  type FieldJudgement,
  NOISE_PAIRS_MIN,
  NOTHING_JUDGED,
} from './judgement.ts';
import type { Observation } from './traffic.ts';
import { countWords, durationWords, shortNumber, signedWords, UNIT_NS } from './words.ts';

/** Of messages whose stamps are as they always were. */
const ALARM_CHANCE = 1e-6;
/** A clock runs as fast as time does, but for the latency of what carries it. */
const RATE_TOLERANCE = 0.1;
/** Stamps of one median. */
const STRETCH = 32;
const STRETCHES_MIN = 4;
/** Standard errors that a trend must be away. */
const TREND_ERRORS = 6;
/** Less than this part of what single stamps scatter by is no trend that matters. */
const TREND_SCATTER_DIVISOR = 8;
const NS_PER_S = 1e9;
/** Two instances that both tell the time of day are never that far apart. */
const OWN_START_NS = 60e9;

/** undefined: no clock. `real`: only when it runs as fast as the time of arrival; `any`: any rising values. */
export function learnClock(
  observations: readonly Observation[],
  pace: 'real' | 'any',
): ClockModel | undefined {
  const stamps = distinctStamps(observations);
  if (stamps.length < NOISE_PAIRS_MIN) return undefined;
  const unit = unitOf(stamps) ?? (pace === 'any' && isRising(stamps) ? 'ticks' : undefined);
  if (unit === undefined) return undefined;
  const offset = medianBigint(stamps.map((stamp) => stamp.new - stamp.old));
  const differences = stamps.map((stamp) => Number(stamp.new - stamp.old - offset));
  const sorted = sortNumbers(differences);
  const quantiles = {
    min: quantile(sorted, 0),
    p01: quantile(sorted, 0.01),
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    max: quantile(sorted, 1),
  };
  const span = Number(lastOf(stamps).old - firstOf(stamps).old);
  if (quantiles.p99 - quantiles.p01 > span / 4) return undefined;
  // What is spelt in whole units may always be one off.
  const high = Math.max(1, tailBound(sorted, ALARM_CHANCE));
  const low = Math.min(-1, -tailBound(sortNumbers(sorted.map((value) => -value)), ALARM_CHANCE));
  return {
    kind: 'clock',
    samples: stamps.length,
    unit,
    offset: offset.toString(),
    ownStart: unit === 'ticks' || Math.abs(Number(offset)) * UNIT_NS[unit] > OWN_START_NS,
    quantiles,
    low,
    high,
    ...driftOf(stamps, differences, high - low),
  };
}

function driftOf(
  stamps: readonly Observation[],
  differences: readonly number[],
  width: number,
): Pick<ClockModel, 'driftPerS' | 'driftErrorPerS' | 'wander'> {
  const line = lineOf(stamps, differences, 0);
  if (line !== undefined) {
    return { driftPerS: line.slope, driftErrorPerS: line.error, wander: line.spread };
  }
  // Too few to know: any drift within the bounds may be usual.
  const seconds = Math.max(secondsOf(stamps), 1e-3);
  return { driftPerS: 0, driftErrorPerS: width / seconds, wander: width };
}

export function judgeClock(
  observations: readonly Observation[],
  model: ClockModel,
  field: string,
): FieldJudgement {
  const judged = observations.filter(({ pair }) => !pair.isMoved);
  const stamps = distinctStamps(judged);
  if (stamps.length === 0) return NOTHING_JUDGED;
  const offset = model.ownStart
    ? medianBigint(stamps.map((stamp) => stamp.new - stamp.old))
    : BigInt(model.offset);
  const alarms: Alarm[] = [];
  for (const observation of judged) {
    const away = Number(observation.new - observation.old - offset);
    if (away >= model.low && away <= model.high) continue;
    const detail = `the clock of ${field} was ${awayWords(away, model)}; ${usualWords(model)}`;
    alarms.push({ observation, detail });
  }
  return { judged: countTypes(judged), alarms, trend: trendOf(stamps, offset, model, field) };
}

function awayWords(away: number, { unit, offset, ownStart }: ClockModel): string {
  const all = ownStart ? away : away + Number(offset);
  const direction = all < 0 ? 'behind' : 'ahead';
  return `${durationWords(all, unit)} ${ownStart ? `${direction} of where it began` : direction}`;
}

function usualWords({ low, high, unit, samples, offset, ownStart }: ClockModel): string {
  const usual = ownStart ? 0 : Number(offset);
  const [from, to] = [low + usual, high + usual];
  const within =
    from < 0 && to > 0 && Math.abs(from + to) < 0.2 * (to - from)
      ? `within ${durationWords(Math.max(-from, to), unit)}`
      : `between ${signedWords(from, unit)} and ${signedWords(to, unit)}`;
  return `old against old it stays ${within} (n = ${countWords(samples)})`;
}

/** A drift that the noise capture does not have, if it comes to something. */
function trendOf(
  stamps: readonly Observation[],
  offset: bigint,
  model: ClockModel,
  field: string,
): string | undefined {
  const differences = stamps.map((stamp) => Number(stamp.new - stamp.old - offset));
  const line = lineOf(stamps, differences, model.wander);
  if (line === undefined) return undefined;
  const drift = line.slope - model.driftPerS;
  const seconds = secondsOf(stamps);
  const scatter = Math.max(1, model.quantiles.p99 - model.quantiles.p01) / TREND_SCATTER_DIVISOR;
  const isSure = Math.abs(drift) > TREND_ERRORS * Math.hypot(line.error, model.driftErrorPerS);
  if (!isSure || Math.abs(drift) * seconds < scatter) return undefined;
  const total = durationWords(drift * seconds, model.unit);
  return (
    `the clock of ${field} drifts by ${signedWords(line.slope, model.unit)} a second, ` +
    `${total} over ${shortNumber(seconds)} s; old against old by ${signedWords(model.driftPerS, model.unit)} ` +
    `(standard error ${durationWords(model.driftErrorPerS, model.unit)}, n = ${countWords(model.samples)})`
  );
}

/** Through the medians of stretches; undefined when there are too few. */
function lineOf(
  stamps: readonly Observation[],
  differences: readonly number[],
  spreadMin: number,
): Line | undefined {
  const stretches = Math.floor(stamps.length / STRETCH);
  if (stretches < STRETCHES_MIN) return undefined;
  const times: number[] = [];
  const medians: number[] = [];
  for (let stretch = 0; stretch < stretches; stretch++) {
    const [from, to] = [stretch * STRETCH, (stretch + 1) * STRETCH];
    const timesNs = stamps.slice(from, to).map(({ pair }) => pair.old.arrivalNs);
    times.push(median(timesNs) / NS_PER_S);
    medians.push(median(differences.slice(from, to)));
  }
  return fitLine(times, medians, spreadMin);
}

/** What was stamped once and delivered to several clients is one stamp. In order of arrival. */
function distinctStamps(observations: readonly Observation[]): readonly Observation[] {
  const sorted = [...observations].sort(
    (left, right) => compareBigint(left.old, right.old) || compareBigint(left.new, right.new),
  );
  const distinct = sorted.filter((each, at) => {
    const before = sorted[at - 1];
    return before === undefined || before.old !== each.old || before.new !== each.new;
  });
  return distinct.sort((left, right) => left.pair.old.arrivalNs - right.pair.old.arrivalNs);
}

/** The unit in which both sides run as fast as the time of arrival. */
function unitOf(stamps: readonly Observation[]): ClockUnit | undefined {
  const end = Math.ceil(stamps.length / 10);
  const [head, tail] = [stamps.slice(0, end), stamps.slice(-end)];
  const timeOf = (some: readonly Observation[]): number =>
    median(some.map(({ pair }) => pair.old.arrivalNs));
  const passedNs = timeOf(tail) - timeOf(head);
  if (passedNs <= 0) return undefined;
  const rateOf = (side: 'old' | 'new'): number => {
    const valueOf = (some: readonly Observation[]): bigint =>
      medianBigint(some.map((each) => each[side]));
    return Number(valueOf(tail) - valueOf(head)) / passedNs;
  };
  const rates = [rateOf('old'), rateOf('new')];
  return CLOCK_UNITS.find(
    (unit) =>
      unit !== 'ticks' &&
      rates.every((rate) => Math.abs(rate * UNIT_NS[unit] - 1) < RATE_TOLERANCE),
  );
}

/** Nearly always: threads may stamp in one order and send in another. */
function isRising(stamps: readonly Observation[]): boolean {
  let falls = 0;
  for (let at = 1; at < stamps.length; at++) {
    const [before, now] = [stamps[at - 1], stamps[at]];
    if (before === undefined || now === undefined) continue;
    if (now.old < before.old || now.new < before.new) falls++;
  }
  return falls <= stamps.length / 50 && lastOf(stamps).old > firstOf(stamps).old;
}

function secondsOf(stamps: readonly Observation[]): number {
  if (stamps.length === 0) return 0;
  return (lastOf(stamps).pair.old.arrivalNs - firstOf(stamps).pair.old.arrivalNs) / NS_PER_S;
}

function firstOf(stamps: readonly Observation[]): Observation {
  return defined(stamps[0], 'first stamp');
}

function lastOf(stamps: readonly Observation[]): Observation {
  return defined(stamps.at(-1), 'last stamp');
}
