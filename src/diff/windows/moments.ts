/**
 * The row of moments that are under way: each holds one message that a client sent and what came of it on all streams.
 * Says where the row may be cut, so that what is before and what is behind have nothing to do with each other, as far as
 * is known: in the middle of messages that agree everywhere, and across no message that was delivered out of turn.
 */
import type { SpanRecord } from './records-of-spans.ts';

export interface Moment {
  /** Linked by `next`: an array for each moment would take more than its records. */
  firstRecord: SpanRecord | undefined;
  lastRecord: SpanRecord | undefined;
  count: number;
  /** Something of it did not agree. */
  isOdd: boolean;
  /** Halves of pairs that agreed, whose other half has not been read yet. */
  open: number;
  /** Ranges of moments that belong together: how many more begin here than end. */
  tied: number;
  /** A message of it came before others whose moments were past by then. */
  isFar: boolean;
}

export class Moments {
  readonly #moments: Moment[] = [newMoment()];
  #base = 0;
  #tiedBefore = 0;
  #records = 0;
  #bytes = 0;

  /** Number of the first. */
  get first(): number {
    return this.#base;
  }

  /** Number of the last. */
  get last(): number {
    return this.#base + this.#moments.length - 1;
  }

  /** Of all records. */
  get size(): { readonly records: number; readonly bytes: number } {
    return { records: this.#records, bytes: this.#bytes };
  }

  begin(): number {
    this.#moments.push(newMoment());
    return this.last;
  }

  /** undefined: it is past. */
  at(moment: number): Moment | undefined {
    return this.#moments[moment - this.#base];
  }

  put(record: SpanRecord, moment: number): void {
    record.moment = moment;
    record.next = undefined;
    const at = this.at(moment);
    if (at !== undefined) {
      if (at.lastRecord === undefined) at.firstRecord = record;
      else at.lastRecord.next = record;
      at.lastRecord = record;
      at.count++;
    }
    this.#records++;
    this.#bytes += record.span?.bytes.length ?? 0;
  }

  /** What belongs together with this moment is past already. */
  reachBack(moment: number): void {
    const at = this.at(moment);
    if (at !== undefined) at.isFar = true;
  }

  /** All from this moment to that one belong together. */
  tie(from: number, to: number): void {
    if (to <= Math.max(from, this.#base)) return;
    const begin = this.at(Math.max(from, this.#base));
    const end = this.at(to);
    if (begin === undefined || end === undefined) return;
    begin.tied++;
    end.tied--;
  }

  /** The first that is odd; undefined: none is. */
  firstOdd(until: number): number | undefined {
    for (let moment = this.#base; moment < until; moment++) {
      if (this.at(moment)?.isOdd === true) return moment;
    }
    return undefined;
  }

  /** The last up to `until` behind which nothing belongs to what is before it; the one before the first: there is none. */
  lastUntied(until: number): number {
    let tied = this.#tiedBefore;
    let found = this.#base - 1;
    for (let moment = this.#base; moment <= until; moment++) {
      tied += this.at(moment)?.tied ?? 0;
      if (tied === 0) found = moment;
    }
    return found;
  }

  /** The moment behind which so many records lie. */
  before(records: number): number {
    let left = records;
    for (let moment = this.last; moment >= this.#base; moment--) {
      left -= this.at(moment)?.count ?? 0;
      if (left <= 0) return moment;
    }
    return this.#base;
  }

  /**
   * Where what began to disagree at `odd` is over: behind this moment nothing is odd for a while. undefined: it is
   * not over before `until`.
   */
  endOfIsland(odd: number, until: number, contextMoments: number): number | undefined {
    let tied = this.#tiedBefore;
    let lastOdd = odd;
    let found: number | undefined;
    for (let moment = this.#base; moment < until; moment++) {
      const { isOdd = false, tied: change = 0 } = this.at(moment) ?? {};
      tied += change;
      if (isOdd && moment >= odd) {
        lastOdd = moment;
        found = undefined;
      }
      if (moment >= lastOdd + contextMoments && tied === 0) found ??= moment;
      if (moment >= lastOdd + 2 * contextMoments && found !== undefined) return found;
    }
    return undefined;
  }

  /** The best place for a cut in the second half, where there is no good one: in the longest row that agrees. */
  bestCut(until: number, contextMoments: number): number {
    const from = this.#base + ((until - this.#base) >>> 1);
    let best = { moment: from, score: -1 };
    let tied = this.#tiedBefore;
    let agreed = 0;
    const ahead = this.#agreedAhead(until);
    for (let moment = this.#base; moment < until - 1; moment++) {
      const { isOdd = false, tied: change = 0 } = this.at(moment) ?? {};
      tied += change;
      agreed = isOdd ? 0 : agreed + 1;
      if (moment < from) continue;
      const next = ahead[moment + 1 - this.#base] ?? 0;
      const score = Math.min(agreed, next, contextMoments) + (tied === 0 ? contextMoments : 0);
      if (score >= best.score) best = { moment, score };
    }
    return best.moment;
  }

  /** Of each moment, how many agree from it on. */
  #agreedAhead(until: number): Uint32Array {
    const ahead = new Uint32Array(until - this.#base + 1);
    for (let at = until - this.#base - 1; at >= 0; at--) {
      ahead[at] = this.#moments[at]?.isOdd === true ? 0 : (ahead[at + 1] ?? 0) + 1;
    }
    return ahead;
  }

  /** Whether pairs of moments up to this one lack a half. */
  hasOpen(moment: number): boolean {
    for (let at = 0; at <= moment - this.#base; at++) {
      if ((this.#moments[at]?.open ?? 0) > 0) return true;
    }
    return false;
  }

  /** The first of which a half is to come; undefined: none. */
  firstOpen(until: number): number | undefined {
    for (let moment = this.#base; moment <= until; moment++) {
      if ((this.at(moment)?.open ?? 0) > 0) return moment;
    }
    return undefined;
  }

  /** All that is not past. */
  *records(): Generator<SpanRecord> {
    for (const { firstRecord } of this.#moments) {
      for (let record = firstRecord; record !== undefined; record = record.next) yield record;
    }
  }

  /** The records of all up to this one, which are past then. */
  take(moment: number): readonly SpanRecord[] {
    const taken = this.#moments.splice(0, Math.max(0, moment + 1 - this.#base));
    this.#base += taken.length;
    if (this.#moments.length === 0) this.#moments.push(newMoment());
    const records: SpanRecord[] = [];
    const { front, back } = tornIn(taken, this.#tiedBefore);
    for (const [at, { firstRecord, tied, isFar }] of taken.entries()) {
      this.#tiedBefore += tied;
      const isTorn = at < front || at >= back;
      for (let record = firstRecord; record !== undefined; record = record.next) {
        record.isFar = isFar || isTorn;
        records.push(record);
        this.#bytes -= record.span?.bytes.length ?? 0;
      }
    }
    this.#records -= records.length;
    return records;
  }
}

/**
 * Which moments may belong to a range that was cut: those before `front`, to one that began before them, and those from
 * `back` on, to one that goes on behind them.
 */
function tornIn(
  taken: readonly Moment[],
  tiedBefore: number,
): { readonly front: number; readonly back: number } {
  let tied = tiedBefore;
  let front = tied === 0 ? 0 : taken.length;
  let back = 0;
  for (const [at, moment] of taken.entries()) {
    tied += moment.tied;
    if (tied !== 0) continue;
    front = Math.min(front, at + 1);
    back = at + 1;
  }
  return { front, back };
}

function newMoment(): Moment {
  return {
    firstRecord: undefined,
    lastRecord: undefined,
    count: 0,
    isOdd: false,
    open: 0,
    tied: 0,
    isFar: false,
  };
}
