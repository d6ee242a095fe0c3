/** A recording that is watched: built command line, real relays, real requests, real terminals. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Status, statusSchema } from '../../src/monitor/status.ts';
import { openCapture } from '../../src/capture/open.ts';
import { testFrame } from '../support/frames.ts';
import { CLI } from '../support/built-cli.ts';
import { runCli, type Running, startCli, until } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

interface Stage {
  readonly directory: string;
  readonly listen: string;
  readonly old: Running;
  readonly new: Running;
  readonly recordArgs: readonly string[];
}

/** Two relays as processes of their own. */
async function prepare(): Promise<Stage> {
  const directory = temporaryDirectory();
  const at = (name: string): string => join(directory, name);
  const relay = (socket: string): Running =>
    startCli(['simulate', 'relay', '--kind', 'original', '--socket', socket]);
  const [old, fresh] = [relay(at('old')), relay(at('new'))];
  await Promise.all([old.says('listens at'), fresh.says('listens at')]);
  const recordArgs = ['record', '--listen', at('listen'), '--old', at('old'), '--new', at('new')];
  return {
    directory,
    listen: at('listen'),
    old,
    new: fresh,
    recordArgs: [...recordArgs, '--out', at('a.capture')],
  };
}

interface Watched {
  readonly shim: Running;
  readonly url: string;
  readonly status: () => Promise<Status>;
}

async function startWatched(stage: Stage, ...more: readonly string[]): Promise<Watched> {
  const shim = startCli([...stage.recordArgs, '--health', '0', ...more]);
  await shim.says('recording ');
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(shim.stderr())?.[0] ?? '';
  const status = async (): Promise<Status> =>
    statusSchema.parse(await (await fetch(`${url}/status`)).json());
  await until(async () => (await fetch(`${url}/status`)).ok);
  return { shim, url, status };
}

async function connectTo(path: string): Promise<{ socket: Socket; receivedBytes: () => number }> {
  const socket = connect(path);
  let receivedBytes = 0;
  socket.on('data', (bytes) => {
    receivedBytes += bytes.length;
  });
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  return { socket, receivedBytes: () => receivedBytes };
}

const FRAME = testFrame(1);

/** Sends frames, and waits until the old relay has sent all of them back through the shim. */
async function passFrames(listen: string, frames: number): Promise<void> {
  const client = await connectTo(listen);
  client.socket.write(Buffer.concat(Array.from({ length: frames }, () => FRAME)));
  await until(() => client.receivedBytes() === frames * FRAME.length);
}

