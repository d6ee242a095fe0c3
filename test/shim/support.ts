/** A shim between peers that do what a test says: real processes, real sockets. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { CaptureReader, StreamKind } from '../../src/capture/types.ts';
import { type Running, startCli } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export interface Paths {
  readonly listen: string;
  readonly old: string;
  readonly new: string;
  readonly out: string;
}

export function newPaths(): Paths {
  const directory = temporaryDirectory();
  return {
    listen: join(directory, 'listen'),
    old: join(directory, 'old'),
    new: join(directory, 'new'),
    out: join(directory, 'a.capture'),
  };
}

export function recordArgs(paths: Paths): readonly string[] {
  const { listen, old, new: fresh, out } = paths;
  return ['record', '--listen', listen, '--old', old, '--new', fresh, '--out', out];
}

export async function startShim(paths: Paths, ...more: readonly string[]): Promise<Running> {
  const shim = startCli([...recordArgs(paths), ...more]);
  await shim.says('recording ');
  return shim;
}

/** A shim between two peers that read all and say nothing by themselves. */
export async function startBetweenPeers(...options: readonly string[]): Promise<{
  readonly paths: Paths;
  readonly old: Peer;
  readonly fresh: Peer;
  readonly shim: Running;
}> {
  const paths = newPaths();
  const old = await startPeer(paths.old, { reads: true });
  const fresh = await startPeer(paths.new, { reads: true });
  return { paths, old, fresh, shim: await startShim(paths, ...options) };
}

/** A relay that does what the test says, and keeps what it got of each connection. */
export interface Peer {
  readonly sockets: Socket[];
  readonly received: Buffer[][];
  readonly ended: boolean[];
  readonly server: Server;
}

export async function startPeer(path: string, options: { readonly reads: boolean }): Promise<Peer> {
  const peer: Peer = {
    sockets: [],
    received: [],
    ended: [],
    server: createServer({ allowHalfOpen: true, pauseOnConnect: !options.reads }, (socket) => {
      const index = peer.sockets.push(socket) - 1;
      peer.received[index] = [];
      // Who goes while something lies unread for it is seen as a reset, after all that it had said.
      socket.on('error', () => {
        peer.ended[index] = true;
      });
      if (!options.reads) return;
      socket.on('data', (bytes) => peer.received[index]?.push(bytes));
      socket.on('end', () => {
        peer.ended[index] = true;
      });
    }),
  };
  peer.server.listen(path);
  await once(peer.server, 'listening');
  onTestFinished(() => {
    for (const socket of peer.sockets) socket.destroy();
    peer.server.close();
  });
  return peer;
}

export async function connectTo(path: string): Promise<{ socket: Socket; received: () => Buffer }> {
  const socket = connect({ path, allowHalfOpen: true });
  const received: Buffer[] = [];
  socket.on('data', (bytes) => received.push(bytes));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  onTestFinished(() => {
    socket.destroy();
  });
  return { socket, received: () => Buffer.concat(received) };
}

export function streamBytes(capture: CaptureReader, connection: number, kind: StreamKind): Buffer {
  const stream = capture.streams().find((s) => s.connection === connection && s.kind === kind);
  if (stream === undefined) return Buffer.alloc(0);
  return Buffer.concat([...capture.chunks(stream.id)].map((chunk) => chunk.bytes));
}

/** The shim probes both relays once before it listens; clients come after those. */
export const FIRST = 1;
