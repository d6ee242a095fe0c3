/**
 * One client connection and its connections to both relays, as a state machine without I/O: what is
 * forwarded, mirrored, recorded, held back, closed or connected again. Sockets are the port's business.
 *
 * Laws: `forward` is all that happens before a byte is on its way, and it touches nothing but the active
 * side; only the active side, the client and, where the operator asked for it, the recorder's spool ever hold
 * anybody back; whatever the mirror does, and whatever goes wrong in `observe`, the client does not notice.
 */
import type { EventKind, Side, StreamKind } from '../capture/types.ts';
import { FrameBorders } from '../wire/frame-borders.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { Backoff, RECONNECT_MS_MAX } from './backoff.ts';
import {
  type MirrorBudget,
  type MirrorGap,
  type MirrorGapReason,
  type MirrorLimits,
  MirrorQueue,
} from './mirror-queue.ts';
import { FirstSource, type Mirroring } from './mirror-selection.ts';

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
  /** Close the mirror after what is queued, and after what it has said until now is read. */
  leaveMirror(): void;
  /** Close both directions, whether or not all is written, unless the end closes by itself soon. */
  abandon(to: End): void;
  /** Connect to the mirror again after a while: `opened` or `unreachable` must follow. */
  reconnectMirror(delayMs: number): void;
  /** What was asked for is not wanted any more. */
  cancelReconnect(): void;
  /** Stop or go on reading from an end. */
  pause(from: End): void;
  resume(from: End): void;
  /** `borders`: of this stream, with this chunk as the last one. */
  recordChunk(stream: StreamKind, bytes: Uint8Array, borders: FrameBorders): void;
  recordEvent(kind: EventKind, stream: StreamKind | undefined, details: EventDetails): void;
  recordMirrorGap(gap: MirrorGap): void;
}

export type EventDetails = Readonly<Record<string, string | number>>;

export interface ConnectionOptions {
  readonly active: Side;
  readonly layout: HeaderLayout;
  readonly mirrorLimits: MirrorLimits;
  readonly mirrorBudget: MirrorBudget;
  readonly mirroring: Mirroring;
  /** Monotonic. */
  readonly nowMs: () => number;
  /** From 0 to below 1: spreads the attempts to reach a mirror that went away. */
  readonly random: () => number;
  /** Runs what the traffic does not need; a mistake in it is kept from the traffic. */
  readonly guard: (work: () => void) => void;
}

/**
 * - `connecting`: for the first time; what the client says waits for it.
 * - `down`: it went away or was not there; it will be tried again, until then everything is a gap.
 * - `gone`: for good.
 */
type MirrorState = 'connecting' | 'open' | 'down' | 'gone';

/** Why an end is not read from; several reasons may hold at once. */
const NOT_ACCEPTED = 1;
const BACK_PRESSURE = 2;
const SPOOL_FULL = 4;
const ENDING = 8;

/** A mirror that closes within this after the client's half-close has answered it. */
const ANSWER_MS = 1_000;
/** A mirror that stayed this long is well: the next time it goes away it is tried again at once. */
const WELL_MS = RECONNECT_MS_MAX;

export class Connection {
  readonly #port: ConnectionPort;
  readonly #nowMs: () => number;
  readonly #guard: ConnectionOptions['guard'];
  readonly #active: Side;
  readonly #mirror: Side;
  readonly #queue: MirrorQueue;
  readonly #borders: Readonly<Record<StreamKind, FrameBorders>>;
  readonly #backoff: Backoff;
  readonly #gone = new Set<End>();
  readonly #unread: Record<End, number> = { client: 0, old: 0, new: 0 };
  #mirrorState: MirrorState = 'connecting';
  /** What is to become of the mirror's socket once everything is written to it. */
  #mirrorEnding: 'end' | 'finish' | undefined;
  #lives = 0;
  #attempts = 0;
  #openedMs = 0;
  #downSinceMs: number | undefined;
  #failureCode: string | undefined;
  #clientEnded = false;
  #mirrorToldEndMs: number | undefined;
  #isEnding = false;
  /** Defined until it is known whether the client speaks for a source that is mirrored. */
  #undecided: { readonly source: FirstSource; readonly sources: ReadonlySet<number> } | undefined;
  #isWithheld = false;

