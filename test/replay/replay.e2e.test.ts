/** `relaydiff replay` with the built command line, real sockets, and relays that behave and misbehave. */
import { existsSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import type { CaptureReader, StreamKind } from '../../src/capture/types.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import { JoinedCapture } from '../../src/diff/two-captures/joined-capture.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import { parseResult } from '../../src/report/result-json.ts';
import { agreeingScenario, playScenario } from '../../src/simulate/scenario.ts';
import { type SpawnedRelay, spawnRelay } from '../../src/simulate/spawn.ts';
import { dialect } from '../diff/support.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { runCli, startCli, until } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const FRAMES = Array.from({ length: 12 }, (_, at) => testFrame(at + 1));

interface Scratch {
  readonly path: (name: string) => string;
}

function scratch(): Scratch {
  const directory = temporaryDirectory();
  return { path: (name) => join(directory, name) };
}

async function relay(kind: 'original' | 'generic', socketPath: string): Promise<SpawnedRelay> {
  const running = await spawnRelay({ kind, domain: 'market_data', socketPath });
  onTestFinished(running.stop);
  return running;
}

/** A publisher and a listener; each frame is sent alone and heard by both. `waitMs`: before the last frame. */
function golden(path: string, waitMs = 1, frames: readonly Uint8Array[] = FRAMES): string {
  const steps: CaptureStep[] = [2, 1].flatMap((connection): CaptureStep[] => [
    { connection, event: 'open', on: 'client' },
    { connection, event: 'upstream-open', on: 'old' },
    { waitMs: 20 },
  ]);
  for (const [at, bytes] of frames.entries()) {
    if (at === frames.length - 1) steps.push({ waitMs });
    steps.push({ connection: 1, stream: 'client', bytes });
    for (const connection of [1, 2]) steps.push({ connection, stream: 'old', bytes });
  }
  steps.push({ connection: undefined, event: 'stop', details: { drained: 1 } });
  buildCapture(path, { connections: ['publisher', 'listener'], steps });
  return path;
}

function bytesOf(capture: CaptureReader, connection: number, kind: StreamKind): Buffer {
  const stream = capture
    .streams()
    .find((row) => row.connection === connection && row.kind === kind);
  const chunks = stream === undefined ? [] : [...capture.chunks(stream.id)];
  return Buffer.concat(chunks.map(({ bytes }) => bytes));
}

function read<T>(path: string, look: (capture: CaptureReader) => T): T {
  const capture = openCapture(path);
  try {
    return look(capture);
  } finally {
    capture.close();
  }
}

/** As `relaydiff diff old neu` does. */
function compareTwo(old: string, neu: string): DiffResult {
  const layouts = { old: dialect.header, new: dialect.header };
  const joined = new JoinedCapture(openCapture(old), openCapture(neu), { layouts, newSide: 'old' });
  try {
    return diffCapture(joined, { oldDialect: dialect, newDialect: dialect });
  } finally {
    joined.close();
  }
}

function diffVerdict(...args: readonly string[]): readonly [string, number | null, string] {
  const { stdout, exitCode } = runCli(['diff', ...args, '--json']);
  const { verdict, reason } = parseResult(stdout, 'stdout');
  return [verdict, exitCode, reason];
}

describe('what real clients said, played again to the same relay, is the same', () => {
  it.each([
    ['original', ['timed recorded', 'max coalesced', 'causal frame']],
    ['generic', ['timed coalesced', 'causal recorded']],
  ] as const)(
    'from and to the %s relay',
    async (kind, ways) => {
      const { path } = scratch();
      const messages = 300;
      await relay(kind, path('relay'));
      await relay('original', path('other'));
      const sockets = ['--listen', path('listen'), '--old', path('relay'), '--new', path('other')];
      const source = path('golden.capture');
      const shim = startCli(['record', ...sockets, '--out', source]);
      await shim.says('recording ');
      const clients = agreeingScenario({ seed: 11, messages });
      await playScenario({ socketPath: path('listen'), clients });
      expect(await shim.stop()).toBe(0);
      for (const way of ways) {
        const [mode = '', chunking = ''] = way.split(' ');
        const out = path(`${mode}-${chunking}.capture`);
        const how = ['--mode', mode, '--chunking', chunking, '--json', '--quiet'];
        const played = runCli(['replay', source, '--target', path('relay'), '--out', out, ...how]);
        expect([played.exitCode, played.stderr]).toEqual([0, '']);
        const report = JSON.parse(played.stdout);
        expect(report).toMatchObject({ unsentBytes: 0, isStopped: false, isSilent: false });
        expect(report.fidelity.overtaken).toBe(0);
        expect(report.fidelity.lateness === null).toBe(mode === 'max');
        const { verdict, reason } = compareTwo(source, out);
        expect([verdict, reason]).toEqual([
          'same',
          expect.stringContaining(`${3 * messages} messages`),
        ]);
        const { notes, origin } = read(out, ({ info }) => info);
        expect(origin).toBe('replay');
        expect(notes).toMatchObject({ mode, chunking, source: 'golden.capture' });
        expect(notes['fidelity']).toMatch(/^\d+ sends, .*in the recorded order across clients/);
      }
    },
    120_000,
  );
});

describe('other writes', () => {
  it.each(['split:3', 'byte'])(
    '%s is nothing to a relay that passes on what it reads',
    async (chunking) => {
      const { path } = scratch();
      await relay('original', path('relay'));
      const source = golden(path('golden.capture'));
      const args = ['--target', path('relay'), '--out', path('out'), '--chunking', chunking];
      expect(runCli(['replay', source, ...args]).exitCode).toBe(0);
      expect(diffVerdict(source, path('out'))).toEqual(['same', 0, expect.anything()]);
    },
  );

  it('split finds the relay that takes a read for a message', async () => {
    const { path } = scratch();
    await relay('generic', path('relay'));
    const source = golden(path('golden.capture'));
    // Where the machine lets the relay sleep over all pieces of every frame it reads them whole, and nothing is found:
    // docs/replay.md. `check` looks whether the relay has read; that it always finds it is tested there.
    const verdicts: string[] = [];
    while (verdicts.length < 5 && !verdicts.includes('different')) {
      const out = path(`out-${verdicts.length}`);
      runCli(['replay', source, '--target', path('relay'), '--out', out, '--chunking', 'split:3']);
      verdicts.push(parseResult(runCli(['diff', source, out, '--json']).stdout, 'stdout').verdict);
    }
    expect(verdicts).toContain('different');
  });

  it('rewritten times and sequences keep checksums right, and do not count as other traffic', async () => {
    const { path } = scratch();
    await relay('original', path('relay'));
    const source = golden(path('golden.capture'));
    const args = [
      '--target',
      path('relay'),
      '--out',
      path('out'),
      '--rewrite',
      'timestamps,sequence',
    ];
    expect(runCli(['replay', source, ...args]).exitCode).toBe(0);
    expect(runCli(['info', path('out')]).stdout).toContain('36 valid, 0 zero, 0 wrong');
    const result = parseResult(runCli(['diff', source, path('out'), '--json']).stdout, 'stdout');
    expect(result.reason).toBe('Old and new differ: 24 modified.');
    expect(result.divergences[0]?.differences.map((each) => each.path)).toContain(
      'header.timestamp',
    );
  });

  it('rewritten into another dialect the messages mean the same', async () => {
    const { path } = scratch();
    await relay('original', path('relay'));
    const source = golden(path('golden.capture'));
    const args = [
      '--target',
      path('relay'),
      '--out',
      path('out'),
      '--rewrite',
      'dialect:torq-types',
    ];
    expect(runCli(['replay', source, ...args]).exitCode).toBe(0);
    expect(read(path('out'), ({ info }) => info.dialect)).toBe('torq-types');
    expect(diffVerdict(source, path('out'))).toEqual(['same', 0, expect.stringContaining('24')]);
  });
});

it('plays to an old and a new relay at once, into one capture that is compared as any other', async () => {
  const { path } = scratch();
  await relay('original', path('old'));
  await relay('generic', path('new'));
  const source = golden(path('golden.capture'));
  const targets = ['--target', path('old'), '--target', path('new'), '--mode', 'causal'];
  const played = runCli(['replay', source, ...targets, '--out', path('out')]);
  expect(played.exitCode).toBe(0);
  expect(diffVerdict(path('out'))).toEqual(['same', 0, expect.stringContaining('24 messages')]);
  expect(diffVerdict(source, path('out'), '--second-side', 'new')[0]).toBe('same');
  expect(runCli(['verify', path('out')]).exitCode).toBe(0);
});

/** A relay made for the test: what it does with each connection. */
async function fakeRelay(
  path: string,
  serve: (socket: Socket, server: Server) => void,
): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket, server);
  });
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
}

