/**
 * What windows must know of the gaps of a capture that lie outside of them: learned while it is read for the first
 * time. Where among the spans of its stream each recording gap of a side lies, which lanes agreed between one gap and the
 * next, and what of the client streams neither the new relay nor the recording got.
 */
import type { Gap, Side } from '../../capture/types.ts';
import type { HiddenGap, Unmirrored } from '../client-facts.ts';
import { HiddenGaps, unmirroredOf } from '../mirror-gaps.ts';
import type { CaptureRows } from '../read-capture.ts';
import { endOfGapAt, type GapEnd } from '../recording-gaps.ts';
import type { SpanRecord } from './records-of-spans.ts';

/** Lanes seen between two gaps, of all gaps together; of more it is not known that anything agreed there. */
const LANES_MAX = 65_536;

interface Extent {
  readonly first: number;
  last: number;
}

/** Spans as the walk over their stream numbers them. */
export interface PlacedSpan {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  readonly isFrame: boolean;
  /** Of a frame that agreed. */
  readonly lane: number | undefined;
}

/** The recording gaps of one side of a connection. */
export class GapsOfSide {
  readonly side: Side;
  /** In order. */
  readonly gaps: readonly Gap[];
  /** Of each gap, the bytes of the pieces of frames at its ends, as a reader of frames sees them. */
  readonly pieces: Readonly<Record<GapEnd, Float64Array>>;
  readonly #spare: { lanes: number };
  /** Of each gap that was passed, the index of the first span behind it. */
  readonly #places: number[] = [];
  /** Before each gap, and behind the last. */
  readonly #agreed: Map<number, Extent>[] = [new Map()];
  #count = 0;

  constructor(side: Side, gaps: readonly Gap[], spare: { lanes: number }) {
    this.side = side;
    this.gaps = gaps
      .filter((gap) => gap.stream === side && gap.where === 'recording')
      .sort((left, right) => left.offset - right.offset);
    const { length } = this.gaps;
    this.pieces = { front: new Float64Array(length), back: new Float64Array(length) };
    this.#spare = spare;
  }

  /** In order. */
  note({ index, offset, length, isFrame, lane }: PlacedSpan): void {
    this.#count = index + 1;
    for (let gap = this.#next; gap !== undefined; gap = this.#next) {
      if (offset < gap.offset + gap.bytes) break;
      this.#places.push(index);
      this.#agreed.push(new Map());
    }
    if (!isFrame) this.#notePiece(offset, length);
    if (lane === undefined) return;
    const lanes = this.#agreed.at(-1);
    const known = lanes?.get(lane);
    if (known !== undefined) known.last = index;
    else if (this.#spare.lanes-- > 0) lanes?.set(lane, { first: index, last: index });
  }

  get #next(): Gap | undefined {
    return this.gaps[this.#places.length];
  }

  #notePiece(offset: number, length: number): void {
    const passed = this.#places.length;
    for (const at of [passed - 1, passed]) {
      const gap = this.gaps[at];
      const end = gap && endOfGapAt(gap, offset, length);
      if (end !== undefined) this.pieces[end][at] = length;
    }
  }

  placeOf(gap: number): number {
    return this.#places[gap] ?? this.#count;
  }

  /** The first gap that lies at this index or behind it. */
  firstFrom(index: number): number {
    let low = 0;
    let high = this.gaps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.placeOf(middle) < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether anything of a lane agreed behind a gap and before this index. */
  hasAgreedBehind(gap: number, lane: number, before: number): boolean {
    for (let at = gap + 1; at < this.#agreed.length && this.placeOf(at - 1) < before; at++) {
      if ((this.#agreed[at]?.get(lane)?.first ?? Infinity) < before) return true;
    }
    return false;
  }

  /** The same of what comes before a gap. */
  hasAgreedBefore(gap: number, lane: number, behind: number): boolean {
    for (let at = gap; at >= 0; at--) {
      if ((this.#agreed[at]?.get(lane)?.last ?? -1) > behind) return true;
      if (at > 0 && this.placeOf(at - 1) <= behind) break;
    }
    return false;
  }
}

interface GapsOfConnection {
  readonly unmirrored: (offset: number, length: number) => Unmirrored | undefined;
  readonly hidden: HiddenGaps;
  readonly sides: readonly GapsOfSide[];
}

export class GapSurvey {
  /** Frames of all clients that one relay was not sent whole although it should have been. */
  unmirroredFrames = 0;
  readonly #connections = new Map<number, GapsOfConnection>();

  constructor({ gapsOf }: CaptureRows) {
    const spare = { lanes: LANES_MAX };
    for (const [connection, gaps] of gapsOf) {
      const sides = (['old', 'new'] as const).map((side) => new GapsOfSide(side, gaps, spare));
      this.#connections.set(connection, {
        unmirrored: unmirroredOf(gaps),
        hidden: new HiddenGaps(gaps),
        sides: sides.filter((of) => of.gaps.length > 0),
      });
    }
  }

  sent(record: SpanRecord): void {
    const { row, offset, length, isFrame } = record;
    if (!isFrame) this.#connections.get(row.connection)?.hidden.notePiece(offset, length);
    const why = this.unmirrored(record);
    if (isFrame && why !== undefined && why !== 'not-selected') this.unmirroredFrames++;
  }

  delivered(connection: number, side: Side, span: PlacedSpan): void {
    for (const of of this.sidesOf(connection)) if (of.side === side) of.note(span);
  }

  /** Whether, and why, a relay was not sent this. */
  unmirrored({ row, offset, length }: SpanRecord): Unmirrored | undefined {
    return this.#connections.get(row.connection)?.unmirrored(offset, length);
  }

  sidesOf(connection: number): readonly GapsOfSide[] {
    return this.#connections.get(connection)?.sides ?? [];
  }

  /** Of all connections. */
  hidden(): HiddenGap[] {
    return [...this.#connections.values()].flatMap(({ hidden }) =>
      hidden.all.map((gap) => ({ ...gap })),
    );
  }
}
