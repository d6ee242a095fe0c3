/**
 * Compares what one client sent in two recordings: which messages only one of them has, in which order the common
 * ones were sent, and when. Where both go on with the same bytes, nothing is made of them. A recording that was replayed
 * with rewritten headers says so, and what was rewritten does not count. Holds at most 65,536 messages that it has not
 * found in the other recording yet.
 */
import { isDeepStrictEqual } from 'node:util';
import type { CaptureReader, KeyOfSent, Side, StreamRow } from '../../capture/types.ts';
import { commonBytes } from '../../lib/bytes.ts';
import { DEFAULT_FRAME_LIMITS, FrameRules } from '../../wire/frame-rules.ts';
import type { HeaderLayout } from '../../wire/types.ts';
import { keyOf } from '../identity.ts';
import { StreamWalk, type WalkedSpan } from '../scan/stream-walk.ts';
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

export interface SentStream {
  readonly reader: CaptureReader;
  /** undefined: this recording has no such client. */
  readonly stream: StreamRow | undefined;
  readonly layout: HeaderLayout;
}

const WAITING_MAX = 65_536;

export function compareClients(
  sides: Readonly<Record<Side, SentStream>>,
  keys: Readonly<Record<Side, KeyOfSent>>,
  onCommon: OnCommon,
): ClientComparison {
  return new Comparison(sides, keys, onCommon).compare();
}

interface Placed {
  readonly index: number;
  readonly offset: number;
  readonly bytes: number;
  readonly timeNs: number;
}

class Comparison {
  readonly #walks: Readonly<Record<Side, StreamWalk>>;
  readonly #rules: FrameRules;
  readonly #keys: Readonly<Record<Side, KeyOfSent>>;
  /** Both are cut into messages in the same way: the same bytes are the same messages. */
  readonly #mayPass: boolean;
  readonly #onCommon: OnCommon;
  readonly #waiting = { old: new Waiting(), new: new Waiting() };
  #latestNew = -1;
  #reordered = 0;

  constructor(
    { old, new: neu }: Readonly<Record<Side, SentStream>>,
    keys: Readonly<Record<Side, KeyOfSent>>,
    onCommon: OnCommon,
  ) {
    this.#walks = { old: walkOf(old), new: walkOf(neu) };
    this.#rules = new FrameRules(old.layout, DEFAULT_FRAME_LIMITS);
    this.#keys = keys;
    this.#mayPass = isDeepStrictEqual(old.layout, neu.layout);
    this.#onCommon = onCommon;
  }

  /** Recordings of the same traffic go step by step: no message has to wait for the other. */
  compare(): ClientComparison {
    const { old, new: neu } = this.#walks;
    for (;;) {
      if (this.#mayPass && this.#isQuiet) this.#pass();
      const [left, right] = [old.nextToEnd(), neu.nextToEnd()];
      if (left === undefined && right === undefined) break;
      if (left !== undefined && right !== undefined) this.#takeBoth(left, right);
      else if (left !== undefined) this.#take('old', left);
      else if (right !== undefined) this.#take('new', right);
    }
    return {
      onlyOld: this.#waiting.old.end(),
      onlyNew: this.#waiting.new.end(),
      reordered: this.#reordered,
    };
  }

  get #isQuiet(): boolean {
    return this.#waiting.old.size + this.#waiting.new.size === 0;
  }

  /** Passes over equal bytes as long as they are frames beyond doubt. */
  #pass(): void {
    const { old, new: neu } = this.#walks;
    for (;;) {
      const left = old.ahead();
      const right = left.length === 0 ? left : neu.ahead();
      const equal = commonBytes(left, right, Math.min(left.length, right.length));
      if (equal === 0 || this.#passFrames(left.subarray(0, equal)) === 0) return;
    }
  }

