/**
 * Finds, among the frames that only one side has, those that are the same message with other bytes. Keys
 * go from sure to weak; weak ones hold only at the same place, between the same neighbours of the same
 * publisher. No key uses the sequence alone: it restarts, and is often 0. A message that no key matches
 * stays missing or extra; so do two messages that clients really sent, however alike they are.
 */
import { defined } from '../lib/assert.ts';
import { type FetchFrames, matchAlike } from './match-alike.ts';
import {
  areInPlace,
  type ChangedPair,
  type Content,
  type Head,
  keyHeadOf,
  type Unpaired,
} from './records.ts';

export interface MatchedChanges {
  readonly changed: readonly ChangedPair[];
  readonly rest: readonly Unpaired[];
}

interface Key {
  /** `anywhere`: a match in place is preferred, but not needed. */
  readonly scope: 'anywhere' | 'in place';
  /** false: this content has no such key. */
  readonly of: (content: Content, head: Head) => string | false;
}

const KEYS: readonly Key[] = [
  {
    // The payload changed.
    scope: 'anywhere',
    of: (content, head) => isNamed(head) && `${name(head)} ${content.shape}`,
  },
  {
    // TLVs came, went or moved.
    scope: 'anywhere',
    of: (_content, head) => isNamed(head) && name(head),
  },
  {
    // Another time, and nothing else.
    scope: 'in place',
    of: (content, head) =>
      head.sequence !== 0n && `${role(head)} ${head.sequence} ${payload(content)}`,
  },
  {
    // Another sequence, and nothing else: before keys with a sequence, which may be that of another message.
    scope: 'in place',
    of: (content, head) => head.timestamp !== 0n && `${head.timestamp} ${payload(content)}`,
  },
  {
    // Only the header changed, whatever field of it.
    scope: 'in place',
    of: (content) => content.shape !== '' && payload(content),
  },
  {
    // The payload changed, and the time is not written or changed too: after a restart others have that sequence.
    scope: 'in place',
    of: (content, head) =>
      head.sequence !== 0n && `${role(head)} ${head.sequence} ${content.shape}`,
  },
  {
    scope: 'in place',
    of: (_content, head) => head.timestamp !== 0n && `${role(head)} ${head.timestamp}`,
  },
  {
    scope: 'in place',
    of: (_content, head) => head.sequence !== 0n && `${role(head)} ${head.sequence}`,
  },
];

/** Publishers that write no sequence leave nothing but the place and the types. */
const WEAKEST_KEY: Key = {
  scope: 'in place',
  of: (content, head) => head.sequence === 0n && `${role(head)} ${content.shape}`,
};

/** Sequence and time together name a message. */
function isNamed(head: Head): boolean {
  return head.sequence !== 0n && head.timestamp !== 0n;
}

function name(head: Head): string {
  return `${role(head)} ${head.sequence} ${head.timestamp}`;
}

function payload(content: Content): string {
  return `${content.shape} ${content.length} ${content.payload}`;
}

function role(head: Head): string {
  return `${head.domain}/${head.source}`;
}

/**
 * `wasSent`: whether a client sent exactly this. `fetch` gets the bytes of messages that nothing but their likeness
 * can tell; without it they are matched by their types.
 */
export function matchChanged(
  unpaired: readonly Unpaired[],
  wasSent: (content: Content) => boolean,
  fetch?: FetchFrames,
): MatchedChanges {
  const ofSide = (side: Unpaired['side']): readonly Unpaired[] =>
    unpaired.filter((one) => one.side === side && one.item.content.isFrame).sort(byIndex);
  let old = ofSide('old');
  let neu = ofSide('new');
  const changed: ChangedPair[] = [];
  const matched = new Set<Unpaired>();
  const take = (pairs: Iterable<readonly [Unpaired, Unpaired]>): void => {
    for (const [left, right] of pairs) {
      changed.push({ old: left.item, new: right.item, isMoved: !areInPlace(left, right) });
      matched.add(left).add(right);
    }
    old = old.filter((item) => !matched.has(item));
    neu = neu.filter((item) => !matched.has(item));
  };
  for (const step of STEPS) take(matchStep(old, neu, step, wasSent));
  if (fetch !== undefined && old.length > 0 && neu.length > 0) {
    take(matchAlike(old, neu, { wasSent, fetch }));
  }
  take(matchStep(old, neu, { key: WEAKEST_KEY, scope: 'in place' }, wasSent));
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
    if (text === false) continue;
    const list = waiting.get(text);
    if (list === undefined) waiting.set(text, new WaitingList(candidate));
    else list.add(candidate);
  }
  const matches: (readonly [Unpaired, Unpaired])[] = [];
  for (const item of old) {
    const text = keyOf(item, key);
    const list = text === false ? undefined : waiting.get(text);
    const partner = list?.take(scope === 'in place' ? item : undefined);
    if (partner !== undefined) matches.push([item, partner]);
  }
  return matches;
}

function keyOf(unpaired: Unpaired, key: Key): string | false {
  const { content } = unpaired.item;
  return key.of(content, defined(keyHeadOf(content), 'header of a frame'));
}

/** Candidates that are looked at for one message. */
const IN_PLACE_TRIES = 32;

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
    let position = item === undefined ? 0 : this.#firstBehind(item.slot.after);
    // One of a run may be meant by another that stands before it.
    if (item !== undefined) position = Math.max(0, position - IN_PLACE_TRIES / 2);
    for (let tries = 0; tries < IN_PLACE_TRIES; tries++, position++) {
      position = this.#free(position);
      const candidate = this.#candidates[position];
      if (candidate === undefined) return undefined;
      if (item !== undefined && !areInPlace(item, candidate)) continue;
      this.#next[position] = position + 1;
      return candidate;
    }
    return undefined;
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
