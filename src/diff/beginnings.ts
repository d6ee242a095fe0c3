/**
 * Finds the sent message that some bytes are the beginning of. Messages that share all of their header can
 * be many (publishers that write neither sequence nor time), and those that share what is left of one even more, so
 * the search is by prefix, and capped.
 */
import type { Side } from '../capture/types.ts';
import { defined } from '../lib/assert.ts';
import { isShort, mayBegin } from './content-table.ts';
import { type Content, type Head, keyHeadOf } from './records.ts';

/** Candidates that are kept for one beginning, and looked at until they are found. */
const CANDIDATES_MAX = 256;
const LOOKED_AT_MAX = 16_384;

export interface Begun {
  /** Nobody got it from this side, if there is such a candidate; of several, what was sent first after the message before it. */
  readonly content: Content;
  /** How many messages begin like this and are as likely; undefined: less than a header tells too little to count them. */
  readonly candidates: number | undefined;
  /** There may be more. */
  readonly hasMore: boolean;
}

/** How surely bytes are the beginning of a sent message: of the payload of a long one only the digest is known, and a header alone shows none. */
export type Beginning = 'surely' | 'maybe' | 'no';

export interface BeginningFacts {
  wasDelivered(content: Content, side: Side): boolean;
  /** When it was sent first. */
  sentNs(content: Content): number;
}

interface Likely {
  readonly contents: readonly Content[];
  readonly hasMore: boolean;
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
  /** For what is less than a header; in order once somebody has asked for it. */
  #byHeader: readonly Content[] | undefined;
  readonly #whole: Content[] = [];
  readonly #likely = new Map<string, Likely>();
  readonly #facts: BeginningFacts;

  constructor(facts: BeginningFacts) {
    this.#facts = facts;
  }

  add(whole: Content): void {
    this.#waiting.push(whole);
  }

  #index(whole: Content): void {
    this.#whole.push(whole);
    this.#byHeader = undefined;
    const head = keyHeadOf(whole);
    if (head === undefined) return;
    const key = headKey(head);
    let same = this.#byHead.get(key);
    if (same === undefined)
      this.#byHead.set(key, (same = { short: [], long: [], isSorted: false }));
    same[isShort(whole) ? 'short' : 'long'].push(whole);
    same.isSorted = false;
  }

  /**
   * Only after all deliveries are known: answers are kept. `behindNs`: when the message before it was sent. Its own time of
   * arrival says nothing: two replays of one recording must be told alike.
   */
  find(beginning: Content, side: Side, behindNs: number): Begun | undefined {
    const key = `${side} ${beginning.id}`;
    let likely = this.#likely.get(key);
    if (likely === undefined) this.#likely.set(key, (likely = this.#search(beginning, side)));
    const { contents, hasMore } = likely;
    const content = this.#nearest(contents, behindNs);
    const candidates = beginning.head === undefined ? undefined : contents.length;
    return content && { content, candidates, hasMore };
  }

  /** Whether any message begins like this. */
  isBeginning(beginning: Content): Beginning {
    let found: Beginning = 'no';
    let lookedAt = 0;
    for (const whole of this.#candidates(beginning)) {
      if (beginning.head === undefined) return 'surely';
      const isSeen = isShort(whole) && beginning.payload !== '';
      if (isSeen && whole.header === beginning.header) return 'surely';
      found = 'maybe';
      if (++lookedAt === CANDIDATES_MAX) break;
    }
    return found;
  }

  #search(beginning: Content, side: Side): Likely {
    const lost: Content[] = [];
    const delivered: Content[] = [];
    let lookedAt = 0;
    for (const whole of this.#candidates(beginning)) {
      if (lost.length === CANDIDATES_MAX || ++lookedAt > LOOKED_AT_MAX) {
        return { contents: lost.length > 0 ? lost : delivered, hasMore: true };
      }
      if (!this.#facts.wasDelivered(whole, side)) lost.push(whole);
      else if (delivered.length < CANDIDATES_MAX) delivered.push(whole);
    }
    if (lost.length > 0) return { contents: lost, hasMore: false };
    return { contents: delivered, hasMore: lookedAt > delivered.length };
  }

  /** What was sent first from this moment on; if nothing was, what was sent last before it. */
  #nearest(contents: readonly Content[], behindNs: number): Content | undefined {
    let before: { readonly content: Content; readonly sentNs: number } | undefined;
    let behind: { readonly content: Content; readonly sentNs: number } | undefined;
    for (const content of contents) {
      const sentNs = this.#facts.sentNs(content);
      if (sentNs < behindNs) {
        if (before === undefined || sentNs > before.sentNs) before = { content, sentNs };
      } else if (behind === undefined || sentNs < behind.sentNs) behind = { content, sentNs };
    }
    return (behind ?? before)?.content;
  }

  *#candidates(beginning: Content): Generator<Content> {
    for (const whole of this.#waiting) this.#index(whole);
    this.#waiting = [];
    const head = keyHeadOf(beginning);
    if (head === undefined) {
      yield* this.#withHeader(beginning.header);
      return;
    }
    const same = this.#byHead.get(headKey(head));
    if (same === undefined) return;
    if (!same.isSorted) same.short.sort(inOrderOf('payload'));
    same.isSorted = true;
    for (const whole of beginningWith(same.short, 'payload', beginning.payload)) {
      if (mayBegin(beginning, whole)) yield whole;
    }
    for (const whole of same.long) if (mayBegin(beginning, whole)) yield whole;
  }

  #withHeader(beginning: string): Iterable<Content> {
    if (beginning === '') return [];
    this.#byHeader ??= this.#whole.toSorted(inOrderOf('header'));
    return beginningWith(this.#byHeader, 'header', beginning);
  }
}

type Text = 'payload' | 'header';

function inOrderOf(text: Text): (left: Content, right: Content) => number {
  return (left, right) => {
    if (left[text] === right[text]) return left.id - right.id;
    return left[text] < right[text] ? -1 : 1;
  };
}

/** Of contents in the order of a text, those whose text begins like this. */
function* beginningWith(
  sorted: readonly Content[],
  text: Text,
  beginning: string,
): Generator<Content> {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (defined(sorted[middle], 'candidate')[text] < beginning) low = middle + 1;
    else high = middle;
  }
  for (let at = low; at < sorted.length; at++) {
    const whole = defined(sorted[at], 'candidate');
    if (!whole[text].startsWith(beginning)) return;
    yield whole;
  }
}

function headKey(head: Head): string {
  return `${head.domain}/${head.source}/${head.sequence}/${head.timestamp}/${head.frameBytes}`;
}
