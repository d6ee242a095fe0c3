/**
 * One client connection and its connections to both relays, as a state machine without I/O: what is
 * forwarded, mirrored, recorded, held back or closed. Sockets are the port's business, and what becomes of the
 * mirror is the mirror link's.
 *
 * Laws: `forward` is all that happens before a byte is on its way, and it touches nothing but the active
 * side; only the active side, the client and, where the operator asked for it, the recorder's spool ever hold
 * anybody back; whatever the mirror does, and whatever goes wrong in `observe`, the client does not notice.
 */
import type { Side, StreamKind } from '../capture/types.ts';
import { FrameBorders } from '../wire/frame-borders.ts';
import type { ConnectionPort, End } from './connection-port.ts';
import { MirrorLink, type MirrorOptions } from './mirror-link.ts';

export interface ConnectionOptions extends MirrorOptions {
  readonly active: Side;
}

/** Why an end is not read from; several reasons may hold at once. */
const NOT_ACCEPTED = 1;
const BACK_PRESSURE = 2;
const SPOOL_FULL = 4;
const ENDING = 8;

const ENDS: readonly End[] = ['client', 'old', 'new'];

export class Connection {
  readonly #port: ConnectionPort;
  readonly #guard: ConnectionOptions['guard'];
  readonly #active: Side;
  readonly #mirror: Side;
  readonly #link: MirrorLink;
  readonly #borders: Readonly<Record<StreamKind, FrameBorders>>;
  readonly #gone = new Set<End>();
  readonly #unread: Record<End, number> = { client: 0, old: 0, new: 0 };

  /** The client is not read until the active relay has accepted, as if it were still connecting. */
  constructor(port: ConnectionPort, options: ConnectionOptions) {
    const { active, layout } = options;
    this.#port = port;
    this.#guard = options.guard;
    this.#active = active;
    this.#mirror = active === 'old' ? 'new' : 'old';
    this.#borders = {
      client: new FrameBorders(layout),
      old: new FrameBorders(layout),
      new: new FrameBorders(layout),
    };
    const borders = { client: this.#borders.client, mirror: this.#borders[this.#mirror] };
    this.#link = new MirrorLink(port, this.#mirror, borders, options);
    this.#pause('client', NOT_ACCEPTED);
  }

  get isOver(): boolean {
    return this.#gone.has('client') && this.#gone.has(this.#active) && !this.hasMirror;
  }

  /** The mirror is there, or may come. */
  get hasMirror(): boolean {
    return this.#link.isWanted;
  }

  /** Nothing waits for the mirror: it was sent all, or it is not there. */
  get isMirrored(): boolean {
    return this.#link.isIdle;
  }

  /** Client bytes that the mirror's socket took. */
  get mirroredBytes(): number {
    return this.#link.takenBytes;
  }

  /** When the oldest bytes came that the mirror has not taken; undefined when nothing waits. */
  get mirrorWaitsSinceMs(): number | undefined {
    return this.#link.waitsSinceMs;
  }

  opened(end: End): void {
    if (end === 'client') {
      this.#port.recordEvent('open', 'client', {});
      if (!this.hasMirror) this.#port.recordEvent('note', this.#mirror, { mirror: 'not-selected' });
      return;
    }
    if (end === this.#mirror) {
      if (this.#unread[end] !== 0) this.#port.pause(end);
      this.#link.opened();
      return;
    }
    this.#port.recordEvent('upstream-open', end, {});
    if (this.#unread[end] !== 0) this.#port.pause(end);
    if (this.#gone.has('client')) this.#port.finish(end);
    else this.#resume('client', NOT_ACCEPTED);
  }

  /** The first thing to do with bytes that were read. */
  forward(from: End, bytes: Uint8Array): void {
    if (from === 'client') this.#pass(this.#active, bytes, 'client');
    else if (from === this.#active) this.#pass('client', bytes, this.#active);
  }

  /** Everything else: the mirror, the recorder. */
  observe(from: End, bytes: Uint8Array): void {
    const borders = this.#borders[from];
    borders.push(bytes);
    if (from === 'client') this.#link.add(bytes);
    this.#port.recordChunk(from, bytes, borders);
  }

  /** The socket of the mirror took the piece that it was sent. */
  mirrorTook(): void {
    this.#link.took();
  }

  /** The end takes more again. */
  drained(end: End): void {
    if (end === 'client') this.#resume(this.#active, BACK_PRESSURE);
    else if (end === this.#active) this.#resume('client', BACK_PRESSURE);
  }

  /** The peer has finished sending; it may still read. */
  ended(end: End): void {
    if (end === 'client') {
      this.#port.end(this.#active);
      this.#link.clientEnded();
    } else if (end === this.#active) {
      this.#port.end('client');
    }
    this.#port.recordEvent('end', end, {});
    this.#guard(() => this.#link.feed());
  }

  failed(end: End, code: string): void {
    this.#port.recordEvent('error', end, { code });
  }

  /** The relay of a side could not be reached. */
  unreachable(side: Side, code: string): void {
    if (side === this.#mirror) {
      this.#link.unreachable(code);
      return;
    }
    this.#port.recordEvent('upstream-failed', side, { code });
    this.#loseActive();
  }

  /** Both directions of an end are closed. */
  closed(end: End): void {
    if (end === this.#mirror) {
      this.#link.closed();
      return;
    }
    if (this.#gone.has(end)) return;
    if (end === 'client') this.#loseClient();
    else this.#loseActive();
    this.#port.recordEvent('close', end, {});
    this.#guard(() => this.#link.feed());
  }

  /** The spool is full (or not any more): nobody is read from, as if each of them were slow. */
  holdAll(): void {
    for (const end of ENDS) this.#pause(end, SPOOL_FULL);
  }

  releaseAll(): void {
    for (const end of ENDS) this.#resume(end, SPOOL_FULL);
  }

  /** No more bytes are taken from the client; what the relays send is still forwarded. */
  holdClient(): void {
    this.#pause('client', ENDING);
  }

  /** The recording ends: a mirror that is away, or goes, is not tried again. */
  stopReconnecting(): void {
    this.#link.stopReconnecting();
  }

  /** Reports gaps as they grow: a recorder that is killed must not lose what was not mirrored. */
  reportGaps(): void {
    this.#link.reportGaps();
  }

  #pass(to: End, bytes: Uint8Array, from: End): void {
    if (!this.#gone.has(to) && !this.#port.write(to, bytes)) this.#pause(from, BACK_PRESSURE);
  }

  #pause(from: End, why: number): void {
    const before = this.#unread[from];
    this.#unread[from] = before | why;
    if (before === 0) this.#port.pause(from);
  }

  #resume(from: End, why: number): void {
    const before = this.#unread[from];
    this.#unread[from] = before & ~why;
    if (before !== 0 && this.#unread[from] === 0) this.#port.resume(from);
  }

  #loseClient(): void {
    this.#gone.add('client');
    this.#port.finish(this.#active);
    this.#link.clientGone();
  }

  #loseActive(): void {
    this.#gone.add(this.#active);
    this.#link.activeGone();
    this.#port.finish('client');
  }
}
