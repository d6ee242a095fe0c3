/** The shim as users run it: built command line, real processes, real sockets. */
import { existsSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { startRelay } from '../../src/simulate/relay.ts';
import { concat, testFrame } from '../support/frames.ts';
import { runCli, type Running, startCli, until } from '../support/processes.ts';
import {
  connectTo,
  FIRST,
  newPaths,
  recordArgs,
  startBetweenPeers,
  startPeer,
  startShim,
  streamBytes,
} from './support.ts';

describe('traffic through the shim', () => {
  it('is the same bytes in both directions, for any chunking, and all of it is recorded', async () => {
    const { paths, old, fresh, shim } = await startBetweenPeers();
    let clients = 0;
    const sent: Buffer[] = [];
    const answered: Buffer[] = [];
    const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3_000 }), { maxLength: 12 });
    const endings = fc.constantFrom('half-close', 'close', 'reset' as const);
    await fc.assert(
      fc.asyncProperty(chunks, chunks, endings, async (up, down, ending) => {
        const client = await connectTo(paths.listen);
        const index = FIRST + clients;
        clients += 1;
        await until(() => old.sockets[index] !== undefined && fresh.sockets[index] !== undefined);
        const written = up.map((bytes) => writeFully(client.socket, bytes));
        for (const bytes of down) old.sockets[index]?.write(bytes);
        fresh.sockets[index]?.write('the mirror talks too');
        const upBytes = Buffer.concat(up);
        const downBytes = Buffer.concat(down);
        sent.push(upBytes);
        answered.push(downBytes);
        await until(() => client.received().length === downBytes.length);
        expect(client.received().equals(downBytes)).toBe(true);
        await Promise.all(written);
        if (ending === 'reset') {
          // Bytes that a closing socket has not read make its peer see a reset instead of an end.
          client.socket.pause();
          old.sockets[index]?.write('unread');
          answered[answered.length - 1] = Buffer.concat([downBytes, Buffer.from('unread')]);
        }
        if (ending === 'half-close') client.socket.end();
        else client.socket.destroy();
        await until(() => old.ended[index] === true && fresh.ended[index] === true);
        for (const peer of [old, fresh]) {
          expect(Buffer.concat(peer.received[index] ?? []).equals(upBytes)).toBe(true);
        }
        if (ending === 'half-close') {
          old.sockets[index]?.end('last words after the half-close');
          await once(client.socket, 'end');
          expect(client.received().subarray(downBytes.length).toString()).toBe(
            'last words after the half-close',
          );
          answered[answered.length - 1] = client.received();
        }
        client.socket.destroy();
      }),
      { numRuns: 60 },
    );
    expect(await shim.stop()).toBe(0);
    const capture = openCapture(paths.out);
    expect(capture.info.sealed).toBe(true);
    expect(capture.gaps()).toEqual([]);
    for (let index = 0; index < clients; index++) {
      expect(streamBytes(capture, index + 1, 'client').equals(sent[index]!)).toBe(true);
      const recorded = streamBytes(capture, index + 1, 'old');
      expect(answered[index]!.subarray(0, recorded.length).equals(recorded)).toBe(true);
      expect(answered[index]!.length - recorded.length).toBeLessThanOrEqual('unread'.length);
      expect(streamBytes(capture, index + 1, 'new').toString()).toBe('the mirror talks too');
    }
    capture.close();
  });

  it('loses nothing of a client that goes while the old relay is talking to it', async () => {
    const { paths, old, fresh, shim } = await startBetweenPeers();
    for (let index = FIRST; index < FIRST + 20; index++) {
      const client = await connectTo(paths.listen);
      await until(() => old.sockets[index] !== undefined && fresh.sockets[index] !== undefined);
      const words = Buffer.alloc(150_000, index);
      const written = writeFully(client.socket, words);
      const chatter = setInterval(() => old.sockets[index]?.write('to everybody'), 0);
      await written;
      old.sockets[index]?.write('to everybody');
      client.socket.destroy();
      await until(() => old.ended[index] === true && fresh.ended[index] === true);
      clearInterval(chatter);
      // The old relay of this test writes on and on: Node throws away what it had not read when that fails.
      expect(Buffer.concat(fresh.received[index] ?? []).equals(words)).toBe(true);
    }
    await shim.stop();
    const capture = openCapture(paths.out);
    for (let index = 0; index < 20; index++) {
      expect(streamBytes(capture, index + 1, 'client').length).toBe(150_000);
    }
    capture.close();
  });

  it('loses nothing of a client that goes while the old relay talks and does not read', async () => {
    const { paths, old, fresh } = await startBetweenPeers();
    const client = await connectTo(paths.listen);
    await until(() => old.sockets[FIRST] !== undefined && fresh.sockets[FIRST] !== undefined);
    const relay = old.sockets[FIRST];
    relay?.pause();
    // Enough to stop the shim from reading the client, and more that lies unread for it when the client goes.
    const pieces: Buffer[] = [];
    while (client.socket.writableLength === 0) {
      const piece = Buffer.alloc(50_000, pieces.length % 251);
      pieces.push(piece);
      client.socket.write(piece);
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    }
    relay?.write('to everybody');
    await until(() => client.received().length > 0);
    const taken = Buffer.concat(pieces).length - client.socket.writableLength;
    client.socket.destroy();
    relay?.write('to everybody');
    relay?.resume();
    await until(() => fresh.ended[FIRST] === true);
    const got = Buffer.concat(fresh.received[FIRST] ?? []);
    expect(got.length).toBeGreaterThanOrEqual(taken);
    expect(got.equals(Buffer.concat(pieces).subarray(0, got.length))).toBe(true);
  });

  it('holds the old relay back while the client does not read, and changes no byte that waits', async () => {
    const { paths, old } = await startBetweenPeers();
    const client = await connectTo(paths.listen);
    client.socket.pause();
    await until(() => old.sockets[FIRST] !== undefined);
    const relay = old.sockets[FIRST];
    const sent: Buffer[] = [];
    const isHeldBack = (): boolean => relay === undefined || relay.writableLength > 0;
    while (!isHeldBack()) {
      // One at a time: small reads are what waits in the shim while it still reads on.
      const piece = Buffer.alloc(700, sent.length % 251);
      sent.push(piece);
      relay?.write(piece);
      await new Promise((resolve) => {
        setTimeout(resolve, 1);
      });
    }
    const answer = Buffer.concat(sent);
    client.socket.resume();
    await until(() => client.received().length === answer.length);
    expect(client.received().equals(answer)).toBe(true);
  });

  it('tells the relay that a client is gone, not only that it has finished sending', async () => {
    const { paths, old } = await startBetweenPeers();
    const client = await connectTo(paths.listen);
    await until(() => old.sockets[FIRST] !== undefined);
    client.socket.destroy();
    await until(() => old.ended[FIRST] === true);
    await until(async () => writeFails(old.sockets[FIRST]!));
  });

  it('passes the end and the death of the old relay on to the client', async () => {
    const { paths, old } = await startBetweenPeers();
    const client = await connectTo(paths.listen);
    await until(() => old.sockets[FIRST] !== undefined);
    old.sockets[FIRST]?.end('bye');
    await once(client.socket, 'end');
    expect(client.received().toString()).toBe('bye');
    old.sockets[FIRST]?.destroy();
    await until(async () => writeFails(client.socket));
  });
});

