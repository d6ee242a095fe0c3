/**
 * Walks over all streams of a capture at once, in order of arrival. What clients sent comes a little earlier than its
 * time says: a delivery may be stamped before the chunk that caused it. What a tap fed is what old delivered and is fed
 * after that: it comes right before it. Streams are opened when their connection begins.
 */
import { TAP_ORIGIN } from '../../capture/blind-spots.ts';
import type { CaptureReader, Side, StreamKind, StreamRow } from '../../capture/types.ts';
import type { HeaderLayout } from '../../wire/types.ts';
import type { Placement, Sending } from '../client-facts.ts';
import { SentPlacements } from '../scan/sent-placements.ts';
import { StreamWalk, type WalkedSpan } from '../scan/stream-walk.ts';
import { PlacementsToNew } from '../two-captures/placements-to-new.ts';

const SKEW_NS = 10_000_000;

export interface Walked {
  readonly row: StreamRow;
  readonly walked: WalkedSpan;
  /** Of a client stream. */
  readonly placement: Placement | undefined;
  readonly toNew: Sending['toNew'];
}

/** A stream that is to be read on before its time. */
export interface Wanted {
  readonly connection: number;
  readonly side: Side;
}

type Visit = (walked: Walked) => Wanted | undefined;

/** How to read the streams of a kind. */
export type LayoutOf = (kind: StreamKind) => HeaderLayout;

/**
 * The bytes of what is visited are valid during the visit only. The stream that a visit wants is visited next, as long
 * as it is wanted.
 */
export function walkInOrder(reader: CaptureReader, layoutOf: LayoutOf, visit: Visit): void {
  const waiting = notOpened(reader);
  const open = new Heap();
  let wanted: Wanted | undefined;
  for (;;) {
    for (let last = waiting.at(-1); last !== undefined; last = waiting.at(-1)) {
      if (last.openedNs - SKEW_NS > (open.at(0)?.dueNs ?? Infinity)) break;
      waiting.pop();
      const opened = openStreams(reader, last.rows, layoutOf);
      if (opened !== undefined) open.push(opened);
    }
    const at = wanted === undefined ? 0 : open.find(wanted);
    const stream = open.at(at);
    if (stream === undefined) return;
    const inTimeNs = Math.min(open.secondNs, (waiting.at(-1)?.openedNs ?? Infinity) - SKEW_NS);
    // What is due when nothing else is, is due; what is over is not.
    const untilNs = Math.min(wanted === undefined ? inTimeNs : Infinity, Number.MAX_VALUE);
    const before = wanted;
    do wanted = stream.visit(visit);
    while (stream.dueNs <= untilNs && wanted === before);
    if (stream.dueNs === Infinity) open.remove(at);
    else open.sink(at);
  }
}

interface Open {
  /** When its next span is due; infinite when it is over. */
  readonly dueNs: number;
  readonly leadNs: number;
  isWanted(wanted: Wanted): boolean;
  /** Its next span. */
  visit(visit: Visit): Wanted | undefined;
}

class OpenStream implements Open {
  readonly leadNs: number;
  dueNs = 0;
  readonly #row: StreamRow;
  readonly #walk: StreamWalk;
  readonly #placements: SentPlacements | undefined;
  readonly #placementsToNew: PlacementsToNew | undefined;
  /** The walk has not gone on, so its bytes are there. */
  #next: WalkedSpan | undefined;

  constructor(reader: CaptureReader, row: StreamRow, layout: HeaderLayout) {
    const isClient = row.kind === 'client';
    this.#row = row;
    this.#walk = new StreamWalk(layout);
    this.#walk.attach(reader, row);
    this.leadNs = isClient ? SKEW_NS : 0;
    this.#placements = isClient ? new SentPlacements(reader, row.id, layout) : undefined;
    const again = reader.sentAgain?.(row.id);
    this.#placementsToNew = again && new PlacementsToNew(again);
    this.#goOn();
  }

  /** Infinite when it is over. */
  get offset(): number {
    return this.#next?.span.offset ?? Infinity;
  }

  isWanted({ connection, side }: Wanted): boolean {
    return this.#row.kind === side && this.#row.connection === connection;
  }

