/**
 * An alias: the sides call one thing by two names, connection ids for example. Which names they are says
 * nothing; that each has one partner over the whole capture does. The partner is the one that a value has
 * most often, so that one wrong pair is found and not all the right ones.
 */
import { countType, type FieldJudge, NOISE_PAIRS_MIN } from './judgement.ts';
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
  const partners = new Partners(Infinity);
  for (const each of observations) partners.add(each);
  const fitting = observations.filter((each) => partners.fit(each)).length;
  if (fitting < ONE_TO_ONE_SHARE * samples) return undefined;
  return { kind: 'alias', samples, values: partners.size, shared: false };
}

/** Values of old with their partners; those that come when there are more are not judged. */
const PARTNERS_MAX = 65_536;

/** Of all messages that share one bijection. */
export class AliasJudge implements FieldJudge {
  readonly order = 'old';
  readonly judged = new Map<string, number>();
  readonly trend = undefined;
  hasAlarms = false;
  readonly #model: AliasModel;
  readonly #field: string;
  readonly #partners = new Partners(PARTNERS_MAX);

  constructor(model: AliasModel, field: string) {
    this.#model = model;
    this.#field = field;
  }

  note(observation: Observation): void {
    if (this.#partners.add(observation)) countType(this.judged, observation.pair.type);
  }

  begin(): void {
    this.hasAlarms = !this.#partners.isOneToOne;
  }

  alarmOf(observation: Observation): string | undefined {
    if (!this.#partners.has(observation) || this.#partners.fit(observation)) return undefined;
    const { values, samples } = this.#model;
    const usual =
      `old against old ${countWords(values)} values had one partner each ` +
      `(n = ${countWords(samples)})`;
    return `${this.#field} is no alias here: ${this.#partners.words(observation)}; ${usual}`;
  }
}

interface Best {
  readonly partner: bigint;
  readonly count: number;
}

interface Counted {
  readonly old: bigint;
  readonly new: bigint;
  count: number;
}

class Partners {
  readonly #max: number;
  readonly #counts = new Map<string, Counted>();
  #best: Readonly<Record<'old' | 'new', ReadonlyMap<bigint, Best>>> | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  /** Returns whether there was room. */
  add({ old, new: neu }: Observation): boolean {
    const key = `${old} ${neu}`;
    const known = this.#counts.get(key);
    if (known === undefined && this.#counts.size >= this.#max) return false;
    if (known === undefined) this.#counts.set(key, { old, new: neu, count: 1 });
    else known.count++;
    this.#best = undefined;
    return true;
  }

  has({ old, new: neu }: Observation): boolean {
    return this.#counts.has(`${old} ${neu}`);
  }

  get isOneToOne(): boolean {
    for (const pair of this.#counts.values()) if (!this.fit(pair)) return false;
    return true;
  }

  get #partnersOf(): Readonly<Record<'old' | 'new', ReadonlyMap<bigint, Best>>> {
    if (this.#best !== undefined) return this.#best;
    const ofOld = new Map<bigint, Best>();
    const ofNew = new Map<bigint, Best>();
    for (const { old, new: neu, count } of this.#counts.values()) {
      if (count > (ofOld.get(old)?.count ?? 0)) ofOld.set(old, { partner: neu, count });
      if (count > (ofNew.get(neu)?.count ?? 0)) ofNew.set(neu, { partner: old, count });
    }
    return (this.#best = { old: ofOld, new: ofNew });
  }

  get size(): number {
    return this.#partnersOf.old.size;
  }

  fit({ old, new: neu }: Pick<Observation, 'old' | 'new'>): boolean {
    const partners = this.#partnersOf;
    return partners.old.get(old)?.partner === neu && partners.new.get(neu)?.partner === old;
  }

  words({ old, new: neu }: Observation): string {
    const ofOld = this.#partnersOf.old.get(old);
    const ofNew = this.#partnersOf.new.get(neu);
    if (ofOld !== undefined && ofOld.partner !== neu) {
      return `${old} of old became ${neu}, elsewhere ${ofOld.partner} (in ${countWords(ofOld.count)} pairs)`;
    }
    return `${neu} of new stands for ${old}, elsewhere for ${ofNew?.partner} (in ${countWords(ofNew?.count ?? 0)} pairs)`;
  }
}
