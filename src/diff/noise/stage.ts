/**
 * Takes noise out of a comparison: says of every pair which of its differences the model explains, and which
 * values do not fit the model. A pair in which all fits is no divergence, one in which something does not fit
 * is one, whatever its bytes. Everything explained is counted by field.
 */
import type { ConnectionJudgement } from '../judge-connection.ts';
import type { ChangedPair, ItemPair } from '../records.ts';
import { describeNoise } from './describe.ts';
import { ANY_SHAPE, typeKeyOf } from './fields.ts';
import { type AlarmsOfPairs, NoiseJudging, type PairAlarm } from './judging.ts';
import type { NoiseKind, NoiseModel } from './model.ts';
import type { NoiseFieldResult, NoiseResult } from './result.ts';
import { type NoisyHalf, type NoisyPair, trafficOf } from './traffic.ts';

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

/** Of a whole comparison, or of one of its windows. */
export interface NoiseStage {
  /** Pairs with something that does not fit become changed ones, and the other way round. */
  reclassify(judgement: ConnectionJudgement): ConnectionJudgement;
  /** undefined: messages of this type have no noise. */
  of(pair: ChangedPair): PairNoise | undefined;
}

/** What is known of the noise of a comparison. */
export class NoiseOfComparison {
  readonly judging: NoiseJudging;
  readonly #model: NoiseModel;
  readonly #explains = new Map<string, Omit<PairNoise, 'alarms'>>();
  readonly #unlearned = new Map<string, number>();

  constructor(model: NoiseModel) {
    this.#model = model;
    this.judging = new NoiseJudging(model);
    for (const { domain, shape, fields } of model.types) {
      const of = (wanted: (kind: NoiseKind) => boolean): Set<string> =>
        new Set(fields.filter(({ noise }) => wanted(noise.kind)).map(({ field }) => field));
      this.#explains.set(typeKeyOf(domain, shape), {
        fields: of((kind) => kind !== 'order-free' && kind !== 'checksum'),
        orderFree: of((kind) => kind === 'order-free'),
        checksumMayBeZero: fields.some(({ noise }) => noise.kind === 'checksum' && noise.mayBeZero),
      });
    }
  }

  /** Of everything, at once. */
  stageOfAll(judged: readonly JudgedItems[]): NoiseStage {
    const { pairs, alone } = trafficOf(judged);
    let found: AlarmsOfPairs<NoisyPair> = new Map();
    for (const isLast of [false, true]) {
      this.judging.add(pairs, alone, (alarms) => {
        if (isLast) found = alarms;
      });
      this.judging.end();
    }
    return this.stageOf(found);
  }

  stageOf(found: AlarmsOfPairs<NoisyPair>): NoiseStage {
    /** By the half of old, which is in one pair. */
    const alarms = new Map<NoisyHalf, readonly PairAlarm[]>();
    for (const [{ old }, own] of found) alarms.set(old, own);
    return {
      reclassify: (judgement) => reclassified(judgement, alarms),
      of: ({ old, new: neu }) => {
        const type = old.content.noise?.layout.type;
        if (type === undefined || neu.content.noise === undefined) return undefined;
        const explains = this.#explains.get(type);
        return explains && { ...explains, alarms: alarms.get(old) ?? NO_ALARMS };
      },
    };
  }

  /** Messages that differ after all, of whose type nothing may be known. Everything once. */
  noteChanged(judged: readonly JudgedItems[]): void {
    for (const { old } of judged.flatMap(({ judgement }) => judgement.changed)) {
      const { head, noise, shape, subject } = old.content;
      if (noise !== undefined || this.#isKnown(head?.domain, shape)) continue;
      this.#unlearned.set(subject, (this.#unlearned.get(subject) ?? 0) + 1);
    }
  }

  result(): NoiseResult {
    const { source, pairs, types, unlearned, falseAlarms, divergences } = this.#model;
    const found = types.filter(
      ({ domain, shape }) =>
        shape !== ANY_SHAPE || this.judging.pairsOf(typeKeyOf(domain, shape)) > 0,
    );
    const fields = found.flatMap(({ domain, shape, subject, fields: learned }) =>
      learned.map(
        ({ field, noise, falseAlarms: own }): NoiseFieldResult => ({
          domain,
          subject,
          field,
          kind: noise.kind,
          parameters: describeNoise(noise),
          ...this.judging.countsOf(typeKeyOf(domain, shape), field, noise.kind),
          falseAlarms: own,
        }),
      ),
    );
    return {
      source,
      pairs,
      divergences,
      falseAlarms,
      fields,
      unlearned: [...unlearned],
      unlearnedTypes: [...this.#unlearned].map(([subject, count]) => ({ subject, pairs: count })),
    };
  }

  #isKnown(domain: number | undefined, shape: string): boolean {
    return this.#model.constant.some((each) => each.domain === domain && each.shape === shape);
  }
}

function reclassified(
  judgement: ConnectionJudgement,
  alarms: ReadonlyMap<NoisyHalf, readonly PairAlarm[]>,
): ConnectionJudgement {
  const pairs: ItemPair[] = [];
  const changed: ChangedPair[] = [];
  for (const pair of judgement.pairs) {
    if (!alarms.has(pair.old)) pairs.push(pair);
    else changed.push({ old: pair.old, new: pair.new, isMoved: pair.pairing.kind === 'moved' });
  }
  for (const pair of judgement.changed) {
    const isNoise =
      pair.old.content.noise !== undefined &&
      pair.old.content.id === pair.new.content.id &&
      !pair.isMoved &&
      !alarms.has(pair.old);
    if (isNoise) pairs.push({ old: pair.old, new: pair.new, pairing: { kind: 'changed' } });
    else changed.push(pair);
  }
  return { ...judgement, pairs, changed };
}
