/**
 * Of what a relay delivered, what came from the chosen part of what clients sent. A delivered span is known by its bytes:
 * relays change none. Pieces of frames go with their neighbours, where these agree; what nobody can tell is said to be unclear.
 */
import { readSpans } from '../capture/spans.ts';
import type { ArrivedSpan, CaptureReader, Side } from '../capture/types.ts';
import { formatCount } from '../lib/format.ts';
import type { HeaderLayout } from '../wire/types.ts';
import type { ByteRange } from './selection.ts';
import { keyOf, readGroups, type SentGroup } from './writes.ts';

export interface Delivered {
  /** By connection. */
  readonly ranges: ReadonlyMap<number, readonly ByteRange[]>;
  readonly bytes: number;
  /** When the last of it arrived. */
  readonly lastNs: bigint;
  readonly unclear: Unclear | undefined;
}

/** Why it cannot be said which bytes belong to the part. */
export interface Unclear {
  readonly why: string;
}

export interface Chosen {
  readonly chosen: readonly SentGroup[];
  /** The connections that are looked at. */
  readonly wanted: ReadonlySet<number>;
}

/** Of one content: when it was sent, and whether that sending was chosen. */
interface Sending {
  readonly ordinal: number;
  readonly isChosen: boolean;
}

/** Contents that are looked for among what all clients sent. */
const UNKNOWN_MAX = 1_000_000;

export class Deliveries {
  readonly #capture: CaptureReader;
  readonly #layout: HeaderLayout;
  readonly #wanted: ReadonlySet<number>;
  /** Of each content that was chosen at least once, all sendings in order. */
  readonly #sendings: ReadonlyMap<string, readonly Sending[]>;
  readonly #opened: ReadonlyMap<number, number>;
  /** Who sent frames in pieces meanwhile, those that were chosen or others. */
  readonly #inPieces = { chosen: false, others: false };

  constructor(capture: CaptureReader, layout: HeaderLayout, { chosen, wanted }: Chosen) {
    this.#capture = capture;
    this.#layout = layout;
    this.#wanted = wanted;
    this.#sendings = this.#readSendings(chosen);
    this.#opened = readOpenings(capture);
  }

