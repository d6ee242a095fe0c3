/**
 * A relay that knows exactly what it got and what it gave, for each connection, and when: what a recording is compared
 * with. It broadcasts every chunk to everybody, and is as cruel as it is told to be.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Random } from '../../src/lib/random.ts';

export interface HubConnection {
  readonly socket: Socket;
  readonly got: Buffer[];
  /** Running total of what it got, with the moment: [ms, bytes]. */
  readonly gotAt: [number, number][];
  readonly gave: Buffer[];
  gotBytes: number;
}

const STALL_MS_MAX = 80;

export class Hub {
  readonly connections: HubConnection[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async listen(path: string): Promise<Hub> {
    const hub: Hub = new Hub(
      createServer({ allowHalfOpen: true }, (socket) => hub.#accept(socket)),
    );
    hub.#server.listen(path);
    await once(hub.#server, 'listening');
    return hub;
  }

  get gotBytes(): number {
    return this.connections.reduce((sum, each) => sum + each.gotBytes, 0);
  }

  /** All of its peers are gone, and everything that they had said was read. */
  get isLeft(): boolean {
    return this.connections.every(({ socket }) => socket.readableEnded || socket.destroyed);
  }

  /** Stops reading for a moment, ends its side, says something in single bytes, or vanishes, on one connection. */
  hurt(random: Random): void {
    const open = this.connections.filter(({ socket }) => !socket.destroyed);
    const victim = open[random.integer(0, Math.max(0, open.length - 1))];
    if (victim === undefined) return;
    const { socket } = victim;
    const kind = random.integer(0, 9);
    if (kind === 0) socket.destroy();
    else if (kind === 1) socket.end();
    else if (kind < 6) {
      socket.pause();
      setTimeout(() => socket.resume(), random.integer(1, STALL_MS_MAX));
    } else if (socket.writable) {
      for (const byte of Buffer.from('no frame, one byte at a time')) this.#give(victim, byte);
    }
  }

  async close(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #give(to: HubConnection, byte: number): void {
    const bytes = Buffer.of(byte);
    to.gave.push(bytes);
    to.socket.write(bytes);
  }

  #accept(socket: Socket): void {
    const connection: HubConnection = { socket, got: [], gotAt: [], gave: [], gotBytes: 0 };
    this.connections.push(connection);
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    socket.on('data', (bytes) => {
      connection.got.push(bytes);
      connection.gotBytes += bytes.length;
      connection.gotAt.push([performance.now(), connection.gotBytes]);
      for (const to of this.connections) {
        if (!to.socket.writable) continue;
        to.gave.push(bytes);
        to.socket.write(bytes);
      }
    });
  }
}
