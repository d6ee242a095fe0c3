/**
 * The first pass over a capture: every stream is read once and becomes small records. Client streams come
 * first, because they say who published what the sides deliver.
 */
import { TAP_ORIGIN } from '../capture/blind-spots.ts';
import { readSpans } from '../capture/spans.ts';
import type { CaptureReader, Chunk, Gap, Side, StreamRow } from '../capture/types.ts';
import type { Dialect } from '../protocol/types.ts';
import { readHeader } from '../wire/header.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { ClientFacts, type HiddenGap, type Placement, type Sending } from './client-facts.ts';
import { ContentTable } from './content-table.ts';
import type { BytesOfItems } from './fetch-bytes.ts';
import type { Identity } from './identity.ts';
import { HiddenGaps, unmirroredOf } from './mirror-gaps.ts';
import { Publishers } from './publishers.ts';
import type { Content, Item } from './records.ts';
import { makeItem } from './make-item.ts';
import type { GapRoom } from './recording-gaps.ts';
import { type SentMessages, splitJoined } from './split-joined.ts';
import { unseenSendersFromNs } from './unseen-senders.ts';
import { PlacementsToNew } from './two-captures/placements-to-new.ts';

export interface Dialects {
  readonly old: Dialect;
  readonly new: Dialect;
}

export interface ConnectionItems {
  readonly id: number;
  readonly label: string;
  readonly clientFrames: number;
  readonly old: readonly Item[];
  readonly new: readonly Item[];
}

export interface CaptureContents {
  readonly connections: readonly ConnectionItems[];
  readonly facts: ClientFacts;
  readonly publishers: Publishers;
  readonly rows: CaptureRows;
  /** Of a part of a capture: what must be known of the rest. */
  readonly window?: WindowFacts;
}

/** What a window knows of the capture around it. */
export interface WindowFacts {
  /** The bytes of its items. */
  readonly bytes: BytesOfItems;
  /** What lies before and behind all items of a side that are in the window, in the lane of this item. */
  around(connection: number, side: Side, item: Item): Around;
  /** How many of a content that did not agree a side delivered in the whole capture; undefined: nobody counted. */
  copies(connection: number, side: Side, content: Content): number | undefined;
  /** The recording gaps of its sides, with what windows before this one have left of them. */
  gapRooms(connection: number): readonly GapRoom[];
  /** Of the whole capture; what of them is used up windows have in common. */
  hiddenGaps(connection: number): readonly HiddenGap[];
}

/** Places just outside of a window; undefined: there is nothing there. */
export interface Around {
  readonly before: number | undefined;
  readonly behind: number | undefined;
}

/** What the capture lists, read once: connections can be thousands. */
export interface CaptureRows {
  readonly streams: readonly StreamRow[];
  readonly gaps: readonly Gap[];
  readonly streamsOf: ReadonlyMap<number, readonly StreamRow[]>;
  readonly gapsOf: ReadonlyMap<number, readonly Gap[]>;
}

function byConnection<T extends { readonly connection: number }>(
  rows: readonly T[],
): ReadonlyMap<number, readonly T[]> {
  const groups = new Map<number, T[]>();
  for (const row of rows) {
    const group = groups.get(row.connection);
    if (group === undefined) groups.set(row.connection, [row]);
    else group.push(row);
  }
  return groups;
}

export function readRows(reader: CaptureReader): CaptureRows {
  const streams = reader.streams();
  const gaps = reader.gaps();
  return {
    streams,
    gaps,
    streamsOf: byConnection(streams),
    gapsOf: byConnection(gaps),
  };
}

