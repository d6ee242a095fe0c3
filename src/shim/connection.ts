/**
 * One client connection and its connections to both relays, as a state machine without I/O: what is
 * forwarded, recorded, held back or closed. Sockets are the port's business.
 *
 * Laws: the active side is served before anything else happens; only the active side and the client ever
 * hold each other back; whatever the mirror does, the client does not notice.
 */
import type { EventKind, Side, StreamKind } from '../capture/types.ts';
import type { HeaderLayout } from '../wire/types.ts';
import {
  type MirrorGap,
  MirrorGate,
  type MirrorGapReason,
  type MirrorLimits,
} from './mirror-gate.ts';

/** An end of the tee: the client's socket, or the socket to the relay of a side. */
export type End = 'client' | Side;

/** What the machine asks for. `write` answers whether the end takes more at once. */
export interface ConnectionPort {
  write(to: End, bytes: Uint8Array): boolean;
  /** Bytes handed to `write` that the kernel has not taken yet. */
  queuedBytes(to: End): number;
  /** Bytes handed to `write` that are lost if the end is lost now. */
  unsentBytes(to: End): number;
  /** Half-close after what is queued: the peer reads the end, and may go on sending. */
  end(to: End): void;
  /** Close both directions after what is queued. */
  finish(to: End): void;
  /** Stop or go on reading from an end. */
  pause(from: End): void;
  resume(from: End): void;
  recordChunk(stream: StreamKind, bytes: Uint8Array): void;
  recordEvent(kind: EventKind, stream: StreamKind | undefined, details: EventDetails): void;
  recordMirrorGap(gap: Readonly<MirrorGap>): void;
}

export type EventDetails = Readonly<Record<string, string | number>>;

export interface ConnectionOptions {
  readonly active: Side;
  readonly layout: HeaderLayout;
  readonly mirrorLimits?: MirrorLimits;
}

export class Connection {
  readonly #port: ConnectionPort;
  readonly #active: Side;
  readonly #mirror: Side;
  readonly #gate: MirrorGate;
  readonly #gone = new Set<End>();
  #reportedGapBytes = -1;

  constructor(port: ConnectionPort, options: ConnectionOptions) {
    this.#port = port;
    this.#active = options.active;
    this.#mirror = options.active === 'old' ? 'new' : 'old';
    this.#gate = new MirrorGate(options.layout, options.mirrorLimits);
  }

  get isOver(): boolean {
    return this.#gone.has('client') && this.#gone.has('old') && this.#gone.has('new');
  }

  opened(end: End): void {
    this.#port.recordEvent(end === 'client' ? 'open' : 'upstream-open', end, {});
  }

  received(from: End, bytes: Uint8Array): void {
    if (from === 'client') this.#fromClient(bytes);
    else if (from === this.#active) this.#fromActive(bytes);
    else this.#port.recordChunk(from, bytes);
  }

  /** The end takes more again. */
  drained(end: End): void {
    if (end === 'client') this.#port.resume(this.#active);
    else if (end === this.#active) this.#port.resume('client');
  }

  /** The peer has finished sending; it may still read. */
  ended(end: End): void {
    this.#port.recordEvent('end', end, {});
    if (end === 'client') {
      this.#port.end(this.#active);
      this.#port.end(this.#mirror);
    } else if (end === this.#active) {
      this.#port.end('client');
    }
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
    this.#port.recordEvent('close', end, {});
    if (end === 'client') {
      this.#gone.add('client');
      this.#port.finish(this.#active);
      this.#port.finish(this.#mirror);
      this.reportGap();
    } else {
      this.#lose(end, 'mirror-closed');
    }
  }

  /** Reports the open gap when it has grown: a recorder that is killed must not lose what was not mirrored. */
  reportGap(): void {
    const { gap } = this.#gate;
    if (gap === undefined || gap.bytes === this.#reportedGapBytes) return;
    this.#reportedGapBytes = gap.bytes;
    this.#port.recordMirrorGap(gap);
  }

  #fromClient(bytes: Uint8Array): void {
    if (!this.#gone.has(this.#active) && !this.#port.write(this.#active, bytes)) {
      this.#port.pause('client');
    }
    const { send, ended } = this.#gate.take(bytes, this.#port.queuedBytes(this.#mirror));
    if (send.length > 0) this.#port.write(this.#mirror, send);
    this.#port.recordChunk('client', bytes);
    if (ended !== undefined) {
      this.#port.recordMirrorGap(ended);
      this.#reportedGapBytes = -1;
    }
  }

  #fromActive(bytes: Uint8Array): void {
    if (!this.#gone.has('client') && !this.#port.write('client', bytes)) {
      this.#port.pause(this.#active);
    }
    this.#port.recordChunk(this.#active, bytes);
  }

  #lose(side: Side, reason: MirrorGapReason): void {
    this.#gone.add(side);
    if (side === this.#active) this.#port.finish('client');
    else this.#gate.shut(reason, this.#port.unsentBytes(side));
  }
}