  #passFrames(window: Buffer): number {
    const { old, new: neu } = this.#walks;
    let position = 0;
    let frames = 0;
    let noted = 0;
    for (;;) {
      const length = this.#rules.plainFrameBytes(window, position);
      if (length === 0) break;
      position += length;
      frames++;
      if (position <= noted) continue;
      this.#onCommon(old.arrivalNs(position), neu.arrivalNs(position));
      noted = Math.min(old.arrivedTo, neu.arrivedTo);
    }
    old.pass(position, frames);
    neu.pass(position, frames);
    this.#latestNew = neu.count - 1;
    return frames;
  }

  #takeBoth(old: WalkedSpan, neu: WalkedSpan): void {
    if (this.#isQuiet && Buffer.compare(this.#keys.old(old), this.#keys.new(neu)) === 0) {
      this.#common(old.arrivalNs, neu.arrivalNs, neu.index);
      return;
    }
    this.#take('old', old);
    this.#take('new', neu);
  }

  #take(side: Side, walked: WalkedSpan): void {
    const { span, index, arrivalNs: timeNs } = walked;
    const key = keyOf(this.#keys[side](walked));
    const other = this.#waiting[side === 'old' ? 'new' : 'old'].take(key);
    if (other === undefined) {
      const { offset, bytes } = span;
      this.#waiting[side].add(key, { index, offset, bytes: bytes.length, timeNs });
    } else if (side === 'old') this.#common(timeNs, other.timeNs, other.index);
    else this.#common(other.timeNs, timeNs, index);
  }

  #common(oldNs: number, newNs: number, newIndex: number): void {
    this.#onCommon(oldNs, newNs);
    if (newIndex < this.#latestNew) this.#reordered += 1;
    else this.#latestNew = newIndex;
  }
}

function walkOf({ reader, stream, layout }: SentStream): StreamWalk {
  const walk = new StreamWalk(layout);
  if (stream !== undefined) walk.attach(reader, stream);
  return walk;
}

interface WaitingMessage extends Placed {
  readonly key: string;
  isTaken: boolean;
}

/** What one recording has and the other has not shown yet; the oldest are given up first. */
class Waiting {
  readonly #byKey = new Map<string, WaitingMessage[]>();
  #inOrder: WaitingMessage[] = [];
  #head = 0;
  #size = 0;
  readonly #only = new ByteRanges();

  get size(): number {
    return this.#size;
  }

  add(key: string, placed: Placed): void {
    const waiting = { ...placed, key, isTaken: false };
    const same = this.#byKey.get(key);
    if (same === undefined) this.#byKey.set(key, [waiting]);
    else same.push(waiting);
    this.#inOrder.push(waiting);
    this.#size++;
    if (this.#size > WAITING_MAX) this.#giveUpOldest();
  }

  /** The oldest with this key. */
  take(key: string): Placed | undefined {
    const same = this.#byKey.get(key);
    const first = same?.shift();
    if (first === undefined) return undefined;
    if (same?.length === 0) this.#byKey.delete(key);
    first.isTaken = true;
    this.#size--;
    this.#forgetTaken();
    return first;
  }

  end(): ByteRanges {
    while (this.#size > 0) this.#giveUpOldest();
    return this.#only;
  }

  #giveUpOldest(): void {
    const oldest = this.#inOrder[this.#head];
    if (oldest === undefined) return;
    this.take(oldest.key);
    this.#only.add(oldest.offset, oldest.bytes);
  }

  /** The head is one that waits, and at most half of the rest are no more. */
  #forgetTaken(): void {
    while (this.#inOrder[this.#head]?.isTaken === true) this.#head++;
    if (this.#inOrder.length < 2 * this.#size + WAITING_MAX) return;
    this.#inOrder = this.#inOrder.filter(({ isTaken }) => !isTaken);
    this.#head = 0;
  }
}

const CHECKSUM_BYTES = 4;
const U64_BYTES = 8;

/** By which messages of two recordings are the same: their bytes, but for what was rewritten. */
export function keyOfSpans(layout: HeaderLayout, rewritten: Rewritten | undefined): KeyOfSent {
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
