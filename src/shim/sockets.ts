/**
 * The sockets of one client connection: turns what they do into events of the state machine, and carries
 * out what it asks for. Forwarding happens in the handler of the read, before anything else.
 */
import { connect, type Socket } from 'node:net';
import type { EventKind, Side, StreamKind } from '../capture/types.ts';
import { systemErrorCode } from '../lib/operating-error.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { Connection, type ConnectionPort, type End, type EventDetails } from './connection.ts';
import type { MirrorGap, MirrorLimits } from './mirror-gate.ts';
import type { Recorder } from './recorder.ts';

export interface TeeOptions {
  readonly id: number;
  readonly relays: Readonly<Record<Side, string>>;
  readonly active: Side;
  readonly layout: HeaderLayout;
  readonly mirrorLimits: MirrorLimits;
  readonly recorder: Recorder;
  /** Called for each read, to know when the relays have fallen silent. */
  readonly onTraffic: () => void;
  readonly onOver: () => void;
}

const NOTHING = new Uint8Array(0);

export class Tee implements ConnectionPort {
  readonly #options: TeeOptions;
  readonly #sockets: Readonly<Record<End, Socket>>;
  readonly #machine: Connection;
  readonly #unsentBytes: Record<End, number> = { client: 0, old: 0, new: 0 };
  #holdsClient = false;

  constructor(client: Socket, options: TeeOptions) {
    this.#options = options;
    this.#sockets = {
      client,
      old: connect({ path: options.relays.old, allowHalfOpen: true }),
      new: connect({ path: options.relays.new, allowHalfOpen: true }),
    };
    this.#machine = new Connection(this, options);
    options.recorder.addConnection(options.id, `client-${options.id}`);
    this.#machine.opened('client');
    this.#attach('client');
    this.#attachRelay('old');
    this.#attachRelay('new');
  }

  /** No more bytes are taken from the client; what the relays send is still forwarded. */
  holdClient(): void {
    this.#holdsClient = true;
    this.#sockets.client.pause();
  }

  /** Closes everything after what is queued. */
  finishAll(): void {
    this.finish('client');
    this.finish('old');
    this.finish('new');
  }

  /** For peers that do not take what is queued. */
  destroyAll(): void {
    for (const socket of Object.values(this.#sockets)) socket.destroy();
  }

  reportGap(): void {
    this.#machine.reportGap();
  }

  write(to: End, bytes: Uint8Array): boolean {
    const socket = this.#sockets[to];
    if (!socket.writable) return true;
    this.#unsentBytes[to] += bytes.length;
    return socket.write(bytes, (error) => {
      if (!error) this.#unsentBytes[to] -= bytes.length;
    });
  }

  queuedBytes(to: End): number {
    return this.#sockets[to].writableLength;
  }

  unsentBytes(to: End): number {
    return this.#unsentBytes[to];
  }

  end(to: End): void {
    this.#sockets[to].end();
  }

  finish(to: End): void {
    this.#sockets[to].destroySoon();
  }

  pause(from: End): void {
    this.#sockets[from].pause();
  }

  resume(from: End): void {
    if (from === 'client' && this.#holdsClient) return;
    this.#sockets[from].resume();
  }

  recordChunk(stream: StreamKind, bytes: Uint8Array): void {
    this.#options.recorder.addChunk(this.#options.id, stream, bytes);
  }

  recordEvent(kind: EventKind, stream: StreamKind | undefined, details: EventDetails): void {
    this.#options.recorder.addEvent({ connection: this.#options.id, stream, kind, details });
  }

  recordMirrorGap(gap: Readonly<MirrorGap>): void {
    this.#options.recorder.addMirrorGap({ connection: this.#options.id, ...gap });
  }

  #attachRelay(side: Side): void {
    const socket = this.#sockets[side];
    const failed = (error: Error): void => {
      this.#machine.unreachable(side, systemErrorCode(error) ?? error.message);
      this.#checkOver();
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.off('error', failed);
      this.#machine.opened(side);
      this.#attach(side);
    });
  }

  #attach(end: End): void {
    const socket = this.#sockets[end];
    socket.on('data', (bytes: Buffer) => {
      this.#machine.received(end, bytes);
      this.#options.onTraffic();
    });
    socket.on('drain', () => this.#machine.drained(end));
    socket.on('end', () => {
      this.#machine.ended(end);
      this.#probe(socket);
    });
    socket.on('error', (error) =>
      this.#machine.failed(end, systemErrorCode(error) ?? error.message),
    );
    socket.on('close', () => {
      this.#machine.closed(end);
      this.#checkOver();
    });
  }

  /**
   * Reading the end of a stream does not tell whether the peer has only finished sending or is gone. A write
   * of no bytes does: on a Unix socket it fails with EPIPE when the peer is gone, and does nothing otherwise.
   */
  #probe(socket: Socket): void {
    if (socket.writable) socket.write(NOTHING);
  }

  #checkOver(): void {
    if (this.#machine.isOver) this.#options.onOver();
  }
}