async function replayTo(
  serve: (socket: Socket, server: Server) => void,
  {
    waitMs = 1,
    args = [],
    frames = FRAMES,
  }: { waitMs?: number; args?: readonly string[]; frames?: readonly Uint8Array[] } = {},
): Promise<{ exitCode: number | null; stderr: string; out: string; elapsedMs: number }> {
  const { path } = scratch();
  await fakeRelay(path('relay'), serve);
  const startMs = performance.now();
  const source = golden(path('golden.capture'), waitMs, frames);
  const running = startCli([
    'replay',
    source,
    '--target',
    path('relay'),
    '--out',
    path('out'),
    ...args,
  ]);
  const exitCode = await running.ended;
  const elapsedMs = performance.now() - startMs;
  return { exitCode, stderr: running.stderr(), out: path('out'), elapsedMs };
}

describe('relays that misbehave', () => {
  it('one that is not there is an error, and leaves no capture', () => {
    const { path } = scratch();
    const source = golden(path('golden.capture'));
    const { exitCode, stderr } = runCli([
      'replay',
      source,
      '--target',
      path('none'),
      '--out',
      path('out'),
    ]);
    expect([exitCode, stderr]).toEqual([4, expect.stringContaining('RELAY_UNREACHABLE')]);
    expect(existsSync(path('out'))).toBe(false);
  });

  it('one that dies ends the replay at once; what was played is sealed', async () => {
    const sockets = new Set<Socket>();
    const { exitCode, stderr, out } = await replayTo(
      (socket, server) => {
        sockets.add(socket);
        socket.on('data', () => {
          server.close();
          for (const each of sockets) each.destroy();
        });
      },
      { waitMs: 600_000 },
    );
    expect([exitCode, stderr]).toEqual([4, expect.stringContaining('RELAY_LOST')]);
    expect(read(out, ({ info }) => info.sealed)).toBe(true);
  });

  it('one that closes early: what could not be sent is told, and both captures say so', async () => {
    const { exitCode, stderr, out } = await replayTo((socket) => {
      socket.on('data', () => socket.destroy());
    });
    expect([exitCode, stderr]).toEqual([3, expect.stringContaining('NOT SENT')]);
    const events = read(out, (capture) =>
      [...capture.events()].map(({ kind, stream }) => `${stream} ${kind}`),
    );
    expect(events).toContain('old close');
    expect(events).toContain('client close');
    expect(runCli(['verify', out]).exitCode).toBe(0);
  });

  it('one that answers nothing is waited for once, not for every message', async () => {
    const args = ['--mode', 'causal', '--patience', '300ms'];
    const { exitCode, stderr, elapsedMs } = await replayTo((socket) => socket.resume(), { args });
    expect([exitCode, stderr]).toEqual([3, expect.stringContaining('NO ANSWER')]);
    expect(stderr).toMatch(/11 waits for answers, 11 of them never came true/);
    expect(elapsedMs).toBeLessThan(10_000);
  });

  it('one that reads nothing is stuck', async () => {
    const args = ['--mode', 'max', '--patience', '300ms'];
    const frames = Array.from({ length: 40 }, (_, at) =>
      testFrame(at + 1, { payload: new Uint8Array(60_000) }),
    );
    const { exitCode, stderr } = await replayTo((socket) => socket.pause(), { args, frames });
    expect([exitCode, stderr]).toEqual([4, expect.stringContaining('took nothing for 300 ms')]);
  });
});

