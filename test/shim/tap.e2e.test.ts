/** The tap as users run it: built command line, real processes, real sockets. */
import { once } from 'node:events';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import type { CaptureReader, StreamKind } from '../../src/capture/types.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import { parseResult } from '../../src/report/result-json.ts';
import { connectClient } from '../../src/simulate/client.ts';
import { IDENTIFICATION_FRAME } from '../../src/simulate/clients/collector.ts';
import type { RelayKind } from '../../src/simulate/relay-core.ts';
import { type Relay, startRelay } from '../../src/simulate/relay.ts';
import { agreeingScenario, demoScenario, playScenario } from '../../src/simulate/scenario.ts';
import { spawnRelay, type SpawnedRelay } from '../../src/simulate/spawn.ts';
import { concat, testFrame } from '../support/frames.ts';
import { runCli, type Running, startCli, until } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

interface Paths {
  readonly old: string;
  readonly new: string;
  readonly out: string;
}

function newPaths(): Paths {
  const directory = temporaryDirectory();
  return {
    old: join(directory, 'old'),
    new: join(directory, 'new'),
    out: join(directory, 'a.capture'),
  };
}

function tapArgs(paths: Paths): readonly string[] {
  return ['tap', '--old', paths.old, '--new', paths.new, '--out', paths.out];
}

async function startTap(paths: Paths, ...more: readonly string[]): Promise<Running> {
  const tap = startCli([...tapArgs(paths), ...more]);
  await tap.says('A tap cannot see');
  return tap;
}

async function startRelayAt(socketPath: string, kind: RelayKind = 'original'): Promise<Relay> {
  const relay = await startRelay({ kind, domain: 'market_data', socketPath });
  onTestFinished(relay.close);
  return relay;
}

interface Peer {
  readonly sockets: Socket[];
  readonly received: () => Buffer;
  readonly server: Server;
}

/** A relay that does what the test says; `answers` to what it hears, to the sender. */
async function startPeer(
  path: string,
  answers: (bytes: Buffer) => Uint8Array | undefined = () => undefined,
): Promise<Peer> {
  const received: Buffer[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      received.push(bytes);
      const answer = answers(bytes);
      if (answer !== undefined) socket.write(answer);
    });
  });
  server.listen(path);
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { sockets, received: () => Buffer.concat(received), server };
}

function streamBytes(capture: CaptureReader, connection: number, kind: StreamKind): Buffer {
  const stream = capture.streams().find((s) => s.connection === connection && s.kind === kind);
  if (stream === undefined) return Buffer.alloc(0);
  return Buffer.concat([...capture.chunks(stream.id)].map((chunk) => chunk.bytes));
}

function recordedBytes(paths: Paths, connection: number, kind: StreamKind): number {
  const capture = openCapture(paths.out);
  const bytes = streamBytes(capture, connection, kind).length;
  capture.close();
  return bytes;
}

function diff(paths: Paths): DiffResult {
  return parseResult(runCli(['diff', paths.out, '--json']).stdout, 'stdout');
}

function frames(count: number): Uint8Array {
  return concat(Array.from({ length: count }, (_, index) => testFrame(index)));
}

describe('a tap on the same implementation twice', () => {
  it.each([
    ['original', 'frame'],
    ['original', 'chunk'],
    ['generic', 'frame'],
  ] as const)('says so: %s, fed by the %s', async (kind, feed) => {
    const paths = newPaths();
    const sides = ['old', 'new'] as const;
    for (const side of sides) {
      const relay = await spawnRelay({ kind, domain: 'market_data', socketPath: paths[side] });
      onTestFinished(relay.stop);
    }
    const tap = await startTap(paths, '--feed', feed);
    await playScenario({
      socketPath: paths.old,
      clients: agreeingScenario({ seed: 7, messages: 4_000 }),
    });
    expect(await tap.stop()).toBe(0);
    const result = diff(paths);
    expect(result.reason).toContain('same 4000 messages');
    expect([result.verdict, result.counts.identical]).toEqual(['same', 4_000]);
    const capture = openCapture(paths.out);
    const [fed, heard] = [streamBytes(capture, 1, 'client'), streamBytes(capture, 1, 'old')];
    expect(fed.equals(heard)).toBe(true);
    capture.close();
  });
});

