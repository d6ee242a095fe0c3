/**
 * How the relay of the second of two recordings was sent what a client sent in both: in which chunks there, which need
 * not be those of the first. Goes through the second recording along with the first; holds a chunk and a frame.
 */
import type { ArrivedSpan, ByteRange, SentAgain } from '../../capture/types.ts';
import type { SentToNew } from '../client-facts.ts';
import { SentPlacements } from '../scan/sent-placements.ts';
import { StreamWalk } from '../scan/stream-walk.ts';

export class PlacementsToNew {
  readonly #again: SentAgain;
  readonly #walk: StreamWalk;
  readonly #placements: SentPlacements;
  readonly #isOnlyFirst: (offset: number) => boolean;
  readonly #isOnlySecond: (offset: number) => boolean;
  /** The recordings go on with different messages: which is which is not known any more. */
  #isLost = false;

  constructor(again: SentAgain) {
    const { capture, stream, layout, onlyFirst, onlySecond } = again;
    this.#again = again;
    this.#walk = new StreamWalk(layout);
    this.#walk.attach(capture, stream);
    this.#placements = new SentPlacements(capture, stream.id, layout);
    this.#isOnlyFirst = isIn(onlyFirst);
    this.#isOnlySecond = isIn(onlySecond);
  }

  /** Of each span of the first recording, in order. undefined: it was not sent there, or nobody can tell where. */
  of(sent: Pick<ArrivedSpan, 'span' | 'index'>): SentToNew | undefined {
    if (this.#isLost || this.#isOnlyFirst(sent.span.offset)) return undefined;
    const { keys, mapNs } = this.#again;
    const walk = this.#walk;
    for (let next = walk.nextToEnd(); next !== undefined; next = walk.nextToEnd()) {
      const { span, arrivalNs } = next;
      // Placements must be asked for in order, too.
      const placement = this.#placements.of(span);
      if (this.#isOnlySecond(span.offset)) continue;
      this.#isLost = Buffer.compare(keys.first(sent), keys.second(next)) !== 0;
      if (this.#isLost) return undefined;
      const fromNs = mapNs(placement.fromNs);
      return { placement: { ...placement, fromNs }, timeNs: mapNs(arrivalNs) };
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
