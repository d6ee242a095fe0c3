/**
 * A reference relay on a Unix socket: the I/O around relay-core. What one read returned is one chunk; a
 * chunk that the relay forwards goes to every connection, the sender included. A client that does not read
 * delays nobody: its place in the ring falls behind until it loses the oldest chunks. Memory is bounded by
 * the ring (16,384 slots of at most 64 KiB by default, as in the real relays).
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Stats } from 'node:fs';
import { lstat, mkdir, rename, unlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { assert, assertNever } from '../lib/assert.ts';
import { OperatingError, systemErrorCode } from '../lib/operating-error.ts';
import {
  BROADCAST_CAPACITY,
  BroadcastRing,
  READ_BUFFER_BYTES,
  broadcasts,
  forwards,
} from './relay-core.ts';
import type { RelayDomainName, RelayKind, Subscription } from './relay-core.ts';

export interface RelayOptions {
  readonly kind: RelayKind;
  readonly domain: RelayDomainName;
  /** An old socket file here is replaced, as the real relays do; its directory is created. */
  readonly socketPath: string;
  /** Requested slots of the broadcast ring; rounded up to a power of two. */
  readonly capacity?: number;
  /** At most 65,536: Node never reads more at once. */
  readonly readBufferBytes?: number;
  readonly log?: (line: string) => void;
  /** What becomes of a chunk that is passed on. The real relays change nothing, which is the default. */
  readonly change?: (chunk: Uint8Array) => Uint8Array;
}

interface RelayStats {
  /** A client that closed completely counts until a write to it fails, as in the real relays. */
  readonly connections: number;
  readonly chunksRead: number;
  /** Chunks that were broadcast, each counted once. */
  readonly chunksForwarded: number;
  /** Chunks that the relay refused to broadcast. */
  readonly chunksDropped: number;
  /** Deliveries that were handed to the system: one for each chunk and client. */
  readonly chunksWritten: number;
  /** Deliveries that slow clients lost. */
  readonly lagged: number;
}

export interface Relay {
  readonly socketPath: string;
  readonly stats: () => RelayStats;
  /** Ends every connection and removes the socket file, unless somebody else has bound the path since. */
  readonly close: () => Promise<void>;
}

export async function startRelay(options: RelayOptions): Promise<Relay> {
  const hub = new Hub(options);
  const server = createServer({ allowHalfOpen: true }, (socket) => hub.accept(socket));
  const inode = await listenReplacing(server, options.socketPath);
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await removeOwnSocket(options.socketPath, inode);
    const closed = once(server, 'close');
    server.close();
    hub.endAll();
    await closed;
  };
  return {
    socketPath: options.socketPath,
    stats: () => hub.stats(),
    close: () => (closing ??= close()),
  };
}

/** Everything that the connections of one relay share. */
class Hub {
  readonly #options: RelayOptions;
  readonly #readBufferBytes: number;
  readonly #ring: BroadcastRing;
  readonly #sockets = new Set<Socket>();
  readonly #writers = new Set<Writer>();
  readonly #counts = {
    chunksRead: 0,
    chunksForwarded: 0,
    chunksDropped: 0,
    chunksWritten: 0,
    lagged: 0,
  };
  #nextId = 0;

  constructor(options: RelayOptions) {
    const { readBufferBytes = READ_BUFFER_BYTES, capacity = BROADCAST_CAPACITY } = options;
    assert(
      readBufferBytes >= 1 && readBufferBytes <= READ_BUFFER_BYTES,
      `read buffer of ${readBufferBytes} bytes`,
    );
    this.#options = options;
    this.#readBufferBytes = readBufferBytes;
    this.#ring = new BroadcastRing(capacity);
  }

  stats(): RelayStats {
    return { connections: this.#sockets.size, ...this.#counts };
  }

  accept(socket: Socket): void {
    const { kind, domain } = this.#options;
    const name = `connection ${this.#nextId++}`;
    this.#log(`${name} established`);
    this.#sockets.add(socket);
    // Subscribed before the first read: a client always hears its own first chunk.
    const writer = broadcasts(kind, domain) ? this.#startWriter(socket, name) : undefined;
    socket.on('data', (bytes: Uint8Array) => this.#receive(bytes));
    socket.on('end', () => {
      // The broadcasting relays go on writing to a client that ended its side; the others forget it.
      if (writer === undefined) socket.destroy();
    });
    socket.on('error', (error) => this.#log(`${name} failed: ${error.message}`));
    socket.on('close', () => {
      if (writer !== undefined) this.#writers.delete(writer);
      writer?.close();
      this.#sockets.delete(socket);
      this.#log(`${name} fully closed`);
    });
  }

  endAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #startWriter(socket: Socket, name: string): Writer {
    const writer = new Writer(socket, this.#ring.subscribe(), {
      onWritten: () => {
        this.#counts.chunksWritten += 1;
      },
      onLagged: (lost) => {
        this.#counts.lagged += lost;
        this.#log(`warning: ${name} lagged, dropped ${lost}`);
      },
    });
    this.#writers.add(writer);
    return writer;
  }

  #receive(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.byteLength; start += this.#readBufferBytes) {
      this.#handle(bytes.subarray(start, start + this.#readBufferBytes));
    }
  }

  #handle(chunk: Uint8Array): void {
    this.#counts.chunksRead += 1;
    if (!forwards(this.#options.kind, this.#options.domain, chunk)) {
      this.#counts.chunksDropped += 1;
      return;
    }
    this.#counts.chunksForwarded += 1;
    this.#ring.send(this.#options.change?.(chunk) ?? chunk);
    for (const writer of this.#writers) writer.wake();
  }

  #log(line: string): void {
    this.#options.log?.(line);
  }
}

