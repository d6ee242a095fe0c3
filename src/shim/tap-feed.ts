/**
 * The connection of a tap to the new relay, as one stream, in fact one socket for each domain that occurs.
 *
 * A relay takes what one read returns for one message and judges it by its first header. In production the
 * messages of two publishers are never in one read, since each has its own connection; fed over one socket they
 * would be, and the new relay would lose messages because of the tap. So each domain, and what is no frame,
 * has a line of its own. Every line hears the same broadcast; what the first one hears is the answer.
 */
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { FrameReader } from '../wire/frame-reader.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { type Lead, leadOf } from './tap-cutter.ts';
import { TapWindow } from './tap-window.ts';

/** Publishers speak two or three domains; damaged bytes must not open hundreds of connections. */
const LINES_MAX = 16;

interface Line {
  readonly socket: Socket;
  readonly window: TapWindow;
}

export class TapFeed extends Duplex {
  readonly #path: string;
  readonly #layout: HeaderLayout;
  readonly #first: Line;
  readonly #lines = new Map<Lead, Line>();
  /** Cuts the answers, to know which line they answer. */
  readonly #answers: FrameReader;
  #isAlive = false;
  #retry: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Emits `connect` as a socket does. */
  constructor(path: string, layout: HeaderLayout) {
    super({ allowHalfOpen: true });
    this.#path = path;
    this.#layout = layout;
    this.#answers = new FrameReader(layout);
    this.#first = this.#open();
    const { socket } = this.#first;
    socket.once('connect', () => this.emit('connect'));
    socket.on('data', (bytes) => {
      this.#listen(bytes);
      this.push(bytes);
    });
    socket.on('end', () => this.push(null));
  }

  override _read(): void {
    // What there is has been pushed.
  }

  override _write(
    piece: Uint8Array,
    _encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    const { socket, window } = this.#lineFor(piece);
    const attempt = (): void => {
      clearTimeout(this.#timer);
      const waitMs = window.waitMs(piece.length, performance.now(), this.#isAlive);
      this.#retry = waitMs > 0 ? attempt : undefined;
      if (waitMs > 0) {
        this.#timer = setTimeout(attempt, Math.ceil(waitMs));
        return;
      }
      window.wrote(piece.length, performance.now());
      socket.write(piece, done);
    };
    attempt();
  }

  override _final(done: () => void): void {
    for (const { socket } of this.#allLines()) socket.end();
    done();
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    for (const { socket } of this.#allLines()) socket.destroy();
    done(error);
  }

  /** They fall together: a relay that ends one of its publishers' connections has lost messages. */
  #open(): Line {
    const socket = connect({ path: this.#path, allowHalfOpen: true });
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
    return { socket, window: new TapWindow() };
  }

  #allLines(): ReadonlySet<Line> {
    return new Set([this.#first, ...this.#lines.values()]);
  }

  #lineFor(piece: Uint8Array): Line {
    if (piece.length === 0) return this.#first;
    const lead = leadOf(this.#layout, piece);
    const known = this.#lines.get(lead);
    if (known !== undefined) return known;
    const line = this.#newLine();
    this.#lines.set(lead, line);
    return line;
  }

  #newLine(): Line {
    if (this.#lines.size === 0 || this.#lines.size >= LINES_MAX) return this.#first;
    const line = this.#open();
    // The first line hears the same.
    line.socket.resume();
    return line;
  }

  #listen(bytes: Uint8Array): void {
    const nowMs = performance.now();
    this.#isAlive = true;
    for (const span of this.#answers.push(bytes)) {
      const lead = span.kind === 'frame' ? leadOf(this.#layout, span.bytes) : undefined;
      this.#lines.get(lead)?.window.answered(span.bytes.length, nowMs);
    }
    this.#retry?.();
  }
}
