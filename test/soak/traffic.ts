/** Clients that say random things in random pieces, by seed, and remember what they said. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Random } from '../../src/lib/random.ts';
import { concat, testFrame } from '../support/frames.ts';

export interface TrafficOptions {
  /** Whether clients also stop reading, end their side, or vanish. */
  readonly isCruel: boolean;
}

const FRAMES_A_BURST_MAX = 60;
const TINY_BYTES_MAX = 300;
const CHUNK_BYTES_MAX = 5_000;

export class Client {
  readonly socket: Socket;
  readonly sent: Uint8Array[] = [];
  isSilent = false;
  readonly #random: Random;
  readonly #source: number;
  #sequence = 0;

  private constructor(socket: Socket, source: number, random: Random) {
    this.socket = socket;
    this.#source = source;
    this.#random = random;
    socket.on('error', () => undefined);
    socket.on('data', () => undefined);
    socket.on('close', () => {
      this.isSilent = true;
    });
  }

  static async connect(path: string, source: number, random: Random): Promise<Client> {
    const socket = connect({ path, allowHalfOpen: true });
    const client = new Client(socket, source, random);
    await once(socket, 'connect');
    return client;
  }

  get sentBytes(): Uint8Array {
    return concat(this.sent);
  }

  /** One burst of frames, in whole or in pieces; then perhaps something that clients should not do. */
  async act({ isCruel }: TrafficOptions): Promise<void> {
    if (this.isSilent) return;
    const burst = concat(
      Array.from({ length: 1 + this.#below(FRAMES_A_BURST_MAX) }, () =>
        testFrame(this.#sequence++, { source: this.#source, valueBytes: this.#below(200) }),
      ),
    );
    for (const piece of this.#pieces(burst)) {
      if (this.isSilent) return;
      this.sent.push(piece);
      if (!this.socket.write(piece)) await drainedOrGone(this.socket);
    }
    if (isCruel) await this.#beCruel();
  }

  *#pieces(burst: Uint8Array): Generator<Uint8Array> {
    const style = this.#below(4);
    let from = 0;
    while (from < burst.length) {
      const isTiny = style === 0 && from < TINY_BYTES_MAX;
      const size = style === 1 ? burst.length : isTiny ? 1 : 1 + this.#below(CHUNK_BYTES_MAX);
      yield burst.slice(from, from + size);
      from += size;
    }
  }

  async #beCruel(): Promise<void> {
    const chance = this.#below(200);
    if (chance === 0) {
      this.isSilent = true;
      this.socket.end();
    } else if (chance === 1) {
      this.isSilent = true;
      this.socket.destroy();
    } else if (chance < 12) {
      this.socket.pause();
      setTimeout(() => this.socket.resume(), this.#below(80));
    }
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }

  #below(limit: number): number {
    return this.#random.integer(0, limit - 1);
  }
}

async function drainedOrGone(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}
