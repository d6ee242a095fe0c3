/**
 * The mirror's part of one client connection, as a state machine without I/O: what it is sent, when it is connected
 * again and when it is left, and what it was never sent. Knows of the client only what it says and that it ends;
 * whatever happens here, neither the client nor the active relay notices.
 */
import type { Side } from '../capture/types.ts';
import type { FrameBorders } from '../wire/frame-borders.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { Backoff, RECONNECT_MS_MAX } from './backoff.ts';
import type { ConnectionPort, EventDetails } from './connection-port.ts';
import {
  type MirrorBudget,
  type MirrorGapReason,
  type MirrorLimits,
  MirrorQueue,
} from './mirror-queue.ts';
import { FirstSource, type Mirroring } from './mirror-selection.ts';

export interface MirrorOptions {
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

/** Of the client's stream, and of what this relay says. */
export interface MirrorBorders {
  readonly client: FrameBorders;
  readonly mirror: FrameBorders;
}

/**
 * - `connecting`: for the first time; what the client says waits for it.
 * - `down`: it went away or was not there; it will be tried again, until then everything is a gap.
 * - `gone`: for good.
 */
type MirrorState = 'connecting' | 'open' | 'down' | 'gone';

/** A mirror that closes within this after the client's half-close has answered it. */
const ANSWER_MS = 1_000;
/** A mirror that stayed this long is well: the next time it goes away it is tried again at once. */
const WELL_MS = RECONNECT_MS_MAX;

export class MirrorLink {
  readonly #port: ConnectionPort;
  readonly #side: Side;
  readonly #borders: FrameBorders;
  readonly #nowMs: () => number;
  readonly #guard: MirrorOptions['guard'];
  readonly #queue: MirrorQueue;
  readonly #backoff: Backoff;
  #state: MirrorState = 'connecting';
  /** What is to become of its socket once everything is written to it. */
  #ending: 'end' | 'leave' | undefined;
  #lives = 0;
  #attempts = 0;
  #openedMs = 0;
  #downSinceMs: number | undefined;
  #failureCode: string | undefined;
  #hasClientEnded = false;
  #toldEndMs: number | undefined;
  /** The client or the active relay is gone, or the recording ends. */
  #isLast = false;
  /** Defined until it is known whether the client speaks for a source that is mirrored. */
  #undecided: { readonly source: FirstSource; readonly sources: ReadonlySet<number> } | undefined;
  #isWithheld = false;

  constructor(port: ConnectionPort, side: Side, borders: MirrorBorders, options: MirrorOptions) {
    const { layout, mirroring, mirrorLimits, mirrorBudget } = options;
    this.#port = port;
    this.#side = side;
    this.#borders = borders.mirror;
    this.#nowMs = options.nowMs;
    this.#guard = options.guard;
    this.#queue = new MirrorQueue(layout, borders.client, mirrorLimits, mirrorBudget);
    this.#backoff = new Backoff(options.random);
    if (mirroring === 'none') {
      // This connection is none of those that the mirror is to see.
      this.#state = 'gone';
      this.#queue.shut('not-selected');
    } else if (mirroring !== 'all') {
      this.#undecided = { source: new FirstSource(layout), sources: mirroring.sources };
    }
  }

  /** It is there, or may come. */
  get isWanted(): boolean {
    return this.#state !== 'gone';
  }

  /** Nothing waits for it: it was sent all, or it is not there. */
  get isIdle(): boolean {
    return this.#queue.isIdle;
  }

  /** Client bytes that its socket took. */
  get takenBytes(): number {
    return this.#queue.takenBytes;
  }

  /** When the oldest bytes came that it has not taken; undefined when nothing waits. */
  get waitsSinceMs(): number | undefined {
    return this.#queue.waitingSinceMs;
  }

