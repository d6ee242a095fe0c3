/**
 * What the client streams prove: who sent each message, when, in which chunks, and whether the mirror was
 * sent it at all. The chunks are the client's writes as the shim read them and passed them on, each with
 * one write of its own; a relay can still read several of them at once. So they are evidence, not proof.
 */
import type { Side } from '../capture/types.ts';
import { mayBegin } from './content-table.ts';
import type { Content, Head } from './records.ts';

/** How the bytes of one message lay in the chunks that carried them. */
export interface Placement {
  /** The bytes came in more than one chunk. */
  readonly isSplit: boolean;
  /** A chunk with bytes of this message began in the middle of a message, this one or another. */
  readonly beganInside: boolean;
  /** Domain of the header that the (first) chunk began with; undefined: it began with no header. */
  readonly leadingDomain: number | undefined;
}

/** A message (or bytes that are none) in the stream of the client that sent it. */
export interface Sending {
  readonly connection: number;
  readonly offset: number;
  readonly timeNs: number;
  readonly placement: Placement;
  /** In a gap of the mirror: the new relay was never sent it. */
  readonly isUnmirrored: boolean;
}

export class ClientFacts {
  readonly contents = new Map<number, Content>();
  readonly #sendings = new Map<number, Sending[]>();
  readonly #contentsOfHead = new Map<string, Content[]>();
  readonly #delivered: Readonly<Record<Side, Set<number>>> = { old: new Set(), new: new Set() };

  noteSending(content: Content, sending: Sending): void {
    const sendings = this.#sendings.get(content.id);
    if (sendings !== undefined) {
      sendings.push(sending);
      return;
    }
    this.contents.set(content.id, content);
    this.#sendings.set(content.id, [sending]);
    if (content.head === undefined || !content.isFrame) return;
    const key = headKey(content.head);
    const contents = this.#contentsOfHead.get(key);
    if (contents === undefined) this.#contentsOfHead.set(key, [content]);
    else contents.push(content);
  }

  noteDelivery(content: Content, side: Side): void {
    this.#delivered[side].add(content.id);
  }

  sendingsOf(content: Content): readonly Sending[] {
    return this.#sendings.get(content.id) ?? [];
  }

  /** Whether the relay of this side delivered it to anybody. */
  wasDelivered(content: Content, side: Side): boolean {
    return this.#delivered[side].has(content.id);
  }

  hasDeliveredAnything(side: Side): boolean {
    return this.#delivered[side].size > 0;
  }

  /** The messages that these bytes may be the beginning of; those that nobody got from `side` come first. */
  begunBy(beginning: Content, side: Side): readonly Content[] {
    if (beginning.head === undefined) return [];
    const wholes = this.#contentsOfHead.get(headKey(beginning.head)) ?? [];
    return wholes
      .filter((whole) => mayBegin(beginning, whole))
      .sort(
        (left, right) =>
          Number(this.wasDelivered(left, side)) - Number(this.wasDelivered(right, side)),
      );
  }
}

function headKey(head: Head): string {
  return `${head.domain}/${head.source}/${head.sequence}/${head.timestamp}/${head.frameBytes}`;
}