describe('a mirror that misbehaves', () => {
  it('is never felt by the client: it does not read, and more passes than it may queue', async () => {
    const paths = newPaths();
    const old = await startPeer(paths.old, { reads: true });
    const fresh = await startPeer(paths.new, { reads: false });
    const shim = await startShim(paths, '--mirror-buffer', '64k');
    const client = await connectTo(paths.listen);
    const frames = Array.from({ length: 20_000 }, (_, index) => testFrame(index));
    const stream = concat(frames);
    for (let offset = 0; offset < stream.length; offset += 1_000) {
      client.socket.write(stream.subarray(offset, offset + 1_000));
    }
    const gotBytes = (): number =>
      (old.received[FIRST] ?? []).reduce((sum, b) => sum + b.length, 0);
    await until(() => gotBytes() === stream.length);
    expect(Buffer.concat(old.received[FIRST] ?? []).equals(stream)).toBe(true);
    expect(await shim.stop()).toBe(3);
    expect(shim.stderr()).toContain('NOT MIRRORED');
    const capture = openCapture(paths.out);
    const gaps = capture.gaps();
    const [slow, ...afterwards] = gaps.filter((gap) => gap.reason === 'mirror-slow');
    expect(slow).toMatchObject({ where: 'mirror', frames: (slow?.bytes ?? 0) / 100 });
    expect([(slow?.offset ?? 1) % 100, afterwards.length]).toEqual([0, 0]);
    const missing = gaps.reduce((sum, gap) => sum + gap.bytes, 0);
    const mirrored = await readToEnd(fresh.sockets[FIRST]!);
    // What the socket had taken in part when it was closed counts as missing: at most one piece.
    expect(mirrored + missing).toBeGreaterThanOrEqual(stream.length);
    expect(mirrored + missing).toBeLessThanOrEqual(stream.length + 65_536);
    expect(streamBytes(capture, 1, 'client').equals(stream)).toBe(true);
    capture.close();
    expect(runCli(['diff', paths.out]).stdout).toContain('gaps');
  });

  it('may die in the middle: the client goes on, and every unsent byte is accounted for', async () => {
    const { paths, old, fresh, shim } = await startBetweenPeers();
    const client = await connectTo(paths.listen);
    client.socket.write(testFrame(1));
    await until(() => (fresh.received[FIRST]?.length ?? 0) > 0);
    fresh.sockets[FIRST]?.destroy();
    fresh.server.close();
    client.socket.write(testFrame(2));
    await until(() => Buffer.concat(old.received[FIRST] ?? []).length === 200);
    client.socket.write(testFrame(3));
    await until(() => Buffer.concat(old.received[FIRST] ?? []).length === 300);
    expect(await shim.stop()).toBe(3);
    const capture = openCapture(paths.out);
    // What the kernel took before the shim noticed counts as sent; from then on everything is a gap.
    let end = capture.gaps()[0]?.offset ?? -1;
    expect([100, 200]).toContain(end);
    for (const gap of capture.gaps()) {
      expect(gap.offset).toBe(end);
      end += gap.bytes;
    }
    expect(end).toBe(300);
    capture.close();
  });
});

