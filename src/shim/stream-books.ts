/**
 * The books of the recorder: for each stream what was seen, recorded and lost, with the gap that is open in it, and the
 * totals of all. Answers for bytes seen = bytes recorded + bytes in gaps. Decides nothing: the recorder says what is
 * recorded and what is lost.
 */
import { type Gap, STREAM_KINDS, type StreamKind } from '../capture/types.ts';
import { FrameCount } from '../wire/frame-borders.ts';
import type { HeaderLayout } from '../wire/types.ts';
import type { GapTotals } from './gap-totals.ts';
import type { StreamAccount } from './status.ts';

/** The one reason why bytes are not recorded. */
const SPOOL_FULL = 'spool-full';

export interface OpenGap {
  readonly offset: number;
  readonly firstTimeNs: bigint;
  readonly count: FrameCount;
  bytes: number;
  lastTimeNs: bigint;
  reportedBytes: number;
  reportedFrames: number;
}

export interface StreamBook extends Omit<StreamAccount, 'frames'> {
  readonly connection: number;
  readonly stream: StreamKind;
  gap: OpenGap | undefined;
}

export class StreamBooks {
  readonly totals: Readonly<Record<StreamKind, StreamAccount>> = {
    client: { seenBytes: 0, recordedBytes: 0, gapBytes: 0, frames: 0 },
    old: { seenBytes: 0, recordedBytes: 0, gapBytes: 0, frames: 0 },
    new: { seenBytes: 0, recordedBytes: 0, gapBytes: 0, frames: 0 },
  };
  readonly #layout: HeaderLayout;
  readonly #gapTotals: GapTotals;
  readonly #report: (gap: Gap) => void;
  /** By connection and stream kind, while the connection lives. */
  readonly #books = new Map<number, Partial<Record<StreamKind, StreamBook>>>();

  /** `report` is called with a gap when it closes, and meanwhile when it grew. */
  constructor(layout: HeaderLayout, gapTotals: GapTotals, report: (gap: Gap) => void) {
    this.#layout = layout;
    this.#gapTotals = gapTotals;
    this.#report = report;
  }

  of(connection: number, stream: StreamKind): StreamBook {
    let books = this.#books.get(connection);
    if (books === undefined) this.#books.set(connection, (books = {}));
    return (books[stream] ??= {
      connection,
      stream,
      seenBytes: 0,
      recordedBytes: 0,
      gapBytes: 0,
      gap: undefined,
    });
  }

  see(book: StreamBook, bytes: number, endedFrames: number): void {
    book.seenBytes += bytes;
    const totals = this.totals[book.stream];
    totals.seenBytes += bytes;
    totals.frames += endedFrames;
  }

  recorded(book: StreamBook, bytes: number): void {
    book.recordedBytes += bytes;
    this.totals[book.stream].recordedBytes += bytes;
  }

  openGap(book: StreamBook, offset: number, firstTimeNs: bigint): OpenGap {
    const count = new FrameCount(this.#layout);
    const nothing = { bytes: 0, reportedBytes: 0, reportedFrames: 0 };
    return (book.gap = { offset, firstTimeNs, lastTimeNs: firstTimeNs, count, ...nothing });
  }

  lose(book: StreamBook, gap: OpenGap, bytes: number, timeNs: bigint): void {
    const gaps = gap.bytes === 0 ? 1 : 0;
    this.#gapTotals.add('recording', SPOOL_FULL, { gaps, bytes, frames: 0 });
    book.gapBytes += bytes;
    this.totals[book.stream].gapBytes += bytes;
    gap.bytes += bytes;
    gap.lastTimeNs = timeNs;
  }

  closeGap(book: StreamBook): void {
    if (book.gap === undefined) return;
    this.#reportGap(book, book.gap);
    book.gap = undefined;
  }

  /** So that gaps that are open survive a kill. */
  reportOpenGaps(): void {
    for (const books of this.#books.values()) {
      for (const kind of STREAM_KINDS) {
        const book = books[kind];
        if (book?.gap !== undefined) this.#reportGap(book, book.gap);
      }
    }
  }

  /** The connection is over: what its books say in the end. */
  close(connection: number): readonly StreamBook[] {
    const books = Object.values(this.#books.get(connection) ?? {});
    for (const book of books) this.closeGap(book);
    this.#books.delete(connection);
    return books;
  }

  #reportGap({ connection, stream }: StreamBook, gap: OpenGap): void {
    if (gap.bytes === gap.reportedBytes) return;
    gap.reportedBytes = gap.bytes;
    const frames = gap.count.frames - gap.reportedFrames;
    gap.reportedFrames = gap.count.frames;
    this.#gapTotals.add('recording', SPOOL_FULL, { gaps: 0, bytes: 0, frames });
    const { offset, bytes, firstTimeNs, lastTimeNs } = gap;
    this.#report({
      connection,
      stream,
      where: 'recording',
      reason: SPOOL_FULL,
      ...gap.count.tally,
      offset,
      bytes,
      firstTimeNs,
      lastTimeNs,
    });
  }
}
