/**
 * A counter: each side counts on its own, from a start of its own. Learned is among which messages it counts
 * and by how much. A message that only one side has, or that lost its place, explains one step more or less
 * where it may have been; nothing else does.
 */
import { defined } from '../../lib/assert.ts';
import type { Head } from '../records.ts';
import { countType, type Excuse, type FieldJudge, NOISE_PAIRS_MIN } from './judgement.ts';
import type { CounterModel } from './model.ts';
import type { NoisyPair, Observation } from './traffic.ts';
import { countWords } from './words.ts';

const SCOPES = ['connection', 'source', 'type'] as const;
type Scope = CounterModel['scope'];

/** Of steps; the others are beside losses and restarts. */
const REGULAR_SHARE = 0.98;

/** `observations` of one field, of all types of messages that have it. undefined: it does not count evenly. */
export function learnCounter(observations: readonly Observation[]): CounterModel | undefined {
  const samples = observations.length;
  if (samples < NOISE_PAIRS_MIN || observations.some(({ path }) => path.includes('[]')))
    return undefined;
  let best: { readonly scope: Scope; readonly step: bigint; readonly share: number } | undefined;
  for (const scope of SCOPES) {
    const found = evenStep([...groupsOf(observations, scope).values()]);
    if (found === undefined || found.share < REGULAR_SHARE) continue;
    if (best === undefined || found.share > best.share) best = { scope, ...found };
  }
  return best && { kind: 'counter', samples, scope: best.scope, step: best.step.toString() };
}

/** Counts by any steps, but by the same on both sides: it counts what is not in the capture, too. */
export function learnUnevenCounter(observations: readonly Observation[]): CounterModel | undefined {
  const samples = observations.length;
  if (samples < NOISE_PAIRS_MIN) return undefined;
  let steps = 0;
  let alike = 0;
  let rising = 0;
  for (const group of groupsOf(observations, 'type').values()) {
    for (const { oldStep, newStep } of stepsOf(group)) {
      steps++;
      if (oldStep === newStep) alike++;
      if (newStep > 0n) rising++;
    }
  }
  const enough = REGULAR_SHARE * steps;
  if (steps < NOISE_PAIRS_MIN / 2 || alike < enough || rising < enough) return undefined;
  return { kind: 'counter', samples, scope: 'type', step: null };
}

function scopeOf(
  scope: Scope,
  connection: number,
  type: string,
  head: Pick<Head, 'domain' | 'source'> | undefined,
): string {
  switch (scope) {
    case 'connection':
      return `${connection}`;
    case 'source':
      return `${connection} ${head?.domain} ${head?.source}`;
    case 'type':
      return `${connection} ${type}`;
  }
}

/** What kept its place, in order of new. */
function groupsOf(
  observations: readonly Observation[],
  scope: Scope,
): ReadonlyMap<string, readonly Observation[]> {
  const groups = new Map<string, Observation[]>();
  for (const observation of observations) {
    const { pair } = observation;
    if (pair.isMoved) continue;
    const key = scopeOf(scope, pair.connection, pair.type, pair.old.content.head);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [observation]);
    else group.push(observation);
  }
  for (const group of groups.values()) {
    group.sort((left, right) => left.pair.new.index - right.pair.new.index);
  }
  return groups;
}

interface Step {
  readonly from: Observation;
  readonly to: Observation;
  readonly oldStep: bigint;
  readonly newStep: bigint;
}

function* stepsOf(group: readonly Observation[]): Generator<Step> {
  let from: Observation | undefined;
  for (const to of group) {
    if (from !== undefined) {
      yield { from, to, oldStep: to.old - from.old, newStep: to.new - from.new };
    }
    from = to;
  }
}

