/** Counts the remarks of messages that agreed: the two of a pair have the same, so each pair is looked at once. */
import type { Side } from '../../capture/types.ts';
import { type FrameShapes, frameShapesOf } from '../../protocol/frame-shapes.ts';
import { remarkBit } from '../../protocol/remark-checks.ts';
import type { Dialect } from '../../protocol/types.ts';
import { Subjects } from '../content-table.ts';
import { kindsIn, NO_REMARKS, type RemarkKinds } from '../remark-kinds.ts';
import type { Place, RetiredRemark } from './retired.ts';

/** Messages that are odd in the same way. */
export interface OddMessages {
  readonly kinds: RemarkKinds;
  readonly subject: string;
  /** Pairs of them that agreed. */
  count: number;
  readonly first: Record<Side, { index: number; offset: number; length: number }>;
}

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
    for (const { kinds, subject, count, first } of this.#all()) {
      if (count === 0) continue;
      const { index, offset, length } = first[side];
      for (const kind of kindsIn(kinds)) {
        const key = `${kind} ${subject}`;
        const place = { index, offset, ordinal: index, length };
        const known = remarks.get(key);
        if (known === undefined) remarks.set(key, { kind, subject, count, first: place });
        else {
          known.count += count;
          if (index < known.first.index) known.first = place;
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

/** A pair, wherever its halves lie. */
export function countPair(odd: OddMessages, length: number, old: Place, neu: Place): void {
  odd.count++;
  // Lanes agree one after the other.
  if (old.index < odd.first.old.index) take(odd.first.old, old, length);
  if (neu.index < odd.first.new.index) take(odd.first.new, neu, length);
}

function take(first: OddMessages['first'][Side], { index, offset }: Place, length: number): void {
  first.index = index;
  first.offset = offset;
  first.length = length;
}

function opened(known: OddMessages[], kinds: RemarkKinds, subject: string): OddMessages {
  const none = { index: Infinity, offset: 0, length: 0 };
  const odd = { kinds, subject, count: 0, first: { old: { ...none }, new: { ...none } } };
  known.push(odd);
  return odd;
}
