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
import { countType, type FieldJudge, NOISE_PAIRS_MIN } from './judgement.ts';
import { Recent, Sample } from './recent.ts';
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

/** Stamps that are remembered, so that one that was delivered to several clients is one. */
const RECENT_MAX = 65_536;
/** Differences of which the median is taken; of more, every second, fourth, eighth ... */
const SAMPLE_MAX = 65_536;
/** Medians of a trend; of more, neighbours are put together. */
const POINTS_MAX = 65_536;

export class ClockJudge implements FieldJudge {
  readonly order = 'old';
  readonly judged = new Map<string, number>();
  hasAlarms = false;
  trend: string | undefined;
  readonly #model: ClockModel;
  readonly #field: string;
  #base: bigint | undefined;
  /** Of an own start: where the difference began, from `base`. */
  #shift = 0;
  readonly #recent = new Recent<string>(RECENT_MAX);
  readonly #sample = new Sample(SAMPLE_MAX);
  readonly #points = new Points(POINTS_MAX);
  #min = Infinity;
  #max = -Infinity;
  #firstNs: number | undefined;
  #lastNs = 0;

  constructor(model: ClockModel, field: string) {
    this.#model = model;
    this.#field = field;
    this.#base = model.ownStart ? undefined : BigInt(model.offset);
  }

  note({ pair, old, new: neu }: Observation): void {
    if (pair.isMoved) return;
    countType(this.judged, pair.type);
    this.#base ??= neu - old;
    const away = Number(neu - old - this.#base);
    this.#min = Math.min(this.#min, away);
    this.#max = Math.max(this.#max, away);
    if (this.#recent.add(`${old} ${neu}`)) return;
    if (this.#model.ownStart) this.#sample.add(away);
    this.#points.add(pair.old.arrivalNs, away);
    this.#firstNs ??= pair.old.arrivalNs;
    this.#lastNs = pair.old.arrivalNs;
  }

  begin(): void {
    if (this.#firstNs === undefined) return;
    if (this.#model.ownStart) this.#shift = median(this.#sample.values);
    this.hasAlarms =
      this.#min - this.#shift < this.#model.low || this.#max - this.#shift > this.#model.high;
    const seconds = (this.#lastNs - this.#firstNs) / NS_PER_S;
    this.trend = trendOf(this.#points, { seconds, model: this.#model, field: this.#field });
  }

  alarmOf({ pair, old, new: neu }: Observation): string | undefined {
    const { low, high } = this.#model;
    if (pair.isMoved || this.#base === undefined) return undefined;
    const away = Number(neu - old - this.#base) - this.#shift;
    if (away >= low && away <= high) return undefined;
    return `the clock of ${this.#field} was ${awayWords(away, this.#model)}; ${usualWords(this.#model)}`;
  }
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
  points: Points,
  { seconds, model, field }: { seconds: number; model: ClockModel; field: string },
): string | undefined {
  const line = points.line(model.wander);
  if (line === undefined) return undefined;
  const drift = line.slope - model.driftPerS;
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

/** Medians of stretches of stamps, in order of arrival. */
class Points {
  readonly #max: number;
  #times: number[] = [];
  #medians: number[] = [];
  /** Stretches of one point. */
  #together = 1;
  #open: { readonly times: number[]; readonly values: number[] } = { times: [], values: [] };
  #under = { stretches: 0, time: 0, value: 0 };

  constructor(max: number) {
    this.#max = max;
  }

  add(timeNs: number, value: number): void {
    const { times, values } = this.#open;
    times.push(timeNs);
    values.push(value);
    if (times.length < STRETCH) return;
    this.#open = { times: [], values: [] };
    this.#under.stretches++;
    this.#under.time += median(times) / NS_PER_S;
    this.#under.value += median(values);
    if (this.#under.stretches < this.#together) return;
    this.#times.push(this.#under.time / this.#together);
    this.#medians.push(this.#under.value / this.#together);
    this.#under = { stretches: 0, time: 0, value: 0 };
    if (this.#times.length < this.#max) return;
    this.#together *= 2;
    this.#times = halved(this.#times);
    this.#medians = halved(this.#medians);
  }

  /** The line of least squares; undefined when there are too few. */
  line(spreadMin: number): Line | undefined {
    if (this.#times.length < STRETCHES_MIN) return undefined;
    return fitLine(this.#times, this.#medians, spreadMin);
  }
}

function halved(values: readonly number[]): number[] {
  return Array.from(
    { length: values.length >>> 1 },
    (_, at) => ((values[2 * at] ?? 0) + (values[2 * at + 1] ?? 0)) / 2,
  );
}

/** Through the medians of stretches; undefined when there are too few. */
function lineOf(
  stamps: readonly Observation[],
  differences: readonly number[],
  spreadMin: number,
): Line | undefined {
  const points = new Points(Infinity);
  stamps.forEach(({ pair }, at) => points.add(pair.old.arrivalNs, differences[at] ?? 0));
  return points.line(spreadMin);
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