  /** Its socket is connected. */
  opened(): void {
    if (!this.isWanted) {
      this.#port.finish(this.#side);
      return;
    }
    this.#port.recordEvent('upstream-open', this.#side, this.#newLife());
    this.#state = 'open';
    this.#openedMs = this.#nowMs();
    this.#failureCode = undefined;
    this.#downSinceMs = undefined;
    this.#attempts = 0;
    if (!this.#isWithheld) this.#queue.reopen();
    if (this.#hasClientEnded) this.#ending ??= 'end';
    this.#guard(() => this.feed());
  }

  /** What the client said. */
  add(bytes: Uint8Array): void {
    if (this.#undecided !== undefined) this.#decide(this.#undecided.source.push(bytes));
    this.#queue.add(bytes);
    this.feed();
  }

  /** Its socket took the piece that it was sent. */
  took(): void {
    this.#queue.taken();
    this.feed();
  }

  /** Sends what waits, one piece at a time, and then the end that was decided on. */
  feed(): void {
    if (this.#state !== 'open' || this.#undecided !== undefined) return;
    const piece = this.#queue.next();
    if (piece !== undefined) this.#port.send(piece);
    if (!this.#queue.isIdle || this.#ending === undefined) return;
    if (this.#ending === 'end') {
      this.#port.end(this.#side);
      this.#toldEndMs = this.#nowMs();
    } else {
      this.#port.leaveMirror();
    }
    this.#ending = undefined;
  }

  /** The client has finished sending; `feed` must follow. */
  clientEnded(): void {
    this.#hasClientEnded = true;
    this.#ending ??= 'end';
    this.#guard(() => this.#decide('none'));
  }

  /** Both directions of the client are closed; `feed` must follow. */
  clientGone(): void {
    this.#isLast = true;
    this.#guard(() => this.#decide('none'));
    this.#ending = 'leave';
    if (this.#state === 'down') this.#giveUp();
    else if (this.isWanted) this.#port.abandon(this.#side);
  }

  /** The client will be closed: a mirror that goes now is not tried again. */
  activeGone(): void {
    this.#isLast = true;
  }

  /** The recording ends: a mirror that is away, or goes, is not tried again. */
  stopReconnecting(): void {
    this.#isLast = true;
    if (this.#state === 'down') this.#giveUp();
  }

  unreachable(code: string): void {
    if (!this.isWanted) return;
    // A relay that is away for hours is tried again and again, and told of once.
    if (this.#failureCode !== code) {
      this.#port.recordEvent('upstream-failed', this.#side, { code });
    }
    this.#failureCode = code;
    this.#lose('mirror-unreachable');
  }

  /** Both directions of its socket are closed. */
  closed(): void {
    if (!this.isWanted) return;
    this.#port.recordEvent('close', this.#side, {});
    this.#lose('mirror-closed');
  }

  /** Reports gaps as they grow: a recorder that is killed must not lose what was not mirrored. */
  reportGaps(): void {
    for (const gap of this.#queue.takeGaps()) this.#port.recordMirrorGap(gap);
  }

  /** Readers must know where in its stream a new life begins: nothing goes on across it. */
  #newLife(): EventDetails {
    this.#lives += 1;
    if (this.#downSinceMs === undefined) return {};
    const downMs = Math.round(this.#nowMs() - this.#downSinceMs);
    const details = { life: this.#lives, downMs, attempts: this.#attempts };
    if (this.#lives === 1) return details;
    this.#borders.restart();
    return { ...details, offset: this.#borders.offset };
  }

  #lose(reason: MirrorGapReason): void {
    this.#guard(() => {
      if (this.#state !== 'down' && !this.#isWithheld) this.#queue.shut(reason);
      this.reportGaps();
    });
    if (!this.#mayReconnect()) {
      this.#state = 'gone';
      return;
    }
    const nowMs = this.#nowMs();
    if (this.#state === 'open' && nowMs - this.#openedMs >= WELL_MS) this.#backoff.reset();
    this.#state = 'down';
    this.#downSinceMs ??= nowMs;
    this.#attempts += 1;
    this.#port.reconnectMirror(this.#backoff.delayMs());
  }

  #mayReconnect(): boolean {
    if (this.#isLast) return false;
    const isAnswer = this.#toldEndMs !== undefined && this.#nowMs() - this.#toldEndMs < ANSWER_MS;
    return !isAnswer;
  }

  #giveUp(): void {
    this.#state = 'gone';
    this.#port.cancelReconnect();
  }

  #decide(source: number | 'none' | undefined): void {
    if (this.#undecided === undefined || source === undefined) return;
    const isSelected = source !== 'none' && this.#undecided.sources.has(source);
    this.#undecided = undefined;
    if (isSelected) return;
    this.#isWithheld = true;
    this.#queue.shut('not-selected');
    this.#port.recordEvent('note', this.#side, { mirror: 'withheld', source });
  }
}
