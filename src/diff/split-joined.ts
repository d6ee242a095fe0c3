/**
 * Takes bytes apart that no client sent and that are several messages run together: a relay that forwards the beginning
 * of a frame and then the next one makes bytes that a frame reader, which believes the announced size, cuts in
 * the wrong places. What clients sent tells better: cut where headers begin, across the borders of spans where need be,
 * every piece is a sent message or the beginning of one.
 */
import type { ArrivedSpan } from '../capture/types.ts';
import type { Beginning } from './beginnings.ts';
import { readHeader } from '../wire/header.ts';
import type { Defect, Frame, HeaderLayout, Span, Tail } from '../wire/types.ts';

export interface SentMessages {
  /** Whether a client sent exactly this, or it is known otherwise that it is one message. */
  isWhole(span: Span): boolean;
  /** How surely these bytes are less than a message that a client sent, and begin like it. */
  beginSent(bytes: Uint8Array): Beginning;
}

/** Spans that are looked at together until their pieces make sense; what goes on after that is not limited. */
const SPANS_TOGETHER_MAX = 4;
/** A header may begin inside a message as well, in one of its values: so many are passed over. */
const HEADERS_IN_PIECE_MAX = 8;
/** Bytes in which more headers seem to begin are left as they are: traffic has no such thing. */
const HEADERS_MAX = 4_096;
/** A piece that goes on over more spans is not looked for: each of them costs a look at all that it has. */
const SPANS_IN_PIECE_MAX = 16;

export interface SplitOptions {
  readonly layout: HeaderLayout;
  readonly sent: SentMessages;
  /** Whether the stream ends with these spans: what its last bytes are the beginning of may have been going to go on. */
  readonly endsStream: boolean;
}

/** The spans of one stream in order. What is made of several bears the index of the last, all pieces of one share its. */
export function splitJoined(
  spans: Iterable<ArrivedSpan>,
  options: SplitOptions,
): Generator<ArrivedSpan> {
  return new JoinedSplitter(options).split(new Ahead(spans));
}

type Piece = ArrivedSpan<Frame | Defect | Tail>;

interface Cut {
  /** All but the last. */
  readonly pieces: readonly Piece[];
  /** Which may go on with the bytes behind. */
  readonly last: Piece;
}

class JoinedSplitter {
  readonly #layout: HeaderLayout;
  readonly #sent: SentMessages;
  readonly #endsStream: boolean;
  readonly #magic = new Uint8Array(4);

  constructor({ layout, sent, endsStream }: SplitOptions) {
    this.#layout = layout;
    this.#sent = sent;
    this.#endsStream = endsStream;
    new DataView(this.#magic.buffer).setUint32(0, layout.magic, true);
  }

  *split(spans: Ahead): Generator<ArrivedSpan> {
    for (let arrived = spans.next(); arrived !== undefined; arrived = spans.next()) {
      const cut = this.#sent.isWhole(arrived.span) ? undefined : this.#cutWithNext(arrived, spans);
      if (cut === undefined) yield arrived;
      else yield* this.#goOn(cut, spans);
    }
  }

  /** With as many of the spans behind as it takes to be several messages. */
  #cutWithNext(first: ArrivedSpan, spans: Ahead): Cut | undefined {
    const together = [first];
    for (;;) {
      const next = this.#oddBehind(together.at(-1) ?? first, spans, together.length - 1);
      const isFirst = together.length === 1;
      if (isFirst && !this.#mayHoldAnother(first.span.bytes, next?.span.bytes)) return undefined;
      const cut = this.#cut(together);
      if (cut !== undefined && this.#isSeveral(cut)) {
        spans.drop(together.length - 1);
        return cut;
      }
      if (next === undefined || together.length === SPANS_TOGETHER_MAX) return undefined;
      together.push(next);
    }
  }

  #isSeveral({ pieces, last }: Cut): boolean {
    const lengthMin = this.#layout.offsets.magic + this.#magic.length;
    return (
      pieces.length > 0 && [...pieces, last].some(({ span }) => span.bytes.length >= lengthMin)
    );
  }