describe('the health server of a recording', () => {
  it('tells what passes, who is connected and that all is well, in all its forms', async () => {
    const stage = await prepare();
    const { shim, url, status } = await startWatched(stage, '--status-file', statusFile(stage));
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'healthy' });
    expect(await (await fetch(`${url}/ready`)).json()).toMatchObject({ status: 'ready' });
    await passFrames(stage.listen, 50);
    const bytes = 50 * FRAME.length;
    await until(async () => (await status()).streams.new.seenBytes === bytes);
    expect(await status()).toMatchObject({
      state: 'ready',
      verb: 'record',
      pid: shim.process.pid,
      clients: 1,
      connections: 1,
      streams: {
        client: { seenBytes: bytes, recordedBytes: bytes, gapBytes: 0 },
        old: { seenBytes: bytes, gapBytes: 0 },
      },
      relays: { old: { connected: 1, reachable: true }, new: { connected: 1, reachable: true } },
      lostEvents: 0,
    });
    expect((await status()).file.bytes).toBeGreaterThan(0);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain(`relaydiff_stream_seen_bytes_total{stream="client"} ${bytes}\n`);
    await until(() => readStatus(stage)?.streams.new.seenBytes === bytes);
    expect(await shim.stop()).toBe(0);
    await expectSealed(stage);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  it('tells that a relay has died, and that it is back', async () => {
    const stage = await prepare();
    const { url } = await startWatched(stage);
    const ready = async (): Promise<Response> => fetch(`${url}/ready`);
    await passFrames(stage.listen, 1);
    await stage.new.stop('SIGKILL');
    await until(async () => (await ready()).status === 503);
    expect(await (await ready()).json()).toMatchObject({
      reasons: [expect.stringMatching(/^new-unreachable: the new relay /)],
    });
    expect((await fetch(`${url}/health`)).status).toBe(200);
    const again = startCli([
      'simulate',
      'relay',
      '--kind',
      'original',
      '--socket',
      join(stage.directory, 'new'),
    ]);
    await again.says('listens at');
    await until(async () => (await ready()).status === 200);
  });

  it('tells the lag and the gaps of a mirror that is stopped, while traffic goes on', async () => {
    const stage = await prepare();
    const { shim, url, status } = await startWatched(stage, '--mirror-buffer', '64k');
    await passFrames(stage.listen, 1);
    stage.new.process.kill('SIGSTOP');
    await passFrames(stage.listen, 30_000);
    await until(async () => (await status()).mirror.lagSeconds > 1);
    const seen = await status();
    expect(seen.mirror).toMatchObject({ laggard: 2 });
    expect(seen.mirror.queuedBytes).toBeGreaterThan(0);
    expect(seen.state).toBe('degraded');
    const slow = seen.gaps.find(({ reason }) => reason === 'mirror-slow');
    expect(slow).toMatchObject({ where: 'mirror', gaps: 1 });
    expect(slow!.bytes).toBeGreaterThan(1_000_000);
    expect(await (await fetch(`${url}/ready`)).text()).toContain('mirror-gap: ');
    stage.new.process.kill('SIGCONT');
    expect(await shim.stop()).toBe(3);
  });

  it('does not disturb traffic, whatever its clients do', async () => {
    const stage = await prepare();
    const { shim, url, status } = await startWatched(stage);
    const { hostname: host, port } = new URL(url);
    const scrapers = Array.from({ length: 20 }, () => {
      const scraper = connect({ host, port: Number(port) }).pause();
      scraper.on('error', () => undefined);
      scraper.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(500));
      return scraper;
    });
    onTestFinished(() => {
      for (const scraper of scrapers) scraper.destroy();
    });
    await Promise.all(scrapers.map(async (scraper) => once(scraper, 'connect')));
    await passFrames(stage.listen, 5_000);
    await until(async () => (await status()).streams.client.seenBytes === 5_000 * FRAME.length);
    expect(await shim.stop()).toBe(0);
  });

  it('is refused where somebody listens, before anything is recorded', async () => {
    const stage = await prepare();
    const server = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => {
      server.close();
    });
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const taken = runCli([...stage.recordArgs, '--health', `${port}`]);
    expect([taken.exitCode, taken.stderr]).toEqual([4, expect.stringContaining('[LISTEN_IN_USE]')]);
    expect(existsSync(join(stage.directory, 'a.capture'))).toBe(false);
    expect(runCli([...stage.recordArgs, '--health', 'nowhere']).exitCode).toBe(2);
  });

  it('warns when other machines can reach it', async () => {
    const stage = await prepare();
    const shim = startCli([...stage.recordArgs, '--health', '0.0.0.0:0']);
    await shim.says('recording ');
    expect(shim.stderr()).toContain('open to other machines');
    expect(await shim.stop()).toBe(0);
  });
});

describe('what is said while recording', () => {
  it('is nothing without a terminal, and a dated line at the interval that was asked for', async () => {
    const stage = await prepare();
    const silent = startCli(stage.recordArgs);
    await silent.says('recording ');
    await passFrames(stage.listen, 10);
    expect(await silent.stop()).toBe(0);
    expect(silent.stderr().split('\n')).toHaveLength(5);
    const out = join(stage.directory, 'b.capture');
    const lively = startCli([...stage.recordArgs, '--out', out, '--status-every', '100ms']);
    await lively.says('recording ');
    await passFrames(stage.listen, 10);
    await lively.says('1 client | ');
    expect(lively.stderr()).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z \d clients? \| /m);
    expect(await lively.stop()).toBe(0);
  });

  it('is JSON lines with --json, the summary last', async () => {
    const stage = await prepare();
    const ending = ['--json', '--status-every', '100ms', '--quiet', '--duration', '1500ms'];
    const child = spawn(process.execPath, [CLI, ...stage.recordArgs, ...ending]);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
    await once(child, 'close');
    const lines = text.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines.slice(0, -1)) statusSchema.parse(JSON.parse(line));
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ out: stage.recordArgs.at(-1) });
  });

  it.each([
    ['a socket, as Node makes', ''],
    ['a pipe, as shells make', ' | head -n 1 > /dev/null'],
  ])('on stdout may lose its reader, and the recording goes on: %s', async (_, suffix) => {
    const stage = await prepare();
    const more = ['--json', '--status-every', '100ms', '--status-file', statusFile(stage)];
    const command = shellCommand([...stage.recordArgs, ...more]);
    const child = spawn('sh', ['-c', `${command}${suffix}`], {
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => {
      if (child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid!, 'SIGKILL');
    });
    child.stdout.destroy();
    await until(() => uptimeSeconds(stage) > 1);
    await passFrames(stage.listen, 10);
    process.kill(-child.pid!, 'SIGINT');
    await expectSealed(stage);
  });

  it('holds up nothing when nobody reads it: stderr is a pipe that was full from the start', async () => {
    const stage = await prepare();
    const fifo = join(stage.directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    fillPipe(fd);
    const more = ['--status-every', '100ms', '--status-file', statusFile(stage)];
    const shim = spawn(process.execPath, [CLI, ...stage.recordArgs, ...more], {
      stdio: ['ignore', 'ignore', fd],
    });
    onTestFinished(() => {
      shim.kill('SIGKILL');
    });
    await until(() => existsSync(stage.listen));
    await passFrames(stage.listen, 1_000);
    shim.kill('SIGINT');
    await expectSealed(stage);
  });
});

