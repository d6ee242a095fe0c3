/**
 * Takes noise out of a comparison: says of every pair which of its differences the model explains, and which
 * values do not fit the model. A pair in which all fits is no divergence, one in which something does not fit
 * is one, whatever its bytes. Everything explained is counted by field.
 */
import type { ConnectionJudgement } from '../judge-connection.ts';
import type { ChangedPair, Item, ItemPair } from '../records.ts';
import { ANY_SHAPE, CHECKSUM_FIELD, fieldOf, typeKeyOf } from './fields.ts';
import { type JudgedField, judgeTraffic } from './judge.ts';
import type { KeptValues } from './mask.ts';
import type { NoiseKind, NoiseModel } from './model.ts';
import { describeNoise } from './describe.ts';
import type { NoiseFieldResult, NoiseResult } from './result.ts';
import { byType, differs, type NoisyPair, type NoisyTraffic, trafficOf } from './traffic.ts';

/** A value of a pair that does not fit. */
export interface PairAlarm {
  readonly path: string;
  readonly detail: string;
  /** What its divergences have in common. */
  readonly title: string;
}

/** What the model says of one pair. */
export interface PairNoise {
  readonly alarms: readonly PairAlarm[];
  /** Fields whose differences are noise, unless there is an alarm of them. */
  readonly fields: ReadonlySet<string>;
  /** Arrays whose elements may come in any order. */
  readonly orderFree: ReadonlySet<string>;
  readonly checksumMayBeZero: boolean;
}

interface JudgedItems {
  readonly items: { readonly id: number };
  readonly judgement: ConnectionJudgement;
}

const NO_ALARMS: readonly PairAlarm[] = [];

export class NoiseStage {
  readonly #model: NoiseModel;
  readonly #traffic: NoisyTraffic;
  readonly #fields: readonly JudgedField[];
  /** By the item of old, which is in one pair. */
  readonly #alarms = new Map<Item, PairAlarm[]>();
  readonly #explains = new Map<string, Omit<PairNoise, 'alarms'>>();