  /** Gives the pieces, the last with all that it goes on with. */
  *#goOn(first: Cut, spans: Ahead): Generator<ArrivedSpan> {
    let { pieces, last } = first;
    let spansInLast = 1;
    for (;;) {
      yield* pieces;
      const mayGoOn = spansInLast < SPANS_IN_PIECE_MAX;
      const next = mayGoOn ? this.#oddBehind(last, spans, 0) : undefined;
      const more = next && this.#cut([last, next]);
      if (more === undefined) break;
      spans.drop(1);
      ({ pieces, last } = more);
      spansInLast = pieces.length > 0 ? 1 : spansInLast + 1;
    }
    const { span } = last;
    const isTail = span.kind === 'defect' && this.#endsStream && spans.at(0) === undefined;
    yield isTail ? { ...last, span: { ...span, kind: 'tail' } } : last;
  }

  /** What the bytes may go on with: behind a tail the relay begins anew. */
  #oddBehind(last: ArrivedSpan, spans: Ahead, ahead: number): ArrivedSpan | undefined {
    const next = last.span.kind === 'tail' ? undefined : spans.at(ahead);
    if (next?.span.offset !== last.span.offset + last.span.bytes.length) return undefined;
    return this.#sent.isWhole(next.span) ? undefined : next;
  }

  /** Whether another header begins in these bytes; its magic may lie in the next ones. */
  #mayHoldAnother(bytes: Uint8Array, next: Uint8Array | undefined): boolean {
    const { magic } = this.#layout.offsets;
    const rest = next?.subarray(0, magic + this.#magic.length - 1) ?? new Uint8Array();
    return this.#headersIn(Buffer.concat([bytes, rest])).some((at) => at < bytes.length);
  }

  /** Where headers seem to begin, the front left out. */
  #headersIn(bytes: Buffer): readonly number[] {
    const { magic } = this.#layout.offsets;
    const starts: number[] = [];
    let found = bytes.indexOf(this.#magic, magic + 1);
    for (; found >= 0; found = bytes.indexOf(this.#magic, found + 1)) starts.push(found - magic);
    return starts;
  }

  #cut(together: readonly ArrivedSpan[]): Cut | undefined {
    const bytes = Buffer.concat(together.map(({ span }) => span.bytes));
    const ends = this.#endsOfPieces(bytes);
    if (ends === undefined) return undefined;
    let from = 0;
    const pieces = ends.map((to) => {
      const piece = this.#pieceOf(together, bytes, { from, to });
      from = to;
      return piece;
    });
    const last = pieces.pop();
    return last && { pieces, last };
  }

  /**
   * The pieces that are all of the bytes. A piece reaches over headers inside of it where what was sent shows that it
   * does; where nobody can tell, it ends at the next one.
   */
  #endsOfPieces(bytes: Buffer): readonly number[] | undefined {
    const { sizeBytes } = this.#layout;
    const headers = [0, ...this.#headersIn(bytes)];
    if (headers.length > HEADERS_MAX) return undefined;
    const { magic } = this.#layout.offsets;
    const starts = headers.filter((at, index) => {
      // A header that was cut ends where the next one begins. What has no magic ends before the first that has one.
      const hasMagic = bytes.indexOf(this.#magic, at + magic) === at + magic;
      const endMin = hasMagic ? at + magic + this.#magic.length : at;
      const next = headers.slice(index + 1, index + 1 + sizeBytes);
      const end = next.find((other) => other >= endMin) ?? bytes.length;
      return this.#howSurely(bytes.subarray(at, Math.min(at + sizeBytes, end))) !== 'no';
    });
    if (starts[0] !== 0) return undefined;
    const borders = [...starts, bytes.length];
    const nextOf = new Map<number, number>([[borders.length - 1, borders.length - 1]]);
    for (let index = starts.length - 1; index >= 0; index--) {
      const farthest = Math.min(borders.length - 1, index + HEADERS_IN_PIECE_MAX);
      let best: number | undefined;
      for (let next = index + 1; next <= farthest; next++) {
        if (!nextOf.has(next)) continue;
        const how = this.#howSurely(bytes.subarray(borders[index], borders[next]));
        if (how === 'surely' || (how === 'maybe' && best === undefined)) best = next;
      }
      if (best !== undefined) nextOf.set(index, best);
    }
    const ends: number[] = [];
    for (let at = nextOf.get(0); at !== undefined; at = nextOf.get(at)) {
      ends.push(borders[at] ?? bytes.length);
      if (at === borders.length - 1) return ends;
    }
    return undefined;
  }

  #howSurely(bytes: Uint8Array): Beginning {
    const { magic } = this.#layout.offsets;
    const isLessThanMagic = bytes.length < magic + this.#magic.length;
    if (isLessThanMagic) {
      // It says little by itself: what it lies among says the rest.
      const isOfMagic = magic === 0 && bytes.every((byte, at) => byte === this.#magic[at]);
      return isOfMagic ? 'surely' : 'no';
    }
    if (!this.#hasWholeLength(bytes)) return this.#sent.beginSent(bytes);
    return this.#sent.isWhole({ kind: 'frame', offset: 0, bytes }) ? 'surely' : 'no';
  }

  /** As many bytes as its header announces. */
  #hasWholeLength(bytes: Uint8Array): boolean {
    const { sizeBytes } = this.#layout;
    if (bytes.length < sizeBytes) return false;
    return readHeader(this.#layout, bytes).payload_size === bytes.length - sizeBytes;
  }

  #pieceOf(
    together: readonly ArrivedSpan[],
    all: Uint8Array,
    { from, to }: { readonly from: number; readonly to: number },
  ): Piece {
    const start = together[0]?.span.offset ?? 0;
    const offset = start + from;
    const end = start + to;
    const last = together.find(({ span }) => span.offset + span.bytes.length >= end);
    if (last === undefined) throw new RangeError('a piece ends behind its spans');
    const bytes = Uint8Array.prototype.slice.call(all, from, to);
    if (this.#hasWholeLength(bytes)) return { ...last, span: { kind: 'frame', offset, bytes } };
    const detail = `a frame breaks off after ${bytes.length} bytes`;
    const endsTail = last.span.kind === 'tail' && last.span.offset + last.span.bytes.length === end;
    if (endsTail) return { ...last, span: { kind: 'tail', offset, bytes, detail } };
    const defect = 'truncated-frame';
    return { ...last, span: { kind: 'defect', defect, offset, bytes, detail } };
  }
}

/** A walk that can look ahead. */
class Ahead {
  readonly #iterator: Iterator<ArrivedSpan>;
  readonly #seen: ArrivedSpan[] = [];

  constructor(spans: Iterable<ArrivedSpan>) {
    this.#iterator = spans[Symbol.iterator]();
  }

  next(): ArrivedSpan | undefined {
    this.at(0);
    return this.#seen.shift();
  }

  /** The one that `next` gives after so many others. */
  at(index: number): ArrivedSpan | undefined {
    while (this.#seen.length <= index) {
      const { done, value } = this.#iterator.next();
      if (done === true) return undefined;
      this.#seen.push(value);
    }
    return this.#seen[index];
  }

  drop(count: number): void {
    this.#seen.splice(0, count);
  }
}