  of(side: Side): Delivered {
    const ranges = new Map<number, readonly ByteRange[]>();
    const unknown = new Set<string>();
    let bytes = 0;
    let lastNs = 0n;
    let pieces = 0;
    let equals = 0;
    for (const stream of this.#capture.streams()) {
      if (stream.kind !== side || !this.#wanted.has(stream.connection)) continue;
      const part = new StreamPartOf(this.#sendings, this.#opened.get(stream.connection) ?? 0);
      for (const arrived of readSpans(this.#capture, stream, this.#layout)) part.add(arrived);
      part.end();
      ranges.set(stream.connection, part.ranges);
      bytes += part.bytes;
      if (part.lastNs > lastNs) lastNs = part.lastNs;
      pieces += part.unclearPieces;
      equals += part.unclearEquals;
      if (this.#inPieces.others) pieces += part.takenPieces;
      if (this.#inPieces.chosen) pieces += part.leftPieces;
      for (const key of part.unknownInside) unknown.add(key);
    }
    return { ranges, bytes, lastNs, unclear: this.#doubt(side, { pieces, equals }, unknown) };
  }

  #doubt(
    side: Side,
    { pieces, equals }: { readonly pieces: number; readonly equals: number },
    unknown: ReadonlySet<string>,
  ): Unclear | undefined {
    if (equals > 0) {
      return {
        why: `${formatCount(equals)} messages that ${side} delivered were sent several times, within the part and outside, and not all were delivered: which, cannot be told`,
      };
    }
    if (pieces > 0) {
      return {
        why: `${formatCount(pieces)} pieces of frames that ${side} delivered may be of what is taken or of what is left out`,
      };
    }
    if (unknown.size > UNKNOWN_MAX) {
      return {
        why: `${side} delivered more than ${formatCount(UNKNOWN_MAX)} other messages meanwhile`,
      };
    }
    const unsent = this.#unsent(unknown);
    if (unsent === 0) return undefined;
    return {
      why: `${side} delivered ${formatCount(unsent)} messages meanwhile that no client sent as they are, so whose they are cannot be told`,
    };
  }

  /** How many of these contents no client sent. */
  #unsent(unknown: ReadonlySet<string>): number {
    const left = new Set(unknown);
    for (const { spans } of this.#allGroups()) {
      if (left.size === 0) return 0;
      for (const { key } of spans) left.delete(key);
    }
    return left.size;
  }

  #readSendings(chosen: readonly SentGroup[]): ReadonlyMap<string, readonly Sending[]> {
    const sendings = new Map<string, Sending[]>();
    const [first] = chosen;
    const until = chosen.reduce((last, { firstOrdinal }) => Math.max(last, firstOrdinal), 0);
    const places = new Set(chosen.map(({ connection, offset }) => `${connection}/${offset}`));
    for (const { spans } of chosen) for (const { key } of spans) sendings.set(key, []);
    for (const { connection, offset, spans, firstOrdinal, isInPieces } of this.#allGroups()) {
      const isChosen = places.has(`${connection}/${offset}`);
      if (isInPieces && isChosen) this.#inPieces.chosen = true;
      else if (isInPieces && firstOrdinal >= (first?.firstOrdinal ?? 0) && firstOrdinal <= until) {
        this.#inPieces.others = true;
      }
      for (const { key, ordinal } of spans) sendings.get(key)?.push({ ordinal, isChosen });
    }
    for (const each of sendings.values()) each.sort((left, right) => left.ordinal - right.ordinal);
    return sendings;
  }

  *#allGroups(): Generator<SentGroup> {
    for (const stream of this.#capture.streams()) {
      if (stream.kind === 'client') yield* readGroups(this.#capture, stream, this.#layout);
    }
  }
}

type Fate = 'taken' | 'left' | 'open';

/** Decides over one stream, span by span. */
class StreamPartOf {
  readonly ranges: ByteRange[] = [];
  bytes = 0;
  lastNs = 0n;
  /** Pieces between something taken and something left. */
  unclearPieces = 0;
  /** Of contents that were sent in the part and outside, and of which not every sending was delivered. */
  unclearEquals = 0;
  takenPieces = 0;
  /** Between the first and the last that were taken. */
  leftPieces = 0;
  /** Contents between the first and the last that were taken, and that no chosen client sent. */
  readonly unknownInside = new Set<string>();
  readonly #sendings: ReadonlyMap<string, readonly Sending[]>;
  readonly #openedOrdinal: number;
  /** Of each content: how many sendings are accounted for, and how many copies came. */
  readonly #used = new Map<string, number>();
  readonly #delivered = new Map<string, number>();
  #lastOrdinal = 0;
  #unknownSince: string[] = [];
  #leftPiecesSince = 0;
  #pieces: ArrivedSpan[] = [];
  #before: Fate = 'open';

  constructor(sendings: ReadonlyMap<string, readonly Sending[]>, openedOrdinal: number) {
    this.#sendings = sendings;
    this.#openedOrdinal = openedOrdinal;
  }

  add(arrived: ArrivedSpan): void {
    const key = keyOf(arrived.span);
    this.#lastOrdinal = arrived.arrivalOrdinal;
    const fate = this.#fateOf(key, arrived);
    if (fate === 'open') {
      this.#pieces.push(arrived);
      return;
    }
    this.#settle(fate);
    this.#before = fate;
    if (fate === 'taken') this.#take(arrived);
    else if (this.bytes > 0) this.#unknownSince.push(key);
  }

  end(): void {
    this.#settle(this.#before);
    for (const [key, count] of this.#delivered) {
      const sendings = this.#sendings.get(key) ?? [];
      const isMixed =
        sendings.some(({ isChosen }) => isChosen) && sendings.some(({ isChosen }) => !isChosen);
      if (!isMixed) continue;
      const due = sendings.filter(
        ({ ordinal }) => ordinal > this.#openedOrdinal && ordinal < this.#lastOrdinal,
      );
      if (due.length !== count) this.unclearEquals += count;
    }
  }

  #fateOf(key: string, { span, arrivalOrdinal }: ArrivedSpan): Fate {
    const sendings = this.#sendings.get(key);
    if (sendings === undefined) return span.kind === 'frame' ? 'left' : 'open';
    // The copies come in the order in which they were sent; those from before this client came went to others.
    let index = this.#used.get(key) ?? 0;
    while ((sendings[index]?.ordinal ?? Infinity) < this.#openedOrdinal) index += 1;
    const sending = sendings[index];
    this.#used.set(key, index + 1);
    this.#delivered.set(key, (this.#delivered.get(key) ?? 0) + 1);
    return sending !== undefined && sending.isChosen && sending.ordinal < arrivalOrdinal
      ? 'taken'
      : 'left';
  }

  /** Pieces between two that share a fate share it; at an end of the stream there is one neighbour. */
  #settle(after: Fate): void {
    const pieces = this.#pieces;
    if (pieces.length === 0) return;
    this.#pieces = [];
    const before = this.#before === 'open' ? after : this.#before;
    if (before !== after) this.unclearPieces += pieces.length;
    else if (before === 'taken') {
      this.takenPieces += pieces.length;
      for (const piece of pieces) this.#take(piece);
    } else this.#leftPiecesSince += pieces.length;
  }

  #take({ span, arrivalNs }: ArrivedSpan): void {
    for (const key of this.#unknownSince) this.unknownInside.add(key);
    this.#unknownSince = [];
    if (this.bytes > 0) this.leftPieces += this.#leftPiecesSince;
    this.#leftPiecesSince = 0;
    const last = this.ranges.at(-1);
    const { offset } = span;
    const bytes = span.bytes.length;
    if (last !== undefined && last.offset + last.bytes === offset) {
      this.ranges[this.ranges.length - 1] = { offset: last.offset, bytes: last.bytes + bytes };
    } else this.ranges.push({ offset, bytes });
    this.bytes += bytes;
    if (arrivalNs > this.lastNs) this.lastNs = arrivalNs;
  }
}

function readOpenings(capture: CaptureReader): ReadonlyMap<number, number> {
  const opened = new Map<number, number>();
  for (const { kind, connection, ordinal } of capture.events()) {
    if (kind === 'open' && connection !== undefined) opened.set(connection, ordinal);
  }
  return opened;
}