describe('a relay with a full queue', () => {
  it('is waited for, as a client of its own would wait', async () => {
    const paths = newPaths();
    await startPeer(paths.new, { reads: true });
    const accepted: Socket[] = [];
    const old = createServer((socket) => accepted.push(socket));
    old.listen({ path: paths.old, backlog: 1 });
    await once(old, 'listening');
    onTestFinished(() => {
      for (const socket of accepted) socket.destroy();
      old.close();
    });
    const shim = await startShim(paths);
    const clients = await Promise.all(Array.from({ length: 30 }, () => connectTo(paths.listen)));
    await until(() => accepted.length === FIRST + clients.length);
    expect(clients.every((client) => !client.socket.destroyed)).toBe(true);
    expect(await shim.stop()).toBe(0);
  });
});

describe('what ends the recorder', () => {
  it('is waited for and then obeyed once, however often it is asked', async () => {
    const paths = newPaths();
    await startPeer(paths.old, { reads: true });
    await startPeer(paths.new, { reads: true });
    const shim = await startShim(paths, '--duration', '1h');
    const client = await connectTo(paths.listen);
    client.socket.write(testFrame(1));
    shim.process.kill('SIGHUP');
    shim.process.kill('SIGINT');
    expect(await shim.stop('SIGTERM')).toBe(0);
    const capture = openCapture(paths.out);
    expect(capture.info.sealed).toBe(true);
    expect(streamBytes(capture, 1, 'client').length).toBe(100);
    capture.close();
  });

  it('is not the end of the terminal that it talks to', async () => {
    const { paths, old, fresh, shim } = await startBetweenPeers();
    shim.process.stderr?.destroy();
    const client = await connectTo(paths.listen);
    await until(() => fresh.sockets[FIRST] !== undefined);
    unlinkSync(paths.out);
    client.socket.write(testFrame(1));
    await until(() => (old.received[FIRST]?.length ?? 0) > 0);
    expect(shim.process.exitCode).toBe(null);
    await shim.stop('SIGKILL');
  });
});

