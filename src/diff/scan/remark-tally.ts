/**
 * Counts the remarks of messages that agreed. The two of a pair have the same where they have the same bytes: then one of
 * them is looked at. Otherwise each side is, and what only one of a pair has is counted, too.
 */
import type { Side } from '../../capture/types.ts';
import { type FrameShapes, frameShapesOf } from '../../protocol/frame-shapes.ts';
import { remarkBit } from '../../protocol/remark-checks.ts';
import type { Dialect } from '../../protocol/types.ts';
import { Subjects } from '../content-table.ts';
import type { Dialects } from '../read-capture.ts';
import { kindsIn, NO_REMARKS, type RemarkKinds, without } from '../remark-kinds.ts';
import type { Place, RetiredOnly, RetiredRemark } from './retired.ts';

/** Messages that are odd in the same way. */
export interface OddMessages {
  readonly kinds: RemarkKinds;
  readonly subject: string;
  /** Those of them that agreed. */
  readonly counts: Record<Side, number>;
  readonly first: Record<Side, FirstPlace>;
}

interface FirstPlace {
  index: number;
  offset: number;
  length: number;
}

/** Pairs of which old is odd in the one way and new in the other, or not at all. */
interface UnlikePairs {
  readonly odd: Readonly<Record<Side, OddMessages | undefined>>;
  count: number;
  readonly first: Record<Side, FirstPlace>;
}

/** Where a message of a pair lies. */
export interface PlaceOfHalf extends Place {
  readonly length: number;
  /** undefined: nothing is odd about it. */
  readonly odd: OddMessages | undefined;
}

/** Of a connection, whose sides may be read in two dialects. */
export class PairRemarks {
  readonly #tallies: Readonly<Record<Side, RemarkTally>>;
  readonly #unlike = new Map<OddMessages | undefined, Map<OddMessages | undefined, UnlikePairs>>();

  constructor({ old, new: neu }: Dialects) {
    const tally = new RemarkTally(old);
    this.#tallies = { old: tally, new: neu === old ? tally : new RemarkTally(neu) };
  }

  of(side: Side, bytes: Uint8Array, start: number, end: number): OddMessages | undefined {
    return this.#tallies[side].of(bytes, start, end);
  }

  /** Two messages that are the same, with whatever bytes. */
  addPair(old: PlaceOfHalf, neu: PlaceOfHalf): void {
    if (old.odd !== undefined) countOne(old.odd, 'old', old);
    if (neu.odd !== undefined) countOne(neu.odd, 'new', neu);
    const [ofOld, ofNew] = [old.odd?.kinds ?? NO_REMARKS, neu.odd?.kinds ?? NO_REMARKS];
    if (ofOld === ofNew) return;
    let byNew = this.#unlike.get(old.odd);
    if (byNew === undefined) this.#unlike.set(old.odd, (byNew = new Map()));
    let pairs = byNew.get(neu.odd);
    if (pairs === undefined) {
      const odd = { old: old.odd, new: neu.odd };
      byNew.set(neu.odd, (pairs = { odd, count: 0, first: nowhere() }));
    }
    pairs.count++;
    if (old.index < pairs.first.old.index) take(pairs.first.old, old, old.length);
    if (neu.index < pairs.first.new.index) take(pairs.first.new, neu, neu.length);
  }

  listed(side: Side): readonly RetiredRemark[] {
    return this.#tallies[side].listed(side);
  }

  only(): readonly RetiredOnly[] {
    const found: RetiredOnly[] = [];
    for (const { odd, count, first } of [...this.#unlike.values()].flatMap((each) => [
      ...each.values(),
    ])) {
      for (const [side, other] of SIDES) {
        const kinds = without(odd[side]?.kinds ?? NO_REMARKS, odd[other]?.kinds ?? NO_REMARKS);
        const subject = odd[side]?.subject ?? '';
        for (const kind of kindsIn(kinds)) {
          found.push({ kind, subject, side, count, first: placed(first[side]) });
        }
      }
    }
    return found;
  }
}

