/**
 * Compares what one client sent in two recordings: which messages only one of them has, in which order the common
 * ones were sent, and when. A recording that was replayed with rewritten headers says so, and what was rewritten does not
 * count. Holds at most 65,536 messages that it has not found in the other recording yet.
 */
import { createHash } from 'node:crypto';
import type { ArrivedSpan } from '../../capture/types.ts';
import type { HeaderLayout } from '../../wire/types.ts';
import { ByteRanges } from './byte-ranges.ts';

/** What was changed on purpose when the second recording was made. */
export interface Rewritten {
  readonly timestamps: boolean;
  readonly sequence: boolean;
  /** The messages were written in another dialect: they correspond one by one. */
  readonly dialect: boolean;
}

export interface ClientComparison {
  readonly onlyOld: ByteRanges;
  readonly onlyNew: ByteRanges;
  /** Common messages that were not sent in the same order. */
  readonly reordered: number;
}

/** Sent in both recordings, and when. */
type OnCommon = (oldNs: number, newNs: number) => void;

const WAITING_MAX = 65_536;

export function compareClients(
  sides: Readonly<Record<'old' | 'new', Iterable<ArrivedSpan>>>,
  keys: Readonly<Record<'old' | 'new', (span: ArrivedSpan) => Uint8Array>>,
  onCommon: OnCommon,
): ClientComparison {
  const comparison = new Comparison(onCommon);
  const old = sides.old[Symbol.iterator]();
  const neu = sides.new[Symbol.iterator]();
  for (;;) {
    const [left, right] = [old.next(), neu.next()];
    if (left.done === true && right.done === true) return comparison.end();
    if (left.done !== true && right.done !== true) {
      comparison.addBoth(placed(left.value, keys.old), placed(right.value, keys.new));
    } else if (left.done !== true) comparison.add('old', placed(left.value, keys.old));
    else if (right.done !== true) comparison.add('new', placed(right.value, keys.new));
  }
}

interface Placed {
  readonly index: number;
  readonly offset: number;
  readonly bytes: number;
  readonly timeNs: number;
  readonly key: Uint8Array;
}

function placed(arrived: ArrivedSpan, keyOf: (span: ArrivedSpan) => Uint8Array): Placed {
  const { span, index, arrivalNs } = arrived;
  return {
    index,
    offset: span.offset,
    bytes: span.bytes.length,
    timeNs: Number(arrivalNs),
    key: keyOf(arrived),
  };
}

class Comparison {
  readonly #onCommon: OnCommon;
  readonly #waiting = { old: new Waiting(), new: new Waiting() };
  #latestNew = -1;
  #reordered = 0;

  constructor(onCommon: OnCommon) {
    this.#onCommon = onCommon;
  }

  /** Recordings of the same traffic go step by step: no message has to wait for the other. */
  addBoth(old: Placed, neu: Placed): void {
    const isQuiet = this.#waiting.old.size + this.#waiting.new.size === 0;
    if (isQuiet && Buffer.compare(old.key, neu.key) === 0) {
      this.#common(old, neu);
      return;
    }
    this.add('old', old);
    this.add('new', neu);
  }

  add(side: 'old' | 'new', one: Placed): void {
    const digest = createHash('sha1').update(one.key).digest('base64');
    const other = this.#waiting[side === 'old' ? 'new' : 'old'].take(digest);
    if (other === undefined) this.#waiting[side].add(digest, one);
    else if (side === 'old') this.#common(one, other);
    else this.#common(other, one);
  }

  end(): ClientComparison {
    return {
      onlyOld: this.#waiting.old.end(),
      onlyNew: this.#waiting.new.end(),
      reordered: this.#reordered,
    };
  }

  #common(old: Pick<Placed, 'timeNs'>, neu: Pick<Placed, 'timeNs' | 'index'>): void {
    this.#onCommon(old.timeNs, neu.timeNs);
    if (neu.index < this.#latestNew) this.#reordered += 1;
    else this.#latestNew = neu.index;
  }
}

/** What one recording has and the other has not shown yet; the oldest are given up first. */
class Waiting {
  readonly #byDigest = new Map<string, Omit<Placed, 'key'>[]>();
  readonly #inOrder = new Map<number, string>();
  readonly #only = new ByteRanges();

  get size(): number {
    return this.#inOrder.size;
  }

  add(digest: string, { index, offset, bytes, timeNs }: Placed): void {
    const same = this.#byDigest.get(digest);
    const waiting = { index, offset, bytes, timeNs };
    if (same === undefined) this.#byDigest.set(digest, [waiting]);
    else same.push(waiting);
    this.#inOrder.set(index, digest);
    if (this.#inOrder.size > WAITING_MAX) this.#giveUpOldest();
  }

  take(digest: string): Omit<Placed, 'key'> | undefined {
    const same = this.#byDigest.get(digest);
    const first = same?.shift();
    if (same?.length === 0) this.#byDigest.delete(digest);
    if (first !== undefined) this.#inOrder.delete(first.index);
    return first;
  }

  end(): ByteRanges {
    while (this.#inOrder.size > 0) this.#giveUpOldest();
    return this.#only;
  }

  #giveUpOldest(): void {
    for (const digest of this.#inOrder.values()) {
      const given = this.take(digest);
      if (given !== undefined) this.#only.add(given.offset, given.bytes);
      return;
    }
  }
}

const CHECKSUM_BYTES = 4;
const U64_BYTES = 8;

/** By which messages of two recordings are the same: their bytes, but for what was rewritten. */
export function keyOfSpans(
  layout: HeaderLayout,
  rewritten: Rewritten | undefined,
): (arrived: ArrivedSpan) => Uint8Array {
  if (rewritten === undefined) return ({ span }) => span.bytes;
  return ({ span, index }) => {
    if (span.kind !== 'frame') return span.bytes;
    if (rewritten.dialect) return Buffer.from(String(index));
    const key = Uint8Array.from(span.bytes);
    const { timestamp, sequence, checksum } = layout.offsets;
    key.fill(0, checksum, checksum + CHECKSUM_BYTES);
    if (rewritten.timestamps) key.fill(0, timestamp, timestamp + U64_BYTES);
    if (rewritten.sequence) key.fill(0, sequence, sequence + U64_BYTES);
    return key;
  };
}
