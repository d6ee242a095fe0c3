/**
 * Judges the noise of a comparison while it goes by, pair by pair, and keeps none of them. It goes by twice or more: the
 * first time is for what the values of each field are like together, and for the numbers of the result; then it is said of
 * each pair what of it does not fit. Pairs come in batches, roughly in order of time; a pair is judged when none can come
 * any more that is to be judged before it.
 */
import type { Side } from '../../capture/types.ts';
import { CHECKSUM_FIELD, fieldOf } from './fields.ts';
import { excuseOf, excuseOfMoved, type FieldGroup, fieldGroups } from './judge.ts';
import type { KeptValues } from './mask.ts';
import type { NoiseKind, NoiseModel } from './model.ts';
import type { NoiseFieldResult } from './result.ts';
import { differs, type LoneMessage, type NoisyPair, observationsOf } from './traffic.ts';

/** A value of a pair that does not fit. */
export interface PairAlarm {
  readonly path: string;
  readonly detail: string;
  /** What its divergences have in common. */
  readonly title: string;
}

export type AlarmsOfPairs<Pair> = ReadonlyMap<Pair, readonly PairAlarm[]>;

/** Before these nothing more comes. */
export interface Settled {
  /** When it arrived from old. */
  readonly oldNs: number;
  /** Its place among what new delivered on a connection. */
  readonly newIndex: (connection: number) => number;
}

export const ALL_SETTLED: Settled = { oldNs: Infinity, newIndex: () => Infinity };

interface Batch {
  readonly pairs: readonly NoisyPair[];
  /** Pairs that are not judged in one order or the other. */
  left: number;
  readonly alarms: Map<NoisyPair, Ranked[]>;
  readonly done: (alarms: AlarmsOfPairs<NoisyPair>) => void;
}

/** Alarms of a pair are told in the order of fields. */
interface Ranked {
  readonly rank: number;
  readonly alarm: PairAlarm;
}

interface Pending {
  readonly pair: NoisyPair;
  readonly batch: Batch;
}

interface Group extends FieldGroup {
  readonly rank: number;
  /** Whether what is wrong with all of it was told. */
  isTrendTold: boolean;
}

interface Counts {
  differing: number;
  alarms: number;
  differingAlarms: number;
}

export class NoiseJudging {
  readonly #groups: readonly Group[];
  readonly #groupsOf = new Map<string, Record<Side, Group[]>>();
  readonly #kindsOf = new Map<string, { readonly field: string; readonly kind: NoiseKind }[]>();
  readonly #counts = new Map<string, Counts>();
  readonly #pairsOf = new Map<string, number>();
  /** Of each field, the pair that has it and came last. */
  readonly #lastOf = new Map<string, { readonly connection: number; readonly index: number }>();
  #isFirst = true;
  /** Numbers of alarms are the same each time. */
  #isCounted = false;
  #batches: Batch[] = [];
  #ofOld: Pending[] = [];
  readonly #ofNew = new Map<number, Pending[]>();

