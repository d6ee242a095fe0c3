/**
 * An alias: the sides call one thing by two names, connection ids for example. Which names they are says
 * nothing; that each has one partner over the whole capture does. The partner is the one that a value has
 * most often, so that one wrong pair is found and not all the right ones.
 */
import { type Alarm, countTypes, type FieldJudgement, NOISE_PAIRS_MIN } from './judgement.ts';
import type { AliasModel } from './model.ts';
import type { Observation } from './traffic.ts';
import { countWords } from './words.ts';

const ONE_TO_ONE_SHARE = 0.995;
/** A value that comes once has one partner for certain, which proves nothing. */
const REPEATS_MIN = 3;

/** undefined: the values are not one to one, or occur too seldom to tell. */
export function learnAlias(observations: readonly Observation[]): AliasModel | undefined {
  const samples = observations.length;
  if (samples < NOISE_PAIRS_MIN) return undefined;
  const onConnections = new Set<string>();
  for (const { pair, old } of observations) onConnections.add(`${pair.connection} ${old}`);
  if (samples < REPEATS_MIN * onConnections.size) return undefined;
  const partners = new Partners(observations);
  const fitting = observations.filter((each) => partners.fit(each)).length;
  if (fitting < ONE_TO_ONE_SHARE * samples) return undefined;
  return { kind: 'alias', samples, values: partners.size, shared: false };
}

/** `observations` of all messages that share one bijection. */
export function judgeAlias(
  observations: readonly Observation[],
  model: AliasModel,
  field: string,
): FieldJudgement {
  const partners = new Partners(observations);
  const alarms: Alarm[] = [];
  for (const observation of observations) {
    if (partners.fit(observation)) continue;
    const usual =
      `old against old ${countWords(model.values)} values had one partner each ` +
      `(n = ${countWords(model.samples)})`;
    alarms.push({
      observation,
      detail: `${field} is no alias here: ${partners.words(observation)}; ${usual}`,
    });
  }
  return { judged: countTypes(observations), alarms, trend: undefined };
}

interface Best {
  readonly partner: bigint;
  readonly count: number;
}

class Partners {
  readonly #ofOld: ReadonlyMap<bigint, Best>;
  readonly #ofNew: ReadonlyMap<bigint, Best>;

  constructor(observations: readonly Observation[]) {
    const counts = new Map<string, { readonly old: bigint; readonly new: bigint; count: number }>();
    for (const { old, new: neu } of observations) {
      const key = `${old} ${neu}`;
      const known = counts.get(key);
      if (known === undefined) counts.set(key, { old, new: neu, count: 1 });
      else known.count++;
    }
    const ofOld = new Map<bigint, Best>();
    const ofNew = new Map<bigint, Best>();
    for (const { old, new: neu, count } of counts.values()) {
      if (count > (ofOld.get(old)?.count ?? 0)) ofOld.set(old, { partner: neu, count });
      if (count > (ofNew.get(neu)?.count ?? 0)) ofNew.set(neu, { partner: old, count });
    }
    this.#ofOld = ofOld;
    this.#ofNew = ofNew;
  }

  get size(): number {
    return this.#ofOld.size;
  }

  fit({ old, new: neu }: Observation): boolean {
    return this.#ofOld.get(old)?.partner === neu && this.#ofNew.get(neu)?.partner === old;
  }

  words({ old, new: neu }: Observation): string {
    const ofOld = this.#ofOld.get(old);
    const ofNew = this.#ofNew.get(neu);
    if (ofOld !== undefined && ofOld.partner !== neu) {
      return `${old} of old became ${neu}, elsewhere ${ofOld.partner} (in ${countWords(ofOld.count)} pairs)`;
    }
    return `${neu} of new stands for ${old}, elsewhere for ${ofNew?.partner} (in ${countWords(ofNew?.count ?? 0)} pairs)`;
  }
}