describe('a tap on an original and a generic relay', () => {
  it('finds what the new one refuses, nothing that only its own feeding would make, and says what it cannot see', async () => {
    const paths = newPaths();
    await startRelayAt(paths.old);
    const fresh = await spawnRelay({
      kind: 'generic',
      domain: 'market_data',
      socketPath: paths.new,
    });
    onTestFinished(fresh.stop);
    const tap = await startTap(paths);
    await playScenario({
      socketPath: paths.old,
      clients: demoScenario({ seed: 11, durationMs: 3_000 }),
    });
    expect(await tap.stop()).toBe(0);
    expect(tap.stderr().match(/who sent what/g)).toHaveLength(2);
    const result = diff(paths);
    // Split and coalesced writes cannot be seen, so what they do to the generic relay is not claimed.
    expect(result.groups.map(({ cause }) => cause)).toEqual(['other-domain']);
    expect(new Set(result.divergences.map(({ identity }) => identity?.domain))).toEqual(
      new Set([2]),
    );
    expect(result.counts.divergences.missing).toBe(result.divergences.length);
    expect(result.counts.old).toBe(result.counts.pairs + result.divergences.length);
    expect(result.capture.notSeen).toContain('how long the old relay took');
    const html = join(paths.out, '..', 'report.html');
    const told = runCli(['diff', paths.out, '--html', html]).stdout;
    expect(told).toContain('not seen who sent what');
    const info = runCli(['info', paths.out]).stdout;
    expect(info).toContain('(tap, relaydiff');
    expect(info).toMatch(/not seen {3}who sent what.*\n {11}how publishers cut/);
    expect(info).toContain('fed to new');
  });
});

describe('production', () => {
  it('has one client more and gets not one byte from it', async () => {
    const paths = newPaths();
    const old = await startPeer(paths.old);
    await startRelayAt(paths.new);
    const tap = await startTap(paths);
    expect(old.sockets).toHaveLength(1);
    old.sockets[0]?.write(frames(500));
    await until(() => recordedBytes(paths, 1, 'new') === 50_000);
    const left = once(old.sockets[0]!, 'close');
    expect(await tap.stop()).toBe(0);
    await left;
    expect(old.sockets).toHaveLength(1);
    expect(old.received()).toHaveLength(0);
  });

  it('gets the identification of collectors when the operator asks for it, and nothing else', async () => {
    const paths = newPaths();
    const old = await startPeer(paths.old);
    await startRelayAt(paths.new);
    const tap = await startTap(paths, '--identify');
    await until(() => old.received().length > 0);
    old.sockets[0]?.write(frames(10));
    await until(() => recordedBytes(paths, 1, 'new') === 1_000);
    expect(await tap.stop()).toBe(0);
    expect(new Uint8Array(old.received())).toEqual(new Uint8Array(IDENTIFICATION_FRAME));
  });

  it('does not feel a new relay that is stopped: the tap hears everything, and the rest is a gap', async () => {
    const paths = newPaths();
    // A ring so small that a client which lags would lose something.
    const old = await startRelay({
      kind: 'original',
      domain: 'market_data',
      socketPath: paths.old,
      capacity: 64,
    });
    onTestFinished(old.close);
    const fresh = await spawnRelay({
      kind: 'original',
      domain: 'market_data',
      socketPath: paths.new,
    });
    onTestFinished(fresh.stop);
    const tap = await startTap(paths, '--mirror-buffer', '64k');
    fresh.process.kill('SIGSTOP');
    const stream = frames(20_000);
    const publisher = await connectClient({ socketPath: paths.old, script: oneByOne(stream) });
    await publisher.play(performance.now());
    await until(() => recordedBytes(paths, 1, 'old') === stream.length);
    expect(old.stats().lagged).toBe(0);
    fresh.process.kill('SIGCONT');
    expect(await tap.stop()).toBe(3);
    expect(tap.stderr()).toContain('NOT MIRRORED');
    const capture = openCapture(paths.out);
    expect(streamBytes(capture, 1, 'client').equals(stream)).toBe(true);
    const gaps = capture.gaps();
    expect(gaps.every(({ where, stream: kind }) => where === 'mirror' && kind === 'client')).toBe(
      true,
    );
    const missing = gaps.reduce((sum, gap) => sum + gap.bytes, 0);
    expect(missing).toBeGreaterThan(0);
    expect(streamBytes(capture, 1, 'new').length).toBe(stream.length - missing);
    capture.close();
    expect(diff(paths).verdict).toBe('inconclusive');
  });
});

