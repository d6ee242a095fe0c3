/** Many clients at a time, and more than there is room for: built command line, real processes, real sockets. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import type { CaptureEvent } from '../../src/capture/types.ts';
import { spawnRelay } from '../../src/simulate/spawn.ts';
import { concat, testFrame } from '../support/frames.ts';
import { type Running, startCli, type StartOptions, until } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

interface Place {
  readonly listen: string;
  readonly out: string;
  readonly args: readonly string[];
  /** Connections that each relay has taken in so far; the first is the question whether it is there. */
  readonly established: () => readonly number[];
}

const FIRST = 1;

async function newPlace(): Promise<Place> {
  const directory = temporaryDirectory();
  const old = join(directory, 'old');
  const fresh = join(directory, 'new');
  const listen = join(directory, 'listen');
  const out = join(directory, 'a.capture');
  const established = [0, 0];
  for (const [index, socketPath] of [old, fresh].entries()) {
    const relay = await spawnRelay({ kind: 'original', domain: 'market_data', socketPath });
    relay.process.stderr?.on('data', (text: string) => {
      established[index] = (established[index] ?? 0) + text.split(' established').length - 1;
    });
    onTestFinished(() => relay.stop());
  }
  const args = ['record', '--listen', listen, '--old', old, '--new', fresh, '--out', out, '--json'];
  return { listen, out, args, established: () => established };
}

async function start(place: Place, options: StartOptions, ...more: string[]): Promise<Running> {
  const recorder = startCli([...place.args, ...more], options);
  await recorder.says('recording ');
  await until(() => place.established().every((n) => n === FIRST));
  return recorder;
}

interface Client {
  readonly socket: Socket;
  readonly chunks: Buffer[];
  bytes: number;
  isClosed: boolean;
}

async function connectTo(path: string): Promise<Client> {
  const socket = connect(path);
  const client: Client = { socket, chunks: [], bytes: 0, isClosed: false };
  socket.on('data', (chunk) => {
    client.chunks.push(chunk);
    client.bytes += chunk.length;
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    client.isClosed = true;
  });
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  return client;
}

/** Few at a time, as the queue of a listener is finite. */
async function connectMany(path: string, count: number): Promise<readonly Client[]> {
  const clients: Client[] = [];
  while (clients.length < count) {
    const batch = Math.min(50, count - clients.length);
    clients.push(...(await Promise.all(Array.from({ length: batch }, () => connectTo(path)))));
  }
  return clients;
}

/** Clients that both relays have taken in, so that they hear everything from now on. */
async function joinMany(place: Place, count: number): Promise<readonly Client[]> {
  const before = [...place.established()];
  const clients = await connectMany(place.listen, count);
  await until(() => place.established().every((n, side) => n === (before[side] ?? 0) + count));
  return clients;
}

/** Sends through the first and waits until all have it. */
async function allHear(clients: readonly Client[], sequence: number): Promise<void> {
  const before = clients.map((client) => client.bytes);
  const frame = testFrame(sequence);
  clients[0]?.socket.write(frame);
  await until(() => clients.every((c, index) => c.bytes === (before[index] ?? 0) + frame.length));
}

interface Summary {
  readonly clients: number;
  readonly connections: number;
  readonly refusedClients: number;
  readonly recordingGapBytes: number;
  readonly mirrorGapBytes: number;
  readonly streams: Readonly<Record<string, { seenBytes: number; recordedBytes: number }>>;
}

async function summaryOf(recorder: Running): Promise<Summary> {
  expect(await recorder.stop()).toBe(0);
  const summary: Summary = JSON.parse(recorder.stdout());
  return summary;
}

function notesIn(file: string): readonly CaptureEvent[] {
  const capture = openCapture(file);
  const notes = [...capture.events()].filter((event) => event.kind === 'note');
  capture.close();
  return notes;
}

