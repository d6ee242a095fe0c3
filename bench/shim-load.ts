/** The client of the shim benchmark: sends frames over one connection and waits for their echo. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeMessage } from '../src/protocol/encode.ts';
import { loadBuiltInProtocol } from '../src/protocol/files.ts';

const READ_BUFFER_BYTES = 65_536;
/** Header and TLV head: what a frame is besides the value of its one TLV. */
const FRAME_OVERHEAD_BYTES = 34;
const COALESCED_BYTES_MAX = 65_536;
const PACE_TICK_MS = 5;
const SEED = 20_261_123;
const FIRST_TIMESTAMP_NS = 1_756_000_000_000_000_000n;

/**
 * Frames of one size, back to back in one memory, no two alike: what a recorder may find again is what relays repeat, not
 * what the benchmark repeats. Their values are noise, as hard to compress as it gets.
 */
export function makeFrames(frameBytes: number, count: number): readonly Uint8Array[] {
  const dialect = loadBuiltInProtocol().dialect('torq-types');
  const value = '00'.repeat(frameBytes - FRAME_OVERHEAD_BYTES);
  const header = {
    relay_domain: 1,
    version: 1,
    source: 1,
    flags: 0,
    sequence: '0',
    timestamp: '0',
  };
  const tlvs = [{ type: 200, extended: false, fields: { raw: value } }];
  const model = encodeMessage(dialect, { header, tlvs }, 'zero');
  const bytes = Buffer.alloc(frameBytes * count);
  const { sequence, timestamp } = dialect.header.offsets;
  let noise = SEED;
  return Array.from({ length: count }, (_, index) => {
    const frame = bytes.subarray(index * frameBytes, (index + 1) * frameBytes);
    frame.set(model);
    frame.writeBigUInt64LE(BigInt(index + 1), sequence);
    frame.writeBigUInt64LE(FIRST_TIMESTAMP_NS + BigInt(index) * 1_000n, timestamp);
    for (let at = FRAME_OVERHEAD_BYTES; at < frameBytes; at++) {
      noise = (Math.imul(noise, 1_664_525) + 1_013_904_223) >>> 0;
      frame[at] = noise >>> 24;
    }
    return frame;
  });
}

/** The same frames in writes as large as one read of a relay. */
export function coalesce(frames: readonly Uint8Array[]): readonly Uint8Array[] {
  const [first] = frames;
  if (first === undefined) return [];
  const framesAWrite = Math.floor(COALESCED_BYTES_MAX / first.length);
  const writes: Uint8Array[] = [];
  for (let start = 0; start < frames.length; start += framesAWrite) {
    writes.push(Buffer.concat(frames.slice(start, start + framesAWrite)));
  }
  return writes;
}

export class LoadClient {
  readonly #socket: Socket;
  #receive: (byteCount: number) => void = () => undefined;
  /** Where the next load goes on, so that it does not send what the last one has sent. */
  #position = 0;

  private constructor(path: string) {
    this.#socket = connect({
      path,
      onread: {
        buffer: new Uint8Array(READ_BUFFER_BYTES),
        callback: (byteCount) => {
          this.#receive(byteCount);
          return true;
        },
      },
    });
  }

  static async connect(path: string): Promise<LoadClient> {
    const client = new LoadClient(path);
    await once(client.#socket, 'connect');
    return client;
  }

  async close(): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }

  /** Resolves when the system has taken them; what comes back is nobody's business. */
  async sendAll(writes: readonly Uint8Array[]): Promise<void> {
    for (const bytes of writes) {
      await new Promise<void>((resolve, reject) => {
        this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      });
    }
  }

  /** One frame at a time. `paceMs` 0 sends the next as soon as the last is back. Returns µs, in order. */
  async roundTrips(
    frames: readonly Uint8Array[],
    { count, paceMs }: { readonly count: number; readonly paceMs: number },
  ): Promise<Float64Array> {
    const latenciesUs = new Float64Array(count);
    let done = 0;
    let pendingBytes = 0;
    let sentMs = 0;
    const send = (): void => {
      const frame = frames[(this.#position + done) % frames.length] ?? new Uint8Array();
      pendingBytes = frame.length;
      sentMs = performance.now();
      this.#socket.write(frame);
    };
    await this.#run(send, (byteCount, finish) => {
      pendingBytes -= byteCount;
      if (pendingBytes > 0) return;
      latenciesUs[done] = (performance.now() - sentMs) * 1e3;
      done += 1;
      if (done === count) finish();
      else if (paceMs === 0) send();
      else setTimeout(send, paceMs);
    });
    this.#position += count;
    return latenciesUs;
  }

  /** As fast as the other end takes them; resolves with the ms until all are back. */
  async pump(
    writes: readonly Uint8Array[],
    more: (sentBytes: number, elapsedMs: number) => boolean,
  ): Promise<{ readonly bytes: number; readonly elapsedMs: number }> {
    const startMs = performance.now();
    let sentBytes = 0;
    let receivedBytes = 0;
    let isSending = true;
    const send = (): void => {
      while ((isSending = more(sentBytes, performance.now() - startMs))) {
        const bytes = writes[this.#position++ % writes.length] ?? new Uint8Array();
        sentBytes += bytes.length;
        if (!this.#socket.write(bytes)) return;
      }
    };
    let onDrain = send;
    await this.#run(
      (finish) => {
        onDrain = () => {
          send();
          if (!isSending && receivedBytes === sentBytes) finish();
        };
        this.#socket.on('drain', onDrain);
        send();
      },
      (byteCount, finish) => {
        receivedBytes += byteCount;
        if (!isSending && receivedBytes === sentBytes) finish();
      },
    );
    this.#socket.off('drain', onDrain);
    return { bytes: sentBytes, elapsedMs: performance.now() - startMs };
  }

  /** Single frames at a rate, for a time. Other clients are heard too, so nobody waits for the echo. */
  async pace(
    frames: readonly Uint8Array[],
    options: { readonly framesPerSecond: number; readonly durationMs: number },
  ): Promise<void> {
    const { framesPerSecond, durationMs } = options;
    const startMs = performance.now();
    let sentFrames = 0;
    await this.#run((finish) => {
      const timer = setInterval(() => {
        // Counted from the start, so that a late turn of the timer loses nothing.
        const sinceMs = Math.min(performance.now() - startMs, durationMs);
        const dueFrames = (sinceMs / 1e3) * framesPerSecond;
        while (sentFrames < dueFrames && !this.#socket.writableNeedDrain) {
          this.#socket.write(frames[sentFrames++ % frames.length] ?? new Uint8Array());
        }
        if (sinceMs < durationMs) return;
        clearInterval(timer);
        finish();
      }, PACE_TICK_MS);
    });
  }

  /** A connection that breaks ends the benchmark: its numbers would be of something else. */
  async #run(
    begin: (finish: () => void) => void,
    receive: (byteCount: number, finish: () => void) => void = () => undefined,
  ): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const broke = (): void => reject(new Error('the connection broke under load'));
      const finish = (): void => {
        this.#socket.off('close', broke);
        resolve();
      };
      this.#socket.once('close', broke);
      this.#receive = (byteCount) => receive(byteCount, finish);
      begin(finish);
    });
    this.#receive = () => undefined;
  }
}