describe('the line on a terminal', () => {
  it('renews itself, is told of with what is said above it, and goes at the end', async () => {
    const stage = await prepare();
    const terminal = spawnInTerminal(stage, stage.recordArgs);
    await until(() => terminal.shown().includes('0 clients'));
    await passFrames(stage.listen, 10);
    await until(() => terminal.shown().includes('\r\u001b[K1 client | '));
    terminal.interrupt();
    await terminal.ended;
    expect(terminal.shown()).toContain('\r\u001b[Krecorded 1 connections in');
    for (const line of terminal.shown().split(/[\r\n]+/)) {
      if (line.includes('client |')) expect(plain(line).length).toBeLessThan(60);
    }
  });

  it('holds up nothing when the terminal is stopped', async () => {
    const stage = await prepare();
    const args = [...stage.recordArgs, '--status-file', statusFile(stage)];
    const terminal = spawnInTerminal(stage, args, { isRead: false });
    await until(() => existsSync(stage.listen));
    terminal.type('\u0013');
    // The line would be renewed in every second of it.
    await until(async () => {
      await passFrames(stage.listen, 100);
      return uptimeSeconds(stage) > 3;
    });
    terminal.type('\u0011');
    terminal.interrupt();
    await expectSealed(stage);
  });
});

function statusFile(stage: Stage): string {
  return join(stage.directory, 'status.json');
}

function readStatus(stage: Stage): Status | undefined {
  if (!existsSync(statusFile(stage))) return undefined;
  return statusSchema.parse(JSON.parse(readFileSync(statusFile(stage), 'utf8')));
}

function uptimeSeconds(stage: Stage): number {
  return readStatus(stage)?.uptimeSeconds ?? 0;
}

function shellCommand(args: readonly string[]): string {
  return [process.execPath, CLI, ...args].map((each) => `'${each}'`).join(' ');
}

/** Waits for the last status, which comes when the capture is sealed, and looks whether it is. */
async function expectSealed(stage: Stage): Promise<void> {
  await until(() => readStatus(stage)?.problems[0]?.reason === 'stopped');
  const capture = openCapture(join(stage.directory, 'a.capture'));
  expect(capture.info.sealed).toBe(true);
  capture.close();
}

function fillPipe(fd: number): void {
  try {
    for (;;) writeSync(fd, 'x'.repeat(4_096));
  } catch {
    // EAGAIN: full.
  }
}

/** Without what moves or colours, and without the echo of Ctrl-C. */
function plain(line: string): string {
  return stripVTControlCharacters(line).replace('^C', '');
}

interface Terminal {
  readonly shown: () => string;
  readonly type: (text: string) => void;
  readonly interrupt: () => void;
  readonly ended: Promise<unknown>;
}

/** A pseudo-terminal of 60 columns. */
function spawnInTerminal(
  stage: Stage,
  args: readonly string[],
  { isRead }: { readonly isRead: boolean } = { isRead: true },
): Terminal {
  const child = spawn(
    'script',
    ['-qfec', `stty cols 60; exec ${shellCommand(args)}`, '/dev/null'],
    {
      stdio: ['pipe', 'pipe', 'ignore'],
      cwd: stage.directory,
      env: { ...process.env, TERM: 'xterm' },
    },
  );
  let shown = '';
  if (isRead) {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
    });
  }
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return {
    shown: () => shown,
    type: (text) => child.stdin.write(text),
    interrupt: () => child.stdin.write('\u0003'),
    ended: once(child, 'exit'),
  };
}