  visit(visit: Visit): Wanted | undefined {
    const walked = this.#next;
    if (walked === undefined) return undefined;
    const placement = this.#placements?.of(walked.span);
    const toNew = this.#placementsToNew && (this.#placementsToNew.of(walked) ?? 'unknown');
    const wanted = visit({ row: this.#row, walked, placement, toNew });
    this.#goOn();
    return wanted;
  }

  #goOn(): void {
    this.#next = this.#walk.nextToEnd();
    this.dueNs = (this.#next?.orderNs ?? Infinity) - this.leadNs;
  }
}

/** What a tap heard, and what it fed of it: the same bytes at the same offsets, but for gaps. */
class HeardStream implements Open {
  readonly leadNs = SKEW_NS;
  readonly #heard: OpenStream;
  readonly #fed: OpenStream;

  constructor(heard: OpenStream, fed: OpenStream) {
    this.#heard = heard;
    this.#fed = fed;
  }

  get dueNs(): number {
    return Math.min(this.#heard.dueNs, this.#fed.dueNs);
  }

  isWanted(wanted: Wanted): boolean {
    return this.#heard.isWanted(wanted);
  }

  visit(visit: Visit): Wanted | undefined {
    const [heard, fed] = [this.#heard, this.#fed];
    const isFedNext = fed.dueNs < heard.dueNs || fed.offset <= heard.offset;
    return (isFedNext ? fed : heard).visit(visit);
  }
}

interface NotOpened {
  readonly rows: readonly StreamRow[];
  readonly openedNs: number;
}

const NO_STREAMS: ReadonlyMap<number, StreamRow> = new Map();

/** The last is to be opened first. */
function notOpened(reader: CaptureReader): NotOpened[] {
  const openedNs = new Map(reader.connections().map((each) => [each.id, Number(each.openedNs)]));
  const streams = reader.streams();
  const isTapped = reader.info.origin === TAP_ORIGIN;
  const ofKind = (kind: StreamRow['kind']): ReadonlyMap<number, StreamRow> =>
    new Map(streams.filter((row) => row.kind === kind).map((row) => [row.connection, row]));
  const [fed, heard] = isTapped ? [ofKind('client'), ofKind('old')] : [NO_STREAMS, NO_STREAMS];
  return streams
    .filter((row) => row.kind !== 'client' || !heard.has(row.connection))
    .map((row) => {
      const own = row.kind === 'old' ? fed.get(row.connection) : undefined;
      const rows = own === undefined ? [row] : [row, own];
      return { rows, row, openedNs: openedNs.get(row.connection) ?? 0 };
    })
    .sort((left, right) => right.openedNs - left.openedNs || right.row.id - left.row.id);
}

function openStreams(
  reader: CaptureReader,
  rows: readonly StreamRow[],
  layoutOf: LayoutOf,
): Open | undefined {
  const [stream, fed] = rows.map((row) => new OpenStream(reader, row, layoutOf(row.kind)));
  const open = stream !== undefined && fed !== undefined ? new HeardStream(stream, fed) : stream;
  return open?.dueNs === Infinity ? undefined : open;
}

/** The stream whose next span is due first is on top; of those that are due together the client's. */
class Heap {
  readonly #streams: Open[] = [];

  at(at: number): Open | undefined {
    return this.#streams[at];
  }

  /** On top, where there is none. */
  find(wanted: Wanted): number {
    return Math.max(
      0,
      this.#streams.findIndex((stream) => stream.isWanted(wanted)),
    );
  }

  /** When the one behind the top is due. */
  get secondNs(): number {
    return Math.min(this.#streams[1]?.dueNs ?? Infinity, this.#streams[2]?.dueNs ?? Infinity);
  }

  push(stream: Open): void {
    this.#rise(this.#streams.push(stream) - 1);
  }

  remove(at: number): void {
    const last = this.#streams.pop();
    if (last === undefined || at === this.#streams.length) return;
    this.#streams[at] = last;
    this.#rise(at);
    this.sink(at);
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const stream = this.#streams[at];
      if (stream === undefined || !isBefore(stream, this.#streams[parent])) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** What is here is due later than it was. */
  sink(from: number): void {
    const streams = this.#streams;
    for (let at = from; ; ) {
      let first = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        const stream = streams[child];
        if (stream !== undefined && isBefore(stream, streams[first])) first = child;
      }
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  #swap(left: number, right: number): void {
    const [one, other] = [this.#streams[left], this.#streams[right]];
    if (one === undefined || other === undefined) return;
    this.#streams[left] = other;
    this.#streams[right] = one;
  }
}

function isBefore(left: Open, right: Open | undefined): boolean {
  return (
    right === undefined ||
    left.dueNs < right.dueNs ||
    (left.dueNs === right.dueNs && left.leadNs > right.leadNs)
  );
}