describe('an old relay that ends the connection', () => {
  it('is come back to at once; what was missed is not known, and nothing is called the same', async () => {
    const paths = newPaths();
    const old = await startPeer(paths.old);
    await startRelayAt(paths.new);
    const tap = await startTap(paths);
    old.sockets[0]?.write(concat([frames(30), testFrame(31).slice(0, 60)]));
    await until(() => recordedBytes(paths, 1, 'new') >= 3_000);
    old.sockets[0]?.end();
    await tap.says('the old relay ended the connection');
    await until(() => old.sockets.length === 2);
    old.sockets[1]?.write(frames(20));
    await tap.says('the tap is back after');
    await until(() => recordedBytes(paths, 2, 'new') === 2_000);
    expect(await tap.stop()).toBe(3);
    expect(tap.stderr()).toContain('NOT HEARD');
    expect(old.received()).toHaveLength(0);
    const result = diff(paths);
    expect(result.verdict).toBe('inconclusive');
    expect(result.reason).toMatch(/old relay ended it, and what it broadcast for the \d+ ms/);
    expect(result.counts.divergences).toMatchObject({ missing: 0, extra: 0, connection: 0 });
    expect(result.counts).toMatchObject({ old: 50, new: 50, identical: 50 });
  });
});

describe('a new relay that dies and comes back', () => {
  it('is fed again; what it was not sent is a gap, and the old relay notices nothing', async () => {
    const paths = newPaths();
    const old = await startPeer(paths.old);
    const startNew = async (): Promise<SpawnedRelay> => {
      const relay = await spawnRelay({
        kind: 'original',
        domain: 'market_data',
        socketPath: paths.new,
      });
      onTestFinished(relay.stop);
      return relay;
    };
    const first = await startNew();
    const statusFile = join(paths.out, '..', 'status.json');
    const tap = await startTap(paths, '--status-file', statusFile);
    old.sockets[0]?.write(frames(10));
    await until(() => recordedBytes(paths, 1, 'new') === 1_000);
    await first.stop();
    old.sockets[0]?.write(frames(20).slice(1_000));
    await until(() => recordedBytes(paths, 1, 'old') === 2_000);
    await startNew();
    let sent = 2_000;
    await until(async () => {
      const before = recordedBytes(paths, 1, 'new');
      const frame = testFrame(sent / 100);
      old.sockets[0]?.write(frame);
      sent += frame.length;
      await until(() => recordedBytes(paths, 1, 'old') === sent);
      return before > 1_000;
    });
    const { verb, clients } = JSON.parse(readFileSync(statusFile, 'utf8'));
    expect([verb, clients]).toEqual(['tap', 1]);
    expect(await tap.stop()).toBe(3);
    expect(old.sockets).toHaveLength(1);
    expect(old.received()).toHaveLength(0);
    const result = diff(paths);
    expect(result.verdict).toBe('inconclusive');
    expect(result.counts.divergences).toMatchObject({ missing: 0, extra: 0, connection: 0 });
    const capture = openCapture(paths.out);
    const missing = capture.gaps().reduce((sum, gap) => sum + gap.bytes, 0);
    expect(missing).toBeGreaterThanOrEqual(1_000);
    expect(streamBytes(capture, 1, 'new').length).toBe(sent - missing);
    capture.close();
  });
});