  constructor({ types }: NoiseModel) {
    this.#groups = fieldGroups(types).map((group, rank) => ({
      ...group,
      rank,
      isTrendTold: false,
    }));
    for (const group of this.#groups) {
      for (const type of group.types) {
        const own = this.#groupsOf.get(type) ?? { old: [], new: [] };
        own[group.judge.order].push(group);
        this.#groupsOf.set(type, own);
      }
    }
    for (const { domain, shape, fields } of types) {
      const kinds = fields.map(({ field, noise: { kind } }) => ({ field, kind }));
      this.#kindsOf.set(`${domain} ${shape}`, kinds);
    }
  }

  /** Whether there is anything to tell in a second reading; when the first is over. */
  get hasAlarms(): boolean {
    return this.#groups.some(({ judge }) => judge.hasAlarms || judge.trend !== undefined);
  }

  /** `done`: what of the pairs does not fit; nothing, when they go by for the first time. Batches are done in order. */
  add<Pair extends NoisyPair>(
    pairs: readonly Pair[],
    alone: readonly LoneMessage[],
    done: (alarms: AlarmsOfPairs<NoisyPair>) => void,
  ): void {
    for (const { field, judge, types } of this.#groups) {
      if (judge.excuse === undefined) continue;
      for (const pair of pairs) {
        if (pair.isMoved && types.includes(pair.type)) judge.excuse(excuseOfMoved(pair));
      }
      for (const one of alone) {
        const excuse = excuseOf(one, field);
        if (excuse !== undefined && types.includes(excuse.type)) judge.excuse(excuse);
      }
    }
    const batch: Batch = { pairs, left: 2 * pairs.length, alarms: new Map(), done };
    this.#batches.push(batch);
    for (const pair of pairs) {
      const pending = { pair, batch };
      this.#ofOld.push(pending);
      const own = this.#ofNew.get(pair.connection);
      if (own === undefined) this.#ofNew.set(pair.connection, [pending]);
      else own.push(pending);
    }
  }

  settle({ oldNs, newIndex }: Settled): void {
    const old = (one: Pending): number => one.pair.old.arrivalNs;
    this.#ofOld = this.#release(this.#ofOld, { side: 'old', placeOf: old, before: oldNs });
    const neu = (one: Pending): number => one.pair.new.index;
    for (const [connection, pending] of this.#ofNew) {
      const before = newIndex(connection);
      const left = this.#release(pending, { side: 'new', placeOf: neu, before });
      if (left.length > 0) this.#ofNew.set(connection, left);
      else this.#ofNew.delete(connection);
    }
    for (let first = this.#batches[0]; first?.left === 0; first = this.#batches[0]) {
      this.#batches.shift();
      this.#finish(first);
    }
  }

  /** All has gone by. */
  end(): void {
    this.settle(ALL_SETTLED);
    if (!this.#isFirst) this.#isCounted = true;
    this.#isFirst = false;
    for (const group of this.#groups) {
      group.judge.begin();
      group.isTrendTold = false;
    }
  }

  /** How many pairs of a type were seen. */
  pairsOf(type: string): number {
    return this.#pairsOf.get(type) ?? 0;
  }

  countsOf(
    type: string,
    field: string,
    kind: NoiseKind,
  ): Pick<NoiseFieldResult, 'judged' | 'explained' | 'alarms'> {
    const { differing, alarms, differingAlarms } = this.#countsOf(type, field);
    const judged = this.#groups
      .filter((each) => each.field === field)
      .reduce((sum, { judge }) => sum + (judge.judged.get(type) ?? 0), 0);
    const isStamp = kind !== 'order-free' && kind !== 'checksum';
    const explained = differing - differingAlarms;
    return { judged: isStamp ? judged : this.pairsOf(type), explained, alarms };
  }

  #release(
    pending: Pending[],
    { side, placeOf, before }: { side: Side; placeOf: (one: Pending) => number; before: number },
  ): Pending[] {
    pending.sort((left, right) => placeOf(left) - placeOf(right));
    let at = 0;
    for (let one = pending[at]; one !== undefined; one = pending[at]) {
      if (before !== Infinity && placeOf(one) >= before) break;
      this.#judge(one, side);
      at++;
    }
    return at === 0 ? pending : pending.slice(at);
  }

  #judge({ pair, batch }: Pending, side: Side): void {
    batch.left--;
    if (this.#isFirst && side === 'old') this.#count(pair);
    for (const group of this.#groupsOf.get(pair.type)?.[side] ?? []) {
      const { judge, field } = group;
      for (const observation of observationsOf(pair, field)) {
        if (this.#isFirst) judge.note(observation);
        else {
          const detail = judge.alarmOf(observation);
          if (detail !== undefined)
            this.#alarm(group, pair, batch, { path: observation.path, detail });
        }
      }
    }
    if (!this.#isFirst && side === 'old') this.#tellTrendAtLast(pair, batch);
  }

  #alarm(
    group: Group,
    pair: NoisyPair,
    { alarms }: Batch,
    told: Pick<PairAlarm, 'path' | 'detail'>,
  ): void {
    const { field, noise, rank, judge } = group;
    const title = TITLES[noise.kind](field, judge.trend !== undefined);
    const own = alarms.get(pair) ?? [];
    alarms.set(pair, own);
    own.push({ rank, alarm: { ...told, title } });
    if (judge.trend === undefined || group.isTrendTold) return;
    group.isTrendTold = true;
    own.push({ rank, alarm: { path: field, detail: judge.trend, title } });
  }

  /** A trend is told at the first message that has an alarm of it, or else at the last that has the field. */
  #tellTrendAtLast(pair: NoisyPair, batch: Batch): void {
    for (const group of this.#groups) {
      const { judge, field, noise, rank } = group;
      if (judge.trend === undefined || judge.hasAlarms || group.isTrendTold) continue;
      const last = this.#lastOf.get(field);
      if (last?.connection !== pair.connection || last.index !== pair.old.index) continue;
      group.isTrendTold = true;
      const own = batch.alarms.get(pair) ?? [];
      batch.alarms.set(pair, own);
      const title = TITLES[noise.kind](field, true);
      own.push({ rank, alarm: { path: field, detail: judge.trend, title } });
    }
  }

  #count(pair: NoisyPair): void {
    const { type, connection, old } = pair;
    this.#pairsOf.set(type, this.pairsOf(type) + 1);
    for (const { field, kind } of this.#kindsOf.get(type) ?? []) {
      if (isNoisy(pair, field, kind)) this.#countsOf(type, field).differing++;
    }
    if (pair.isMoved) return;
    for (const { field } of this.#groups) {
      if (hasField(pair.oldValues, field)) {
        this.#lastOf.set(field, { connection, index: old.index });
      }
    }
  }

  #finish({ alarms, done }: Batch): void {
    const told = new Map<NoisyPair, readonly PairAlarm[]>();
    for (const [pair, ranked] of alarms) {
      ranked.sort((left, right) => left.rank - right.rank);
      told.set(
        pair,
        ranked.map(({ alarm }) => alarm),
      );
      if (!this.#isCounted) this.#countAlarms(pair, ranked);
    }
    done(told);
  }

  #countAlarms(pair: NoisyPair, ranked: readonly Ranked[]): void {
    const fields = new Set(ranked.map(({ alarm }) => fieldOf(alarm.path)));
    for (const { field, kind } of this.#kindsOf.get(pair.type) ?? []) {
      if (!fields.has(field)) continue;
      const counts = this.#countsOf(pair.type, field);
      counts.alarms++;
      if (isNoisy(pair, field, kind)) counts.differingAlarms++;
    }
  }

  #countsOf(type: string, field: string): Counts {
    const key = `${type}\n${field}`;
    let counts = this.#counts.get(key);
    if (counts === undefined) {
      this.#counts.set(key, (counts = { differing: 0, alarms: 0, differingAlarms: 0 }));
    }
    return counts;
  }
}

function hasField({ layout }: KeptValues, field: string): boolean {
  return layout.fields.some((kept) => kept.field === field);
}

const TITLES: Readonly<Record<NoiseKind, (field: string, isTrend: boolean) => string>> = {
  clock: (field, isTrend) => `clock of ${field} ${isTrend ? 'drifts' : 'out of its bounds'}`,
  counter: (field) => `counter of ${field} does not count`,
  alias: (field) => `alias of ${field} is not one to one`,
  random: (field) => `${field} is not random`,
  'order-free': (field) => `${field} in another order`,
  checksum: (field) => `${field} does not follow`,
};

function isNoisy(pair: NoisyPair, field: string, kind: NoiseKind): boolean {
  if (kind === 'order-free') return pair.oldValues.order !== pair.newValues.order;
  if (field === CHECKSUM_FIELD) return pair.oldValues.checksum !== pair.newValues.checksum;
  return differs(pair, field);
}
