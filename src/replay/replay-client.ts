/**
 * One client that is played again, with its connection to each relay. Sends what it is told to, reads at once what
 * comes, and records both. When to do what is the player's business.
 */
import { connect, type Socket } from 'node:net';
import type { Side, StreamKind } from '../capture/types.ts';
import { systemErrorCode } from '../lib/operating-error.ts';
import type { Recorder } from '../shim/recorder.ts';
import { FrameBorders } from '../wire/frame-borders.ts';
import type { HeaderLayout } from '../wire/types.ts';

export interface ReplayClientOptions {
  readonly id: number;
  readonly label: string;
  /** One, or old and new. */
  readonly targets: ReadonlyMap<Side, string>;
  readonly layout: HeaderLayout;
  readonly recorder: Recorder;
  /** What all sockets read into, one after the other. */
  readonly readBuffer: Uint8Array;
  /** Something happened that somebody may wait for. */
  readonly onChange: () => void;
  readonly onReceived: () => void;
  /** A relay refused this client, or ended its connection while it was there. */
  readonly onLost: (side: Side) => void;
  readonly onOver: () => void;
}

interface Line {
  readonly side: Side;
  readonly path: string;
  socket: Socket | undefined;
  state: 'connecting' | 'open' | 'gone';
  hasEnded: boolean;
  receivedBytes: number;
  /** Client bytes that its socket took. */
  takenBytes: number;
}

const NOTHING = new Uint8Array(0);
/** The queue of a listening relay is full: any client would wait. */
const BUSY_CODE = 'EAGAIN';
const CONNECT_RETRY_MS = 10;
const CONNECT_WAIT_MS_MAX = 10_000;
/** How long a relay may take what a client that is gone has left for it. */
const ABANDON_MS = 5_000;
/** A recorded chunk is what one read returns at most. */
const CHUNK_BYTES_MAX = 65_536;

export class ReplayClient {
  readonly #options: ReplayClientOptions;
  readonly #lines: readonly Line[];
  readonly #borders: Readonly<Record<StreamKind, FrameBorders>>;
  readonly #timers = new Set<NodeJS.Timeout>();
  #sentBytes = 0;
  #unsentBytes = 0;
  /** Where the new relay was lost. */
  #gapOffset: number | undefined;
  #hasFinished = false;
  #hasLeft = false;
  #isOver = false;
  #lastSentMs = Number.NEGATIVE_INFINITY;
  #lastReceivedMs = Number.NEGATIVE_INFINITY;
  /** What the player gave up waiting for. */
  forgivenBytes = 0;
  /** How often the player has waited in vain since it heard something. */
  silentWaits = 0;

