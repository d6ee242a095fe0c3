/**
 * How true a replay was to its recording: how late sends were, whether time ran away, whether the order was kept, which
 * waits never came true. Pure; a fixed number of counters, however long the replay.
 */

export interface Lateness {
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

export interface FidelityReport {
  readonly sends: number;
  /** How long after its time each send was begun; null where no send had a time of its own. */
  readonly lateness: Lateness | null;
  /** How much faster or slower the clock of the sends ran than that of the recording, in percent; null as above. */
  readonly driftPercent: number | null;
  /** Sends that another client's send overtook, because their relay did not take them. */
  readonly overtaken: number;
  /** Waits for what a client had received before. */
  readonly waits: number;
  /** Those that ended without it. */
  readonly waitsUnfulfilled: number;
}

/** 16 steps for each doubling, so a value is known to 4.4 %. */
const STEPS_A_DOUBLING = 16;
const BUCKETS = 40 * STEPS_A_DOUBLING;

/** Values from 1 up, counted by size. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  get max(): number {
    return this.#max;
  }

  add(value: number): void {
    const bucket = value <= 1 ? 0 : Math.ceil(Math.log2(value) * STEPS_A_DOUBLING);
    const at = Math.min(BUCKETS - 1, bucket);
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#count += 1;
    this.#max = Math.max(this.#max, value);
  }

  /** At least that share of the values is not above it. */
  quantile(share: number): number {
    let left = Math.ceil(share * this.#count);
    for (let at = 0; at < BUCKETS; at++) {
      left -= this.#counts[at] ?? 0;
      if (left <= 0) return Math.min(this.#max, 2 ** (at / STEPS_A_DOUBLING));
    }
    return this.#max;
  }
}

/** Less than this tells nothing of a clock. */
const DRIFT_MS_MIN = 1_000;

export class Fidelity {
  readonly #lateness = new Histogram();
  #sends = 0;
  #firstDueMs: number | undefined;
  #lastDueMs = 0;
  /** Sums for the straight line through (due, late), which tells a clock that runs away from single late sends. */
  #sumDue = 0;
  #sumLate = 0;
  #sumDueDue = 0;
  #sumDueLate = 0;
  #overtaken = 0;
  #waits = 0;
  #waitsUnfulfilled = 0;

  /** `dueMs` undefined: it had no time of its own. */
  sent(dueMs: number | undefined, nowMs: number): void {
    this.#sends += 1;
    if (dueMs === undefined) return;
    const lateMs = Math.max(0, nowMs - dueMs);
    this.#lateness.add(lateMs * 1e3);
    this.#firstDueMs ??= dueMs;
    this.#lastDueMs = dueMs;
    const sinceMs = dueMs - this.#firstDueMs;
    this.#sumDue += sinceMs;
    this.#sumLate += lateMs;
    this.#sumDueDue += sinceMs * sinceMs;
    this.#sumDueLate += sinceMs * lateMs;
  }

  overtook(): void {
    this.#overtaken += 1;
  }

  waited(wasFulfilled: boolean): void {
    this.#waits += 1;
    if (!wasFulfilled) this.#waitsUnfulfilled += 1;
  }

  report(): FidelityReport {
    const { count } = this.#lateness;
    const us = (share: number): number => Math.round(this.#lateness.quantile(share));
    return {
      sends: this.#sends,
      lateness:
        count === 0
          ? null
          : {
              p50Us: us(0.5),
              p90Us: us(0.9),
              p99Us: us(0.99),
              maxUs: Math.round(this.#lateness.max),
            },
      driftPercent: this.#driftPercent(),
      overtaken: this.#overtaken,
      waits: this.#waits,
      waitsUnfulfilled: this.#waitsUnfulfilled,
    };
  }

  #driftPercent(): number | null {
    const { count } = this.#lateness;
    if (count < 2 || this.#lastDueMs - (this.#firstDueMs ?? 0) < DRIFT_MS_MIN) return null;
    const spread = count * this.#sumDueDue - this.#sumDue * this.#sumDue;
    if (spread <= 0) return null;
    const slope = (count * this.#sumDueLate - this.#sumDue * this.#sumLate) / spread;
    return Math.round(slope * 1e7) / 1e5;
  }
}

/** For the notes of the capture, and for the person who waits. */
export function fidelityWords(report: FidelityReport): readonly string[] {
  const { sends, lateness, driftPercent, overtaken, waits, waitsUnfulfilled } = report;
  const drift = driftPercent === null ? 'too short to tell a drift' : `drift ${driftPercent} %`;
  return [
    lateness === null
      ? `${sends} sends, as fast as they were taken`
      : `${sends} sends, late by ${lateness.p50Us} µs (p50), ${lateness.p90Us} µs (p90), ${lateness.p99Us} µs (p99), ${lateness.maxUs} µs (max); ${drift}`,
    overtaken === 0
      ? 'in the recorded order across clients'
      : `${overtaken} sends were overtaken by another client's`,
    ...(waits === 0
      ? []
      : [`${waits} waits for answers, ${waitsUnfulfilled} of them never came true`]),
  ];
}