function residentBytes(recorder: Running): number {
  const status = readFileSync(`/proc/${recorder.process.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
}

const isLinux = process.platform === 'linux';
/** docs/performance.md states what was measured; more than this would be another order of magnitude. */
const RESIDENT_BYTES_PER_CLIENT_MAX = 200_000;

describe('a thousand clients', () => {
  it('get everything through the shim, and the account of all streams is exact', async () => {
    const place = await newPlace();
    const recorder = await start(place, {});
    const warm = await joinMany(place, 20);
    await allHear(warm, 1);
    const beforeBytes = isLinux ? residentBytes(recorder) : 0;
    const clients = [...warm, ...(await joinMany(place, 980))];
    await allHear(clients, 2);
    if (isLinux) {
      const perClientBytes = (residentBytes(recorder) - beforeBytes) / 980;
      expect(perClientBytes).toBeLessThan(RESIDENT_BYTES_PER_CLIENT_MAX);
    }
    const heard = clients.map((client) => client.bytes);
    const frames = Array.from({ length: 20 }, (_, index) => testFrame(10 + index));
    frames.forEach((frame, index) => clients[index % 2 === 0 ? 0 : 999]?.socket.write(frame));
    const sent = concat(frames);
    await until(() => clients.every((c, index) => c.bytes === (heard[index] ?? 0) + sent.length));
    for (const [index, client] of clients.entries()) {
      const got = Buffer.concat(client.chunks).subarray(heard[index]);
      // Two publishers: the relay decides the order between them, not within one.
      for (const own of [0, 1]) {
        const ofOne = frames.filter((_, at) => at % 2 === own).map((frame) => got.indexOf(frame));
        expect(ofOne.every((at, order) => at > (ofOne[order - 1] ?? -1))).toBe(true);
      }
    }
    const summary = await summaryOf(recorder);
    const heardBytes = heard.reduce((sum, bytes) => sum + bytes, 0) + 1_000 * sent.length;
    const exact = (bytes: number): object => ({
      seenBytes: bytes,
      recordedBytes: bytes,
      gapBytes: 0,
    });
    expect(summary).toMatchObject({
      clients: 1_000,
      connections: 1_000,
      refusedClients: 0,
      recordingGapBytes: 0,
      mirrorGapBytes: 0,
      streams: {
        client: exact(2 * 100 + sent.length),
        old: exact(heardBytes),
        new: exact(heardBytes),
      },
    });
    const capture = openCapture(place.out);
    const recorded = { client: 0, old: 0, new: 0 };
    for (const stream of capture.streams()) recorded[stream.kind] += stream.bytes;
    for (const [kind, bytes] of Object.entries(recorded)) {
      expect([kind, bytes]).toEqual([kind, summary.streams[kind]?.recordedBytes]);
    }
    expect([capture.info.sealed, capture.gaps()]).toEqual([true, []]);
    capture.close();
  });
});

describe('more clients than there is room for', () => {
  it('are turned away at once, told and recorded, and the others do not notice', async () => {
    const place = await newPlace();
    const recorder = await start(place, {}, '--clients-max', '3');
    const clients = await joinMany(place, 3);
    await allHear(clients, 1);
    const refused = await connectMany(place.listen, 7);
    await until(() => refused.every((client) => client.isClosed));
    await recorder.says('there are 3 already');
    await allHear(clients, 2);
    // Whoever leaves makes room, as soon as the relays have let go of it.
    clients[2]?.socket.destroy();
    await until(async () => {
      const next = await connectTo(place.listen);
      await until(() => next.isClosed || place.established().every((n) => n === FIRST + 4));
      return !next.isClosed;
    });
    const summary = await summaryOf(recorder);
    expect(summary.connections).toBe(4);
    expect(summary.refusedClients).toBeGreaterThanOrEqual(7);
    const told = notesIn(place.out).map(({ details }) => Number(details['refusedClients']));
    expect(told.reduce((sum, count) => sum + count, 0)).toBe(summary.refusedClients);
    expect(recorder.stderr()).toContain('turned away');
  });

  it.runIf(isLinux)(
    'are those beyond the limit of open files, which the start states',
    async () => {
      const place = await newPlace();
      const recorder = await start(place, { openFiles: 192 });
      const fitting = Number(/up to (\d+) clients/.exec(recorder.stderr())?.[1]);
      expect(fitting).toBeGreaterThan(0);
      expect(fitting).toBeLessThan(50);
      const clients = await joinMany(place, fitting);
      await allHear(clients, 1);
      const refused = await connectMany(place.listen, 100);
      await until(() => refused.every((client) => client.isClosed));
      await allHear(clients, 2);
      const summary = await summaryOf(recorder);
      expect(summary).toMatchObject({
        clients: fitting,
        refusedClients: 100,
        recordingGapBytes: 0,
      });
    },
  );

  it.runIf(isLinux)('are refused before anything is touched when they are asked for', async () => {
    const place = await newPlace();
    const recorder = startCli([...place.args, '--clients-max', '1000'], { openFiles: 192 });
    await once(recorder.process, 'close');
    expect(recorder.process.exitCode).toBe(4);
    expect(recorder.stderr()).toContain('[OPEN_FILES_LIMIT]');
    expect(recorder.stderr()).toContain('--clients-max ');
    expect(readdirSync(join(place.listen, '..'))).toEqual(['new', 'old']);
  });

  it.runIf(isLinux)('do no harm even when the limit falls while recording', async () => {
    const place = await newPlace();
    const recorder = await start(place, {});
    const clients = await joinMany(place, 3);
    await allHear(clients, 1);
    const { pid } = recorder.process;
    const limitTo = (files: number): void => {
      execFileSync('prlimit', ['--pid', String(pid), `--nofile=${files}:20000`]);
    };
    const inUse = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
    const free = Array.from({ length: inUse.size + 4 }, (_, fd) => fd).filter(
      (fd) => !inUse.has(fd),
    );
    // Room for nobody, for a client without relays, for a client with its old relay.
    for (const [room, served] of [false, false, true].entries()) {
      limitTo(free[room] ?? 0);
      const late = await connectTo(place.listen);
      if (served) await until(() => place.established()[0] === FIRST + clients.length + 1);
      else await until(() => late.isClosed);
      await allHear(clients, 2 + room);
      late.socket.destroy();
    }
    limitTo(20_000);
    await allHear([...(await joinMany(place, 1)), ...clients], 9);
    expect(await recorder.stop()).not.toBe(70);
    const capture = openCapture(place.out);
    const codes = [...capture.events()].map((event) => event.details['code']);
    expect(codes).toContain('EMFILE');
    capture.close();
  });
});
