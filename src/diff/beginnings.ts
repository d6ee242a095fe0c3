/**
 * Finds the sent message that some bytes are the beginning of. Messages that share all of their header can
 * be many (publishers that write neither sequence nor time), and those that share what is left of one even more, so
 * the search is by prefix, and capped.
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
  /** For what is less than a header; in order once somebody has asked for it. */
  #byHeader: readonly Content[] | undefined;
  readonly #whole: Content[] = [];
  readonly #found = new Map<string, Begun | undefined>();
  readonly #wasDelivered: (content: Content, side: Side) => boolean;

  constructor(wasDelivered: (content: Content, side: Side) => boolean) {
    this.#wasDelivered = wasDelivered;
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
