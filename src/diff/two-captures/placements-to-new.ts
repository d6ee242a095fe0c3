/**
 * How the relay of the second of two recordings was sent what a client sent in both: in which chunks there, which need
 * not be those of the first. Goes through the second recording along with the first; holds a chunk and a frame.
 */
import { readSpans } from '../../capture/spans.ts';
import type { ArrivedSpan, CaptureReader, StreamRow } from '../../capture/types.ts';
import type { HeaderLayout } from '../../wire/types.ts';
import type { SentToNew } from '../client-facts.ts';
import { SentPlacements } from '../scan/sent-placements.ts';
import type { ByteRange } from './byte-ranges.ts';

export interface SecondSending {
  readonly capture: CaptureReader;
  readonly stream: StreamRow;
  readonly layout: HeaderLayout;
  /** By which messages of the two recordings are the same. */
  readonly keys: Readonly<Record<'first' | 'second', (arrived: ArrivedSpan) => Uint8Array>>;
  /** What only the first recording has of the stream, by its offsets. */
  readonly onlyFirst: readonly ByteRange[];
  /** What only the second has, by its own. */
  readonly onlySecond: readonly ByteRange[];
  /** Times of the second on the clock of the first. */
  readonly mapNs: (timeNs: number) => number;
}

/** A capture that may be two recordings of the same clients. */
export interface MaybeSentTwice {
  /** Of a client stream by its id; undefined: both relays had it in the same chunks, or one of them had it not. */
  placementsToNew?(streamId: number): PlacementsToNew | undefined;
}

export class PlacementsToNew {
  readonly #second: SecondSending;
  readonly #spans: Iterator<ArrivedSpan>;
  readonly #placements: SentPlacements;
  readonly #isOnlyFirst: (offset: number) => boolean;
  readonly #isOnlySecond: (offset: number) => boolean;
  /** The recordings go on with different messages: which is which is not known any more. */
  #isLost = false;

  constructor(second: SecondSending) {
    const { capture, stream, layout, onlyFirst, onlySecond } = second;
    this.#second = second;
    this.#spans = readSpans(capture, stream, layout);
    this.#placements = new SentPlacements(capture, stream.id, layout);
    this.#isOnlyFirst = isIn(onlyFirst);
    this.#isOnlySecond = isIn(onlySecond);
  }

  /** Of each span of the first recording, in order. undefined: it was not sent there, or nobody can tell where. */
  of(sent: ArrivedSpan): SentToNew | undefined {
    if (this.#isLost || this.#isOnlyFirst(sent.span.offset)) return undefined;
    const { keys, mapNs } = this.#second;
    for (let next = this.#spans.next(); next.done !== true; next = this.#spans.next()) {
      const { span, arrivalNs } = next.value;
      // Placements must be asked for in order, too.
      const placement = this.#placements.of(span);
      if (this.#isOnlySecond(span.offset)) continue;
      this.#isLost = Buffer.compare(keys.first(sent), keys.second(next.value)) !== 0;
      if (this.#isLost) return undefined;
      const fromNs = mapNs(placement.fromNs);
      return { placement: { ...placement, fromNs }, timeNs: mapNs(Number(arrivalNs)) };
    }
    return undefined;
  }
}

/** Whether an offset lies in one of the ranges; to be asked in order. */
function isIn(ranges: readonly ByteRange[]): (offset: number) => boolean {
  let at = 0;
  return (offset) => {
    for (let range = ranges[at]; range !== undefined; range = ranges[at]) {
      if (range.offset + range.bytes > offset) return range.offset <= offset;
      at += 1;
    }
    return false;
  };
}
