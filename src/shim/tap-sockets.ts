/**
 * The two ends that a tap has where a shim has a client and the old relay: a subscription to the old relay
 * that cannot send, and a client that says to the new relay what the old one broadcast.
 */
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { systemErrorCode } from '../lib/operating-error.ts';
import { buildFrame } from '../wire/build-frame.ts';
import type { HeaderLayout } from '../wire/types.ts';
import type { TapCutter } from './tap-cutter.ts';

/**
 * A client of the old relay that only listens. It wraps the socket instead of being one: what is written to it
 * ends here, so nothing in the shim, by whatever mistake, can send a byte into production.
 */
export class Subscription extends Duplex {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on('data', (bytes) => this.push(bytes));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  /** Resolves when the relay's socket took the connection, with the system's error code otherwise. */
  static async open(path: string): Promise<Subscription | string> {
    return new Promise((resolve) => {
      const socket = connect({ path, allowHalfOpen: true });
      const failed = (error: Error): void => resolve(systemErrorCode(error) ?? error.message);
      socket.once('error', failed);
      socket.once('connect', () => {
        socket.off('error', failed);
        resolve(new Subscription(socket));
      });
    });
  }

  /** The one thing that a tap may ever send, and only when it is asked to. */
  identify(frame: Uint8Array): void {
    this.#socket.write(frame);
  }

  override _read(): void {
    // The socket is never paused: a subscriber that does not read makes a relay drop.
  }

  override _write(_bytes: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    done();
  }

  destroySoon(): void {
    this.destroy();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

/**
 * What collectors write when they connect, in the layout of the dialect: a header alone, domain 1 whatever the
 * relay, source 2, no time, no checksum (protocol reference, "What producers and consumers really do").
 */
export function identificationFrame(layout: HeaderLayout): Uint8Array {
  return buildFrame(layout, {
    domain: 1,
    source: 2,
    sequence: 0n,
    timestamp: 0n,
    payload: new Uint8Array(0),
    checksum: 'zero',
  });
}

/** How long an unfinished frame waits for its rest before it is fed as it is. */
const HOLD_MS = 1_000;

/**
 * What is written to it is what the old relay broadcast; what is read from it is what the new relay is fed.
 * It outlives the old relay's connection until `release`: the new relay's last answers are still to come.
 */
export class TapClient extends Duplex {
  readonly #cutter: TapCutter;
  #holding: NodeJS.Timeout | undefined;
  #flushing: NodeJS.Immediate | undefined;

  constructor(cutter: TapCutter) {
    // What is written is passed on at once, so there is never a reason to pause the old relay.
    super({ writableHighWaterMark: Number.MAX_SAFE_INTEGER });
    this.#cutter = cutter;
  }

  override _read(): void {
    // What there is has been pushed.
  }

  override _write(bytes: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.#pushAll(this.#cutter.push(bytes));
    clearTimeout(this.#holding);
    clearImmediate(this.#flushing);
    if (this.#cutter.heldBytes > 0) this.#holding = setTimeout(() => this.#flushSoon(), HOLD_MS);
    done();
  }

  /** The old relay has said everything. */
  override end(): this {
    this.#flush();
    return this;
  }

  destroySoon(): void {
    this.#flush();
  }

  /** The tap is no client of the new relay any longer. */
  release(): void {
    this.destroy();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#holding);
    clearImmediate(this.#flushing);
    done(error);
  }

  /** When this process was busy, the rest is there already: sockets are read between a timer and this. */
  #flushSoon(): void {
    this.#flushing = setImmediate(() => this.#flush());
  }

  #flush(): void {
    clearTimeout(this.#holding);
    clearImmediate(this.#flushing);
    if (!this.destroyed) this.#pushAll(this.#cutter.flush());
  }

  #pushAll(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) this.push(piece);
  }
}