const SIDES = [
  ['old', 'new'],
  ['new', 'old'],
] as const;

export class RemarkTally {
  readonly #dialect: Dialect;
  readonly #shapes: FrameShapes;
  readonly #subjects = new Subjects();
  /** By shape; a shape has as many as there are ways in which its messages are odd. */
  readonly #byShape: (OddMessages[] | undefined)[] = [];
  /** By subject, of messages without a shape of their own. */
  readonly #bySubject = new Map<string, OddMessages[]>();

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
    this.#shapes = frameShapesOf(dialect);
  }

  /** What the frame from `start` to `end` belongs to; undefined: nothing is odd about it. It is not counted by this. */
  of(bytes: Uint8Array, start: number, end: number): OddMessages | undefined {
    const shape = this.#shapes.shapeOf(bytes, start, end);
    const kinds = this.#shapes.kindsOf(bytes, start, end, shape);
    if (kinds === NO_REMARKS) return undefined;
    if (shape !== undefined) {
      const known = (this.#byShape[shape.id] ??= []);
      for (const each of known) if (each.kinds === kinds) return each;
      return opened(known, kinds, this.#subjectOf(bytes.subarray(start, end)));
    }
    const subject = this.#subjectOf(bytes.subarray(start, end));
    let known = this.#bySubject.get(subject);
    if (known === undefined) this.#bySubject.set(subject, (known = []));
    return known.find((each) => each.kinds === kinds) ?? opened(known, kinds, subject);
  }

  listed(side: Side): readonly RetiredRemark[] {
    const remarks = new Map<string, RetiredRemark>();
    for (const { kinds, subject, counts, first } of this.#all()) {
      const count = counts[side];
      if (count === 0) continue;
      for (const kind of kindsIn(kinds)) {
        const key = `${kind} ${subject}`;
        const place = placed(first[side]);
        const known = remarks.get(key);
        if (known === undefined) remarks.set(key, { kind, subject, count, first: place });
        else {
          known.count += count;
          if (place.index < known.first.index) known.first = place;
        }
      }
    }
    // In whatever order the messages were met: as if each had been looked at by itself.
    return [...remarks.values()].sort(
      (left, right) =>
        left.first.index - right.first.index || remarkBit(left.kind) - remarkBit(right.kind),
    );
  }

  *#all(): Generator<OddMessages> {
    // Shapes are shared with other connections, so some of them were not met here.
    for (const known of this.#byShape) yield* known ?? [];
    for (const known of this.#bySubject.values()) yield* known;
  }

  #subjectOf(frame: Uint8Array): string {
    const shape = this.#subjects.shapeOf(frame.subarray(this.#dialect.header.sizeBytes));
    return this.#subjects.of(shape, frame, this.#dialect);
  }
}

/** A pair of equal bytes, wherever its halves lie. */
export function countPair(odd: OddMessages, length: number, old: Place, neu: Place): void {
  odd.counts.old++;
  odd.counts.new++;
  // Lanes agree one after the other.
  if (old.index < odd.first.old.index) take(odd.first.old, old, length);
  if (neu.index < odd.first.new.index) take(odd.first.new, neu, length);
}

function countOne(odd: OddMessages, side: Side, place: PlaceOfHalf): void {
  odd.counts[side]++;
  if (place.index < odd.first[side].index) take(odd.first[side], place, place.length);
}

function placed({ index, offset, length }: FirstPlace): RetiredRemark['first'] {
  return { index, offset, ordinal: index, length };
}

function nowhere(): Record<Side, FirstPlace> {
  const none = { index: Infinity, offset: 0, length: 0 };
  return { old: { ...none }, new: { ...none } };
}

function take(first: FirstPlace, { index, offset }: Place, length: number): void {
  first.index = index;
  first.offset = offset;
  first.length = length;
}

function opened(known: OddMessages[], kinds: RemarkKinds, subject: string): OddMessages {
  const odd = { kinds, subject, counts: { old: 0, new: 0 }, first: nowhere() };
  known.push(odd);
  return odd;
}
