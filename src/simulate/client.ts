/**
 * Plays a script against a socket as a client of a relay: each write alone and at its instant, counted from
 * one anchor, while echoes are read and counted. Ends by half-closing, reading on until nothing comes any
 * more, and closing. What is sent is decided by the script (traffic.ts), not here.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { OperatingError, systemErrorCode } from '../lib/operating-error.ts';
import type { Write } from './traffic.ts';

export interface ClientModel {
  readonly script: Iterable<Write> | AsyncIterable<Write>;
  /** Written first, at once, whatever the instants of the script. */
  readonly identification?: Uint8Array;
  /** Stays and reads until the other end closes or `signal` aborts, as consumers do. Default false. */
  readonly stays?: boolean;
  /** The size of one read. Default 65,536. */
  readonly readBufferBytes?: number;
  /** A slow consumer: does not read for so long after it connected; Infinity for never. Default 0. */
  readonly stallMs?: number;
  /** A client that does not stay has heard everything when nothing came for so long. Default 300. */
  readonly quietMs?: number;
}

export interface ClientOptions extends ClientModel {
  readonly socketPath: string;
  /** Ends the client at once; what it did so far is its result. */
  readonly signal?: AbortSignal;
  /** The bytes are valid during the call only: the buffer is used for the next read. */
  readonly onReceived?: (bytes: Uint8Array) => void;
}

export interface ClientResult {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/**
 * Rejects with `RELAY_UNREACHABLE` when it cannot connect, and with `CLIENT_FAILED` when the other end
 * closes before the script is over.
 */
export async function runClient(options: ClientOptions): Promise<ClientResult> {
  const client = await connectClient(options);
  return client.play(performance.now());
}

export interface ConnectedClient {
  /** Identifies and plays the script; its times count from `anchorMs` on the clock of `performance.now()`. */
  readonly play: (anchorMs: number) => Promise<ClientResult>;
}

/** Connects and stays silent, so that several clients can be there before the first of them plays. */
export async function connectClient(options: ClientOptions): Promise<ConnectedClient> {
  const client = new Client(options);
  await client.connected();
  return { play: (anchorMs) => client.play(anchorMs) };
}

const READ_BUFFER_BYTES = 65_536;
const QUIET_MS = 300;

class Client {
  readonly #options: ClientOptions;
  readonly #socket: Socket;
  readonly #closed: Promise<unknown>;
  #sentBytes = 0;
  #receivedBytes = 0;
  #lastReceivedMs = 0;

  constructor(options: ClientOptions) {
    const { stallMs = 0, signal } = options;
    this.#options = options;
    const socket = connect({
      path: options.socketPath,
      allowHalfOpen: true,
      onread: {
        buffer: new Uint8Array(options.readBufferBytes ?? READ_BUFFER_BYTES),
        callback: (byteCount, buffer) => this.#receive(buffer.subarray(0, byteCount)),
      },
    });
    this.#socket = socket;
    this.#closed = new Promise((resolve) => {
      socket.once('close', resolve);
    });
    // Failures reach the caller through connected() and #write(); afterwards an error is only an end.
    socket.on('error', () => undefined);
    socket.on('end', () => {
      // Nothing more will come; a client that is still writing goes on, as Unix sockets allow.
      if (options.stays === true) socket.end();
    });
    if (stallMs > 0) socket.pause();
    if (stallMs > 0 && stallMs < Infinity) {
      const timer = setTimeout(() => socket.resume(), stallMs);
      socket.once('close', () => clearTimeout(timer));
    }
    const abort = (): unknown => socket.destroy();
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    socket.once('close', () => signal?.removeEventListener('abort', abort));
  }

  async connected(): Promise<void> {
    try {
      await once(this.#socket, 'connect', { signal: this.#options.signal });
    } catch (error) {
      this.#socket.destroy();
      if (this.#wasAborted()) return;
      const { socketPath } = this.#options;
      const why = systemErrorCode(error) ?? String(error);
      throw new OperatingError('RELAY_UNREACHABLE', `cannot connect to ${socketPath}: ${why}`, {
        hint: 'Start the relay, or correct the path of its socket.',
        cause: error,
      });
    }
  }

  async play(anchorMs: number): Promise<ClientResult> {
    const { identification, script, stays = false, quietMs = QUIET_MS } = this.#options;
    try {
      if (identification !== undefined) await this.#write(identification);
      for await (const step of script) {
        await this.#waitUntil(anchorMs + step.afterMs);
        if (this.#wasAborted()) break;
        await this.#write(step.bytes);
      }
      if (stays) {
        await this.#closed;
      } else {
        this.#socket.end();
        await this.#untilQuiet(quietMs);
      }
    } finally {
      this.#socket.destroy();
    }
    await this.#closed;
    return { sentBytes: this.#sentBytes, receivedBytes: this.#receivedBytes };
  }

  /** One write of its own; resolves when the system has taken all of it. */
  async #write(bytes: Uint8Array): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      });
    } catch (error) {
      if (this.#wasAborted()) return;
      throw new OperatingError(
        'CLIENT_FAILED',
        `the connection to ${this.#options.socketPath} ended after ${this.#sentBytes} bytes were sent`,
        { cause: error },
      );
    }
    this.#sentBytes += bytes.byteLength;
  }

  #receive(bytes: Uint8Array): boolean {
    this.#receivedBytes += bytes.byteLength;
    this.#lastReceivedMs = performance.now();
    this.#options.onReceived?.(bytes);
    return true;
  }

  #wasAborted(): boolean {
    return this.#options.signal?.aborted === true;
  }

  async #waitUntil(instantMs: number): Promise<void> {
    const leftMs = instantMs - performance.now();
    // A write that is late goes out at once: the instants of the later ones do not move.
    if (leftMs <= 0) return;
    await sleep(leftMs, this.#options.signal);
  }

  async #untilQuiet(quietMs: number): Promise<void> {
    const sinceMs = performance.now();
    for (;;) {
      const quietSinceMs = Math.max(sinceMs, this.#lastReceivedMs);
      const leftMs = quietSinceMs + quietMs - performance.now();
      if (leftMs <= 0 || this.#socket.destroyed) return;
      await Promise.race([sleep(leftMs, this.#options.signal), this.#closed]);
    }
  }
}

/** Resolves early when the signal aborts. */
export async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}