  constructor(model: NoiseModel, judged: readonly JudgedItems[]) {
    this.#model = model;
    this.#traffic = trafficOf(judged);
    this.#fields = judgeTraffic(model.types, this.#traffic);
    for (const { domain, shape, fields } of model.types) {
      const of = (wanted: (kind: NoiseKind) => boolean): Set<string> =>
        new Set(fields.filter(({ noise }) => wanted(noise.kind)).map(({ field }) => field));
      this.#explains.set(typeKeyOf(domain, shape), {
        fields: of((kind) => kind !== 'order-free' && kind !== 'checksum'),
        orderFree: of((kind) => kind === 'order-free'),
        checksumMayBeZero: fields.some(({ noise }) => noise.kind === 'checksum' && noise.mayBeZero),
      });
    }
    for (const field of this.#fields) this.#note(field);
  }

  /** Pairs with something that does not fit become changed ones, and the other way round. */
  reclassify(judgement: ConnectionJudgement): ConnectionJudgement {
    const pairs: ItemPair[] = [];
    const changed: ChangedPair[] = [];
    for (const pair of judgement.pairs) {
      if (!this.#alarms.has(pair.old)) pairs.push(pair);
      else changed.push({ old: pair.old, new: pair.new, isMoved: pair.pairing.kind === 'moved' });
    }
    for (const pair of judgement.changed) {
      const isNoise =
        pair.old.content.noise !== undefined &&
        pair.old.content.id === pair.new.content.id &&
        !pair.isMoved &&
        !this.#alarms.has(pair.old);
      if (isNoise) pairs.push({ old: pair.old, new: pair.new, pairing: { kind: 'changed' } });
      else changed.push(pair);
    }
    return { ...judgement, pairs, changed };
  }

  /** undefined: messages of this type have no noise. */
  of({ old, new: neu }: ChangedPair): PairNoise | undefined {
    const type = old.content.noise?.layout.type;
    if (type === undefined || neu.content.noise === undefined) return undefined;
    const explains = this.#explains.get(type);
    return explains && { ...explains, alarms: this.#alarms.get(old) ?? NO_ALARMS };
  }

  /** `judged`: as it is after all. */
  result(judged: readonly JudgedItems[]): NoiseResult {
    const unlearnedTypes = this.#unlearnedTypes(judged);
    const { source, pairs, types, unlearned, falseAlarms, divergences } = this.#model;
    const pairsOf = byType(this.#traffic.pairs);
    const found = types.filter(
      ({ domain, shape }) => shape !== ANY_SHAPE || pairsOf.has(typeKeyOf(domain, shape)),
    );
    const fields = found.flatMap(({ domain, shape, subject, fields: learned }) =>
      learned.map(({ field, noise, falseAlarms: own }): NoiseFieldResult => {
        const type = typeKeyOf(domain, shape);
        const counts = this.#countsOf(type, field, noise.kind, pairsOf.get(type) ?? []);
        const parameters = describeNoise(noise);
        return {
          domain,
          subject,
          field,
          kind: noise.kind,
          parameters,
          ...counts,
          falseAlarms: own,
        };
      }),
    );
    return {
      source,
      pairs,
      divergences,
      falseAlarms,
      fields,
      unlearned: [...unlearned],
      unlearnedTypes,
    };
  }

  /** Messages that differ, and of whose type nothing is known. */
  #unlearnedTypes(judged: readonly JudgedItems[]): NoiseResult['unlearnedTypes'] {
    const counts = new Map<string, number>();
    for (const { old } of judged.flatMap(({ judgement }) => judgement.changed)) {
      const { head, noise, shape, subject } = old.content;
      if (noise !== undefined || this.#isKnown(head?.domain, shape)) continue;
      counts.set(subject, (counts.get(subject) ?? 0) + 1);
    }
    return [...counts].map(([subject, pairs]) => ({ subject, pairs }));
  }

  #isKnown(domain: number | undefined, shape: string): boolean {
    return this.#model.constant.some((each) => each.domain === domain && each.shape === shape);
  }

  #countsOf(
    type: string,
    field: string,
    kind: NoiseKind,
    pairs: readonly NoisyPair[],
  ): Pick<NoiseFieldResult, 'judged' | 'explained' | 'alarms'> {
    const alarmed = new Set<Item>();
    for (const [old, alarms] of this.#alarms) {
      if (alarms.some(({ path }) => fieldOf(path) === field)) alarmed.add(old);
    }
    const ofType = pairs.filter((pair) => alarmed.has(pair.old)).length;
    const differing = pairs.filter((pair) => !alarmed.has(pair.old) && isNoisy(pair, field, kind));
    const judged = this.#fields
      .filter((each) => each.field === field)
      .reduce((sum, { judgement }) => sum + (judgement.judged.get(type) ?? 0), 0);
    const isStamp = kind !== 'order-free' && kind !== 'checksum';
    return { judged: isStamp ? judged : pairs.length, explained: differing.length, alarms: ofType };
  }

  #note({ field, kind, judgement: { alarms, trend } }: JudgedField): void {
    const title = TITLES[kind](field, trend !== undefined);
    for (const { observation, detail } of alarms) {
      this.#add(observation.pair, { path: observation.path, detail, title });
    }
    const last = trend === undefined ? undefined : this.#lastOf(field, alarms[0]?.observation.pair);
    if (trend !== undefined && last !== undefined) {
      this.#add(last, { path: field, detail: trend, title });
    }
  }

  #add({ old }: NoisyPair, alarm: PairAlarm): void {
    const alarms = this.#alarms.get(old);
    if (alarms === undefined) this.#alarms.set(old, [alarm]);
    else alarms.push(alarm);
  }

  /** Where a trend is told: at the first message that has an alarm of it, or else the last that has the field. */
  #lastOf(field: string, alarmed: NoisyPair | undefined): NoisyPair | undefined {
    return (
      alarmed ??
      this.#traffic.pairs.findLast(
        ({ isMoved, oldValues }) => !isMoved && hasField(oldValues, field),
      )
    );
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
