/**
 * One client connection and its connections to both relays, as a state machine without I/O: what is
 * forwarded, mirrored, recorded, held back or closed. Sockets are the port's business.
 *
 * Laws: `forward` is all that happens before a byte is on its way, and it touches nothing but the active
 * side; only the active side and the client ever hold each other back; whatever the mirror does, and
 * whatever goes wrong in `observe`, the client does not notice.
 */
import type { EventKind, Side, StreamKind } from '../capture/types.ts';
import type { HeaderLayout } from '../wire/types.ts';
import {
  type MirrorBudget,
  type MirrorGap,
  type MirrorGapReason,
  type MirrorLimits,
  MirrorQueue,
} from './mirror-queue.ts';

/** An end of the tee: the client's socket, or the socket to the relay of a side. */
export type End = 'client' | Side;

/** What the machine asks for. */
export interface ConnectionPort {
  /** Answers whether the end takes more at once. */
  write(to: End, bytes: Uint8Array): boolean;
  /** Writes one piece to the mirror; `mirrorTook` must follow when its socket took it, and only then. */
  send(piece: Uint8Array): void;
  /** Half-close after what is queued: the peer reads the end, and may go on sending. */
  end(to: End): void;
  /** Close both directions after what is queued. */
  finish(to: End): void;
  /** Close both directions, whether or not all is written, unless the end closes by itself soon. */
  abandon(to: End): void;
  /** Stop or go on reading from an end. */
  pause(from: End): void;
  resume(from: End): void;
  /** `frames`: how many ended in it, where they are counted. */
  recordChunk(stream: StreamKind, bytes: Uint8Array, frames?: number): void;
  recordEvent(kind: EventKind, stream: StreamKind | undefined, details: EventDetails): void;
  recordMirrorGap(gap: MirrorGap): void;
}

export type EventDetails = Readonly<Record<string, string | number>>;

export interface ConnectionOptions {
  readonly active: Side;
  readonly layout: HeaderLayout;
  readonly mirrorLimits: MirrorLimits;
  readonly mirrorBudget: MirrorBudget;
}

export class Connection {
  readonly #port: ConnectionPort;
  readonly #active: Side;
  readonly #mirror: Side;
  readonly #queue: MirrorQueue;
  readonly #open = new Set<End>();
  readonly #gone = new Set<End>();
  /** What is to become of the mirror's socket once everything is written to it. */
  #mirrorEnding: 'end' | 'finish' | undefined;

  /** The client is not read until the active relay has accepted, as if it were still connecting. */
  constructor(port: ConnectionPort, options: ConnectionOptions) {
    this.#port = port;
    this.#active = options.active;
    this.#mirror = options.active === 'old' ? 'new' : 'old';
    this.#queue = new MirrorQueue(options.layout, options.mirrorLimits, options.mirrorBudget);
    port.pause('client');
  }

  get isOver(): boolean {
    return this.#gone.has('client') && this.#gone.has('old') && this.#gone.has('new');
  }

  /** Nothing waits for the mirror: it was sent all, or it is gone. */
  get isMirrored(): boolean {
    return this.#queue.isIdle;
  }

  /** Client bytes that the mirror's socket took. */
  get mirroredBytes(): number {
    return this.#queue.takenBytes;
  }

  /** When the oldest bytes came that the mirror has not taken; undefined when nothing waits. */
  get mirrorWaitsSinceMs(): number | undefined {
    return this.#queue.waitingSinceMs;
  }

  opened(end: End): void {
    this.#open.add(end);
    this.#port.recordEvent(end === 'client' ? 'open' : 'upstream-open', end, {});
    if (end === this.#active) {
      if (this.#gone.has('client')) this.#port.finish(end);
      else this.#port.resume('client');
    }
    this.#feedMirror();
  }

  /** The first thing to do with bytes that were read. */
  forward(from: End, bytes: Uint8Array): void {
    if (from === 'client') this.#pass(this.#active, bytes, 'client');
    else if (from === this.#active) this.#pass('client', bytes, this.#active);
  }

  /** Everything else: the mirror, the recorder. */
  observe(from: End, bytes: Uint8Array): void {
    if (from === 'client') {
      const frames = this.#queue.add(bytes);
      this.#feedMirror();
      this.#port.recordChunk(from, bytes, frames);
    } else {
      this.#port.recordChunk(from, bytes);
    }
  }

  /** The socket of the mirror took the piece that it was sent. */
  mirrorTook(): void {
    this.#queue.taken();
    this.#feedMirror();
  }

  /** The end takes more again. */
  drained(end: End): void {
    if (end === 'client') this.#port.resume(this.#active);
    else if (end === this.#active) this.#port.resume('client');
  }

  /** The peer has finished sending; it may still read. */
  ended(end: End): void {
    if (end === 'client') {
      this.#port.end(this.#active);
      this.#mirrorEnding ??= 'end';
    } else if (end === this.#active) {
      this.#port.end('client');
    }
    this.#port.recordEvent('end', end, {});
    this.#feedMirror();
  }

  failed(end: End, code: string): void {
    this.#port.recordEvent('error', end, { code });
  }

  /** The relay of a side could not be reached. */
  unreachable(side: Side, code: string): void {
    this.#port.recordEvent('upstream-failed', side, { code });
    this.#lose(side, 'mirror-unreachable');
  }

  /** Both directions of an end are closed. */
  closed(end: End): void {
    if (this.#gone.has(end)) return;
    if (end === 'client') {
      this.#gone.add('client');
      this.#port.finish(this.#active);
      this.#mirrorEnding = 'finish';
      if (!this.#gone.has(this.#mirror)) this.#port.abandon(this.#mirror);
    } else {
      this.#lose(end, 'mirror-closed');
    }
    this.#port.recordEvent('close', end, {});
    this.#feedMirror();
  }

  /** Reports gaps as they grow: a recorder that is killed must not lose what was not mirrored. */
  reportGaps(): void {
    for (const gap of this.#queue.takeGaps()) this.#port.recordMirrorGap(gap);
  }

  #pass(to: End, bytes: Uint8Array, from: End): void {
    if (!this.#gone.has(to) && !this.#port.write(to, bytes)) this.#port.pause(from);
  }

  #feedMirror(): void {
    if (this.#gone.has(this.#mirror) || !this.#open.has(this.#mirror)) return;
    const piece = this.#queue.next();
    if (piece !== undefined) this.#port.send(piece);
    if (!this.#queue.isIdle || this.#mirrorEnding === undefined) return;
    if (this.#mirrorEnding === 'end') this.#port.end(this.#mirror);
    else this.#port.finish(this.#mirror);
    this.#mirrorEnding = undefined;
  }

  #lose(side: Side, reason: MirrorGapReason): void {
    this.#gone.add(side);
    if (side === this.#active) this.#port.finish('client');
    else {
      this.#queue.shut(reason);
      this.reportGaps();
    }
  }
}
