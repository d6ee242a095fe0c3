/** Raw Unix-socket clients, and waiting for conditions instead of sleeping. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { startRelay } from '../../src/simulate/relay.ts';
import type { Relay, RelayOptions } from '../../src/simulate/relay.ts';

export async function temporarySocketPath(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'relay-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return join(directory, 'relay.sock');
}

/** The test's own time limit ends a condition that never comes true. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}

export async function relayForTest(
  options: Omit<RelayOptions, 'socketPath'> & { readonly socketPath?: string },
): Promise<Relay> {
  const socketPath = options.socketPath ?? (await temporarySocketPath());
  const relay = await startRelay({ ...options, socketPath });
  onTestFinished(() => relay.close());
  return relay;
}

export interface RawClient {
  readonly socket: Socket;
  /** Everything received so far. */
  readonly received: () => Buffer;
  readonly closed: Promise<unknown>;
}

/** Connects and waits until the relay has accepted it. */
export async function enter(relay: Relay): Promise<RawClient> {
  const before = relay.stats().connections;
  const socket = connect({ path: relay.socketPath, allowHalfOpen: true });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const parts: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => parts.push(bytes));
  socket.on('end', () => socket.end());
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  await until(() => relay.stats().connections > before);
  return { socket, received: () => Buffer.concat(parts), closed };
}

/** Writes, and waits until the relay has read exactly these bytes as chunks of their own. */
export async function writeAlone(
  relay: Relay,
  client: RawClient,
  bytes: Uint8Array,
): Promise<void> {
  const before = relay.stats().chunksRead;
  client.socket.write(bytes);
  await until(() => relay.stats().chunksRead > before);
}

/** Everything that was broadcast has been written to so many connections. */
export async function delivered(relay: Relay, connectionCount: number): Promise<void> {
  await until(() => {
    const { chunksForwarded, chunksWritten, lagged } = relay.stats();
    return chunksWritten + lagged === chunksForwarded * connectionCount;
  });
}