  /** The client is not read until the active relay has accepted, as if it were still connecting. */
  constructor(port: ConnectionPort, options: ConnectionOptions) {
    const { layout, mirroring } = options;
    this.#port = port;
    this.#nowMs = options.nowMs;
    this.#guard = options.guard;
    this.#active = options.active;
    this.#mirror = options.active === 'old' ? 'new' : 'old';
    this.#borders = {
      client: new FrameBorders(layout),
      old: new FrameBorders(layout),
      new: new FrameBorders(layout),
    };
    this.#queue = new MirrorQueue(
      layout,
      this.#borders.client,
      options.mirrorLimits,
      options.mirrorBudget,
    );
    this.#backoff = new Backoff(options.random);
    if (mirroring === 'none') this.#leaveMirrorOut();
    else if (mirroring !== 'all') {
      this.#undecided = { source: new FirstSource(layout), sources: mirroring.sources };
    }
    this.#pause('client', NOT_ACCEPTED);
  }

  get isOver(): boolean {
    return this.#gone.has('client') && this.#gone.has(this.#active) && !this.hasMirror;
  }

  /** The mirror is there, or may come. */
  get hasMirror(): boolean {
    return this.#mirrorState !== 'gone';
  }

  /** Nothing waits for the mirror: it was sent all, or it is not there. */
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
    if (end === 'client') {
      this.#port.recordEvent('open', 'client', {});
      if (!this.hasMirror) this.#port.recordEvent('note', this.#mirror, { mirror: 'not-selected' });
      return;
    }
    if (end === this.#mirror) {
      this.#mirrorOpened();
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
    if (from === 'client') {
      if (this.#undecided !== undefined) this.#decide(this.#undecided.source.push(bytes));
      this.#queue.add(bytes);
      this.#feedMirror();
    }
    this.#port.recordChunk(from, bytes, borders);
  }

  /** The socket of the mirror took the piece that it was sent. */
  mirrorTook(): void {
    this.#queue.taken();
    this.#feedMirror();
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
      this.#clientEnded = true;
      this.#mirrorEnding ??= 'end';
      this.#guard(() => this.#decide('none'));
    } else if (end === this.#active) {
      this.#port.end('client');
    }
    this.#port.recordEvent('end', end, {});
    this.#guard(() => this.#feedMirror());
  }

  failed(end: End, code: string): void {
    this.#port.recordEvent('error', end, { code });
  }

  /** The relay of a side could not be reached. */
  unreachable(side: Side, code: string): void {
    if (side === this.#mirror) {
      if (!this.hasMirror) return;
      // A relay that is away for hours is tried again and again, and told of once.
      if (this.#failureCode !== code) this.#port.recordEvent('upstream-failed', side, { code });
      this.#failureCode = code;
      this.#loseMirror('mirror-unreachable');
      return;
    }
    this.#port.recordEvent('upstream-failed', side, { code });
    this.#loseActive();
  }

  /** Both directions of an end are closed. */
  closed(end: End): void {
    if (end === this.#mirror ? !this.hasMirror : this.#gone.has(end)) return;
    if (end === 'client') this.#loseClient();
    else if (end === this.#active) this.#loseActive();
    this.#port.recordEvent('close', end, {});
    if (end === this.#mirror) this.#loseMirror('mirror-closed');
    else this.#guard(() => this.#feedMirror());
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
    this.#isEnding = true;
    if (this.#mirrorState === 'down') this.#giveMirrorUp();
  }

  /** Reports gaps as they grow: a recorder that is killed must not lose what was not mirrored. */
  reportGaps(): void {
    for (const gap of this.#queue.takeGaps()) this.#port.recordMirrorGap(gap);
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

  #mirrorOpened(): void {
    const mirror = this.#mirror;
    if (!this.hasMirror) {
      this.#port.finish(mirror);
      return;
    }
    this.#port.recordEvent('upstream-open', mirror, this.#newLife());
    this.#mirrorState = 'open';
    this.#openedMs = this.#nowMs();
    this.#failureCode = undefined;
    this.#downSinceMs = undefined;
    this.#attempts = 0;
    if (this.#unread[mirror] !== 0) this.#port.pause(mirror);
    if (!this.#isWithheld) this.#queue.reopen();
    if (this.#clientEnded) this.#mirrorEnding ??= 'end';
    this.#guard(() => this.#feedMirror());
  }

  /** Readers must know where in the mirror's stream a new life begins: nothing goes on across it. */
  #newLife(): EventDetails {
    this.#lives += 1;
    if (this.#downSinceMs === undefined) return {};
    const downMs = Math.round(this.#nowMs() - this.#downSinceMs);
    const details = { life: this.#lives, downMs, attempts: this.#attempts };
    if (this.#lives === 1) return details;
    const borders = this.#borders[this.#mirror];
    borders.restart();
    return { ...details, offset: borders.offset };
  }

  #feedMirror(): void {
    if (this.#mirrorState !== 'open' || this.#undecided !== undefined) return;
    const piece = this.#queue.next();
    if (piece !== undefined) this.#port.send(piece);
    if (!this.#queue.isIdle || this.#mirrorEnding === undefined) return;
    if (this.#mirrorEnding === 'end') {
      this.#port.end(this.#mirror);
      this.#mirrorToldEndMs = this.#nowMs();
    } else {
      this.#port.leaveMirror();
    }
    this.#mirrorEnding = undefined;
  }

  #loseClient(): void {
    this.#gone.add('client');
    this.#port.finish(this.#active);
    this.#guard(() => this.#decide('none'));
    this.#mirrorEnding = 'finish';
    if (this.#mirrorState === 'down') this.#giveMirrorUp();
    else if (this.hasMirror) this.#port.abandon(this.#mirror);
  }

  #loseActive(): void {
    this.#gone.add(this.#active);
    this.#port.finish('client');
  }

  #loseMirror(reason: MirrorGapReason): void {
    this.#guard(() => {
      if (this.#mirrorState !== 'down' && !this.#isWithheld) this.#queue.shut(reason);
      this.reportGaps();
    });
    if (!this.#mayReconnect()) {
      this.#mirrorState = 'gone';
      return;
    }
    const nowMs = this.#nowMs();
    if (this.#mirrorState === 'open' && nowMs - this.#openedMs >= WELL_MS) this.#backoff.reset();
    this.#mirrorState = 'down';
    this.#downSinceMs ??= nowMs;
    this.#attempts += 1;
    this.#port.reconnectMirror(this.#backoff.delayMs());
  }

  #mayReconnect(): boolean {
    if (this.#isEnding || this.#gone.has('client') || this.#gone.has(this.#active)) return false;
    const isAnswer =
      this.#mirrorToldEndMs !== undefined && this.#nowMs() - this.#mirrorToldEndMs < ANSWER_MS;
    return !isAnswer;
  }

  #giveMirrorUp(): void {
    this.#mirrorState = 'gone';
    this.#port.cancelReconnect();
  }

  /** This connection is none of those that the mirror is to see. */
  #leaveMirrorOut(): void {
    this.#mirrorState = 'gone';
    this.#queue.shut('not-selected');
  }

  #decide(source: number | 'none' | undefined): void {
    if (this.#undecided === undefined || source === undefined) return;
    const isSelected = source !== 'none' && this.#undecided.sources.has(source);
    this.#undecided = undefined;
    if (isSelected) return;
    this.#isWithheld = true;
    this.#queue.shut('not-selected');
    this.#port.recordEvent('note', this.#mirror, { mirror: 'withheld', source });
  }
}

const ENDS: readonly End[] = ['client', 'old', 'new'];
