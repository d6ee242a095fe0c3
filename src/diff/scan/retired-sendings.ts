/**
 * What the messages that agreed everywhere say of the relays, although nobody keeps them: how slow a relay was at
 * most, and of the messages that clients sent in each way how many a relay forwarded. Reads all streams side by side
 * in order of time, and knows of the messages sent only the latest: a delivery later than that many tells nothing.
 */
import type { CaptureReader, Side, StreamKind, StreamRow } from '../../capture/types.ts';
import type { HeaderLayout } from '../../wire/types.ts';
import type { ClientFacts, Placement, Sending } from '../client-facts.ts';
import { keyOf } from '../content-table.ts';
import type { Content } from '../records.ts';
import type { OddContents } from './odd-contents.ts';
import { SentPlacements } from './sent-placements.ts';
import { StreamWalk, type WalkedSpan } from './stream-walk.ts';

/** Sendings like each other, as far as the causes look at them. */
export interface RetiredSendings {
  /** One of them. */
  readonly content: Content;
  readonly sending: Sending;
  /** How many of them the relay of a side forwarded to anybody. */
  readonly kept: Record<Side, number>;
}

interface Sent {
  readonly kind: RetiredSendings;
  readonly timeNs: number;
  count: number;
  old: boolean;
  new: boolean;
}

export interface RetiredSendingsContext {
  readonly layout: HeaderLayout;
  readonly odd: OddContents;
  readonly facts: ClientFacts;
  /** A content with the bytes of this frame. */
  readonly contentOf: (frame: Uint8Array) => Content;
  /** Messages that are known at a time. */
  readonly sentMax: number;
}

/** Streams are read in turn, so much time of each. */
const SLICE_NS = 50_000_000;
/** A delivery may be stamped before the chunk that caused it. */
const SKEW_NS = 10_000_000;
/** What the causes cannot tell apart by more than this. */
const LARGE_BYTES = 65_536;

export function noteRetiredSendings(reader: CaptureReader, context: RetiredSendingsContext): void {
  const sent = new SentWindow(context);
  const streams = openedInOrder(reader);
  const clients = new Turns(reader, context.layout, streams, (kind) => kind === 'client');
  const sides = new Turns(reader, context.layout, streams, (kind) => kind !== 'client');
  for (let endNs = SLICE_NS; !sides.isDone; endNs = Math.max(endNs + SLICE_NS, sides.nextNs)) {
    clients.take(endNs + SKEW_NS, (stream, walked) => sent.add(stream, walked));
    sides.take(endNs, ({ row: { kind } }, walked) => {
      if (kind !== 'client') sent.deliver(kind, walked);
    });
  }
  clients.take(Infinity, (stream, walked) => sent.add(stream, walked));
  sent.end();
}

class SentWindow {
  readonly #context: RetiredSendingsContext;
  /** The latest, and those before them, which are forgotten all at once. */
  #sent = new Map<string, Sent>();
  #before = new Map<string, Sent>();
  readonly #kinds = new Map<string, RetiredSendings>();

  constructor(context: RetiredSendingsContext) {
    this.#context = context;
  }

