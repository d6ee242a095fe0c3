/** Taking over the path of a running relay, and giving it back, as users do it: built command line, real sockets. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  readdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { swap } from '../soak/swap.ts';
import { CLI } from '../support/built-cli.ts';
import { runCli, type Running, startCli, type StartOptions, until } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

interface Paths {
  readonly directory: string;
  readonly path: string;
  readonly side: string;
  readonly own: string;
  readonly new: string;
  readonly out: string;
}

function newPaths(): Paths {
  const directory = temporaryDirectory();
  const path = join(directory, 'md');
  return {
    directory,
    path,
    side: `${path}.relaydiff-old`,
    own: `${path}.relaydiff-shim`,
    new: join(directory, 'new'),
    out: join(directory, 'a.capture'),
  };
}

/** A relay that answers each client with its name, and then echoes. */
interface EchoRelay {
  readonly server: Server;
  readonly sockets: Socket[];
  /** As a process that dies: the sockets close, the name stays. */
  readonly die: () => void;
}

async function startEcho(path: string, name: string): Promise<EchoRelay> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(`${name}:`);
    socket.pipe(socket);
  });
  server.listen(path);
  await once(server, 'listening');
  const die = (): void => {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    // Node removes the name that it was bound to, as a relay that is killed does not.
    const kept = `${path}.kept`;
    if (existsSync(path)) linkSync(path, kept);
    server.close();
    if (existsSync(kept) && !existsSync(path)) linkSync(kept, path);
    if (existsSync(kept)) unlinkSync(kept);
  };
  onTestFinished(die);
  return { server, sockets, die };
}

function takeOverArgs(paths: Paths, ...more: readonly string[]): readonly string[] {
  return ['record', '--take-over', paths.path, '--new', paths.new, '--out', paths.out, ...more];
}

async function startTakeOver(paths: Paths, ...more: readonly string[]): Promise<Running> {
  const recorder = startCli(takeOverArgs(paths, ...more));
  await recorder.says('recording ');
  return recorder;
}

/** Runs a verb that ends by itself while this process goes on serving its relays. */
async function finished(
  args: readonly string[],
  options: StartOptions = {},
): Promise<{ exitCode: number | null; stderr: string }> {
  const running = startCli(args, options);
  await once(running.process, 'close');
  return { exitCode: running.process.exitCode, stderr: running.stderr() };
}

