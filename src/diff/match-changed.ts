/**
 * Finds, among the frames that only one side has, those that are the same message with other bytes. Keys
 * go from sure to weak; weak ones hold only at the same place, between the same neighbours of the same
 * publisher. No key uses the sequence alone: it restarts, and is often 0. A message that no key matches
 * stays missing or extra.
 */
import { defined } from '../lib/assert.ts';
import type { Content, Head, Item, Unpaired } from './records.ts';

export interface ChangedPair {
  readonly old: Item;
  readonly new: Item;
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
    // The payload and the time changed.
    scope: 'anywhere',
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

export function matchChanged(unpaired: readonly Unpaired[]): MatchedChanges {
  const canMatch = (item: Unpaired): boolean => item.item.content.isFrame && !item.isCopy;
  let old = unpaired.filter((item) => item.side === 'old' && canMatch(item)).sort(byIndex);
  let neu = unpaired.filter((item) => item.side === 'new' && canMatch(item)).sort(byIndex);
  const changed: ChangedPair[] = [];
  const matched = new Set<Unpaired>();
  for (const key of KEYS) {
    if (old.length === 0 || neu.length === 0) break;
    for (const scope of key.scope === 'anywhere'
      ? (['in place', 'anywhere'] as const)
      : (['in place'] as const)) {
      for (const [left, right] of matchByKey(old, neu, key, scope)) {
        changed.push({ old: left.item, new: right.item });
        matched.add(left).add(right);
      }
      old = old.filter((item) => !matched.has(item));
      neu = neu.filter((item) => !matched.has(item));
    }
  }
  return { changed, rest: unpaired.filter((item) => !matched.has(item)) };
}

function byIndex(left: Unpaired, right: Unpaired): number {
  return left.item.index - right.item.index;
}

function matchByKey(
  old: readonly Unpaired[],
  neu: readonly Unpaired[],
  key: Key,
  scope: Key['scope'],
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
  return key.of(content, defined(content.head, 'header of a frame'));
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
