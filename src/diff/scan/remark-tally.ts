/** Counts the remarks of messages that agreed: the two of a pair have the same, so each pair is looked at once. */
import type { Side } from '../../capture/types.ts';
import type { Dialect } from '../../protocol/types.ts';
import { type FrameShapes, frameShapesOf } from '../../protocol/frame-shapes.ts';
import { Subjects } from '../content-table.ts';
import { kindsIn, NO_REMARKS, type RemarkKinds } from '../remark-kinds.ts';
import type { Place, RetiredRemark } from './retired.ts';

interface Tally {
  readonly kinds: RemarkKinds;
  readonly subject: string;
  readonly length: Record<Side, number>;
  readonly first: Record<Side, Place>;
  count: number;
}

/** What is odd about one message. */
export interface RemarksOfFrame {
  readonly kinds: RemarkKinds;
  readonly subject: string;
}

const NOTHING: RemarksOfFrame = { kinds: NO_REMARKS, subject: '' };

export class RemarkTally {
  readonly #dialect: Dialect;
  readonly #shapes: FrameShapes;
  readonly #subjects = new Subjects();
  readonly #tallies = new Map<string, Map<RemarkKinds, Tally>>();
  /** By shape: messages of one shape have one subject, and most of them are odd in the same way. */
  readonly #latest: (Tally | undefined)[] = [];

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
    this.#shapes = frameShapesOf(dialect);
  }

  of(frame: Uint8Array): RemarksOfFrame {
    const kinds = this.#shapes.kindsOf(frame, 0, frame.length);
    if (kinds === NO_REMARKS) return NOTHING;
    return { kinds, subject: this.#subjectOf(frame) };
  }

  /** As `of` and `count`, without an object for each frame. */
  countFrame(bytes: Uint8Array, start: number, end: number, old: Place, neu: Place): void {
    const kinds = this.#shapes.kindsOf(bytes, start, end);
    if (kinds === NO_REMARKS) return;
    const id = this.#shapes.shapeOf(bytes, start, end)?.id;
    const latest = id === undefined ? undefined : this.#latest[id];
    if (latest?.kinds === kinds) {
      add(latest, end - start, old, neu);
      return;
    }
    const subject = this.#subjectOf(bytes.subarray(start, end));
    const tally = this.#tally(kinds, subject, end - start, old, neu);
    if (id !== undefined) this.#latest[id] = tally;
    add(tally, end - start, old, neu);
  }

  /** A pair, wherever its halves lie. */
  count({ kinds, subject }: RemarksOfFrame, length: number, old: Place, neu: Place): void {
    if (kinds === NO_REMARKS) return;
    add(this.#tally(kinds, subject, length, old, neu), length, old, neu);
  }

  listed(side: Side): readonly RetiredRemark[] {
    const remarks = new Map<string, RetiredRemark>();
    for (const tallies of this.#tallies.values()) {
      for (const { kinds, subject, count, first, length } of tallies.values()) {
        const place = { ...first[side], ordinal: first[side].index, length: length[side] };
        for (const kind of kindsIn(kinds)) {
          const key = `${kind} ${subject}`;
          const known = remarks.get(key);
          if (known === undefined) remarks.set(key, { kind, subject, count, first: place });
          else {
            known.count += count;
            if (place.index < known.first.index) known.first = place;
          }
        }
      }
    }
    return [...remarks.values()];
  }

  #subjectOf(frame: Uint8Array): string {
    const shape = this.#subjects.shapeOf(frame.subarray(this.#dialect.header.sizeBytes));
    return this.#subjects.of(shape, frame, this.#dialect);
  }

  #tally(kinds: RemarkKinds, subject: string, length: number, old: Place, neu: Place): Tally {
    let tallies = this.#tallies.get(subject);
    if (tallies === undefined) this.#tallies.set(subject, (tallies = new Map()));
    let tally = tallies.get(kinds);
    if (tally === undefined) {
      const first = { old: { ...old }, new: { ...neu } };
      tally = { kinds, subject, length: { old: length, new: length }, first, count: 0 };
      tallies.set(kinds, tally);
    }
    return tally;
  }
}

function add(tally: Tally, length: number, old: Place, neu: Place): void {
  tally.count++;
  // Lanes agree one after the other.
  if (old.index < tally.first.old.index) takePlace(tally, 'old', old, length);
  if (neu.index < tally.first.new.index) takePlace(tally, 'new', neu, length);
}

function takePlace(tally: Tally, side: Side, { index, offset }: Place, length: number): void {
  tally.first[side] = { index, offset };
  tally.length[side] = length;
}
