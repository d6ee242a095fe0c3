/**
 * The sockets of one client connection: turns what they do into events of the state machine, and carries
 * out what it asks for. Forwarding happens in the handler of the read, before anything else; what comes
 * after it is guarded, so that no mistake in recording reaches the traffic.
 */
import { connect, type OnReadOpts, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { EventKind, Side, StreamKind } from '../capture/types.ts';
import { systemErrorCode } from '../lib/operating-error.ts';
import type { FrameBorders } from '../wire/frame-borders.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { Connection } from './connection.ts';
import type { ConnectionPort, End, EventDetails } from './connection-port.ts';
import type { MirrorBudget, MirrorGap, MirrorLimits } from './mirror-queue.ts';
import type { Mirroring } from './mirror-selection.ts';
import { ReadBuffer } from './read-buffer.ts';
import type { Recorder } from './recorder.ts';

/** A socket, or what behaves like one. */
export type TeeSocket = Duplex & Pick<Socket, 'destroySoon'>;

export interface TeeOptions {
  readonly id: number;
  readonly label: string;
  readonly relays: Readonly<Record<Side, string>>;
  readonly active: Side;
  readonly layout: HeaderLayout;
  readonly mirrorLimits: MirrorLimits;
  readonly mirrorBudget: MirrorBudget;
  readonly mirroring: Mirroring;
  readonly recorder: Recorder;
  /** Called for each read, to know when everybody has fallen silent. */
  readonly onTraffic: (from: End) => void;
  /** Runs what is not forwarding; a mistake in it is kept from the traffic. */
  readonly guard: (observe: () => void) => void;
  readonly onOver: () => void;
  /** The client is a tap, which brings what differs from a client that was accepted. */
  readonly tap?: TapHooks;
}

export interface TapHooks {
  /** Connected already, and unable to send. */
  readonly old: TeeSocket;
  /** When the new relay may be connected to. */
  readonly mirrorFrom: Promise<void>;
  /** A connection to the new relay that is being made; emits `connect`. Undefined: a socket. */
  readonly dialNew: (() => TeeSocket) | undefined;
}

const NOTHING = new Uint8Array(0);
/** The queue of a listening relay is full: a client of its own would wait, so the shim does. */
const BUSY_CODE = 'EAGAIN';
const CONNECT_RETRY_MS = 10;
const CONNECT_WAIT_MS_MAX = 10_000;
/** How long a mirror may take what a client that is gone has left for it. */
const ABANDON_MS = 5_000;
/** Turns of the event loop without a read after which nothing that was said before can lie unread. */
const QUIET_TURNS = 2;
/** A peer that has gone has an end to read at once; one that only stopped reading has none. */
const SILENT_MS = 100;
/** A mirror that never falls silent is left after this; what the kernel held is read long before. */
const LEAVE_MS = 100;

export class Tee implements ConnectionPort {
  readonly #options: TeeOptions;
  readonly #sockets = new Map<End, TeeSocket>();
  readonly #machine: Connection;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #mirror: Side;
  #reconnectTimer: NodeJS.Timeout | undefined;
  #isClosing = false;
  #isOver = false;
  readonly #reads: Record<End, number> = { client: 0, old: 0, new: 0 };
  /** Their peers take nothing any more, while what they had said is still read. */
  readonly #unwritable = new WeakSet<TeeSocket>();
  /** The bytes that are being handled wait in the queue of a socket. */
  #isKept = false;

  constructor(client: TeeSocket, options: TeeOptions) {
    this.#options = options;
    this.#mirror = options.active === 'old' ? 'new' : 'old';
    this.#sockets.set('client', client);
    this.#attach('client', client);
    this.#machine = new Connection(this, {
      ...options,
      nowMs: () => performance.now(),
      random: Math.random,
    });
    options.guard(() => {
      options.recorder.addConnection(options.id, options.label);
      this.#machine.opened('client');
    });
    if (options.tap === undefined) {
      this.#connect(options.active);
      if (this.#machine.hasMirror) this.#connect(this.#mirror);
    } else this.#connectTap(options.tap);
  }

  /** No more bytes are taken from the client; what the relays send is still forwarded. */
  holdClient(): void {
    this.#machine.holdClient();
  }

  /** Nobody is read from until `releaseAll`. */
  holdAll(): void {
    this.#machine.holdAll();
  }

  releaseAll(): void {
    this.#machine.releaseAll();
  }

  /** Closes everything after what is queued. */
  finishAll(): void {
    this.#machine.stopReconnecting();
    for (const end of this.#sockets.keys()) this.finish(end);
    this.#checkOver();
  }

  /** For peers that do not take what is queued. */
  destroyAll(): void {
    this.#isClosing = true;
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  /** Nothing waits for the mirror: it was sent all, or it is gone. */
  get isMirrored(): boolean {
    return this.#machine.isMirrored;
  }

  /** Client bytes that the mirror's socket took. */
  get mirroredBytes(): number {
    return this.#machine.mirroredBytes;
  }

  get id(): number {
    return this.#options.id;
  }

  /** When the oldest bytes came that the mirror has not taken; undefined when nothing waits. */
  get mirrorWaitsSinceMs(): number | undefined {
    return this.#machine.mirrorWaitsSinceMs;
  }

  reportGaps(): void {
    this.#machine.reportGaps();
  }

  write(to: End, bytes: Uint8Array): boolean {
    const socket = this.#sockets.get(to);
    if (socket?.writable !== true || this.#unwritable.has(socket)) return true;
    // Behind what waits already, a copy waits: it must not hold a whole read buffer for a few bytes.
    if (socket.writableLength > 0) return socket.write(Uint8Array.from(bytes));
    const takesMore = socket.write(bytes);
    this.#isKept ||= socket.writableLength > 0;
    return takesMore;
  }

  send(piece: Uint8Array): void {
    const socket = this.#sockets.get(this.#mirror);
    socket?.write(piece, (error) => {
      // Node calls back without an error for what a destroyed socket never wrote.
      const isTaken = !error && !socket.destroyed && !this.#unwritable.has(socket);
      if (isTaken) this.#options.guard(() => this.#machine.mirrorTook());
    });
  }

  end(to: End): void {
    this.#sockets.get(to)?.end();
  }

  finish(to: End): void {
    this.#sockets.get(to)?.destroySoon();
  }

  /** To close at once would throw away what the kernel holds for us, which the new relay did answer. */
  leaveMirror(): void {
    const latestMs = performance.now() + LEAVE_MS;
    const look = (quietTurns: number, readsBefore: number): void => {
      const reads = this.#reads[this.#mirror];
      const quiet = reads === readsBefore ? quietTurns + 1 : 0;
      if (quiet === QUIET_TURNS || performance.now() > latestMs) this.finish(this.#mirror);
      else setImmediate(look, quiet, reads);
    };
    setImmediate(look, 0, this.#reads[this.#mirror]);
  }

  abandon(to: End): void {
    this.#later(ABANDON_MS, () => this.#sockets.get(to)?.destroy());
  }

  reconnectMirror(delayMs: number): void {
    this.#reconnectTimer = this.#later(delayMs, () => this.#connect(this.#mirror));
  }

  cancelReconnect(): void {
    clearTimeout(this.#reconnectTimer);
    this.#sockets.get(this.#mirror)?.destroy();
  }

  pause(from: End): void {
    this.#sockets.get(from)?.pause();
  }

  resume(from: End): void {
    this.#sockets.get(from)?.resume();
  }

  recordChunk(stream: StreamKind, bytes: Uint8Array, borders: FrameBorders): void {
    this.#options.recorder.addChunk(this.#options.id, stream, bytes, borders);
  }

  recordEvent(kind: EventKind, stream: StreamKind | undefined, details: EventDetails): void {
    this.#options.guard(() =>
      this.#options.recorder.addEvent({ connection: this.#options.id, stream, kind, details }),
    );
  }

  recordMirrorGap(gap: MirrorGap): void {
    this.#options.guard(() =>
      this.#options.recorder.addMirrorGap({ connection: this.#options.id, ...gap }),
    );
  }

  #connectTap({ old, mirrorFrom }: TapHooks): void {
    this.#opened('old', old);
    void this.#connectNewFrom(mirrorFrom);
  }

  async #connectNewFrom(mirrorFrom: Promise<void>): Promise<void> {
    await mirrorFrom;
    if (!this.#machine.hasMirror) return;
    if (!this.#isClosing) {
      this.#connect('new');
      return;
    }
    this.#machine.unreachable('new', 'closed');
    this.#checkOver();
  }

  #opened(side: Side, socket: TeeSocket): void {
    this.#sockets.set(side, socket);
    this.#attach(side, socket);
    this.#machine.opened(side);
  }

  #dial(side: Side): TeeSocket {
    const { relays, tap } = this.#options;
    const special = side === 'new' ? tap?.dialNew?.() : undefined;
    if (special !== undefined) return special;
    const onread = this.#readInto(new ReadBuffer(), side);
    return connect({ path: relays[side], allowHalfOpen: true, onread });
  }

  #connect(side: Side, sinceMs: number = performance.now()): void {
    const socket = this.#dial(side);
    this.#sockets.set(side, socket);
    let code: string | undefined;
    const failed = (error: Error): void => {
      code = systemErrorCode(error) ?? error.message;
    };
    const notConnected = (): void => {
      const waitedMs = performance.now() - sinceMs;
      const isWanted = side !== this.#mirror || this.#machine.hasMirror;
      const mayRetry = isWanted && !this.#isClosing && waitedMs < CONNECT_WAIT_MS_MAX;
      if (code === BUSY_CODE && mayRetry) {
        this.#later(CONNECT_RETRY_MS, () => this.#connect(side, sinceMs));
      } else {
        this.#machine.unreachable(side, code ?? 'closed');
        this.#checkOver();
      }
    };
    socket.on('error', failed);
    socket.on('close', notConnected);
    socket.once('connect', () => {
      socket.off('error', failed);
      socket.off('close', notConnected);
      this.#opened(side, socket);
    });
  }

  #readInto(buffer: ReadBuffer, end: End): OnReadOpts {
    return {
      buffer: () => buffer.next(),
      callback: (byteCount, bytes) => {
        this.#received(end, bytes.subarray(0, byteCount));
        if (this.#isKept) buffer.keep();
        return true;
      },
    };
  }

  /** The bytes are the caller's again when this returns, unless they are kept. */
  #received(end: End, bytes: Uint8Array): void {
    this.#isKept = false;
    this.#machine.forward(end, bytes);
    this.#reads[end] += 1;
    this.#options.guard(() => this.#machine.observe(end, bytes));
    this.#options.onTraffic(end);
  }

  #attach(end: End, socket: TeeSocket): void {
    // A socket that reads into our buffer has none.
    socket.on('data', (bytes: Buffer) => this.#received(end, bytes));
    socket.on('drain', () => this.#machine.drained(end));
    socket.on('end', () => {
      this.#machine.ended(end);
      this.#probe(socket);
    });
    this.#readToTheEnd(end, socket);
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
  #probe(socket: TeeSocket): void {
    if (socket.writable) socket.write(NOTHING);
  }

  /**
   * A write that fails makes Node destroy a socket at once, and with it what its peer had said before it went: the
   * last messages of a client that leaves while a relay is talking to it. So streams do not hear of it: what could
   * be written is dropped, reading goes on as ever, and the socket is destroyed at its end, or when it falls silent.
   */
  #readToTheEnd(end: End, socket: TeeSocket): void {
    const settle: Settle = (done) => (error) => {
      if (!isWriteFailure(error) || this.#isClosing) {
        done(error);
        return;
      }
      if (!this.#unwritable.has(socket)) {
        this.#unwritable.add(socket);
        socket.on('end', () => socket.destroy(error));
        this.#destroyWhenSilent(end, socket, error);
      }
      done();
      if (socket.readableEnded) socket.destroy(error);
    };
    wrapWrites(socket, settle);
  }

  /** A peer that only takes nothing any more, and neither ends nor says anything, must not look alive for ever. */
  #destroyWhenSilent(end: End, socket: TeeSocket, error: Error): void {
    const reads = this.#reads[end];
    this.#later(SILENT_MS, () => {
      if (socket.destroyed) return;
      if (this.#reads[end] === reads && !socket.isPaused()) socket.destroy(error);
      else this.#destroyWhenSilent(end, socket, error);
    });
  }

  #later(ms: number, work: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }

  #checkOver(): void {
    if (this.#isOver || !this.#machine.isOver) return;
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#options.onOver();
  }
}

type Done = (error?: Error | null) => void;
type Settle = (done: Done) => Done;

/** What a stream implements for writing, with `settle` between the outcome and the stream. */
function wrapWrites(socket: TeeSocket, settle: Settle): void {
  const write = socket._write.bind(socket);
  socket._write = (chunk, encoding, done) => write(chunk, encoding, settle(done));
  const writev = socket._writev?.bind(socket);
  if (writev !== undefined) socket._writev = (chunks, done) => writev(chunks, settle(done));
}

function isWriteFailure(error: Error | null | undefined): error is Error {
  return error instanceof Error && 'syscall' in error && error.syscall === 'write';
}