function evenStep(
  groups: readonly (readonly Observation[])[],
): { readonly step: bigint; readonly share: number } | undefined {
  const old = new Map<bigint, number>();
  const neu = new Map<bigint, number>();
  let total = 0;
  for (const group of groups) {
    for (const { newStep } of stepsOf(group)) {
      total++;
      neu.set(newStep, (neu.get(newStep) ?? 0) + 1);
    }
    // What several publishers send may come in another order on either side: each counts in its own.
    const inOrderOfOld = group.toSorted(
      (left, right) => left.pair.old.index - right.pair.old.index,
    );
    for (const { oldStep } of stepsOf(inOrderOfOld)) old.set(oldStep, (old.get(oldStep) ?? 0) + 1);
  }
  if (total < NOISE_PAIRS_MIN / 2) return undefined;
  const [step] = [...old].reduce((most, each) => (each[1] > most[1] ? each : most), [0n, 0]);
  if (step <= 0n) return undefined;
  return { step, share: Math.min(old.get(step) ?? 0, neu.get(step) ?? 0) / total };
}

/** Where a counter has come to, and what may explain its next steps. */
interface Counting {
  from: Observation | undefined;
  readonly excuses: Excuses;
}

/** Of all messages that it counts. */
export class CounterJudge implements FieldJudge {
  readonly order = 'new';
  readonly judged = new Map<string, number>();
  readonly trend = undefined;
  hasAlarms = false;
  readonly #model: CounterModel;
  readonly #field: string;
  #counting = new Map<string, Counting>();

  constructor(model: CounterModel, field: string) {
    this.#model = model;
    this.#field = field;
  }

  excuse(lone: Excuse): void {
    const { connection, type, head } = lone;
    const scope = scopeOf(this.#model.scope, connection, type, head);
    this.#countingOf(scope).excuses.add(lone);
  }

  note(to: Observation): void {
    const step = this.#stepTo(to);
    if (step?.verdict === undefined || step.verdict === 'unknown') return;
    countType(this.judged, to.pair.type);
    if (step.verdict === 'alarm') this.hasAlarms = true;
  }

  begin(): void {
    this.#counting = new Map();
  }

  alarmOf(to: Observation): string | undefined {
    const step = this.#stepTo(to);
    if (step?.verdict !== 'alarm') return undefined;
    return `the counter of ${this.#field} ${stepWords(step)}; ${usualWords(this.#model)}`;
  }

  #stepTo(to: Observation): (Step & { readonly verdict: Verdict }) | undefined {
    const { connection, type, old, isMoved } = to.pair;
    if (isMoved) return undefined;
    const counting = this.#countingOf(
      scopeOf(this.#model.scope, connection, type, old.content.head),
    );
    const { from, excuses } = counting;
    counting.from = to;
    if (from === undefined) return undefined;
    const step = { from, to, oldStep: to.old - from.old, newStep: to.new - from.new };
    const verdict = judgeStep(step, this.#model, excuses.between(from.pair, to.pair));
    return { ...step, verdict };
  }

  #countingOf(scope: string): Counting {
    let counting = this.#counting.get(scope);
    if (counting === undefined) {
      counting = { from: undefined, excuses: new Excuses() };
      this.#counting.set(scope, counting);
    }
    return counting;
  }
}

type Verdict = 'fits' | 'alarm' | 'unknown';

interface Between {
  /** Messages that only new has here. */
  readonly extra: number;
  /** Messages that only old has here. */
  readonly oldOnly: number;
  /** Uses up so many messages that new may have lost here; false, and none, when there are fewer. */
  readonly take: (count: bigint) => boolean;
}

function judgeStep(
  { oldStep, newStep }: Step,
  { step: stepText }: CounterModel,
  { extra, oldOnly, take }: Between,
): Verdict {
  if (oldStep === newStep) return 'fits';
  if (stepText === null) return extra + oldOnly > 0 || take(1n) ? 'unknown' : 'alarm';
  const step = BigInt(stepText);
  const isWhole = newStep % step === 0n;
  const steps = newStep / step;
  if (isWhole && steps >= 1n && steps <= BigInt(1 + extra)) return 'fits';
  const oldSteps = oldStep / step;
  const isOldEven = oldStep % step === 0n && oldSteps >= 1n && oldSteps <= BigInt(1 + oldOnly);
  // The counter of old broke off here as well: a relay was started again, or a client came back.
  if (!isOldEven) return 'unknown';
  const lost = steps - 1n - BigInt(extra);
  return isWhole && lost > 0n && take(lost) ? 'fits' : 'alarm';
}