async function connectTo(path: string): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(path);
  let received = '';
  socket.on('data', (bytes) => {
    received += bytes.toString();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  return { socket, received: () => received };
}

/** Who is behind the path, as a client finds out. */
async function answerAt(path: string): Promise<string> {
  const client = await connectTo(path);
  client.socket.write('ping');
  await until(() => client.received().endsWith('ping'));
  client.socket.destroy();
  return client.received();
}

const isDead = async (path: string): Promise<boolean> =>
  connectTo(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
  );

function identity(path: string): string {
  const { dev, ino, mode, uid, gid } = lstatSync(path);
  return [dev, ino, mode, uid, gid].join(':');
}

function leftOvers({ directory }: Paths): readonly string[] {
  return readdirSync(directory).filter((name) => name.includes('relaydiff'));
}

describe('a path that is taken over', () => {
  it('fails no connect and loses no round trip while recorders come and go', async () => {
    const account = await swap({
      connects: 300,
      swaps: 2,
      loops: 2,
      directory: temporaryDirectory(),
    });
    expect(account.failures).toEqual([]);
    expect(account.roundTrips).toBe(account.connects);
    expect([account.swaps, account.recorded > 0]).toEqual([2, true]);
  }, 180_000);

  it('leads to the recorder under the permissions of the relay, and back to the same socket after', async () => {
    const paths = newPaths();
    await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    chmodSync(paths.path, 0o620);
    const before = identity(paths.path);
    const early = await connectTo(paths.path);
    const recorder = await startTakeOver(paths);
    expect(identity(paths.path)).not.toBe(before);
    expect(lstatSync(paths.path).mode).toBe(lstatSync(paths.side).mode);
    expect(identity(paths.side)).toBe(before);
    expect(await answerAt(paths.path)).toBe('old:ping');
    if (process.platform === 'linux')
      expect(recorder.stderr()).toContain('1 client connected before');
    expect(await recorder.stop('SIGTERM')).toBe(0);
    expect([identity(paths.path), leftOvers(paths)]).toEqual([before, []]);
    // Whoever was connected to the relay has noticed nothing.
    early.socket.write('still here');
    await until(() => early.received() === 'old:still here');
    expect(await answerAt(paths.path)).toBe('old:ping');
    const capture = openCapture(paths.out);
    const [start] = capture.events();
    expect(start).toMatchObject({ kind: 'start', details: { takenOver: paths.path } });
    expect([capture.info.sealed, capture.connections().length]).toEqual([true, 1]);
    capture.close();
  });

  it('is given back at once while clients linger, who are served until they leave', async () => {
    const paths = newPaths();
    await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    const before = identity(paths.path);
    for (const leave of ['by themselves', 'when asked again'] as const) {
      const out = `${paths.out}-${leave}`;
      const recorder = await startTakeOver({ ...paths, out }, '--linger', '1h');
      const client = await connectTo(paths.path);
      await until(() => client.received() === 'old:');
      recorder.process.kill('SIGINT');
      await until(() => identity(paths.path) === before);
      expect(await answerAt(paths.path)).toBe('old:ping');
      client.socket.write('late');
      await until(() => client.received() === 'old:late');
      if (leave === 'by themselves') client.socket.destroy();
      expect(await (leave === 'by themselves' ? recorder.ended : recorder.stop())).toBe(0);
      const capture = openCapture(out);
      const streams = capture.streams().filter(({ kind }) => kind === 'client');
      expect(streams.map(({ bytes }) => bytes)).toEqual(['late'.length]);
      capture.close();
    }
  });

  it('is given back by a symbolic link and under a side name of the user, too', async () => {
    const paths = newPaths();
    await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    const before = identity(paths.path);
    const link = join(paths.directory, 'link');
    symlinkSync(paths.path, link);
    const recorder = await startTakeOver({ ...paths, path: link }, '--old-aside', 'aside');
    expect(identity(join(paths.directory, 'aside'))).toBe(before);
    expect(await answerAt(link)).toBe('old:ping');
    expect(await recorder.stop()).toBe(0);
    expect([identity(paths.path), lstatSync(link).isSymbolicLink()]).toEqual([before, true]);
  });

  it('is given back when the recorder ends by a mistake of its own', async () => {
    const paths = newPaths();
    await startEcho(paths.path, 'old');
    const before = identity(paths.path);
    const dist = fileURLToPath(new URL('../../dist/shim/', import.meta.url));
    const program = `
      import { createServer } from 'node:net';
      import { takeOver } from '${dist}take-over.js';
      import { takeOverNames } from '${dist}take-over-names.js';
      await takeOver(createServer(), takeOverNames(${JSON.stringify(paths.path)}, undefined));
      console.log('taken');
      process.stdin.once('data', () => { throw new Error('a mistake'); });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    await once(child.stdout, 'data');
    expect(identity(paths.side)).toBe(before);
    child.stdin.write('go');
    await once(child, 'close');
    expect(child.exitCode).toBe(1);
    expect([identity(paths.path), leftOvers(paths)]).toEqual([before, []]);
  });
});

describe('a recorder that was killed while it had the path', () => {
  it('leaves a path that refuses clients, until release puts the relay back', async () => {
    const paths = newPaths();
    await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    const before = identity(paths.path);
    const recorder = await startTakeOver(paths);
    await recorder.stop('SIGKILL');
    expect(await isDead(paths.path)).toBe(true);
    const listen = ['record', '--listen', paths.path, '--old', paths.side, '--new', paths.new];
    const refused = await finished([...listen, '--out', `${paths.out}-2`]);
    expect([refused.exitCode, refused.stderr]).toEqual([
      4,
      expect.stringMatching(/\[TAKE_OVER_FAILED\]\n.*relaydiff release /),
    ]);
    const released = await finished(['release', paths.path]);
    expect([released.exitCode, released.stderr]).toEqual([0, expect.stringContaining('is back')]);
    expect([identity(paths.path), leftOvers(paths)]).toEqual([before, []]);
    expect(await answerAt(paths.path)).toBe('old:ping');
    const again = await finished(['release', paths.path]);
    expect([again.exitCode, again.stderr]).toEqual([0, expect.stringContaining('nothing to do')]);
  });

  it('is made good by the next recorder, which says so', async () => {
    const paths = newPaths();
    await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    const before = identity(paths.path);
    await (await startTakeOver(paths)).stop('SIGKILL');
    const next = await startTakeOver({ ...paths, out: `${paths.out}-2` });
    expect(next.stderr()).toContain('a recorder that was killed');
    expect(await answerAt(paths.path)).toBe('old:ping');
    expect(await next.stop()).toBe(0);
    expect([identity(paths.path), leftOvers(paths)]).toEqual([before, []]);
  });

  it('is not missed by a relay that has made its socket anew: that one is left alone', async () => {
    const paths = newPaths();
    const first = await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    await (await startTakeOver(paths)).stop('SIGKILL');
    first.die();
    unlinkSync(paths.path);
    await startEcho(paths.path, 'restarted');
    const restarted = identity(paths.path);
    expect((await finished(['release', paths.path])).exitCode).toBe(0);
    expect([identity(paths.path), leftOvers(paths)]).toEqual([restarted, []]);
    expect(await answerAt(paths.path)).toBe('restarted:ping');
  });

  it('needs a decision when its relay lives on beside another one at the path', async () => {
    const paths = newPaths();
    await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    await (await startTakeOver(paths)).stop('SIGKILL');
    unlinkSync(paths.path);
    await startEcho(paths.path, 'other');
    const unclear = await finished(['release', paths.path]);
    expect([unclear.exitCode, unclear.stderr]).toEqual([
      4,
      expect.stringContaining('[TAKE_OVER_FAILED]'),
    ]);
    expect(await answerAt(paths.path)).toBe('other:ping');
    expect(await answerAt(paths.side)).toBe('old:ping');
  });

  it('cannot be made good when the side name is gone, and release says what helps', async () => {
    const paths = newPaths();
    await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    await (await startTakeOver(paths, '--old-aside', 'elsewhere')).stop('SIGKILL');
    const lost = await finished(['release', paths.path]);
    expect([lost.exitCode, lost.stderr]).toEqual([4, expect.stringContaining('--old-aside')]);
    const found = await finished(['release', paths.path, '--old-aside', 'elsewhere']);
    expect(found.exitCode).toBe(0);
    expect(await answerAt(paths.path)).toBe('old:ping');
  });
});

describe('a path that changes hands while it is taken over', () => {
  it('stays with the relay that was restarted; the operator is told, and the capture says so', async () => {
    const paths = newPaths();
    const first = await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    const recorder = await startTakeOver(paths);
    first.die();
    unlinkSync(paths.path);
    await startEcho(paths.path, 'restarted');
    const restarted = identity(paths.path);
    await recorder.says('does not lead to the recorder any more');
    expect(await answerAt(paths.path)).toBe('restarted:ping');
    expect(await recorder.stop()).toBe(0);
    expect([identity(paths.path), leftOvers(paths)]).toEqual([restarted, []]);
    const capture = openCapture(paths.out);
    const notes = [...capture.events()].filter((event) => event.kind === 'note');
    expect(notes).toMatchObject([{ details: { pathLost: paths.path } }]);
    capture.close();
  });

  it('gets its dead relay back when the relay has died: that is what would be there', async () => {
    const paths = newPaths();
    const relay = await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    const before = identity(paths.path);
    const recorder = await startTakeOver(paths);
    relay.die();
    expect(await recorder.stop()).toBe(0);
    expect([identity(paths.path), leftOvers(paths)]).toEqual([before, []]);
    expect(await isDead(paths.path)).toBe(true);
  });

  it('fails the recorder, loudly, when nobody can get it back', async () => {
    const paths = newPaths();
    await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    const recorder = await startTakeOver(paths);
    unlinkSync(paths.side);
    expect(await recorder.stop()).toBe(4);
    expect(recorder.stderr()).toContain('[TAKE_OVER_FAILED]');
    const capture = openCapture(paths.out);
    expect(capture.info.sealed).toBe(true);
    capture.close();
  });

  it('keeps a living relay within reach when somebody has removed the path', async () => {
    const paths = newPaths();
    await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    const recorder = await startTakeOver(paths);
    unlinkSync(paths.path);
    expect(await recorder.stop()).toBe(4);
    expect(recorder.stderr()).toContain(`mv ${paths.side} ${paths.path}`);
    expect(await answerAt(paths.side)).toBe('old:ping');
  });
});

describe('what --take-over and release refuse, and leave as it was', () => {
  it('a path that another recorder has', async () => {
    const paths = newPaths();
    await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    const before = identity(paths.path);
    const recorder = await startTakeOver(paths);
    const second = { ...paths, out: `${paths.out}-2` };
    const inUse = [4, expect.stringContaining('[LISTEN_IN_USE]')];
    for (const args of [
      takeOverArgs(second),
      takeOverArgs(second, '--old-aside', 'aside'),
      ['release', paths.path],
    ]) {
      const { exitCode, stderr } = await finished(args);
      expect([exitCode, stderr]).toEqual(inUse);
    }
    expect(await answerAt(paths.path)).toBe('old:ping');
    expect(await recorder.stop()).toBe(0);
    expect([identity(paths.path), existsSync(second.out)]).toEqual([before, false]);
  });

  it('a path without a relay, or a file', async () => {
    const paths = newPaths();
    await startEcho(paths.new, 'new');
    const nothing = await finished(takeOverArgs(paths));
    expect([nothing.exitCode, nothing.stderr]).toEqual([
      4,
      expect.stringContaining('[RELAY_UNREACHABLE]'),
    ]);
    const relay = await startEcho(paths.path, 'old');
    relay.die();
    const dead = await finished(takeOverArgs(paths));
    expect([dead.exitCode, dead.stderr]).toEqual([
      4,
      expect.stringContaining('[RELAY_UNREACHABLE]'),
    ]);
    unlinkSync(paths.path);
    writeFileSync(paths.path, 'precious');
    const file = await finished(takeOverArgs(paths));
    expect([file.exitCode, file.stderr]).toEqual([4, expect.stringContaining('is no socket')]);
    expect([existsSync(paths.out), leftOvers(paths)]).toEqual([false, []]);
  });

  it('a path that is too long, a side name that is taken or lies in another file system', async () => {
    const paths = newPaths();
    await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    await startEcho(join(paths.directory, 'other'), 'other');
    const before = identity(paths.path);
    const long = join(paths.directory, 'x'.repeat(100 - paths.directory.length));
    const failures: [readonly string[], string][] = [
      [takeOverArgs({ ...paths, path: long }), 'is too long for a socket'],
      [takeOverArgs(paths, '--old-aside', 'other'), 'choose another --old-aside'],
      [takeOverArgs(paths, '--old-aside', 'md'), 'already in use here'],
    ];
    if (existsSync('/dev/shm') && statSync('/dev/shm').dev !== statSync(paths.directory).dev) {
      const far = takeOverArgs(paths, '--old-aside', `/dev/shm/relaydiff-test-${process.pid}`);
      failures.push([far, 'must be in the same file system']);
    }
    for (const [args, message] of failures) {
      const { exitCode, stderr } = await finished(args);
      expect([exitCode, stderr]).toEqual([4, expect.stringContaining('[TAKE_OVER_FAILED]')]);
      expect(stderr).toContain(message);
    }
    expect([identity(paths.path), leftOvers(paths), existsSync(paths.out)]).toEqual([
      before,
      [],
      false,
    ]);
  });

  it.runIf(process.getuid?.() === 0)(
    'a relay and a directory of somebody else',
    async ({ skip }) => {
      const asNobody = { uid: 65_534 };
      const mayRead = spawnSync(process.execPath, [CLI, '--version'], asNobody).status === 0;
      if (!mayRead) skip('another user may not read the directory of the program');
      const paths = newPaths();
      await startEcho(paths.path, 'old');
      await startEcho(paths.new, 'new');
      const outs = temporaryDirectory();
      for (const socket of [paths.path, paths.new, outs]) chmodSync(socket, 0o777);
      const before = identity(paths.path);
      const args = takeOverArgs({ ...paths, out: join(outs, 'a.capture') });
      for (const mode of [0o755, 0o777, 0o1777]) {
        chmodSync(paths.directory, mode);
        const { exitCode, stderr } = await finished(args, asNobody);
        expect([exitCode, stderr]).toEqual([4, expect.stringContaining('[TAKE_OVER_FAILED]')]);
        expect(stderr).toContain('as ');
        expect([identity(paths.path), leftOvers(paths), readdirSync(outs)]).toEqual([
          before,
          [],
          [],
        ]);
      }
    },
  );

  it('options that do not go together, and one socket for both relays', async () => {
    const paths = newPaths();
    await startEcho(paths.path, 'old');
    await startEcho(paths.new, 'new');
    const before = identity(paths.path);
    const usage = [2, expect.stringContaining('[USAGE]')];
    for (const args of [
      takeOverArgs(paths, '--listen', join(paths.directory, 'l')),
      takeOverArgs(paths, '--old', paths.path),
      ['record', '--listen', paths.path, '--new', paths.new, '--out', paths.out],
      takeOverArgs({ ...paths, new: paths.path }),
      takeOverArgs(paths, '--old-aside', 'new'),
    ]) {
      const { exitCode, stderr } = await finished(args);
      expect([exitCode, stderr]).toEqual(usage);
    }
    expect([identity(paths.path), leftOvers(paths), existsSync(paths.out)]).toEqual([
      before,
      [],
      false,
    ]);
    expect(runCli(['record', '--help']).stdout).toContain('--take-over');
  });
});
