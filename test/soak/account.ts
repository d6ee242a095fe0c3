/**
 * A frame-exact account at length: publishers send millions of numbered frames through a recorder, as users run it, to
 * consumers and both relays. The relays are hubs in this process that count what they got and gave on each connection, so
 * that of every stream all three are known: what passed, what the capture holds, and what it says it does not hold.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { openCapture } from '../../src/capture/open.ts';
import type { CaptureReader, StreamKind, StreamRow } from '../../src/capture/types.ts';
import { FrameBorders } from '../../src/wire/frame-borders.ts';
import { concat, H3, testFrame } from '../support/frames.ts';
import { RecorderProcess } from './recorder-process.ts';
import { Tally } from './tally.ts';
import { until } from './wait.ts';

export interface AccountOptions {
  /** Of all publishers together. */
  readonly frames: number;
  readonly directory: string;
  /** What the recorder does when the disk is slower than the traffic. */
  readonly onOverload: 'gap' | 'block';
  readonly report?: (sentFrames: number) => void;
}

export interface StreamLine {
  readonly connection: number;
  readonly kind: StreamKind;
  readonly passedBytes: number;
  readonly recordedBytes: number;
  readonly gapBytes: number;
  readonly passedFrames: number;
  readonly recordedFrames: number;
  readonly gapFrames: number;
}

export interface Account {
  readonly lines: readonly StreamLine[];
  /** Client bytes that the new relay was not given, as the capture says. */
  readonly unmirroredBytes: number;
  /** What does not add up, in words; empty is what we want. */
  readonly failures: readonly string[];
}

const PUBLISHERS = 2;
const CONSUMERS = 3;
/** Consumers say nothing. */
const STREAMS = 3 * PUBLISHERS + 2 * CONSUMERS;
const BATCH_FRAMES = 256;
const FRAME_BYTES = testFrame(0).length;
/** A hub that has so much to write somewhere stops reading, as a relay does that waits for its clients. */
const UNWRITTEN_BYTES_MAX = 4 * 1024 * 1024;
const SEQUENCE_AT = H3.offsets.sequence;

interface Seat {
  readonly socket: Socket;
  /** The beginning of a frame: what the hub gives to others are whole frames, or nobody could count them. */
  begun: Buffer;
  readonly got: Tally;
  readonly gave: Tally;
}