function stepWords({ newStep, oldStep, from, to }: Step): string {
  const old = `old went on by ${oldStep}`;
  if (newStep === 0n) return `stood still at ${to.new} while ${old}`;
  if (newStep < 0n) return `went back from ${from.new} to ${to.new} while ${old}`;
  return `went on by ${newStep} to ${to.new} while ${old}`;
}

const SCOPE_WORDS: Readonly<Record<Scope, string>> = {
  connection: 'from each message of a connection to the next',
  source: 'from each message of a source to the next',
  type: 'from each such message to the next',
};

function usualWords({ step, scope, samples }: CounterModel): string {
  const usual = step === null ? 'as much as the other side' : `by ${step}`;
  return `old against old it goes on ${usual} ${SCOPE_WORDS[scope]} (n = ${countWords(samples)})`;
}

/** Excuses of one counter that are kept; the oldest are forgotten, and those that are past. */
const EXCUSES_MAX = 16_384;

/** Answers for steps in order of new; each lost message excuses one step. */
class Excuses {
  readonly #newOnly: number[] = [];
  readonly #oldOnly: number[] = [];
  readonly #lost: Excuse[] = [];
  #open: Excuse[] = [];

  add(lone: Excuse): void {
    if (lone.new !== undefined) insert(this.#newOnly, lone.new, (index) => index);
    if (lone.old !== undefined) insert(this.#oldOnly, lone.old, (index) => index);
    if (lone.slot !== undefined) insert(this.#lost, lone, (each) => slotOf(each).after);
  }

  between(from: NoisyPair, to: NoisyPair): Between {
    const opened = this.#lost.findIndex((each) => slotOf(each).after >= to.new.index);
    this.#open.push(...this.#lost.splice(0, opened < 0 ? this.#lost.length : opened));
    this.#forget(from);
    return {
      extra: countBetween(this.#newOnly, from.new.index, to.new.index),
      oldOnly: countBetween(this.#oldOnly, from.old.index, to.old.index),
      take: (count) => this.#take(count, from.new.index),
    };
  }

  #forget(from: NoisyPair): void {
    if (this.#newOnly.length > EXCUSES_MAX) forgetBelow(this.#newOnly, from.new.index);
    if (this.#oldOnly.length > EXCUSES_MAX) forgetBelow(this.#oldOnly, from.old.index);
    if (this.#open.length <= EXCUSES_MAX) return;
    this.#open = this.#open
      .filter((each) => slotOf(each).before > from.new.index)
      .slice(-EXCUSES_MAX / 2);
  }

  #take(count: bigint, after: number): boolean {
    const taken: Excuse[] = [];
    while (BigInt(taken.length) < count) {
      const one = this.#open.pop();
      if (one === undefined) break;
      if (slotOf(one).before > after) taken.push(one);
    }
    if (BigInt(taken.length) === count) return true;
    this.#open.push(...taken);
    return false;
  }
}

/** Behind those that are equal. */
function insert<T>(sorted: T[], one: T, placeOf: (each: T) => number): void {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (placeOf(defined(sorted[middle], 'one in the middle')) <= placeOf(one)) low = middle + 1;
    else high = middle;
  }
  sorted.splice(low, 0, one);
}

function forgetBelow(sorted: number[], index: number): void {
  sorted.splice(0, firstAbove(sorted, index - 1));
}

function slotOf({ slot }: Excuse): { readonly after: number; readonly before: number } {
  return defined(slot, 'slot of a lost message');
}

function countBetween(sorted: readonly number[], from: number, to: number): number {
  return Math.max(0, firstAbove(sorted, to - 1) - firstAbove(sorted, from));
}

function firstAbove(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