interface WriterEvents {
  readonly onWritten: () => void;
  readonly onLagged: (lost: number) => void;
}

/** Writes one chunk at a time, so that what waits for a slow client waits in the ring and nowhere else. */
class Writer {
  readonly #socket: Socket;
  readonly #subscription: Subscription;
  readonly #events: WriterEvents;
  #busy = false;
  #closed = false;

  constructor(socket: Socket, subscription: Subscription, events: WriterEvents) {
    this.#socket = socket;
    this.#subscription = subscription;
    this.#events = events;
  }

  /** Something was sent; a writer that waits for its client ignores this and finds it later. */
  wake(): void {
    if (!this.#busy && !this.#closed) this.#writeNext();
  }

  close(): void {
    this.#closed = true;
    this.#subscription.close();
  }

  #writeNext(): void {
    const reception = this.#subscription.receive();
    switch (reception.kind) {
      case 'chunk':
        this.#busy = true;
        this.#socket.write(reception.chunk, (error) => {
          this.#busy = false;
          // After an error the socket closes by itself, and with it this writer.
          if (error) return;
          this.#events.onWritten();
          this.wake();
        });
        return;
      case 'lagged':
        this.#events.onLagged(reception.lost);
        this.#writeNext();
        return;
      case 'empty':
        return;
      default:
        assertNever(reception, 'reception');
    }
  }
}

/**
 * Binds a temporary name and renames it over the path: there is always a socket at the path, and closing
 * this server later unlinks the temporary name, never a socket that somebody else has bound meanwhile.
 * Returns the inode, which stays ours as long as the server listens.
 */
async function listenReplacing(server: Server, socketPath: string): Promise<number> {
  // Never a number alone: Node takes that for a port.
  const temporary = join(dirname(socketPath), `.r${randomBytes(4).toString('hex').slice(1)}`);
  try {
    await mkdir(dirname(socketPath), { recursive: true });
    await refuseOtherFile(socketPath);
    const listening = once(server, 'listening');
    server.listen(temporary);
    await listening;
    await rename(temporary, socketPath);
    return (await lstat(socketPath)).ino;
  } catch (error) {
    server.close();
    if (error instanceof OperatingError) throw error;
    throw new OperatingError('LISTEN_FAILED', `cannot listen on ${socketPath}: ${reason(error)}`, {
      hint: 'Choose a path of at most 107 bytes in a directory that you may write to.',
      cause: error,
    });
  }
}

async function refuseOtherFile(socketPath: string): Promise<void> {
  const existing = await lstatIfThere(socketPath);
  if (existing === undefined || existing.isSocket()) return;
  throw new OperatingError('LISTEN_FAILED', `${socketPath} exists and is not a socket`, {
    hint: 'Remove it or choose another path.',
  });
}

async function removeOwnSocket(socketPath: string, inode: number): Promise<void> {
  const current = await lstatIfThere(socketPath);
  if (current?.ino === inode) await unlink(socketPath);
}

async function lstatIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
