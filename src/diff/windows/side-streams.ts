/**
 * The streams of both sides as far as windows have been read: up to which moment each has come, and the pairs of which
 * one half has been read. Knows nothing of windows.
 */
import type { Side, StreamRow } from '../../capture/types.ts';
import type { Agreement } from '../scan/agreement-scan.ts';
import type { Wanted } from './merged-walk.ts';
import type { SpanRecord } from './records-of-spans.ts';
import type { DeliveringStream } from './window-sink.ts';

/** A row of pairs of one lane on one connection, as far as one side is ahead. */
interface Ahead {
  side: Side | undefined;
  waiting: (SpanRecord | undefined)[];
  head: number;
}

/** Of a connection: the pairs of which one half has been read. */
interface Halves {
  /** By lane. */
  readonly ahead: Map<number, Ahead>;
  /** How many of them wait for this side. */
  readonly waiting: Record<Side, number>;
}

export interface SideStream extends DeliveringStream {
  readonly halves: Halves;
  /** Of each lane, the latest moment. */
  readonly latest: Map<number, number>;
  /** Of the last message that agreed. */
  position: number;
  /** From this moment on it is not known where something odd belongs. */
  unsureFrom: number;
  /** How many moments the last message took to come. */
  lag: number;
  /** What came before anything that is known. */
  early: SpanRecord[];
}

export class SideStreams {
  readonly #agreement: Agreement;
  readonly #streams = new Map<number, SideStream>();
  readonly #halves = new Map<number, Halves>();

  constructor(agreement: Agreement) {
    this.#agreement = agreement;
  }

  of(row: StreamRow, side: Side): SideStream {
    let stream = this.#streams.get(row.id);
    if (stream === undefined) {
      const retired = this.#agreement.connections.get(row.connection);
      let halves = this.#halves.get(row.connection);
      if (halves === undefined) {
        halves = { ahead: new Map(), waiting: { old: 0, new: 0 } };
        this.#halves.set(row.connection, halves);
      }
      stream = {
        row,
        side,
        isOdd: retired?.isOdd[side] ?? ((): boolean => true),
        halves,
        latest: new Map(),
        position: -1,
        unsureFrom: Infinity,
        lag: 0,
        early: [],
      };
      this.#streams.set(row.id, stream);
    }
    return stream;
  }

  all(): Iterable<SideStream> {
    return this.#streams.values();
  }

  /** Whether a half has been read whose other half this stream has. */
  isWaitedFor({ connection, side }: Wanted): boolean {
    return (this.#halves.get(connection)?.waiting[side] ?? 0) > 0;
  }

  /** The side of a connection for which most waits. */
  farthest(): Wanted | undefined {
    let farthest: Wanted | undefined;
    let most = 0;
    for (const [connection, { waiting }] of this.#halves) {
      for (const side of ['old', 'new'] as const) {
        if (waiting[side] <= most) continue;
        most = waiting[side];
        farthest = { connection, side };
      }
    }
    return farthest;
  }
}

export function aheadOf(all: Map<number, Ahead>, lane: number): Ahead {
  let ahead = all.get(lane);
  if (ahead === undefined) all.set(lane, (ahead = { side: undefined, waiting: [], head: 0 }));
  return ahead;
}

/** The half that waits for this one. */
export function nextWaiting(ahead: Ahead): SpanRecord | undefined {
  const record = ahead.waiting[ahead.head];
  if (record === undefined) return undefined;
  ahead.waiting[ahead.head++] = undefined;
  if (ahead.head === ahead.waiting.length || ahead.head > 1_024) {
    ahead.waiting.splice(0, ahead.head);
    ahead.head = 0;
  }
  return record;
}
