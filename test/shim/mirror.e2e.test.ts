/** A mirror that does anything at any time, with real relay processes: the client must not notice. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import type { CaptureEvent, CaptureReader, Gap } from '../../src/capture/types.ts';
import { spawnRelay, type SpawnedRelay } from '../../src/simulate/spawn.ts';
import { concat, testFrame } from '../support/frames.ts';
import { runCli, type Running, until } from '../support/processes.ts';
import {
  connectTo,
  FIRST,
  newPaths,
  type Paths,
  startBetweenPeers,
  startPeer,
  startShim,
  streamBytes,
} from './support.ts';

const FRAME_BYTES = 100;

async function relayAt(socketPath: string): Promise<SpawnedRelay> {
  const relay = await spawnRelay({ kind: 'original', domain: 'market_data', socketPath });
  onTestFinished(() => relay.stop());
  return relay;
}

/** A client that sends frames and gets them all back from the old relay, as if there were no shim. */
class Talker {
  readonly #socket: Socket;
  readonly #sent: Uint8Array[] = [];
  readonly #received: Uint8Array[] = [];
  #receivedBytes = 0;
  #checkedFrames = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      this.#received.push(bytes);
      this.#receivedBytes += bytes.length;
    });
  }

  static async connect(path: string): Promise<Talker> {
    return new Talker((await connectTo(path)).socket);
  }

  get sentBytes(): number {
    return this.#sent.length * FRAME_BYTES;
  }

  /** Sends so many frames, each in one write, and waits until the old relay has answered all of them. */
  async say(frames: number): Promise<void> {
    for (let index = 0; index < frames; index++) {
      const frame = testFrame(this.#sent.length + 1);
      this.#sent.push(frame);
      this.#socket.write(frame);
    }
    await until(() => this.#receivedBytes === this.sentBytes);
    const said = this.#sent.slice(this.#checkedFrames);
    expect(Buffer.compare(concat(this.#received.splice(0)), concat(said))).toBe(0);
    this.#checkedFrames = this.#sent.length;
    expect(this.#socket.destroyed).toBe(false);
  }
}

interface Recorded {
  readonly gaps: readonly Gap[];
  readonly events: readonly CaptureEvent[];
  readonly client: Buffer;
  readonly fresh: Buffer;
}

function readBack(paths: Paths): Recorded {
  const capture = openCapture(paths.out);
  expectBalanced(capture);
  const recorded = {
    gaps: capture.gaps(),
    events: [...capture.events()],
    client: streamBytes(capture, 1, 'client'),
    fresh: streamBytes(capture, 1, 'new'),
  };
  capture.close();
  return recorded;
}

/** Nothing is unaccounted for: seen = recorded + recording gaps; client bytes = mirrored + mirror gaps. */
function expectBalanced(capture: CaptureReader): void {
  const accounts = capture.accounts();
  expect(accounts.length).toBeGreaterThan(0);
  for (const { connection, stream, seenBytes, mirroredBytes } of accounts) {
    const inGaps = (where: Gap['where']): number =>
      capture
        .gaps()
        .filter(
          (gap) => gap.connection === connection && gap.stream === stream && gap.where === where,
        )
        .reduce((sum, gap) => sum + gap.bytes, 0);
    const recorded = streamBytes(capture, connection, stream).length;
    expect(recorded + inGaps('recording')).toBe(seenBytes);
    if (stream === 'client') expect((mirroredBytes ?? 0) + inGaps('mirror')).toBe(seenBytes);
  }
}

function lives(events: readonly CaptureEvent[]): readonly CaptureEvent['details'][] {
  return events
    .filter(({ kind, stream }) => kind === 'upstream-open' && stream === 'new')
    .map(({ details }) => details);
}

/** Waits for an event in the capture that is being written. */
async function untilRecorded(paths: Paths, isIt: (event: CaptureEvent) => boolean): Promise<void> {
  await until(() => {
    const capture = openCapture(paths.out);
    const found = [...capture.events()].some(isIt);
    capture.close();
    return found;
  });
}

async function untilLife(paths: Paths, life: number): Promise<void> {
  await untilRecorded(paths, ({ details }) => details['life'] === life);
}

async function untilRefused(paths: Paths): Promise<void> {
  await untilRecorded(paths, ({ kind }) => kind === 'upstream-failed');
}

/** Waits until the new relay's answers of that many bytes are in the capture that is being written. */
async function untilHeard(paths: Paths, bytes: number): Promise<void> {
  await until(() => {
    const capture = openCapture(paths.out);
    const { length } = streamBytes(capture, 1, 'new');
    capture.close();
    return length >= bytes;
  });
}

interface Stage {
  readonly paths: Paths;
  readonly fresh: SpawnedRelay;
  readonly shim: Running;
}

async function startStage(...options: readonly string[]): Promise<Stage> {
  const paths = newPaths();
  await relayAt(paths.old);
  const fresh = await relayAt(paths.new);
  return { paths, fresh, shim: await startShim(paths, ...options) };
}

describe('a client does not notice that the new relay', () => {
  it('is stopped by a signal and goes on later, and nothing is lost as long as the queue holds it', async () => {
    const { paths, fresh, shim } = await startStage();
    const talker = await Talker.connect(paths.listen);
    await talker.say(10);
    fresh.process.kill('SIGSTOP');
    await talker.say(3_000);
    fresh.process.kill('SIGCONT');
    await talker.say(10);
    expect(await shim.stop()).toBe(0);
    const { gaps, client, fresh: said } = readBack(paths);
    expect([gaps, client.length]).toEqual([[], talker.sentBytes]);
    expect(said.equals(client)).toBe(true);
  });

  it('is stopped for so long that frames are left out, which are whole and named', async () => {
    const { paths, fresh, shim } = await startStage('--mirror-buffer', '64k');
    const talker = await Talker.connect(paths.listen);
    fresh.process.kill('SIGSTOP');
    await talker.say(10_000);
    fresh.process.kill('SIGCONT');
    await talker.say(10);
    expect(await shim.stop()).toBe(3);
    const { gaps, client, fresh: said } = readBack(paths);
    const missing = gaps.reduce((sum, gap) => sum + gap.bytes, 0);
    expect(missing).toBeGreaterThan(0);
    expect(said.length + missing).toBe(client.length);
    for (const gap of gaps) {
      expect([gap.reason, gap.offset % 100, gap.frames]).toEqual([
        'mirror-slow',
        0,
        gap.bytes / 100,
      ]);
      const first = client.subarray(gap.offset, gap.offset + 32);
      expect(first.equals(gap.firstHeader ?? new Uint8Array())).toBe(true);
      const last = gap.offset + gap.bytes - 100;
      expect(client.subarray(last, last + 32).equals(gap.lastHeader ?? new Uint8Array())).toBe(
        true,
      );
    }
    const { exitCode, stdout } = runCli(['diff', paths.out]);
    expect([exitCode, stdout]).toEqual([3, expect.stringContaining('frames, ')]);
    expect(runCli(['info', paths.out]).stdout).toMatch(
      /not sent to the new relay \(mirror-slow\), \w+\/\w+ sequence \d+ to/,
    );
    expect(runCli(['messages', paths.out, '--stream', 'client']).stdout).toContain('GAP at ');
  });

  it('is killed and started again: it is connected again, and the capture knows both of its lives', async () => {
    const { paths, fresh, shim } = await startStage();
    const talker = await Talker.connect(paths.listen);
    await talker.say(20);
    await untilHeard(paths, talker.sentBytes);
    fresh.process.kill('SIGKILL');
    await talker.say(20);
    await untilRefused(paths);
    await talker.say(20);
    await relayAt(paths.new);
    await untilLife(paths, 2);
    await talker.say(20);
    expect(await shim.stop()).toBe(3);
    const { gaps, events, client, fresh: said } = readBack(paths);
    expect(lives(events)).toMatchObject([{}, { life: 2, offset: 2_000 }]);
    expect(Number(lives(events)[1]?.['downMs'])).toBeGreaterThan(0);
    // What the kernel had taken when the relay was killed counts as sent; the rest is one gap up to the new life.
    expect(gaps).toHaveLength(1);
    expect(gaps[0]).toMatchObject({ reason: 'mirror-closed', frames: (gaps[0]?.bytes ?? 0) / 100 });
    expect([gaps[0]?.offset, (gaps[0]?.offset ?? 0) + (gaps[0]?.bytes ?? 0)]).toEqual([
      expect.any(Number),
      6_000,
    ]);
    expect(said.subarray(2_000).equals(client.subarray(6_000))).toBe(true);
    const { exitCode, stdout } = runCli(['diff', paths.out]);
    expect(stdout).toContain('the new relay went away at ');
    expect(stdout).not.toContain('missing');
    expect(exitCode).toBe(3);
  });

  it('is not there when the client comes, and comes later', async () => {
    const { paths, fresh, shim } = await startStage();
    await fresh.stop();
    const talker = await Talker.connect(paths.listen);
    await talker.say(20);
    await untilRefused(paths);
    await relayAt(paths.new);
    await untilLife(paths, 1);
    await talker.say(20);
    expect(await shim.stop()).toBe(3);
    const { gaps, client, fresh: said } = readBack(paths);
    expect(gaps).toMatchObject([
      { reason: 'mirror-unreachable', offset: 0, bytes: 2_000, frames: 20 },
    ]);
    expect(said.equals(client.subarray(2_000))).toBe(true);
  });

  it('never comes back', async () => {
    const { paths, fresh, shim } = await startStage();
    const talker = await Talker.connect(paths.listen);
    await talker.say(5);
    await fresh.stop();
    await untilRefused(paths);
    await talker.say(500);
    expect(await shim.stop()).toBe(3);
    const { gaps, client } = readBack(paths);
    const end = gaps.reduce((sum, gap) => Math.max(sum, gap.offset + gap.bytes), 0);
    expect([end, client.length]).toEqual([50_500, 50_500]);
    expect(runCli(['diff', paths.out]).stdout).toContain('closed early');
  });

  it('accepts and closes at once, again and again', async () => {
    const paths = newPaths();
    await relayAt(paths.old);
    let accepted = 0;
    const fresh = createServer((socket) => {
      accepted += 1;
      socket.on('error', () => undefined);
      socket.destroy();
    });
    fresh.listen(paths.new);
    await once(fresh, 'listening');
    onTestFinished(() => {
      fresh.close();
    });
    const shim = await startShim(paths);
    const talker = await Talker.connect(paths.listen);
    await until(async () => {
      await talker.say(10);
      return accepted >= FIRST + 4;
    });
    expect(await shim.stop()).toBe(3);
    const { client, events } = readBack(paths);
    expect(client.length).toBe(talker.sentBytes);
    expect(lives(events).length).toBeGreaterThanOrEqual(3);
  });

  it('answers garbage, reads slowly, and half-closes', async () => {
    const paths = newPaths();
    await relayAt(paths.old);
    const fresh = await startPeer(paths.new, { reads: false });
    const shim = await startShim(paths, '--mirror-buffer', '64k');
    const talker = await Talker.connect(paths.listen);
    await until(() => fresh.sockets[FIRST] !== undefined);
    const mirror = fresh.sockets[FIRST];
    const garbage = Buffer.alloc(100_000, 'no frame at all ');
    mirror?.write(garbage);
    await talker.say(1_000);
    // A few bytes at a time.
    for (let round = 0; round < 20; round++) {
      mirror?.read(100);
      await talker.say(10);
    }
    mirror?.end();
    await talker.say(100);
    await shim.stop();
    const { client, fresh: said } = readBack(paths);
    expect([client.length, said.equals(garbage)]).toEqual([talker.sentBytes, true]);
  });
});

describe('--mirror', () => {
  it('shows the new relay only the connections that were chosen, and the verdict says so', async () => {
    const { paths, shim } = await startStage('--mirror', 'first:1');
    const first = await Talker.connect(paths.listen);
    await first.say(10);
    const second = connect(paths.listen);
    onTestFinished(() => {
      second.destroy();
    });
    await once(second, 'connect');
    let heard = 0;
    second.on('data', (bytes) => {
      heard += bytes.length;
    });
    second.write(testFrame(100));
    await until(() => heard >= 100);
    expect(await shim.stop()).toBe(0);
    expect(shim.stderr()).toContain('left out on request: ');
    const { gaps, events } = readBack(paths);
    expect(gaps).toMatchObject([
      { connection: 2, where: 'mirror', reason: 'not-selected', bytes: 100, frames: 1 },
    ]);
    expect(lives(events)).toHaveLength(1);
    const { exitCode, stdout } = runCli(['diff', paths.out]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('of what was mirrored; as asked for (--mirror first:1) 1 of 2');
  });

  it('may let a client listen whose messages are kept from the new relay', async () => {
    const { paths, shim } = await startStage('--mirror', 'source:9');
    const talker = await Talker.connect(paths.listen);
    await talker.say(10);
    expect(await shim.stop()).toBe(0);
    const { gaps, fresh: said, events } = readBack(paths);
    expect(gaps).toMatchObject([{ reason: 'not-selected', offset: 0, bytes: 1_000, frames: 10 }]);
    expect([said.length, lives(events).length]).toEqual([0, 1]);
  });

  it('refuses what it does not understand, and says what it would', () => {
    const paths = newPaths();
    const { listen, old, out } = paths;
    const args = ['record', '--listen', listen, '--old', old, '--new', paths.new, '--out', out];
    const { exitCode, stderr } = runCli([...args, '--mirror', '150%']);
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringContaining('Write more than 0% and at most 100%.'),
    ]);
  });
});

describe('--on-overload block', () => {
  it('makes everybody wait for a disk that is stuck, loses nothing, and says so at once', async () => {
    const { paths, old, shim } = await startBetweenPeers(
      '--spool',
      '64k',
      '--on-overload',
      'block',
    );
    expect(shim.stderr()).toContain('a slow disk slows the traffic down');
    const client = await connectTo(paths.listen);
    const other = new Database(paths.out);
    other.exec('BEGIN IMMEDIATE');
    const stream = concat(Array.from({ length: 20_000 }, (_, index) => testFrame(index)));
    const written = new Promise((resolve) => {
      client.socket.write(stream, resolve);
    });
    await shim.says('nobody is read from until there is room');
    const gotBytes = (): number =>
      (old.received[FIRST] ?? []).reduce((sum, b) => sum + b.length, 0);
    expect(gotBytes()).toBeLessThan(stream.length);
    other.exec('ROLLBACK');
    other.close();
    await shim.says('there is room again');
    await written;
    await until(() => gotBytes() === stream.length);
    expect(await shim.stop()).toBe(0);
    const { gaps, client: recorded, events } = readBack(paths);
    expect([gaps, recorded.equals(stream)]).toEqual([[], true]);
    const notes = events.filter(({ kind }) => kind === 'note').map(({ details }) => details);
    expect(notes[0]).toEqual({ overload: 'reading stopped' });
    expect(notes.at(-1)).toMatchObject({ overload: 'reading resumed' });
    expect(runCli(['info', paths.out]).stdout).toContain('on-overload block');
  });

  it('never makes anybody wait for the mirror', async () => {
    const { paths, fresh, shim } = await startStage(
      '--on-overload',
      'block',
      '--mirror-buffer',
      '64k',
    );
    const talker = await Talker.connect(paths.listen);
    fresh.process.kill('SIGSTOP');
    await talker.say(10_000);
    fresh.process.kill('SIGCONT');
    expect(await shim.stop()).toBe(3);
    expect(readBack(paths).client.length).toBe(talker.sentBytes);
  });
});
