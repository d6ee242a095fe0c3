/**
 * Finds, among the frames that only one side has, those that are the same message with other bytes. Keys
 * go from sure to weak; weak ones hold only at the same place, between the same neighbours of the same
 * publisher. No key uses the sequence alone: it restarts, and is often 0. A message that no key matches
 * stays missing or extra; so do two messages that clients really sent, however alike they are.
 */
import { defined } from '../lib/assert.ts';
import { type Content, type Head, type Item, keyHeadOf, type Unpaired } from './records.ts';

export interface ChangedPair {
  readonly old: Item;
  readonly new: Item;
  /** It is not where its neighbours say that it belongs. */
  readonly isMoved: boolean;
}

export interface MatchedChanges {
  readonly changed: readonly ChangedPair[];
  readonly rest: readonly Unpaired[];
}

interface Key {
  /** `anywhere`: a match in place is preferred, but not needed. */
  readonly scope: 'anywhere' | 'in place';
  /** undefined: this content has no such key. */
  readonly of: (content: Content, head: Head) => string | undefined;
}

const KEYS: readonly Key[] = [
  {
    // The payload changed.
    scope: 'anywhere',
    of: (content, head) =>
      head.sequence === 0n
        ? undefined
        : `${role(head)} ${head.sequence} ${head.timestamp} ${content.shape}`,
  },
  {
    // The payload and the time changed: after a restart other messages have the same sequence.
    scope: 'in place',
    of: (content, head) =>
      head.sequence === 0n ? undefined : `${role(head)} ${head.sequence} ${content.shape}`,
  },
  {
    // TLVs came, went or moved.
    scope: 'anywhere',
    of: (_content, head) =>
      head.sequence === 0n || head.timestamp === 0n
        ? undefined
        : `${role(head)} ${head.sequence} ${head.timestamp}`,
  },
  {
    // Only the header changed, whatever field of it.
    scope: 'in place',
    of: (content) =>
      content.shape === '' ? undefined : `${content.shape} ${content.length} ${content.payload}`,
  },
  {
    scope: 'in place',
    of: (_content, head) => (head.timestamp === 0n ? undefined : `${role(head)} ${head.timestamp}`),
  },
  {
    scope: 'in place',
    of: (_content, head) => (head.sequence === 0n ? undefined : `${role(head)} ${head.sequence}`),
  },
  {
    // Publishers that write no sequence leave nothing but the place and the types.
    scope: 'in place',
    of: (content, head) => (head.sequence === 0n ? `${role(head)} ${content.shape}` : undefined),
  },
];

function role(head: Head): string {
  return `${head.domain}/${head.source}`;
}

/** `wasSent`: whether a client sent exactly this. */
export function matchChanged(
  unpaired: readonly Unpaired[],
  wasSent: (content: Content) => boolean,
): MatchedChanges {
  const ofSide = (side: Unpaired['side']): readonly Unpaired[] =>
    unpaired.filter((one) => one.side === side && one.item.content.isFrame).sort(byIndex);
  let old = ofSide('old');
  let neu = ofSide('new');
  const changed: ChangedPair[] = [];
  const matched = new Set<Unpaired>();
  for (const step of STEPS) {
    if (old.length === 0 || neu.length === 0) break;
    for (const [left, right] of matchStep(old, neu, step, wasSent)) {
      changed.push({ old: left.item, new: right.item, isMoved: !areInPlace(left, right) });
      matched.add(left).add(right);
    }
    old = old.filter((item) => !matched.has(item));
    neu = neu.filter((item) => !matched.has(item));
  }
  return { changed, rest: unpaired.filter((item) => !matched.has(item)) };
}

interface Step {
  readonly key: Key;
  readonly scope: Key['scope'];
}

const STEPS: readonly Step[] = KEYS.flatMap((key): readonly Step[] =>
  key.scope === 'anywhere'
    ? [
        { key, scope: 'in place' },
        { key, scope: 'anywhere' },
      ]
    : [{ key, scope: 'in place' }],
);