/** A capture that somebody else holds: whoever writes it waits until the returned function is called. */
function stall(capture: string): () => void {
  const other = new Database(capture);
  other.exec('BEGIN IMMEDIATE');
  return () => {
    other.exec('ROLLBACK');
    other.close();
  };
}

describe('a disk that is stuck', () => {
  it('is not felt by the traffic, is told at once, and costs nothing when it comes back in time', async () => {
    const { paths, old, shim } = await startBetweenPeers();
    const client = await connectTo(paths.listen);
    const endStall = stall(paths.out);
    const stream = concat(Array.from({ length: 500 }, (_, index) => testFrame(index)));
    client.socket.write(stream);
    await until(() => Buffer.concat(old.received[FIRST] ?? []).length === stream.length);
    await shim.says('recording is in trouble, traffic goes on');
    client.socket.write(stream);
    await until(() => Buffer.concat(old.received[FIRST] ?? []).length === 2 * stream.length);
    endStall();
    await shim.says('recording goes on');
    expect(await shim.stop()).toBe(0);
    const capture = openCapture(paths.out);
    expect(streamBytes(capture, 1, 'client').equals(concat([stream, stream]))).toBe(true);
    expect(capture.gaps()).toEqual([]);
    capture.close();
  });

  it('costs exactly the bytes that the spool could not hold, and they are a gap', async () => {
    const { paths, old, shim } = await startBetweenPeers('--spool', '64k');
    const client = await connectTo(paths.listen);
    const endStall = stall(paths.out);
    const stream = concat(Array.from({ length: 5_000 }, (_, index) => testFrame(index)));
    client.socket.write(stream);
    await until(() => Buffer.concat(old.received[FIRST] ?? []).length === stream.length);
    await shim.says('recording is in trouble');
    endStall();
    await shim.says('recording goes on');
    expect(await shim.stop()).toBe(3);
    expect(shim.stderr()).toContain('NOT RECORDED');
    const capture = openCapture(paths.out);
    const recorded = streamBytes(capture, 1, 'client').length;
    const gaps = capture.gaps().filter((gap) => gap.stream === 'client');
    expect(recorded + gaps.reduce((sum, gap) => sum + gap.bytes, 0)).toBe(stream.length);
    expect(gaps.every((gap) => gap.where === 'recording')).toBe(true);
    capture.close();
    expect(runCli(['diff', paths.out]).exitCode).toBe(3);
  });
});

describe('a disk that stays stuck to the end', () => {
  it('costs the end of the capture, which says so, and nothing of the traffic', async () => {
    const { paths, old, shim } = await startBetweenPeers();
    const client = await connectTo(paths.listen);
    const endStall = stall(paths.out);
    const stream = concat(Array.from({ length: 500 }, (_, index) => testFrame(index)));
    client.socket.write(stream);
    await until(() => Buffer.concat(old.received[FIRST] ?? []).length === stream.length);
    await shim.says('recording is in trouble');
    expect(await shim.stop()).toBe(4);
    expect(shim.stderr()).toContain('NOT SEALED');
    expect(shim.stderr()).toContain('what still waited for the disk');
    expect(shim.stderr()).toContain('[CAPTURE_UNWRITABLE]');
    endStall();
    const diff = runCli(['diff', paths.out]);
    expect([diff.exitCode, diff.stdout]).toEqual([3, expect.stringContaining('not sealed')]);
  });
});

