/**
 * Says who published a content. Order must hold within what one publisher sent; how publishers interleave
 * may float. The client streams of the capture prove the publisher of most messages; for the others the
 * header's domain and source stand for it, which proves no order.
 */
import type { HeaderLayout } from '../wire/types.ts';
import type { Content, Head } from './records.ts';

const SEVERAL = -1;

export interface Publisher {
  /** Equal for contents that one publisher may have sent. */
  readonly name: string;
  /** The one connection that sent it. undefined: several did, or nobody knows. */
  readonly connection: number | undefined;
}

/** Bytes that are no frame and that no client sent as they are: pieces, of anybody. */
const NOBODY: Publisher = { name: 'no frames', connection: undefined };

export class Publishers {
  readonly #isTapped: boolean;
  /** Content id -> the one connection that sent it, or SEVERAL. */
  readonly #senderOfContent = new Map<number, number>();
  readonly #ofConnections = new Map<number, Publisher>();
  /** Domain and source -> the one connection that sends as it, or SEVERAL. */
  readonly #senderOfRole: Map<number, number>;

  /** What a tap fed came in order domain by domain, and nobody knows from whom. */
  constructor(isTapped = false, roles = new Map<number, number>()) {
    this.#isTapped = isTapped;
    this.#senderOfRole = roles;
  }

  /** Of a part of the same capture: the roles are known, what is in it is not. */
  ofWindow(): Publishers {
    return new Publishers(this.#isTapped, this.#senderOfRole);
  }

  /** `connection` sent this content to the relays. */
  note(content: Content, connection: number): void {
    noteSender(this.#senderOfContent, content.id, connection);
    if (content.isFrame) noteSender(this.#senderOfRole, roleOf(content), connection);
  }

  /** The same of a frame whose content is not kept. */
  noteRole(frame: Uint8Array, { offsets }: HeaderLayout, connection: number): void {
    const domain = frame[offsets.relay_domain] ?? 0;
    const source = frame[offsets.source] ?? 0;
    noteSender(this.#senderOfRole, roleNumber(domain, source), connection);
  }

  publisherOf(content: Content): Publisher {
    if (this.#isTapped) return content.isFrame ? ofDomain(content.head) : NOBODY;
    const sender = this.#senderOfContent.get(content.id);
    if (sender !== undefined && sender !== SEVERAL) return this.#ofConnection(sender);
    if (!content.isFrame) return NOBODY;
    const role = roleOf(content);
    const actor = this.#senderOfRole.get(role);
    if (actor !== undefined && actor !== SEVERAL) return this.#ofConnection(actor);
    return { name: roleName(content), connection: undefined };
  }

  #ofConnection(connection: number): Publisher {
    let publisher = this.#ofConnections.get(connection);
    if (publisher === undefined) {
      publisher = { name: `connection ${connection}`, connection };
      this.#ofConnections.set(connection, publisher);
    }
    return publisher;
  }
}

/** The tap has a connection to the new relay for each domain. */
function ofDomain(head: Head | undefined): Publisher {
  return { name: `domain ${head?.domain}`, connection: head?.domain };
}

function noteSender<K>(senders: Map<K, number>, key: K, connection: number): void {
  const known = senders.get(key);
  if (known === undefined) senders.set(key, connection);
  else if (known !== connection) senders.set(key, SEVERAL);
}

const NO_ROLE = -1;

function roleOf({ head }: Content): number {
  return head === undefined ? NO_ROLE : roleNumber(head.domain, head.source);
}

function roleNumber(domain: number, source: number): number {
  return (domain << 8) | source;
}

function roleName({ head }: Content): string {
  return head === undefined ? 'no header' : `domain ${head.domain} source ${head.source}`;
}
