/** The relay as a process: what the demo and the tests of the other parts start. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat } from 'node:fs/promises';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { OperatingError } from '../../src/lib/operating-error.ts';
import { relayProgram, spawnRelay } from '../../src/simulate/spawn.ts';
import type { SpawnRelayOptions, SpawnedRelay } from '../../src/simulate/spawn.ts';
import { temporarySocketPath } from './support.ts';

async function spawnForTest(options: SpawnRelayOptions): Promise<SpawnedRelay> {
  const relay = await spawnRelay(options);
  onTestFinished(() => relay.stop());
  return relay;
}

async function echo(socketPath: string, bytes: Uint8Array): Promise<unknown> {
  const socket = connect(socketPath);
  socket.write(bytes);
  const [received]: readonly unknown[] = await once(socket, 'data');
  socket.destroy();
  return received;
}

const relayOptions = { kind: 'original', domain: 'market_data' } as const;

test('starts, carries bytes, ends on SIGTERM with exit code 0 and takes its socket with it', async () => {
  const socketPath = await temporarySocketPath();
  const relay = await spawnForTest({ ...relayOptions, socketPath });
  expect(await echo(socketPath, Buffer.from('hello'))).toEqual(Buffer.from('hello'));
  await relay.stop();
  expect(relay.process.exitCode).toBe(0);
  await expect(lstat(socketPath)).rejects.toMatchObject({ code: 'ENOENT' });
  await relay.stop();
});

test('replaces the stale socket of a relay that was killed', async () => {
  const socketPath = await temporarySocketPath();
  const killed = await spawnForTest({ ...relayOptions, socketPath });
  killed.process.kill('SIGKILL');
  await once(killed.process, 'exit');
  expect((await lstat(socketPath)).isSocket()).toBe(true);
  await spawnForTest({ ...relayOptions, socketPath });
  expect(await echo(socketPath, Buffer.from('again'))).toEqual(Buffer.from('again'));
});

test('ends when the process that started it is gone', async () => {
  const socketPath = await temporarySocketPath();
  const relay = await spawnForTest({ ...relayOptions, socketPath });
  relay.process.stdin?.end();
  const [code] = await once(relay.process, 'exit');
  expect(code).toBe(0);
});

test('a relay that cannot start is an operating failure that carries its words', async () => {
  const error = await spawnRelay({ ...relayOptions, socketPath: '/proc/relay.sock' }).catch(
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(OperatingError);
  expect(error).toMatchObject({
    code: 'RELAY_FAILED',
    message: expect.stringMatching(/exit code 4.*LISTEN_FAILED: cannot listen on \/proc\/relay/),
  });
});

describe('bad usage is one line on stderr and exit code 2', () => {
  const good = ['--kind', 'generic', '--domain', 'signal', '--socket', '/tmp/never.sock'];
  test.each([
    [[], /--socket is missing/],
    [good.slice(2), /--kind must be original or generic, not absent/],
    [['--kind', 'odd', ...good.slice(2)], /--kind must be original or generic, not odd/],
    [[...good, '--capacity', '0'], /--capacity must be a whole number/],
    [[...good, '--loud'], /Unknown option '--loud'/],
    [[...good, 'extra'], /extra/],
  ])('%j', async (args, complaint) => {
    const child = spawn(process.execPath, [relayProgram, ...args], { stdio: 'pipe' });
    const [stderr, stdout, [code]] = await Promise.all([
      text(child.stderr),
      text(child.stdout),
      once(child, 'close'),
    ]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(complaint);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