/** A message that was sent can only have become one that was not; sent ones and others wait apart. */
function* matchStep(
  old: readonly Unpaired[],
  neu: readonly Unpaired[],
  step: Step,
  wasSent: (content: Content) => boolean,
): Generator<readonly [Unpaired, Unpaired]> {
  const isSent = (one: Unpaired): boolean => wasSent(one.item.content);
  const isNotSent = (one: Unpaired): boolean => !isSent(one);
  const taken = new Set<Unpaired>();
  for (const [left, right] of [
    [isSent, isNotSent],
    [isNotSent, isSent],
    [isNotSent, isNotSent],
  ] as const) {
    const isFree = (one: Unpaired): boolean => !taken.has(one);
    const pairs = matchByKey(
      old.filter((one) => left(one) && isFree(one)),
      neu.filter((one) => right(one) && isFree(one)),
      step,
    );
    for (const pair of pairs) {
      // A copy too many next to a copy too few is no change; nor is a copy that nobody sent, elsewhere.
      const copies = pair.filter((one) => one.isCopy).length;
      const isProven = step.scope === 'in place' || pair.some(isSent);
      if (copies === 2 || (copies === 1 && !isProven)) continue;
      taken.add(pair[0]).add(pair[1]);
      yield pair;
    }
  }
}

function byIndex(left: Unpaired, right: Unpaired): number {
  return left.item.index - right.item.index;
}

function matchByKey(
  old: readonly Unpaired[],
  neu: readonly Unpaired[],
  { key, scope }: Step,
): readonly (readonly [Unpaired, Unpaired])[] {
  const waiting = new Map<string, WaitingList>();
  for (const candidate of neu) {
    const text = keyOf(candidate, key);
    if (text === undefined) continue;
    const list = waiting.get(text);
    if (list === undefined) waiting.set(text, new WaitingList(candidate));
    else list.add(candidate);
  }
  const matches: (readonly [Unpaired, Unpaired])[] = [];
  for (const item of old) {
    const text = keyOf(item, key);
    const list = text === undefined ? undefined : waiting.get(text);
    const partner = list?.take(scope === 'in place' ? item : undefined);
    if (partner !== undefined) matches.push([item, partner]);
  }
  return matches;
}

function keyOf(unpaired: Unpaired, key: Key): string | undefined {
  const { content } = unpaired.item;
  return key.of(content, defined(keyHeadOf(content), 'header of a frame'));
}

/** Candidates of one key in order of their place; taking one is cheap however many there are. */
class WaitingList {
  readonly #candidates: Unpaired[];
  /** For each position, the next one that may still be free. */
  readonly #next: number[] = [0];

  constructor(first: Unpaired) {
    this.#candidates = [first];
  }

  add(candidate: Unpaired): void {
    this.#next.push(this.#candidates.length);
    this.#candidates.push(candidate);
  }

  /** The first free candidate in the place of `item`; the first of all without one. */
  take(item: Unpaired | undefined): Unpaired | undefined {
    const position = this.#free(item === undefined ? 0 : this.#firstBehind(item.slot.after));
    const candidate = this.#candidates[position];
    if (candidate === undefined) return undefined;
    if (item !== undefined && !areInPlace(item, candidate)) return undefined;
    this.#next[position] = position + 1;
    return candidate;
  }

  #firstBehind(index: number): number {
    let low = 0;
    let high = this.#candidates.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (defined(this.#candidates[middle], 'candidate').item.index <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #free(from: number): number {
    let position = from;
    while ((this.#next[position] ?? position) !== position) {
      const next = this.#next[position] ?? position;
      this.#next[position] = this.#next[next] ?? next;
      position = next;
    }
    return position;
  }
}

/** A changed message may seem to have another publisher, so the place of old decides. */
function areInPlace(old: Unpaired, neu: Unpaired): boolean {
  return neu.item.index > old.slot.after && neu.item.index < old.slot.before;
}
