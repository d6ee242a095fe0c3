/**
 * The passive recording as a whole: one more client of the old relay that only listens; what it hears is
 * recorded and fed to the new relay, whose answers are recorded. Nothing stands in the path of production.
 *
 * Each connection to the old relay is a connection of the capture, with its own connection to the new relay.
 * The old relay is always read at once: what the new relay cannot take waits in the bounded mirror queue.
 * After the old relay has left, the tap comes back as soon as it can; what it missed nobody knows.
 */
import type { Side } from '../capture/types.ts';
import { assert } from '../lib/assert.ts';
import { deferred, type Deferred } from '../lib/deferred.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { checkDifferent, isListening } from './socket-file.ts';
import { MirrorBudget, type MirrorLimits } from './mirror-queue.ts';
import {
  Recording,
  type RecordingOptions,
  type RecordingStatus,
  type Sealed,
} from './recording.ts';
import { Tee } from './sockets.ts';
import { type LiveStatus, mirrorStatusOf } from './status.ts';
import { createCutter, type FeedUnit } from './tap-cutter.ts';
import { TapFeed } from './tap-feed.ts';
import { Subscription, TapClient } from './tap-sockets.ts';
import { pause, Silence, Tees } from './tees.ts';

export interface TapOptions extends Omit<RecordingOptions, 'onOverload'> {
  readonly relays: Readonly<Record<Side, string>>;
  readonly mirrorLimits: MirrorLimits;
  readonly feed: FeedUnit;
  /** What is sent to the old relay on each connection; undefined: not one byte. */
  readonly identification: Uint8Array | undefined;
}

export interface TapStatus extends RecordingStatus {
  /** To the old relay, so far; each one but the first follows a stretch that nobody recorded. */
  readonly subscriptions: number;
  readonly isSubscribed: boolean;
  /** For how long, as far as the tap knows, the old relay was not listened to. */
  readonly missedMs: number;
}

export interface TapEnd extends TapStatus {
  readonly sealed: Sealed;
}

/** One connection to the old relay, until the new relay's last answers to it are in. */
interface Life {
  readonly id: number;
  readonly subscription: Subscription;
  readonly client: TapClient;
  readonly tee: Tee;
  readonly silence: Silence;
  readonly startMs: number;
  readonly over: Deferred<void>;
}

const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 1_000;
/** A relay that ends connections sooner than this is not asked again at once. */
const STEADY_MS = 5_000;
/** The relay is there, and its queue of connections is full. */
const BUSY_CODE = 'EAGAIN';

export class Tap {
  readonly #options: TapOptions;
  readonly #recording: Recording;
  readonly #tees = new Tees();
  readonly #budget: MirrorBudget;
  #subscriptions = 0;
  #life: Life | undefined;
  /** What the new relay still says to connections that the old one has ended. */
  #leaving: Promise<unknown> = Promise.resolve();
  #retryMs = RETRY_MS_MIN;
  #over: Promise<void> = Promise.resolve();
  #missedMs = 0;
  #awaySinceMs: number | undefined;
  #isStopping = false;

  private constructor(options: TapOptions, recording: Recording) {
    this.#options = options;
    this.#recording = recording;
    this.#budget = new MirrorBudget(options.mirrorLimits.queueBytesMax);
    this.#budget.tick(performance.now());
    recording.begin({
      onTick: () => this.#budget.tick(performance.now()),
      reportGaps: () => this.#tees.reportGaps(),
      onBlocking: () => assert(false, 'the old relay is never made to wait'),
    });
  }

  /** Throws RELAY_UNREACHABLE, USAGE, CAPTURE_EXISTS or CAPTURE_UNWRITABLE. */
  static async start(options: TapOptions): Promise<Tap> {
    const { relays } = options;
    // What the old relay broadcasts would come back to it without end.
    checkDifferent({ '--old': relays.old, '--new': relays.new });
    if (!(await isListening(relays.new))) throw unreachable('new', relays.new);
    // The old relay is never made to wait for the disk.
    const recording = await Recording.start({ ...options, onOverload: 'gap' });
    const tap = new Tap(options, recording);
    const subscription = await tap.#subscribe();
    if (subscription === undefined) {
      await recording.abandon();
      throw unreachable('old', relays.old);
    }
    recording.note('start', {});
    tap.#begin(subscription);
    return tap;
  }