  constructor(options: ReplayClientOptions) {
    const { id, label, targets, layout, recorder } = options;
    this.#options = options;
    this.#borders = {
      client: new FrameBorders(layout),
      old: new FrameBorders(layout),
      new: new FrameBorders(layout),
    };
    recorder.addConnection(id, label);
    this.#event('open', 'client');
    this.#lines = [...targets].map(([side, path]) => ({
      side,
      path,
      socket: undefined,
      state: 'connecting',
      hasEnded: false,
      receivedBytes: 0,
      takenBytes: 0,
    }));
    for (const line of this.#lines) this.#connect(line, performance.now());
  }

  get id(): number {
    return this.#options.id;
  }

  get isConnecting(): boolean {
    return this.#lines.some(({ state }) => state === 'connecting');
  }

  /** A relay does not take what was sent; nothing more should be. */
  get isBlocked(): boolean {
    return this.#lines.some(({ socket }) => socket?.writableNeedDrain === true);
  }

  /** Bytes wait in this process to be taken. */
  get isBehind(): boolean {
    return this.#lines.some(({ socket }) => (socket?.writableLength ?? 0) > 0);
  }

  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** All of its relays have finished, or are not there. */
  get isLeftAlone(): boolean {
    return this.#lines.every(({ state, hasEnded }) => state === 'gone' || hasEnded);
  }

  /** Of the relay that has said least, of those that are there. */
  get receivedBytes(): number {
    const open = this.#lines.filter(({ state }) => state !== 'gone');
    return Math.min(...open.map(({ receivedBytes }) => receivedBytes), Number.MAX_SAFE_INTEGER);
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  get lastSentMs(): number {
    return this.#lastSentMs;
  }

  get lastReceivedMs(): number {
    return this.#lastReceivedMs;
  }

  /** One write to each relay. As behind a shim, a client that has lost the old relay says nothing to the new one. */
  send(bytes: Uint8Array): void {
    if (this.#line('old')?.state === 'gone' || this.#hasFinished || this.#hasLeft) {
      this.#unsentBytes += bytes.length;
      return;
    }
    this.#lastSentMs = performance.now();
    const offset = this.#sentBytes;
    this.#sentBytes += bytes.length;
    for (let from = 0; from < bytes.length; from += CHUNK_BYTES_MAX) {
      const isAll = bytes.length <= CHUNK_BYTES_MAX;
      this.#record('client', isAll ? bytes : bytes.subarray(from, from + CHUNK_BYTES_MAX));
    }
    for (const line of this.#lines) {
      if (line.side === 'old') line.socket?.write(bytes);
      else if (line.state === 'gone') this.#noteUnmirrored(offset);
      else this.#mirror(line, bytes);
    }
  }

  /** Nothing more will be said; what comes is still read. */
  finish(): void {
    if (this.#hasFinished || this.#hasLeft) return;
    this.#hasFinished = true;
    this.#event('end', 'client');
    for (const { socket } of this.#lines) socket?.end();
  }

  /** Leaves as a client does that closes. */
  close(): void {
    if (this.#hasLeft) return;
    if (!this.#hasFinished) this.#event('end', 'client');
    this.#leave();
    for (const { socket } of this.#lines) socket?.destroySoon();
    this.#later(ABANDON_MS, () => this.destroy());
  }

  /** Leaves at once, and reads nothing more: what a relay sends meanwhile breaks the connection. */
  reset(): void {
    if (this.#hasLeft) return;
    this.#event('error', 'client', { code: 'ECONNRESET' });
    for (const { socket } of this.#lines) socket?.pause();
    this.#leave();
    this.destroy();
  }

  destroy(): void {
    for (const { socket } of this.#lines) socket?.destroy();
  }

  /** Nothing is read while the disk cannot keep up. */
  hold(): void {
    for (const { socket } of this.#lines) socket?.pause();
  }

  release(): void {
    for (const { socket } of this.#lines) socket?.resume();
  }

  /** What the new relay was not sent, so far. */
  reportGaps(): void {
    if (this.#gapOffset === undefined || this.#gapOffset === this.#sentBytes) return;
    this.#options.recorder.addMirrorGap({
      connection: this.id,
      reason: 'mirror-closed',
      offset: this.#gapOffset,
      bytes: this.#sentBytes - this.#gapOffset,
      frames: undefined,
      firstHeader: undefined,
      lastHeader: undefined,
    });
  }

  #leave(): void {
    this.#hasLeft = true;
    this.#event('close', 'client');
    this.#checkOver();
  }

  #line(side: Side): Line | undefined {
    return this.#lines.find((line) => line.side === side);
  }

  #mirror(line: Line, bytes: Uint8Array): void {
    line.socket?.write(bytes, (error) => {
      if (!error) line.takenBytes += bytes.length;
    });
  }

  /** What its socket has not taken is lost with it. */
  #noteUnmirrored(offset: number): void {
    this.#gapOffset ??= Math.min(offset, this.#line('new')?.takenBytes ?? 0);
  }

  #connect(line: Line, sinceMs: number): void {
    const { side } = line;
    const socket = connect({
      path: line.path,
      allowHalfOpen: true,
      onread: {
        buffer: this.#options.readBuffer,
        callback: (byteCount, bytes) => {
          this.#received(line, bytes.subarray(0, byteCount));
          return true;
        },
      },
    });
    line.socket = socket;
    let code: string | undefined;
    const failed = (error: Error): void => {
      code = systemErrorCode(error) ?? error.message;
    };
    const notConnected = (): void => {
      const mayRetry = performance.now() - sinceMs < CONNECT_WAIT_MS_MAX && !this.#hasLeft;
      if (code === BUSY_CODE && mayRetry) {
        this.#later(CONNECT_RETRY_MS, () => this.#connect(line, sinceMs));
        return;
      }
      this.#event('upstream-failed', side, { code: code ?? 'closed' });
      this.#lose(line);
    };
    socket.on('error', failed);
    socket.on('close', notConnected);
    socket.once('connect', () => {
      socket.off('error', failed);
      socket.off('close', notConnected);
      this.#opened(line, socket);
    });
  }

  #opened(line: Line, socket: Socket): void {
    const { side } = line;
    line.state = 'open';
    this.#event('upstream-open', side);
    socket.on('drain', this.#options.onChange);
    socket.on('end', () => {
      line.hasEnded = true;
      this.#event('end', side);
      // Tells a relay that is gone from one that has finished sending: see decision 0004.
      if (socket.writable) socket.write(NOTHING);
      this.#options.onChange();
    });
    socket.on('error', (error) =>
      this.#event('error', side, { code: systemErrorCode(error) ?? error.message }),
    );
    socket.on('close', () => {
      this.#event('close', side);
      this.#lose(line);
    });
    this.#options.onChange();
  }

  #lose(line: Line): void {
    const { side } = line;
    line.state = 'gone';
    if (side === 'new' && line.takenBytes < this.#sentBytes) this.#noteUnmirrored(line.takenBytes);
    if (!this.#hasLeft) this.#options.onLost(side);
    this.#options.onChange();
    this.#checkOver();
  }

  #received(line: Line, bytes: Uint8Array): void {
    line.receivedBytes += bytes.length;
    this.#lastReceivedMs = performance.now();
    this.silentWaits = 0;
    this.#record(line.side, bytes);
    this.#options.onReceived();
    this.#options.onChange();
  }

  #record(stream: StreamKind, bytes: Uint8Array): void {
    const borders = this.#borders[stream];
    borders.push(bytes);
    this.#options.recorder.addChunk(this.id, stream, bytes, borders);
  }

  #event(
    kind: 'open' | 'upstream-open' | 'upstream-failed' | 'end' | 'close' | 'error',
    stream: StreamKind,
    details: Readonly<Record<string, string>> = {},
  ): void {
    this.#options.recorder.addEvent({ connection: this.id, stream, kind, details });
  }

  #later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }

  #checkOver(): void {
    if (this.#isOver || !this.#hasLeft) return;
    if (this.#lines.some(({ state }) => state !== 'gone')) return;
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.reportGaps();
    const { recorder } = this.#options;
    recorder.endConnection(this.id, this.#mirroredBytes());
    this.#options.onOver();
  }

  #mirroredBytes(): number | undefined {
    if (this.#line('new') === undefined) return undefined;
    return this.#gapOffset ?? this.#sentBytes;
  }
}
