/**
 * Walks over all streams of a capture at once, in order of arrival. What clients sent comes a little earlier than its
 * time says: a delivery may be stamped before the chunk that caused it. Streams are opened when their connection begins.
 */
import type { CaptureReader, StreamRow } from '../../capture/types.ts';
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

interface Open {
  readonly row: StreamRow;
  readonly walk: StreamWalk;
  readonly placements: SentPlacements | undefined;
  readonly placementsToNew: PlacementsToNew | undefined;
  readonly leadNs: number;
  /** The walk has not gone on, so its bytes are there. */
  next: WalkedSpan;
  dueNs: number;
}

interface NotOpened {
  readonly row: StreamRow;
  readonly openedNs: number;
}

/** The bytes of what is visited are valid during the visit only. */
export function walkInOrder(
  reader: CaptureReader,
  layout: HeaderLayout,
  visit: (walked: Walked) => void,
): void {
  const waiting = notOpened(reader);
  const open = new Heap();
  for (;;) {
    for (let last = waiting.at(-1); last !== undefined; last = waiting.at(-1)) {
      if (last.openedNs - SKEW_NS > (open.top?.dueNs ?? Infinity)) break;
      waiting.pop();
      const opened = openStream(reader, last.row, layout);
      if (opened !== undefined) open.push(opened);
    }
    const first = open.top;
    if (first === undefined) return;
    const untilNs = Math.min(open.secondNs, (waiting.at(-1)?.openedNs ?? Infinity) - SKEW_NS);
    do {
      const { row, placements, placementsToNew, next } = first;
      const placement = placements?.of(next.span);
      const toNew = placementsToNew && (placementsToNew.of(next) ?? 'unknown');
      visit({ row, walked: next, placement, toNew });
      const following = first.walk.nextToEnd();
      if (following === undefined) {
        first.dueNs = Infinity;
        break;
      }
      first.next = following;
      first.dueNs = following.orderNs - first.leadNs;
    } while (first.dueNs <= untilNs);
    if (first.dueNs === Infinity) open.pop();
    else open.sinkTop();
  }
}

function notOpened(reader: CaptureReader): NotOpened[] {
  const openedNs = new Map(reader.connections().map((each) => [each.id, Number(each.openedNs)]));
  return reader
    .streams()
    .map((row) => ({ row, openedNs: openedNs.get(row.connection) ?? 0 }))
    .sort((left, right) => right.openedNs - left.openedNs || right.row.id - left.row.id);
}

function openStream(reader: CaptureReader, row: StreamRow, layout: HeaderLayout): Open | undefined {
  const walk = new StreamWalk(layout);
  walk.attach(reader, row);
  const next = walk.nextToEnd();
  if (next === undefined) return undefined;
  const isClient = row.kind === 'client';
  const leadNs = isClient ? SKEW_NS : 0;
  const again = reader.sentAgain?.(row.id);
  return {
    row,
    walk,
    placements: isClient ? new SentPlacements(reader, row.id, layout) : undefined,
    placementsToNew: again && new PlacementsToNew(again),
    leadNs,
    next,
    dueNs: next.orderNs - leadNs,
  };
}

/** The stream whose next span is due first is on top; of those that are due together the client's. */
class Heap {
  readonly #streams: Open[] = [];

  get top(): Open | undefined {
    return this.#streams[0];
  }

  /** When the one behind the top is due. */
  get secondNs(): number {
    return Math.min(this.#streams[1]?.dueNs ?? Infinity, this.#streams[2]?.dueNs ?? Infinity);
  }

  push(stream: Open): void {
    const streams = this.#streams;
    let at = streams.push(stream) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!isBefore(stream, streams[parent])) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): void {
    const last = this.#streams.pop();
    if (last === undefined || this.#streams.length === 0) return;
    this.#streams[0] = last;
    this.sinkTop();
  }

  /** The top is due later than it was. */
  sinkTop(): void {
    const streams = this.#streams;
    for (let at = 0; ; ) {
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