  add({ row, placements }: OpenStream, { span, arrivalNs }: WalkedSpan): void {
    const placement = placements?.of(span);
    if (span.kind !== 'frame' || placement === undefined || this.#context.odd.has(span.bytes))
      return;
    const key = keyOf(span.bytes);
    const known = this.#find(key);
    if (known !== undefined) {
      known.count++;
      return;
    }
    const kind = this.#kindOf(span.bytes, placement, row.connection, arrivalNs, span.offset);
    this.#sent.set(key, { kind, timeNs: arrivalNs, count: 1, old: false, new: false });
    if (this.#sent.size * 2 < this.#context.sentMax) return;
    for (const past of this.#before.values()) count(past);
    this.#before = this.#sent;
    this.#sent = new Map();
  }

  deliver(side: Side, { span, arrivalNs }: WalkedSpan): void {
    if (span.kind !== 'frame') return;
    const sent = this.#find(keyOf(span.bytes));
    if (sent === undefined) return;
    sent[side] = true;
    if (sent.count === 1) this.#context.facts.noteDelay(side, arrivalNs - sent.timeNs);
  }

  end(): void {
    for (const sent of [...this.#before.values(), ...this.#sent.values()]) count(sent);
    this.#context.facts.retired.push(...this.#kinds.values());
  }

  #find(key: string): Sent | undefined {
    return this.#sent.get(key) ?? this.#before.get(key);
  }

  #kindOf(
    frame: Uint8Array,
    placement: Placement,
    connection: number,
    timeNs: number,
    offset: number,
  ): RetiredSendings {
    const domain = frame[this.#context.layout.offsets.relay_domain];
    const { isSplit, beganInside, leadingDomain } = placement;
    const key = `${domain} ${frame.length > LARGE_BYTES} ${isSplit} ${beganInside} ${leadingDomain}`;
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      const content = this.#context.contentOf(frame);
      const sending = { connection, offset, timeNs, placement, unmirrored: undefined };
      this.#kinds.set(key, (kind = { content, sending, kept: { old: 0, new: 0 } }));
    }
    return kind;
  }
}

function count(sent: Sent): void {
  for (const side of ['old', 'new'] as const) if (sent[side]) sent.kind.kept[side] += sent.count;
}

interface NotOpened {
  readonly row: StreamRow;
  readonly openedNs: number;
}

function openedInOrder(reader: CaptureReader): readonly NotOpened[] {
  const openedNs = new Map(reader.connections().map((each) => [each.id, Number(each.openedNs)]));
  return reader
    .streams()
    .map((row) => ({ row, openedNs: openedNs.get(row.connection) ?? 0 }))
    .sort((left, right) => left.openedNs - right.openedNs);
}

interface OpenStream {
  readonly row: StreamRow;
  readonly walk: StreamWalk;
  /** Of a client stream. */
  readonly placements: SentPlacements | undefined;
  /** The span that comes after the time that was asked for. The walk has not gone on, so its bytes are there. */
  next: WalkedSpan | undefined;
}

/** Many streams, read until a time. Those whose connection has not begun are not opened yet. */
class Turns {
  readonly #reader: CaptureReader;
  readonly #layout: HeaderLayout;
  readonly #notOpened: NotOpened[];
  #open: OpenStream[] = [];

  constructor(
    reader: CaptureReader,
    layout: HeaderLayout,
    streams: readonly NotOpened[],
    isWanted: (kind: StreamKind) => boolean,
  ) {
    this.#reader = reader;
    this.#layout = layout;
    this.#notOpened = streams.filter(({ row }) => isWanted(row.kind)).reverse();
  }

  get isDone(): boolean {
    return this.#open.length === 0 && this.#notOpened.length === 0;
  }

  /** When the next span arrives at the earliest. */
  get nextNs(): number {
    let nextNs = this.#notOpened.at(-1)?.openedNs ?? Infinity;
    for (const { next } of this.#open) nextNs = Math.min(nextNs, next?.arrivalNs ?? Infinity);
    return nextNs;
  }

  take(untilNs: number, visit: (stream: OpenStream, walked: WalkedSpan) => void): void {
    for (let last = this.#notOpened.at(-1); last !== undefined; last = this.#notOpened.at(-1)) {
      if (last.openedNs > untilNs) break;
      this.#notOpened.pop();
      this.#open.push(this.#openStream(last.row));
    }
    for (const stream of this.#open) {
      for (;;) {
        stream.next ??= nextOf(stream.walk);
        if (stream.next === undefined || stream.next.arrivalNs > untilNs) break;
        visit(stream, stream.next);
        stream.next = undefined;
      }
    }
    this.#open = this.#open.filter(({ next }) => next !== undefined);
  }

  #openStream(row: StreamRow): OpenStream {
    const walk = new StreamWalk(this.#layout);
    walk.attach(this.#reader, row);
    const isClient = row.kind === 'client';
    return {
      row,
      walk,
      placements: isClient ? new SentPlacements(this.#reader, row.id, this.#layout) : undefined,
      next: undefined,
    };
  }
}

function nextOf(walk: StreamWalk): WalkedSpan | undefined {
  const next = walk.next();
  if (next !== undefined) return next;
  walk.end();
  return walk.next();
}