  get status(): TapStatus {
    return {
      subscriptions: this.#subscriptions,
      isSubscribed: this.#life !== undefined,
      missedMs: Math.round(this.#missedMs + this.#awayMs()),
      ...this.#recording.status,
    };
  }

  /** Costs a look at each connection: meant for once a second. */
  get live(): LiveStatus {
    const { watch } = this.#recording.recorder;
    return {
      ...this.#recording.status,
      ...this.#recording.live,
      clients: watch.clients,
      connections: this.#subscriptions,
      lingering: this.#tees.size - watch.clients,
      isStopping: this.#isStopping,
      mirror: mirrorStatusOf(this.#budget, this.#tees),
    };
  }

  /** The tap knows how both relays are: it is always connected to them, or trying to be. Nobody else is knocked at. */
  async checkRelays(): Promise<void> {
    // Each knock would be a connection to production.
  }

  /** Leaves the old relay, awaits the new one's last answers, accounts, seals. */
  async stop(): Promise<TapEnd> {
    const { isSubscribed, missedMs } = this.status;
    this.#isStopping = true;
    const life = this.#life;
    this.#life = undefined;
    let drained = true;
    if (life !== undefined) {
      this.#note(life.id, { tap: 'left' });
      life.subscription.destroy();
      drained = await life.silence.until([life.tee]);
    }
    await this.#leaving;
    this.#recording.noteStop(life === undefined ? 0 : 1, drained);
    life?.client.release();
    await this.#tees.untilClosed();
    const sealed = await this.#recording.end();
    return { ...this.status, isSubscribed, missedMs, sealed };
  }

  /** Waits while the relay is busy, as any client would; undefined when it is not there. */
  async #subscribe(): Promise<Subscription | undefined> {
    for (;;) {
      const result = await Subscription.open(this.#options.relays.old);
      if (typeof result !== 'string') return result;
      if (result !== BUSY_CODE || this.#isStopping) return undefined;
      await pause(RETRY_MS_MIN);
    }
  }

  #begin(subscription: Subscription): void {
    this.#missedMs += this.#awayMs();
    this.#awaySinceMs = undefined;
    this.#subscriptions += 1;
    const life = this.#makeLife(this.#subscriptions, subscription);
    this.#life = life;
    this.#tees.add(life.tee);
    this.#over = life.over.promise;
    subscription.once('end', () => subscription.destroy());
    subscription.once('close', () => this.#lost(life));
    const { identification } = this.#options;
    if (identification !== undefined) subscription.identify(identification);
  }

  #makeLife(id: number, subscription: Subscription): Life {
    const { relays, capture, mirrorLimits, feed } = this.#options;
    const { layout } = capture;
    const { recorder, observe } = this.#recording;
    const client = new TapClient(createCutter(feed, layout));
    const silence = new Silence();
    const over = deferred<void>();
    const tee = new Tee(client, {
      id,
      label: `tap-${id}`,
      relays,
      active: 'old',
      layout,
      mirrorLimits,
      mirrorBudget: this.#budget,
      mirroring: 'all',
      recorder,
      onTraffic: (from) => {
        if (from === 'new') silence.broken();
      },
      guard: observe,
      onOver: () => {
        observe(() => {
          tee.reportGaps();
          recorder.endConnection(id, tee.mirroredBytes);
        });
        this.#tees.delete(tee);
        over.resolve();
      },
      tap: {
        old: subscription,
        mirrorFrom: this.#over,
        dialNew: feed === 'frame' ? () => new TapFeed(relays.new, layout) : undefined,
      },
    });
    return { id, subscription, client, tee, silence, startMs: performance.now(), over };
  }

  #lost(life: Life): void {
    if (this.#life !== life) return;
    this.#life = undefined;
    this.#note(life.id, { tap: 'lost' });
    this.#awaySinceMs = performance.now();
    this.#options.onTrouble(
      'the old relay ended the connection; what it broadcasts until the tap is back is not known',
    );
    if (performance.now() - life.startMs >= STEADY_MS) this.#retryMs = RETRY_MS_MIN;
    this.#leaving = Promise.all([this.#leaving, this.#finish(life)]);
    void this.#comeBack();
  }

  /** The new relay's last answers are still to come. */
  async #finish(life: Life): Promise<void> {
    const drained = await life.silence.until([life.tee]);
    this.#note(life.id, { tap: 'drained', drained: drained ? 1 : 0 });
    life.client.release();
  }

  async #comeBack(): Promise<void> {
    while (!this.#isStopping) {
      await pause(this.#retryMs);
      this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2);
      const subscription = await this.#subscribe();
      if (subscription === undefined) continue;
      if (this.#isStopping) {
        subscription.destroy();
        return;
      }
      const awayMs = Math.round(this.#awayMs());
      this.#begin(subscription);
      this.#options.onTrouble(`the tap is back after ${awayMs} ms`);
      return;
    }
  }

  #awayMs(): number {
    return this.#awaySinceMs === undefined ? 0 : performance.now() - this.#awaySinceMs;
  }

  #note(connection: number, details: Readonly<Record<string, string | number>>): void {
    this.#recording.observe(() =>
      this.#recording.recorder.addEvent({ connection, stream: undefined, kind: 'note', details }),
    );
  }
}

function unreachable(side: Side, path: string): OperatingError {
  return new OperatingError('RELAY_UNREACHABLE', `no ${side} relay is listening at ${path}`, {
    hint: `Start the ${side} relay first, or correct --${side}.`,
  });
}
