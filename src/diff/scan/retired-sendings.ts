/**
 * What the messages that agreed everywhere say of the relays, although nobody keeps them: how slow a relay was at
 * most, and of the messages that clients sent in each way how many a relay forwarded. Reads all streams side by side
 * in order of time, and knows of the messages sent only the latest: a delivery later than that many tells nothing.
 */
import type { CaptureReader, Side, StreamKind, StreamRow } from '../../capture/types.ts';
import type { Dialect } from '../../protocol/types.ts';
import { readHeader } from '../../wire/header.ts';
import type { HeaderLayout } from '../../wire/types.ts';
import { isRightBeforeLeaving } from '../causes/sender-left.ts';
import type { ClientFacts, Sending } from '../client-facts.ts';
import { keyOf, Subjects } from '../content-table.ts';
import type { Content } from '../records.ts';
import { remarkKindsOf } from '../remark-kinds.ts';
import type { OddContents } from './odd-contents.ts';
import { SentPlacements } from './sent-placements.ts';
import { StreamWalk, type WalkedSpan } from './stream-walk.ts';

/** Sendings like each other in all that the rules of causes look at: what holds for one holds for all. */
export interface RetiredSendings {
  /** One of them. */
  readonly content: Content;
  readonly sending: Sending;
  /** How many of them the relay of a side forwarded to anybody. */
  readonly kept: Record<Side, number>;
}

interface Sent {
  /** Of each sending. */
  readonly kinds: RetiredSendings[];
  readonly timeNs: number;
  old: boolean;
  new: boolean;
}

export interface RetiredSendingsContext {
  readonly dialect: Dialect;
  readonly odd: OddContents;
  readonly clientLeftNs: (connection: number) => number | undefined;
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
/** The rules ask whether a message is longer than this. */
const LARGE_BYTES = 65_536;
/** The longest block with which a client may name itself. */
const BLOCK_BYTES_MAX = 36;
/** Of more nobody counts which is which. */
const KINDS_MAX = 4_096;

export function noteRetiredSendings(reader: CaptureReader, context: RetiredSendingsContext): void {
  if (reader.sentAgain !== undefined) {
    // Each relay was sent them in chunks of its own, which only windows and the whole look at.
    context.facts.isRetiredUnknown = true;
    return;
  }
  const sent = new SentWindow(context);
  const { header } = context.dialect;
  const streams = openedInOrder(reader);
  const clients = new Turns(reader, header, streams, (kind) => kind === 'client');
  const sides = new Turns(reader, header, streams, (kind) => kind !== 'client');
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
  readonly #subjects = new Subjects();

  constructor(context: RetiredSendingsContext) {
    this.#context = context;
  }

  add({ row, placements }: OpenStream, { span, arrivalNs }: WalkedSpan): void {
    const placement = placements?.of(span);
    if (span.kind !== 'frame' || placement === undefined || this.#context.odd.has(span.bytes))
      return;
    const key = keyOf(span.bytes);
    const kind = this.#kindOf(span.bytes, {
      connection: row.connection,
      offset: span.offset,
      timeNs: arrivalNs,
      placement,
      unmirrored: undefined,
    });
    if (kind === undefined) {
      this.#context.facts.isRetiredUnknown = true;
      return;
    }
    const known = this.#find(key);
    if (known !== undefined) {
      known.kinds.push(kind);
      return;
    }
    this.#sent.set(key, { kinds: [kind], timeNs: arrivalNs, old: false, new: false });
    if (this.#sent.size * 2 < this.#context.sentMax) return;
    for (const past of this.#before.values()) count(past);
    this.#before = this.#sent;
    this.#sent = new Map();
  }

  deliver(side: Side, { span, arrivalNs }: WalkedSpan): void {
    if (span.kind !== 'frame') return;
    const sent = this.#find(keyOf(span.bytes));
    if (sent === undefined) {
      // Its client is not known, or it was sent so long before that it has been forgotten.
      if (!this.#context.odd.has(span.bytes)) this.#context.facts.isRetiredUnknown = true;
      return;
    }
    sent[side] = true;
    if (sent.kinds.length === 1) this.#context.facts.noteDelay(side, arrivalNs - sent.timeNs);
  }

  end(): void {
    for (const sent of [...this.#before.values(), ...this.#sent.values()]) count(sent);
    this.#context.facts.retired.push(...this.#kinds.values());
  }

  #find(key: string): Sent | undefined {
    return this.#sent.get(key) ?? this.#before.get(key);
  }

  /** undefined: there are too many. */
  #kindOf(frame: Uint8Array, sending: Sending): RetiredSendings | undefined {
    const key = this.#keyOf(frame, sending);
    let kind = this.#kinds.get(key);
    if (kind === undefined && this.#kinds.size < KINDS_MAX) {
      kind = { content: this.#context.contentOf(frame), sending, kept: { old: 0, new: 0 } };
      this.#kinds.set(key, kind);
    }
    return kind;
  }

  #keyOf(frame: Uint8Array, { connection, timeNs, placement }: Sending): string {
    const { dialect, clientLeftNs } = this.#context;
    const { isSplit, beganInside, leadingDomain } = placement;
    return [
      frame[dialect.header.offsets.relay_domain],
      frame.length > LARGE_BYTES,
      isSplit,
      beganInside,
      leadingDomain,
      isRightBeforeLeaving(timeNs, clientLeftNs(connection)),
      this.#subjects.shapeOf(frame.subarray(dialect.header.sizeBytes)),
      remarkKindsOf(dialect, frame),
      blockName(dialect.header, frame),
    ].join(' ');
  }
}

/** What tells the block with which a collector names itself from other short messages. */
function blockName(layout: HeaderLayout, frame: Uint8Array): string {
  if (frame.length > BLOCK_BYTES_MAX) return '';
  const { source, sequence, timestamp } = readHeader(layout, frame);
  return `${frame.length} ${source} ${sequence === 0n && timestamp === 0n}`;
}

function count(sent: Sent): void {
  for (const side of ['old', 'new'] as const) {
    if (sent[side]) for (const kind of sent.kinds) kind.kept[side]++;
  }
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
        stream.next ??= stream.walk.nextToEnd();
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