export function readCapture(
  reader: CaptureReader,
  { identity, remarks }: { readonly identity: Identity; readonly remarks: boolean },
): CaptureContents {
  const { dialects } = identity;
  const table = new ContentTable({ identity, remarks });
  const isTapped = reader.info.origin === TAP_ORIGIN;
  const facts = new ClientFacts(isTapped, unseenSendersFromNs(reader));
  const publishers = new Publishers(isTapped);
  const clientFrames = new Map<number, number>();
  const rows = readRows(reader);
  for (const stream of rows.streams) {
    if (stream.kind !== 'client') continue;
    const sent = readClientStream(reader, stream, dialects.old, table);
    clientFrames.set(stream.connection, sent.filter((span) => span.content.isFrame).length);
    const gaps = rows.gapsOf.get(stream.connection) ?? [];
    const unmirrored = unmirroredOf(gaps);
    for (const [index, placement] of placementsOf(reader, stream, sent, dialects.old.header)) {
      const span = sent[index];
      if (span === undefined) continue;
      facts.noteSending(span.content, {
        connection: stream.connection,
        offset: span.offset,
        timeNs: span.timeNs,
        placement,
        unmirrored: unmirrored(span.offset, span.content.length),
        ...(span.toNew && { toNew: span.toNew }),
      });
      publishers.note(span.content, stream.connection);
    }
    const hidden = new HiddenGaps(gaps);
    for (const { content, offset } of sent) {
      if (!content.isFrame) hidden.notePiece(offset, content.length);
    }
    facts.hiddenUnmirrored.push(...hidden.all);
  }
  facts.sortSendings();
  const itemsOf = (connection: number, side: Side): readonly Item[] => {
    const items: Item[] = [];
    let behindNs: number | undefined;
    const { header } = dialects[side];
    const sent: SentMessages = {
      isWhole: (span) => facts.wasSent(table.intern(span, dialects[side])),
      beginSent: (bytes) => facts.beginsSent(table.peek(bytes, header)),
    };
    for (const stream of rows.streamsOf.get(connection) ?? []) {
      if (stream.kind !== side) continue;
      const spans = readSpans(reader, stream, header);
      for (const arrived of splitJoined(spans, { layout: header, sent, endsStream: true })) {
        const content = table.intern(arrived.span, dialects[side]);
        const item = makeItem(arrived, content, items.length, { behindNs });
        behindNs = facts.sentOnceNs(content) ?? behindNs;
        facts.noteDelivery(item.content, side, item.arrivalNs);
        items.push(item);
      }
    }
    return items;
  };
  const connections = reader.connections().map(({ id, label }) => ({
    id,
    label,
    clientFrames: clientFrames.get(id) ?? 0,
    old: itemsOf(id, 'old'),
    new: itemsOf(id, 'new'),
  }));
  return { connections, facts, publishers, rows };
}

interface SentSpan {
  readonly content: Content;
  readonly offset: number;
  readonly timeNs: number;
  readonly toNew: Sending['toNew'];
}

function readClientStream(
  reader: CaptureReader,
  stream: StreamRow,
  dialect: Dialect,
  table: ContentTable,
): readonly SentSpan[] {
  const sent: SentSpan[] = [];
  const again = reader.sentAgain?.(stream.id);
  const placements = again && new PlacementsToNew(again);
  for (const arrived of readSpans(reader, stream, dialect.header)) {
    const { span, arrivalNs } = arrived;
    sent.push({
      content: table.intern(span, dialect),
      offset: span.offset,
      timeNs: Number(arrivalNs),
      toNew: placements && (placements.of(arrived) ?? 'unknown'),
    });
  }
  return sent;
}

/** Walks spans and chunks side by side: both are in order and cover the same bytes. */
function* placementsOf(
  reader: CaptureReader,
  stream: StreamRow,
  sent: readonly SentSpan[],
  layout: HeaderLayout,
): Generator<readonly [number, Placement]> {
  let at = 0;
  let current: Placement | undefined;
  for (const chunk of reader.chunks(stream.id)) {
    const chunkEnd = chunk.offset + chunk.bytes.byteLength;
    const leadingDomain = leadingDomainOf(chunk, layout);
    const first = sent[at];
    const beganInside = first !== undefined && first.content.isFrame && chunk.offset > first.offset;
    for (let span = first; span !== undefined && span.offset < chunkEnd; span = sent[at]) {
      current =
        current === undefined
          ? { isSplit: false, beganInside, leadingDomain, fromNs: Number(chunk.timeNs) }
          : { ...current, isSplit: true, beganInside: current.beganInside || beganInside };
      if (span.offset + span.content.length > chunkEnd) break;
      yield [at, current];
      current = undefined;
      at++;
    }
  }
}

function leadingDomainOf(chunk: Chunk, layout: HeaderLayout): number | undefined {
  if (chunk.bytes.byteLength < layout.sizeBytes) return undefined;
  const header = readHeader(layout, chunk.bytes);
  return header.magic === layout.magic ? header.relay_domain : undefined;
}