describe('a recorder that ends badly', () => {
  it('leaves a capture that opens and is a prefix of what was sent, when it is killed', async () => {
    const paths = newPaths();
    const relays = [
      await startRelay({ kind: 'original', domain: 'market_data', socketPath: paths.old }),
      await startRelay({ kind: 'original', domain: 'market_data', socketPath: paths.new }),
    ];
    onTestFinished(async () => {
      await Promise.all(relays.map((relay) => relay.close()));
    });
    const shim = await startShim(paths);
    const client = await connectTo(paths.listen);
    const stream = concat(Array.from({ length: 5_000 }, (_, index) => testFrame(index)));
    client.socket.write(stream.subarray(0, stream.length / 2));
    const half = stream.length / 2;
    await until(() => client.received().length >= half);
    await until(() => {
      const capture = openCapture(paths.out);
      const bytes = streamBytes(capture, 1, 'client').length;
      capture.close();
      return bytes > 0;
    });
    client.socket.write(stream.subarray(half));
    await shim.stop('SIGKILL');
    const capture = openCapture(paths.out);
    expect(capture.info.sealed).toBe(false);
    const recorded = streamBytes(capture, 1, 'client');
    expect(recorded.length).toBeGreaterThan(0);
    expect(stream.subarray(0, recorded.length)).toEqual(new Uint8Array(recorded));
    capture.close();
    expect(runCli(['info', paths.out]).stdout).toContain('NOT SEALED');
  });

  it('replaces the stale socket that a killed recorder leaves behind', async () => {
    const paths = newPaths();
    await startPeer(paths.old, { reads: true });
    await startPeer(paths.new, { reads: true });
    const killed = await startShim(paths);
    await killed.stop('SIGKILL');
    expect(existsSync(paths.listen)).toBe(true);
    const again = await startShim({ ...paths, out: `${paths.out}-2` });
    await connectTo(paths.listen);
    expect(await again.stop('SIGTERM')).toBe(0);
    expect(existsSync(paths.listen)).toBe(false);
  });
});

describe('what record refuses, with one line and what to do', () => {
  it('a listen path where somebody listens, which it leaves alone', async () => {
    const paths = newPaths();
    await startPeer(paths.old, { reads: true });
    await startPeer(paths.new, { reads: true });
    await startPeer(paths.listen, { reads: true });
    const { exitCode, stderr } = await finished(startCli(recordArgs(paths)));
    expect(exitCode).toBe(4);
    expect(stderr).toContain('[LISTEN_IN_USE]');
    await connectTo(paths.listen);
    expect(existsSync(paths.out)).toBe(false);
  });

  it('a listen path that is a file, a relay that is not there, the same socket twice', async () => {
    const paths = newPaths();
    const missing = await finished(startCli(recordArgs(paths)));
    expect([missing.exitCode, missing.stderr]).toEqual([
      4,
      expect.stringContaining('[RELAY_UNREACHABLE]'),
    ]);
    await startPeer(paths.old, { reads: true });
    await startPeer(paths.new, { reads: true });
    writeFileSync(paths.listen, 'a file');
    const file = await finished(startCli(recordArgs(paths)));
    expect([file.exitCode, file.stderr]).toEqual([4, expect.stringContaining('[LISTEN_FAILED]')]);
    const alias = join(paths.listen, '..', 'alias');
    symlinkSync(paths.old, alias);
    unlinkSync(paths.listen);
    const twin = await finished(startCli(recordArgs({ ...paths, new: alias })));
    expect([twin.exitCode, twin.stderr]).toEqual([2, expect.stringContaining('[USAGE]')]);
    const twice = await finished(startCli(recordArgs({ ...paths, listen: paths.old })));
    expect([twice.exitCode, twice.stderr]).toEqual([2, expect.stringContaining('[USAGE]')]);
  });

  it('an output file that exists', async () => {
    const paths = newPaths();
    await startPeer(paths.old, { reads: true });
    await startPeer(paths.new, { reads: true });
    writeFileSync(paths.out, 'precious');
    const { exitCode, stderr } = await finished(startCli(recordArgs(paths)));
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('[CAPTURE_EXISTS]')]);
    expect(existsSync(paths.listen)).toBe(false);
  });
});

async function readToEnd(socket: Socket): Promise<number> {
  let bytes = 0;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
  });
  socket.resume();
  await once(socket, 'end');
  return bytes;
}

async function writeFully(socket: Socket, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

async function writeFails(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.write('anybody there?', (error) => resolve(Boolean(error)));
  });
}

async function finished(running: Running): Promise<{ exitCode: number | null; stderr: string }> {
  await once(running.process, 'close');
  return { exitCode: running.process.exitCode, stderr: running.stderr() };
}