it('Ctrl-C ends it in good order: the answers are awaited, the capture is sealed', async () => {
  const { path } = scratch();
  await relay('original', path('relay'));
  const source = golden(path('golden.capture'), 600_000);
  const running = startCli(['replay', source, '--target', path('relay'), '--out', path('out')]);
  await running.says('playing ');
  await until(() => read(path('out'), (capture) => bytesOf(capture, 1, 'client').length === 1_100));
  expect(await running.stop()).toBe(3);
  expect(running.stderr()).toContain('STOPPED');
  read(path('out'), (capture) => {
    expect(capture.info.sealed).toBe(true);
    expect(bytesOf(capture, 2, 'old')).toEqual(bytesOf(capture, 1, 'client'));
  });
});

it.each([
  [['--speed', '0'], '0.1 to 1000'],
  [['--chunking', 'lines'], 'split:SEED'],
  [['--rewrite', 'checksum'], 'dialect:NAME'],
  [['--rewrite', 'dialect:nobody'], 'DIALECT_UNKNOWN'],
  [['--target', 'b', '--target', 'c'], 'once or twice'],
  [['--mode', 'fast'], 'timed'],
])('%j is refused with what would be right', (args, words) => {
  const { path } = scratch();
  const source = golden(path('golden.capture'));
  const { exitCode, stderr } = runCli([
    'replay',
    source,
    '--target',
    'a',
    '--out',
    path('out'),
    ...args,
  ]);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(words)]);
});