/** Broadcasts what it reads to everybody. */
class CountingHub {
  readonly seats: Seat[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async listen(path: string): Promise<CountingHub> {
    const hub: CountingHub = new CountingHub(createServer((socket) => hub.#accept(socket)));
    hub.#server.listen(path);
    await once(hub.#server, 'listening');
    return hub;
  }

  async close(): Promise<void> {
    for (const { socket } of this.seats) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    const seat: Seat = { socket, begun: Buffer.alloc(0), got: new Tally(), gave: new Tally() };
    this.seats.push(seat);
    socket.on('error', () => undefined);
    socket.on('drain', () => this.#readAgain());
    socket.on('data', (bytes) => {
      seat.got.add(bytes);
      const all = seat.begun.length === 0 ? bytes : Buffer.concat([seat.begun, bytes]);
      const wholeBytes = all.length - (all.length % FRAME_BYTES);
      seat.begun = all.subarray(wholeBytes);
      this.#broadcast(all.subarray(0, wholeBytes));
      if (this.#isFull()) for (const each of this.seats) each.socket.pause();
    });
  }

  #broadcast(frames: Uint8Array): void {
    if (frames.length === 0) return;
    for (const { socket, gave } of this.seats) {
      if (!socket.writable) continue;
      gave.add(frames);
      socket.write(frames);
    }
  }

  #isFull(): boolean {
    return this.seats.some(({ socket }) => socket.writableLength > UNWRITTEN_BYTES_MAX);
  }

  #readAgain(): void {
    if (!this.#isFull()) for (const { socket } of this.seats) socket.resume();
  }
}

interface Client {
  readonly socket: Socket;
  readonly sent: Tally;
  readonly received: Tally;
}

export async function takeAccount(options: AccountOptions): Promise<Account> {
  const at = (name: string): string => join(options.directory, name);
  const paths = { listen: at('l'), old: at('o'), new: at('n'), out: at('a.capture') };
  const hubs = {
    old: await CountingHub.listen(paths.old),
    new: await CountingHub.listen(paths.new),
  };
  const recorder = await RecorderProcess.start(paths, ['--on-overload', options.onOverload]);
  try {
    const clients: Client[] = [];
    for (let index = 0; index < PUBLISHERS + CONSUMERS; index++) {
      clients.push(await connectClient(paths.listen));
      const reached = (): boolean =>
        [hubs.old, hubs.new].every(({ seats }) => seats.length === index + 2);
      await until(`client ${index + 1} reaches both relays`, reached);
    }
    await publishAll(clients.slice(0, PUBLISHERS), options);
    const exitCode = await recorder.end('SIGINT');
    if (exitCode !== 0 && exitCode !== 3) throw new Error(`exit ${exitCode}: ${recorder.said}`);
    const capture = openCapture(paths.out);
    try {
      return judge(capture, clients, hubs);
    } finally {
      capture.close();
    }
  } finally {
    await recorder.end('SIGKILL');
    await Promise.all([hubs.old.close(), hubs.new.close()]);
  }
}

async function connectClient(path: string): Promise<Client> {
  const socket = connect(path);
  const client: Client = { socket, sent: new Tally(), received: new Tally() };
  socket.on('error', () => undefined);
  socket.on('data', (bytes) => client.received.add(bytes));
  await once(socket, 'connect');
  return client;
}

async function publishAll(
  publishers: readonly Client[],
  { frames, report }: AccountOptions,
): Promise<void> {
  let sent = 0;
  const publish = async (client: Client, source: number): Promise<void> => {
    const batch = Buffer.from(
      concat(Array.from({ length: BATCH_FRAMES }, (_, index) => testFrame(index, { source }))),
    );
    const share = Math.floor(frames / publishers.length);
    for (let sequence = 0; sequence < share; sequence += BATCH_FRAMES) {
      const count = Math.min(BATCH_FRAMES, share - sequence);
      const bytes = Buffer.from(batch.subarray(0, count * FRAME_BYTES));
      for (let index = 0; index < count; index++) {
        bytes.writeBigUInt64LE(BigInt(sequence + index), index * FRAME_BYTES + SEQUENCE_AT);
      }
      client.sent.add(bytes);
      if (!client.socket.write(bytes)) await once(client.socket, 'drain');
      sent += count;
      report?.(sent);
    }
  };
  await Promise.all(publishers.map((client, index) => publish(client, index + 1)));
}

interface Hubs {
  readonly old: CountingHub;
  readonly new: CountingHub;
}

function judge(capture: CaptureReader, clients: readonly Client[], hubs: Hubs): Account {
  const failures: string[] = [];
  const lines: StreamLine[] = [];
  for (const row of capture.streams()) {
    const passed = passedOf(row, clients, hubs);
    const held = readStream(capture, row);
    const gaps = capture
      .gaps()
      .filter(
        (gap) =>
          gap.where === 'recording' && gap.connection === row.connection && gap.stream === row.kind,
      );
    const line: StreamLine = {
      connection: row.connection,
      kind: row.kind,
      passedBytes: passed.bytes,
      recordedBytes: held.tally.bytes,
      gapBytes: gaps.reduce((sum, gap) => sum + gap.bytes, 0),
      passedFrames: passed.bytes / FRAME_BYTES,
      recordedFrames: held.frames,
      gapFrames: gaps.reduce((sum, gap) => sum + (gap.frames ?? Number.NaN), 0),
    };
    lines.push(line);
    failures.push(...judgeLine(line, passed, held.tally));
  }
  if (lines.length !== STREAMS) failures.push(`${lines.length} streams are recorded`);
  return { lines, ...judgeForwarding(capture, clients, hubs, failures) };
}

/** Beside the capture: clients got what the old relay gave, and the new relay what it should have. */
function judgeForwarding(
  capture: CaptureReader,
  clients: readonly Client[],
  hubs: Hubs,
  failures: string[],
): Pick<Account, 'unmirroredBytes' | 'failures'> {
  let unmirroredBytes = 0;
  for (const [index, client] of clients.entries()) {
    const [old, fresh] = [hubs.old.seats[index + 1], hubs.new.seats[index + 1]];
    if (old?.got.isEqual(client.sent) !== true) failures.push(`old ${index + 1} got other bytes`);
    if (old?.gave.isEqual(client.received) !== true) {
      failures.push(`client ${index + 1} received other bytes`);
    }
    const unmirrored = capture
      .gaps()
      .filter((gap) => gap.where === 'mirror' && gap.connection === index + 1)
      .reduce((sum, gap) => sum + gap.bytes, 0);
    unmirroredBytes += unmirrored;
    if ((fresh?.got.bytes ?? 0) + unmirrored !== client.sent.bytes) {
      failures.push(`new ${index + 1} got ${fresh?.got.bytes}, ${unmirrored} in gaps`);
    }
  }
  return { unmirroredBytes, failures };
}

function* judgeLine(line: StreamLine, passed: Tally, held: Tally): Generator<string> {
  const name = `${line.kind} ${line.connection}`;
  if (line.recordedBytes + line.gapBytes !== line.passedBytes) {
    yield `${name}: ${line.passedBytes} bytes passed, ${line.recordedBytes} + ${line.gapBytes}`;
  }
  if (line.recordedFrames + line.gapFrames !== line.passedFrames) {
    yield `${name}: ${line.passedFrames} frames passed, ${line.recordedFrames} + ${line.gapFrames}`;
  }
  if (line.gapBytes === 0 && !held.isEqual(passed)) yield `${name}: other bytes are recorded`;
}

function passedOf({ connection, kind }: StreamRow, clients: readonly Client[], hubs: Hubs): Tally {
  const tally =
    kind === 'client' ? clients[connection - 1]?.sent : hubs[kind].seats[connection]?.gave;
  return tally ?? new Tally();
}

function readStream(
  capture: CaptureReader,
  row: StreamRow,
): { readonly tally: Tally; readonly frames: number } {
  const tally = new Tally();
  let frames = 0;
  let borders = new FrameBorders(H3);
  let end = 0;
  for (const { offset, bytes } of capture.chunks(row.id)) {
    if (offset !== end) borders = new FrameBorders(H3, offset);
    end = offset + bytes.length;
    tally.add(bytes);
    borders.push(bytes);
    frames += borders.endedFrames;
  }
  return { tally, frames };
}