describe('a new relay that does not deliver to the sender', () => {
  it('is not accused of passing nothing on', async () => {
    const paths = newPaths();
    const old = await startPeer(paths.old);
    const fresh = await startPeer(paths.new);
    const tap = await startTap(paths);
    old.sockets[0]?.write(frames(3));
    await until(() => fresh.received().length === 300);
    expect(await tap.stop()).toBe(0);
    const result = diff(paths);
    expect(result.groups.map(({ cause }) => cause)).toEqual(['tap-hears-nothing']);
    expect(result.groups[0]?.explanation).toContain('does not deliver to the sender');
    expect(result.counts.divergences).toMatchObject({ missing: 3, connection: 0 });
  });
});

describe('a tap that is killed', () => {
  it('leaves a capture that opens and is a prefix of what was broadcast', async () => {
    const paths = newPaths();
    const old = await startPeer(paths.old);
    await startRelayAt(paths.new);
    const tap = await startTap(paths);
    const stream = frames(5_000);
    old.sockets[0]?.write(stream);
    await until(() => recordedBytes(paths, 1, 'new') > 0);
    await tap.stop('SIGKILL');
    const capture = openCapture(paths.out);
    expect(capture.info).toMatchObject({ origin: 'tap', sealed: false });
    for (const kind of ['old', 'client', 'new'] as const) {
      const recorded = streamBytes(capture, 1, kind);
      expect(recorded.length).toBeGreaterThan(0);
      expect(recorded.equals(stream.subarray(0, recorded.length))).toBe(true);
    }
    capture.close();
    expect(diff(paths).verdict).toBe('inconclusive');
  });
});

describe('what tap refuses, before it connects to production or leaves a file', () => {
  it('the same socket twice, a relay that is not there, an output file that exists', async () => {
    const paths = newPaths();
    const missingBoth = runCli(tapArgs(paths));
    expect([missingBoth.exitCode, missingBoth.stderr]).toEqual([
      4,
      expect.stringContaining('no new relay is listening'),
    ]);
    await startRelayAt(paths.new);
    const missingOld = await ended(startCli(tapArgs(paths)));
    expect([missingOld.exitCode, missingOld.stderr]).toEqual([
      4,
      expect.stringContaining('no old relay is listening'),
    ]);
    expect(existsSync(paths.out)).toBe(false);
    const alias = join(paths.out, '..', 'alias');
    symlinkSync(paths.new, alias);
    const twin = await ended(startCli(tapArgs({ ...paths, old: alias })));
    expect([twin.exitCode, twin.stderr]).toEqual([2, expect.stringContaining('[USAGE]')]);
    const old = await startPeer(paths.old);
    const taken = await ended(startCli(tapArgs({ ...paths, out: paths.old })));
    expect([taken.exitCode, taken.stderr]).toEqual([2, expect.stringContaining('CAPTURE_EXISTS')]);
    expect(old.sockets).toHaveLength(0);
  });
});

function* oneByOne(stream: Uint8Array): Generator<{ afterMs: number; bytes: Uint8Array }> {
  for (let at = 0; at < stream.length; at += 1_000) {
    yield { afterMs: 0, bytes: stream.subarray(at, at + 1_000) };
  }
}

async function ended(running: Running): Promise<{ exitCode: number | null; stderr: string }> {
  await once(running.process, 'close');
  return { exitCode: running.process.exitCode, stderr: running.stderr() };
}
