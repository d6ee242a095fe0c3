/**
 * Finds the sent message that some bytes are the beginning of. Messages that share all of their header can
 * be many (publishers that write neither sequence nor time), so the search is by prefix, and capped.
 */
import type { Side } from '../capture/types.ts';
import { defined } from '../lib/assert.ts';
import { isShort, mayBegin } from './content-table.ts';
import { type Content, type Head, keyHeadOf } from './records.ts';

/** Candidates that are looked at for one beginning. */
const CANDIDATES_MAX = 256;

export interface Begun {
  /** Nobody got it from this side, if there is such a candidate. */
  readonly content: Content;
  /** How many messages begin like this and are as likely; at least 1. */
  readonly candidates: number;
}

interface SameHead {
  /** By payload once `isSorted`. */
  readonly short: Content[];
  readonly long: Content[];
  isSorted: boolean;
}

export class Beginnings {
  /** Of what is sent nothing is looked for in most captures: the index is made when somebody asks. */
  #waiting: Content[] = [];
  readonly #byHead = new Map<string, SameHead>();
  readonly #found = new Map<string, Begun | undefined>();
  readonly #wasDelivered: (content: Content, side: Side) => boolean;

  constructor(wasDelivered: (content: Content, side: Side) => boolean) {
    this.#wasDelivered = wasDelivered;
  }

  add(whole: Content): void {
    this.#waiting.push(whole);
  }

  #index(whole: Content): void {
    const head = keyHeadOf(whole);
    if (head === undefined) return;
    const key = headKey(head);
    let same = this.#byHead.get(key);
    if (same === undefined)
      this.#byHead.set(key, (same = { short: [], long: [], isSorted: false }));
    same[isShort(whole) ? 'short' : 'long'].push(whole);
    same.isSorted = false;
  }

  /** Only after all deliveries are known: answers are kept. */
  find(beginning: Content, side: Side): Begun | undefined {
    const key = `${side} ${beginning.id}`;
    if (this.#found.has(key)) return this.#found.get(key);
    const begun = this.#search(beginning, side);
    this.#found.set(key, begun);
    return begun;
  }

  /** Whether any message begins like this. */
  isBeginning(beginning: Content): boolean {
    return this.#candidates(beginning).next().done !== true;
  }

  #search(beginning: Content, side: Side): Begun | undefined {
    const candidates: Content[] = [];
    for (const candidate of this.#candidates(beginning)) {
      if (candidates.push(candidate) === CANDIDATES_MAX) break;
    }
    const lost = candidates.filter((whole) => !this.#wasDelivered(whole, side));
    const likely = lost.length > 0 ? lost : candidates;
    const [content] = likely;
    return content && { content, candidates: likely.length };
  }

  *#candidates(beginning: Content): Generator<Content> {
    for (const whole of this.#waiting) this.#index(whole);
    this.#waiting = [];
    const head = keyHeadOf(beginning);
    const same = head && this.#byHead.get(headKey(head));
    if (same === undefined) return;
    if (!same.isSorted) same.short.sort(byPayload);
    same.isSorted = true;
    for (let at = firstNotBefore(same.short, beginning.payload); at < same.short.length; at++) {
      const whole = defined(same.short[at], 'candidate');
      if (!whole.payload.startsWith(beginning.payload)) break;
      if (mayBegin(beginning, whole)) yield whole;
    }
    for (const whole of same.long) if (mayBegin(beginning, whole)) yield whole;
  }
}

function byPayload(left: Content, right: Content): number {
  if (left.payload === right.payload) return left.id - right.id;
  return left.payload < right.payload ? -1 : 1;
}

function firstNotBefore(sorted: readonly Content[], payload: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (defined(sorted[middle], 'candidate').payload < payload) low = middle + 1;
    else high = middle;
  }
  return low;
}

function headKey(head: Head): string {
  return `${head.domain}/${head.source}/${head.sequence}/${head.timestamp}/${head.frameBytes}`;
}
